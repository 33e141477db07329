"""The operations that read: by metric, by unit, by period; and what is refused, by name."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudwatch_calls import RANGE, START, CloudWatch, dimensions, expression, seconds, stat


@pytest.fixture
def cloudwatch() -> CloudWatch:
    return CloudWatch()


# ListMetrics


def test_list_metrics_filters(cloudwatch: CloudWatch) -> None:
    cloudwatch.put([1.0], "Latency", "N", service="s", model="m")
    cloudwatch.put([1.0, 2.0], "Latency", "N", service="s")
    cloudwatch.put([1.0], "Errors", "N", service="t")
    cloudwatch.put([1.0], "Latency", "M", unit="Count")

    def listed(**filters: Any) -> list[tuple[str, str, str]]:
        found = cloudwatch("ListMetrics", **filters)
        assert "NextToken" not in found
        return [
            (
                metric["Namespace"],
                metric["MetricName"],
                " ".join(f"{one['Name']}={one['Value']}" for one in metric["Dimensions"]),
            )
            for metric in found["Metrics"]
        ]

    both, alone = ("N", "Latency", "model=m service=s"), ("N", "Latency", "service=s")
    errors, other = ("N", "Errors", "service=t"), ("M", "Latency", "")
    assert listed() == [other, errors, both, alone]
    assert listed(Namespace="N") == [errors, both, alone]
    assert listed(MetricName="Latency") == [other, both, alone]
    assert listed(Dimensions=[{"Name": "service"}]) == [errors, both, alone]
    assert listed(Dimensions=dimensions(service="s")) == [both, alone]
    assert listed(Dimensions=[{"Name": "service", "Value": "s"}, {"Name": "model"}]) == [both]
    assert listed(Namespace="N", MetricName="Latency", Dimensions=dimensions(service="t")) == []
    assert listed(Namespace="n") == []


@pytest.mark.parametrize("number", [0, 1, 600])
def test_one_page_lists_all_metrics(cloudwatch: CloudWatch, number: int) -> None:
    for place in range(number):
        cloudwatch.put([1.0], f"m{place:04}")
    found = cloudwatch("ListMetrics")["Metrics"]
    assert [metric["MetricName"] for metric in found] == [f"m{place:04}" for place in range(number)]


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("ListMetrics", {"NextToken": "x"}),
        ("ListMetrics", {"RecentlyActive": "PT3H"}),
        ("ListMetrics", {"IncludeLinkedAccounts": True}),
        ("ListMetrics", {"OwningAccount": "123456789012"}),
        ("GetMetricStatistics", {"Unit": "Seconds"}),
        ("GetMetricData", {"NextToken": "x"}),
        ("GetMetricData", {"MaxDatapoints": 10}),
        ("GetMetricData", {"LabelOptions": {"Timezone": "+0100"}}),
    ],
)
def test_members_that_are_refused_by_name(cloudwatch: CloudWatch, operation: str, members: dict[str, Any]) -> None:
    whole = {
        "ListMetrics": {},
        "GetMetricStatistics": {**RANGE, "Namespace": "N", "MetricName": "M", "Period": 60, "Statistics": ["Sum"]},
        "GetMetricData": {**RANGE, "MetricDataQueries": [stat("m")]},
    }
    assert cloudwatch(operation, **whole[operation]) is not None
    (member,) = members
    code, message = cloudwatch.refusal(operation, **whole[operation], **members)
    assert (code, f"{member} in {operation}" in message) == ("NotImplementedException", True)


# GetMetricStatistics


def statistics(cloudwatch: CloudWatch, **members: Any) -> list[dict[str, Any]]:
    result = cloudwatch("GetMetricStatistics", **{**RANGE, "Namespace": "N", "MetricName": "Latency", **members})
    assert result["Label"] == "Latency"
    found: list[dict[str, Any]] = result["Datapoints"]
    return found


def test_statistics_of_one_metric(cloudwatch: CloudWatch) -> None:
    cloudwatch.put({0: 10.0, 59: 20.0, 60: 40.0, 300: 5.0}, unit="Milliseconds", a="1", b="2")
    cloudwatch.put({0: 1000.0}, a="1")
    cloudwatch.put({0: 1000.0}, namespace="M", a="1", b="2")
    names = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]

    def point(second: int, *values: float) -> dict[str, Any]:
        return {
            "Timestamp": START + timedelta(seconds=second),
            "Unit": "Milliseconds",
            **dict(zip(names, values, strict=True)),
        }

    for order in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}):
        found = statistics(cloudwatch, Dimensions=dimensions(**order), Period=60, Statistics=names)
        assert found == [point(0, 2, 15, 30, 10, 20), point(60, 1, 40, 40, 40, 40), point(300, 1, 5, 5, 5, 5)]
    found = statistics(cloudwatch, Dimensions=dimensions(a="1", b="2"), Period=3600, ExtendedStatistics=["p50", "p0"])
    assert found == [{"Timestamp": START, "Unit": "Milliseconds", "ExtendedStatistics": {"p50": 15.0, "p0": 5.0}}]
    assert statistics(cloudwatch, Dimensions=dimensions(b="2"), Period=60, Statistics=["Sum"]) == []
    assert statistics(cloudwatch, Period=60, Statistics=["Sum"]) == []


def test_units_are_apart(cloudwatch: CloudWatch) -> None:
    cloudwatch.put({0: 1.0}, unit="Seconds")
    cloudwatch.put({0: 2000.0, 60: 3000.0}, unit="Milliseconds")
    every = statistics(cloudwatch, Period=60, Statistics=["Sum"])
    assert {(point["Unit"], point["Sum"]) for point in every} == {
        ("Seconds", 1.0),
        ("Milliseconds", 2000.0),
        ("Milliseconds", 3000.0),
    }
    # One series cannot have both.
    code, message = cloudwatch.refusal("GetMetricData", MetricDataQueries=[stat("m")], **RANGE)
    assert code == "NotImplementedException"
    assert "several units (Milliseconds, Seconds) in Latency" in message


@pytest.mark.parametrize(
    ("members", "code", "named"),
    [
        ({"Period": 60}, "InvalidParameterCombination", "Statistics"),
        (
            {"Period": 60, "Statistics": ["Sum"], "ExtendedStatistics": ["p90"]},
            "InvalidParameterCombination",
            "ExtendedStatistics",
        ),
        ({"Period": 60, "Statistics": ["p90"]}, "ValidationError", "'p90'"),
        ({"Period": 60, "ExtendedStatistics": ["p900"]}, "NotImplementedException", "'p900'"),
        ({"Period": 61, "Statistics": ["Sum"]}, "NotImplementedException", "a period of 61 seconds"),
        ({"Period": 10, "Statistics": ["Sum"]}, "NotImplementedException", "a period of 10 seconds"),
        ({"Period": 60, "Statistics": ["Sum"], "EndTime": START}, "InvalidParameterValue", "EndTime"),
    ],
)
def test_statistics_requests_that_are_refused(
    cloudwatch: CloudWatch, members: dict[str, Any], code: str, named: str
) -> None:
    refused = cloudwatch.refusal(
        "GetMetricStatistics", **{**RANGE, "Namespace": "N", "MetricName": "Latency", **members}
    )
    assert refused[0] == code
    assert named in refused[1]


# GetMetricData


def test_a_metric_is_namespace_name_and_dimensions(cloudwatch: CloudWatch) -> None:
    cloudwatch.put({0: 1.0}, service="s", model="m", stage="x")
    cloudwatch.put({0: 10.0}, service="s", model="m")
    cloudwatch.put({0: 100.0}, service="s")
    cloudwatch.put({0: 1000.0})
    cloudwatch.put({0: 10_000.0}, namespace="M", service="s", model="m", stage="x")
    cloudwatch.put({0: 100_000.0}, "Errors", service="s", model="m", stage="x")
    found = cloudwatch.data(
        stat("a", dimensions={"stage": "x", "model": "m", "service": "s"}),
        stat("b", dimensions={"service": "s", "model": "m"}),
        stat("c", dimensions={"service": "s"}),
        stat("d"),
        stat("e", namespace="M", dimensions={"model": "m", "service": "s", "stage": "x"}),
        stat("f", dimensions={"service": "m", "model": "s"}),
    )["MetricDataResults"]
    assert [seconds(result) for result in found] == [{0: 1}, {0: 10}, {0: 100}, {0: 1000}, {0: 10_000}, {}]
    assert [result["Label"] for result in found] == ["Latency"] * 6
    assert {result["StatusCode"] for result in found} == {"Complete"}


def test_periods_count_from_the_minute_of_the_start(cloudwatch: CloudWatch) -> None:
    cloudwatch.put({0: 1.0, 299: 2.0, 300: 4.0, 659: 8.0, 660: 16.0, 900: 32.0})

    def at(start: float, end: float) -> list[dict[int, float]]:
        times: dict[str, Any] = {
            "StartTime": START + timedelta(seconds=start),
            "EndTime": START + timedelta(seconds=end),
        }
        filled = expression("f", "FILL(m, 0)")
        results = cloudwatch.data(stat("m", period=300), filled, **times)["MetricDataResults"]
        points = statistics(cloudwatch, **times, Period=300, Statistics=["Sum"])
        series = {(point["Timestamp"] - START).total_seconds(): point["Sum"] for point in points}
        assert series == seconds(results[0]), "both operations have the same periods"
        return [seconds(result) for result in results]

    assert at(300, 900) == [{300: 4, 600: 24}, {300: 4, 600: 24}]
    assert at(359.999, 900) == [{300: 4, 600: 24}, {300: 4, 600: 24}], "rounded down to the minute"
    assert at(360, 900) == [{360: 8, 660: 48}, {360: 8, 660: 48}], "no multiple of the period"
    assert at(299, 601) == [{240: 6, 540: 24}, {240: 6, 540: 24}]
    assert at(120, 660) == [{120: 6, 420: 24}, {120: 6, 420: 24}]
    assert at(720, 1000) == [{720: 32}, {720: 32}]
    assert at(960, 1600) == [{}, {960: 0, 1260: 0, 1560: 0}]
    (to_the_millisecond,) = cloudwatch.data(
        stat("m", period=300), EndTime=START + timedelta(seconds=300, milliseconds=1)
    )["MetricDataResults"]
    assert seconds(to_the_millisecond) == {0: 3, 300: 4}


@pytest.mark.parametrize(("days", "hours", "minutes"), [(15, -2, 1), (15, 2, 5), (63, -2, 5), (63, 2, 60)])
def test_old_starts_are_rounded_more(cloudwatch: CloudWatch, days: int, hours: int, minutes: int) -> None:
    asked = datetime.now(UTC).replace(minute=37, second=41) - timedelta(days=days, hours=hours)
    (found,) = cloudwatch.data(
        stat("m", period=3600, ReturnData=False),
        expression("f", "FILL(m, 0)"),
        StartTime=asked,
        EndTime=asked + timedelta(hours=1),
    )["MetricDataResults"]
    assert found["Timestamps"][0] == asked.replace(minute=37 - 37 % minutes, second=0, microsecond=0)


def test_order_labels_and_what_is_returned(cloudwatch: CloudWatch) -> None:
    cloudwatch.put({0: 1.0, 60: 2.0})
    queries = [
        stat("a", Label="First"),
        stat("b", ReturnData=False),
        expression("c", "a + b", Label="Both"),
        expression("d", "a", ReturnData=True),
    ]
    found = cloudwatch("GetMetricData", MetricDataQueries=queries, **RANGE)["MetricDataResults"]
    assert [(result["Id"], result["Label"]) for result in found] == [
        ("a", "First"),
        ("c", "Both"),
        ("d", "d"),
    ]
    # The newest comes first if nothing else is said.
    assert found[1]["Values"] == [4, 2]
    assert found[1]["Timestamps"] == [START + timedelta(seconds=60), START]
    ascending = cloudwatch("GetMetricData", MetricDataQueries=queries, ScanBy="TimestampAscending", **RANGE)
    assert ascending["MetricDataResults"][1]["Values"] == [2, 4]


@pytest.mark.parametrize(
    ("queries", "members", "code", "named"),
    [
        ([stat("Upper")], {}, "ValidationError", "'Upper'"),
        ([stat("1m")], {}, "ValidationError", "'1m'"),
        ([stat("m-1")], {}, "ValidationError", "'m-1'"),
        ([stat("m"), stat("m")], {}, "ValidationError", "same Id"),
        ([stat(f"m{n}") for n in range(501)], {}, "ValidationError", "must not have a size greater than 500"),
        ([{"Id": "m"}], {}, "ValidationError", "m needs either"),
        ([stat("m") | {"Expression": "1"}], {}, "ValidationError", "m needs either"),
        ([stat("m", AccountId="123456789012")], {}, "NotImplementedException", "AccountId of m"),
        (
            [{"Id": "m", "MetricStat": {**stat("m")["MetricStat"], "Unit": "Seconds"}}],
            {},
            "NotImplementedException",
            "Unit of m",
        ),
        ([stat("m", Label="${AVG}")], {}, "NotImplementedException", "'${AVG}'"),
        ([stat("m", Period=60)], {}, "ValidationError", "Period"),
        ([stat("m", "p101")], {}, "NotImplementedException", "'p101'"),
        ([stat("m", period=30)], {}, "NotImplementedException", "a period of 30 seconds"),
        ([stat("m", "tm90", ReturnData=False)], {}, "NotImplementedException", "'tm90'"),
        ([expression("e", "x + 1", ReturnData=False)], {}, "ValidationError", "Id x"),
        ([{"Id": "m", "MetricStat": {"Metric": {}, "Period": 60, "Stat": "Sum"}}], {}, "ValidationError", "Namespace"),
        ([stat("m")], {"EndTime": START}, "ValidationError", "StartTime"),
        ([stat("m")], {"ScanBy": "Value"}, "ValidationError", "ScanBy must be one of TimestampDescending"),
    ],
)
def test_data_requests_that_are_refused(
    cloudwatch: CloudWatch, queries: list[dict[str, Any]], members: dict[str, Any], code: str, named: str
) -> None:
    refused = cloudwatch.refusal("GetMetricData", **{"MetricDataQueries": queries, **RANGE, **members})
    assert refused[0] == code
    assert named in refused[1]
