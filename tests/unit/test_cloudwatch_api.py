"""The operations that read: by page, by unit, by period; and what is refused, by name."""

import time
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from cloudwatch_calls import RANGE, START, START_MS, CloudWatch, dimensions, expression, seconds, stat
from sandbox.cloudwatch.metrics import Point


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


@pytest.mark.parametrize("number", [0, 1, 500, 501, 1000, 1250])
def test_list_metrics_pages(cloudwatch: CloudWatch, number: int) -> None:
    cloudwatch.metrics.put(Point("N", f"m{place:04}", (), "None", START_MS, 1.0) for place in range(number))
    page = cloudwatch("ListMetrics")
    found = page["Metrics"]
    while "NextToken" in page:
        assert len(page["Metrics"]) == 500
        page = cloudwatch("ListMetrics", NextToken=page["NextToken"])
        assert page["Metrics"]
        found += page["Metrics"]
    assert [metric["MetricName"] for metric in found] == [f"m{place:04}" for place in range(number)]


@pytest.mark.parametrize(
    ("members", "code", "named"),
    [
        ({"RecentlyActive": "PT3H"}, "NotImplementedException", "RecentlyActive"),
        ({"IncludeLinkedAccounts": True}, "NotImplementedException", "IncludeLinkedAccounts"),
        ({"OwningAccount": "123456789012"}, "NotImplementedException", "OwningAccount"),
        ({"NextToken": "x"}, "InvalidNextToken", "'x'"),
        ({"NextToken": "-1"}, "InvalidNextToken", "'-1'"),
        ({"NextToken": "1"}, "InvalidNextToken", "'1'"),
    ],
)
def test_list_requests_that_are_refused(cloudwatch: CloudWatch, members: dict[str, Any], code: str, named: str) -> None:
    refused = cloudwatch.refusal("ListMetrics", **members)
    assert refused[0] == code
    assert named in refused[1]


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
    found = statistics(
        cloudwatch, Dimensions=dimensions(a="1", b="2"), Period=3600, ExtendedStatistics=["p50", "TC(:20)"]
    )
    assert found == [{"Timestamp": START, "Unit": "Milliseconds", "ExtendedStatistics": {"p50": 15.0, "TC(:20)": 3.0}}]
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
    assert [point["Sum"] for point in statistics(cloudwatch, Period=60, Statistics=["Sum"], Unit="Seconds")] == [1.0]
    assert statistics(cloudwatch, Period=60, Statistics=["Sum"], Unit="Bytes") == []
    # One series cannot have both.
    code, message = cloudwatch.refusal("GetMetricData", MetricDataQueries=[stat("m")], **RANGE)
    assert code == "NotImplementedException"
    assert "several units" in message
    (result,) = cloudwatch.data(stat("m", unit="Milliseconds"))["MetricDataResults"]
    assert seconds(result) == {0: 2000.0, 60: 3000.0}


@pytest.mark.parametrize(
    ("members", "code", "named"),
    [
        ({"Period": 60}, "InvalidParameterCombination", "Statistics"),
        (
            {"Period": 60, "Statistics": ["Sum"], "ExtendedStatistics": ["p90"]},
            "InvalidParameterCombination",
            "ExtendedStatistics",
        ),
        ({"Period": 60, "Statistics": ["p90"]}, "InvalidParameterValue", "'p90'"),
        ({"Period": 60, "ExtendedStatistics": ["Sum"]}, "InvalidParameterValue", "'Sum'"),
        ({"Period": 60, "ExtendedStatistics": ["p900"]}, "InvalidParameterValue", "'p900'"),
        ({"Period": 61, "Statistics": ["Sum"]}, "InvalidParameterValue", "61"),
        ({"Period": 15, "Statistics": ["Sum"]}, "InvalidParameterValue", "15"),
        (
            {"Period": 60, "Statistics": ["Sum"], "EndTime": START + timedelta(minutes=1441)},
            "InvalidParameterCombination",
            "1441",
        ),
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


def test_1440_data_points_are_possible(cloudwatch: CloudWatch) -> None:
    cloudwatch.put({0: 1.0})
    assert statistics(cloudwatch, Period=60, Statistics=["Sum"], EndTime=START + timedelta(minutes=1440))


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


def test_periods_begin_at_their_multiples(cloudwatch: CloudWatch) -> None:
    cloudwatch.put({0: 1.0, 299: 2.0, 300: 4.0, 659: 8.0, 660: 16.0, 900: 32.0})
    (inside,) = cloudwatch.data(
        stat("m", period=300), StartTime=START + timedelta(seconds=310), EndTime=START + timedelta(seconds=900)
    )["MetricDataResults"]
    assert seconds(inside) == {300: 4, 600: 24}
    (whole,) = cloudwatch.data(
        stat("m", period=300), StartTime=START + timedelta(seconds=299), EndTime=START + timedelta(seconds=601)
    )["MetricDataResults"]
    assert seconds(whole) == {0: 3, 300: 4, 600: 24}
    (to_the_millisecond,) = cloudwatch.data(
        stat("m", period=300), EndTime=START + timedelta(seconds=300, milliseconds=1)
    )["MetricDataResults"]
    assert seconds(to_the_millisecond) == {0: 3, 300: 4}


def test_time_is_kept_to_the_storage_resolution(cloudwatch: CloudWatch) -> None:
    values = {0: 1.0, 7: 2.0, 12: 4.0, 61: 8.0, 119: 16.0}
    cloudwatch.put(values, "Minutes")
    cloudwatch.put(values, "Seconds", resolution=1)
    found = cloudwatch.data(
        *(
            stat(f"{name.lower()}{period}", "Sum", name, period)
            for name in ("Minutes", "Seconds")
            for period in (1, 10, 60)
        )
    )["MetricDataResults"]
    assert {result["Id"]: seconds(result) for result in found} == {
        "minutes1": {0: 7, 60: 24},
        "minutes10": {0: 7, 60: 24},
        "minutes60": {0: 7, 60: 24},
        "seconds1": values,
        "seconds10": {0: 3, 10: 4, 60: 8, 110: 16},
        "seconds60": {0: 7, 60: 24},
    }


def test_order_labels_and_what_is_returned(cloudwatch: CloudWatch) -> None:
    cloudwatch.put({0: 1.0, 60: 2.0})
    queries = [
        stat("a", Label="First"),
        stat("b", ReturnData=False),
        expression("c", "a + b", Label="Both"),
        expression("d", "[a, b]", Label="Each:"),
        expression("e", "[a, b]", Label=""),
        expression("f", "a", ReturnData=True),
    ]
    found = cloudwatch("GetMetricData", MetricDataQueries=queries, **RANGE)["MetricDataResults"]
    assert [(result["Id"], result["Label"]) for result in found] == [
        ("a", "First"),
        ("c", "Both"),
        ("d", "Each: First"),
        ("d", "Each: Latency"),
        ("e", "First"),
        ("e", "Latency"),
        ("f", "f"),
    ]
    # The newest comes first if nothing else is said.
    assert found[1]["Values"] == [4, 2]
    assert found[1]["Timestamps"] == [START + timedelta(seconds=60), START]
    ascending = cloudwatch("GetMetricData", MetricDataQueries=queries, ScanBy="TimestampAscending", **RANGE)
    assert ascending["MetricDataResults"][1]["Values"] == [2, 4]


@pytest.mark.parametrize("scan_by", ["TimestampAscending", "TimestampDescending"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 100])
def test_pages_are_complete(cloudwatch: CloudWatch, size: int, scan_by: str) -> None:
    cloudwatch.put({60 * minute: float(minute) for minute in range(4)}, "a")
    cloudwatch.put({60 * minute: float(minute) for minute in range(3)}, "b")
    request = {
        "MetricDataQueries": [stat("a", name="a"), stat("nothing", name="n"), stat("b", name="b")],
        "ScanBy": scan_by,
        **RANGE,
    }
    (whole_a, nothing, whole_b) = cloudwatch("GetMetricData", **request)["MetricDataResults"]
    page: dict[str, Any] = {"NextToken": None}
    found: dict[str, dict[str, list[Any]]] = {}
    states: dict[str, list[str]] = {}
    while "NextToken" in page:
        token = {"NextToken": page["NextToken"]} if page["NextToken"] else {}
        page = cloudwatch("GetMetricData", MaxDatapoints=size, **token, **request)
        assert sum(len(result["Values"]) for result in page["MetricDataResults"]) <= size
        for result in page["MetricDataResults"]:
            so_far = found.setdefault(result["Id"], {"Timestamps": [], "Values": []})
            for member, values in so_far.items():
                values += result[member]
            states.setdefault(result["Id"], []).append(result["StatusCode"])
    for whole in (whole_a, nothing, whole_b):
        assert found[whole["Id"]] == {"Timestamps": whole["Timestamps"], "Values": whole["Values"]}
        assert states[whole["Id"]] == ["PartialData"] * (len(states[whole["Id"]]) - 1) + ["Complete"]


def test_search_finds_a_series_for_each_metric(cloudwatch: CloudWatch) -> None:
    cloudwatch.put({0: 1.0, 60: 3.0}, service="chat", model="nova")
    cloudwatch.put({0: 10.0}, service="chat", model="claude")
    cloudwatch.put({0: 100.0}, service="chat")
    cloudwatch.put({0: 1000.0}, "Errors", service="chat", model="nova")
    found = cloudwatch.data(
        expression("each", "SEARCH('{N,service,model} MetricName=\"Latency\"', 'Sum', 60)", Label="Latency of"),
        expression("total", "SUM(SEARCH('{N,service,model} MetricName=\"Latency\"', 'Sum', 60))"),
        expression("by_five", "SEARCH('{N,service,model} Latency', 'Average')", Period=300),
        expression("names", "SEARCH('{N,service,model} nova', 'Sum', 60)"),
        expression("one", "SEARCH('{N,service}', 'Sum', 60)"),
        expression("none", "SEARCH('{N,stage}', 'Sum', 60)"),
        expression("sum_of_none", "FILL(SUM(SEARCH('{N,stage}', 'Sum')), 0)", Period=60),
        expression("more", "SUM(SEARCH('{N,stage}', 'Sum', 60)) + total"),
    )["MetricDataResults"]
    assert [(result["Id"], result["Label"], seconds(result)) for result in found] == [
        ("each", "Latency of claude", {0: 10}),
        ("each", "Latency of nova", {0: 1, 60: 3}),
        ("total", "total", {0: 11, 60: 3}),
        ("by_five", "claude", {0: 10}),
        ("by_five", "nova", {0: 2}),
        ("names", "Errors", {0: 1000}),
        ("names", "Latency", {0: 1, 60: 3}),
        ("one", "Latency", {0: 100}),
        ("sum_of_none", "sum_of_none", {}),
        ("more", "more", {0: 11, 60: 3}),
    ]


def test_a_search_has_a_hundred_metrics_at_most(cloudwatch: CloudWatch) -> None:
    search = [expression("e", "SEARCH('{N,d}', 'Sum', 60)")]
    for number in range(100):
        cloudwatch.put([1.0], d=f"d{number}")
    assert len(cloudwatch.data(*search)["MetricDataResults"]) == 100
    cloudwatch.put([1.0], d="one more")
    code, message = cloudwatch.refusal("GetMetricData", MetricDataQueries=search, **RANGE)
    assert code == "NotImplementedException"
    assert "more than 100 metrics" in message


@pytest.mark.parametrize(
    ("queries", "members", "code", "named"),
    [
        ([stat("Upper")], {}, "ValidationError", "'Upper'"),
        ([stat("1m")], {}, "ValidationError", "'1m'"),
        ([stat("m-1")], {}, "ValidationError", "'m-1'"),
        ([stat("m"), stat("m")], {}, "ValidationError", "same Id"),
        ([{"Id": "m"}], {}, "ValidationError", "m needs either"),
        ([stat("m") | {"Expression": "1"}], {}, "ValidationError", "m needs either"),
        ([stat("m", AccountId="123456789012")], {}, "NotImplementedException", "AccountId of m"),
        ([stat("m", Label="${AVG}")], {}, "NotImplementedException", "'${AVG}'"),
        ([stat("m", Period=60)], {}, "ValidationError", "Period"),
        ([stat("m", "p101")], {}, "InvalidParameterValue", "'p101'"),
        ([stat("m", period=90)], {}, "InvalidParameterValue", "90"),
        ([stat("m", "p101", ReturnData=False)], {}, "InvalidParameterValue", "'p101'"),
        ([expression("e", "x + 1", ReturnData=False)], {}, "ValidationError", "Id x"),
        ([stat(f"m{number}") for number in range(501)], {}, "ValidationError", "501"),
        ([{"Id": "m", "MetricStat": {"Metric": {}, "Period": 60, "Stat": "Sum"}}], {}, "ValidationError", "Namespace"),
        ([expression("e", "SEARCH('{N}', 'Sum')")], {}, "ValidationError", "needs a period"),
        ([expression("e", "SEARCH('{N}', 'Sum', 61)")], {}, "InvalidParameterValue", "61"),
        ([expression("e", "SEARCH('{N}', 'Total', 60)")], {}, "InvalidParameterValue", "'Total'"),
        ([expression("e", "SEARCH('{N', 'Sum', 60)")], {}, "ValidationError", "'{N'"),
        ([stat("m")], {"EndTime": START}, "ValidationError", "StartTime"),
        ([stat("m")], {"LabelOptions": {"Timezone": "+0100"}}, "NotImplementedException", "LabelOptions"),
        ([stat("m")], {"ScanBy": "Value"}, "ValidationError", "ScanBy"),
        ([stat("m")], {"MaxDatapoints": 0}, "ValidationError", "MaxDatapoints"),
        ([stat("m")], {"MaxDatapoints": 100_801}, "ValidationError", "MaxDatapoints"),
        ([stat("m")], {"NextToken": "x"}, "InvalidNextToken", "'x'"),
        ([stat("m")], {"NextToken": "5"}, "InvalidNextToken", "'5'"),
    ],
)
def test_data_requests_that_are_refused(
    cloudwatch: CloudWatch, queries: list[dict[str, Any]], members: dict[str, Any], code: str, named: str
) -> None:
    refused = cloudwatch.refusal("GetMetricData", **{"MetricDataQueries": queries, **RANGE, **members})
    assert refused[0] == code
    assert named in refused[1]


def test_a_dashboard_over_100_000_points_is_quick(cloudwatch: CloudWatch) -> None:
    values = np.random.default_rng(7).lognormal(6, 1, 100_000)
    cloudwatch.metrics.put(
        Point("N", f"m{place % 10}", (("service", "s"),), "Milliseconds", START_MS + place * 36, float(value))
        for place, value in enumerate(values)
    )
    assert len(cloudwatch.metrics.all()) == 10
    names = ["p90", "p90", "p50", "p90", "p99.9", "TM(5%:95%)", "Average", "PR(:500)"]
    queries = [stat(f"s{place}", name, f"m{place}", dimensions={"service": "s"}) for place, name in enumerate(names)]
    queries += [expression("w", "100 * s1 / SUM([s1, s2, s3])"), expression("x", "SEARCH('{N,service} m8', 'p99', 60)")]
    started = time.perf_counter()
    found = cloudwatch.data(*queries)["MetricDataResults"]
    took = time.perf_counter() - started
    print(f"100,000 points, ten queries: {took:.3f} s")
    assert all(len(result["Values"]) == 60 for result in found)
    in_the_first_minute = [value for place, value in enumerate(values) if place % 10 == 3 and place * 36 < 60_000]
    assert found[3]["Values"][0] == pytest.approx(np.percentile(in_the_first_minute, 90))
    assert took < 5
