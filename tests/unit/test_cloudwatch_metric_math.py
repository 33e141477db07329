"""Metric math: expressions over a few series, every result worked out by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudwatch_calls import RANGE, START, CloudWatch, expression, seconds, stat

# Values by the minute; the documentation's examples have the same gaps.
SERIES = {
    "a": {0: 30.0, 60: 20.0, 120: 0.0, 180: 0.0},
    "b": {0: 20.0, 120: 20.0},
    "c": {0: 1.0, 60: 1.0, 120: 0.0, 180: 0.0},
    "d": {0: 30.0, 120: 0.0, 180: 0.0, 240: 30.0},
    "e": {0: 0.0, 60: 0.0, 120: 20.0, 240: 20.0},
    "f": {60: 1.5, 240: -2.5},
}
MINUTES = (0, 60, 120, 180, 240)


@pytest.fixture(scope="module")
def cloudwatch() -> CloudWatch:
    cloudwatch = CloudWatch()
    for name, values in SERIES.items():
        cloudwatch.put(values, name)
    return cloudwatch


def queries(text: str) -> list[dict[str, Any]]:
    """The series, not returned, and the expression, which is."""
    hidden = [stat(name, name=name, ReturnData=False) for name in [*SERIES, "nothing"]]
    return [expression("result", text), *hidden]


def every(*values: float | None) -> dict[int, float]:
    return {second: value for second, value in zip(MINUTES, values, strict=True) if value is not None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # arithmetic: what is missing counts as 0, what cannot be computed is missing
        ("a + 1", every(31, 21, 1, 1, None)),
        ("1 - b", every(-19, None, -19, None, None)),
        ("a + b", every(50, 20, 20, 0, None)),
        ("b - a", every(-10, -20, 20, 0, None)),
        ("a * b", every(600, 0, 0, 0, None)),
        ("a / b", every(1.5, None, 0, None, None)),
        ("b / 0", {}),
        ("60 / a", every(2, 3, None, None, None)),
        ("a + nothing", every(30, 20, 0, 0, None)),
        ("nothing + 1", {}),
        ("b * (1 / 0)", {}),
        # precedence
        ("1 + 2 * 3 + c * 0", every(7, 7, 7, 7, None)),
        ("(1 + 2) * 3 + c * 0", every(9, 9, 9, 9, None)),
        ("10 - 2 - 3 + c * 0", every(5, 5, 5, 5, None)),
        ("16 / 4 / 2 + c * 0", every(2, 2, 2, 2, None)),
        ("-a", every(-30, -20, 0, 0, None)),
        ("- -a", every(30, 20, 0, 0, None)),
        ("1.5e1 + c * 0", every(15, 15, 15, 15, None)),
        # comparison and logic
        ("a < b", every(0, 0, 1, 0, None)),
        ("a >= 30", every(1, 0, 0, 0, None)),
        ("a > 15 AND b > 15", every(1, 0, 0, 0, None)),
        ("a > 25 OR b > 15", every(1, 0, 1, 0, None)),
        ("a == 20", every(0, 1, 0, 0, None)),
        ("a != 20", every(1, 0, 1, 1, None)),
        ("a <= 20", every(0, 1, 1, 1, None)),
        ("c OR c AND 0", every(1, 1, 0, 0, None)),
        ("a + 1 > 20 + 1", every(1, 0, 0, 0, None)),
        # IF, the documentation's tables first
        ("IF(c, d, e)", every(30, 0, 20, None, None)),
        ("IF(c, 5, e)", every(5, 5, 20, None, None)),
        ("IF(c, d, 5)", every(30, 0, 5, 5, None)),
        ("IF(a < 25, 10, 2)", every(2, 10, 10, 10, None)),
        ("IF(-c, 1, 0)", every(1, 1, 0, 0, None)),
        # FILL
        ("FILL(b, 7)", every(20, 7, 20, 7, 7)),
        ("FILL(nothing, 0)", every(0, 0, 0, 0, 0)),
        # TIME_SERIES
        ("TIME_SERIES(5)", every(5, 5, 5, 5, 5)),
        ("TIME_SERIES(1 / 0)", {}),
        ("b * TIME_SERIES(2)", every(40, 0, 40, 0, 0)),
        # PERIOD
        ("a / PERIOD(a)", every(0.5, 20 / 60, 0, 0, None)),
    ],
)
def test_expressions(cloudwatch: CloudWatch, text: str, expected: dict[int, float]) -> None:
    (result,) = cloudwatch.data(*queries(text), minutes=5)["MetricDataResults"]
    assert (result["Id"], result["Label"], result["StatusCode"]) == ("result", "result", "Complete")
    assert seconds(result) == pytest.approx(expected)
    assert result["Timestamps"] == sorted(result["Timestamps"])
    assert all(isinstance(value, float) for value in result["Values"])


def test_expressions_refer_to_each_other_in_any_order(cloudwatch: CloudWatch) -> None:
    found = cloudwatch.data(
        expression("last", "middle * 2 + hidden"),
        expression("middle", "a + b"),
        expression("hidden", "PERIOD(a) / 2", ReturnData=False),
        *queries("a"),
        minutes=5,
    )["MetricDataResults"]
    assert {result["Id"]: seconds(result) for result in found} == {
        "last": every(130, 70, 70, 30, None),
        "middle": every(50, 20, 20, 0, None),
        "result": SERIES["a"],
    }


def test_ids_may_look_like_keywords(cloudwatch: CloudWatch) -> None:
    names = [stat("select", name="a"), stat("oR", name="b"), stat("iF", name="c")]
    found = cloudwatch.data(*names, expression("e", "select + oR + iF"))["MetricDataResults"]
    assert seconds(found[-1]) == every(51, 21, 20, 0, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (" ", "syntax error"),
        ("a +", "syntax error"),
        ("a b", "syntax error"),
        ("(a", "syntax error"),
        ("a = b", "syntax error"),
        ("avg(a)", "syntax error"),
        ("a and b", "syntax error"),
        ("TIME_SERIES()", "syntax error"),
        ("1", "is a number and no time series"),
        ("PERIOD(a)", "is a number and no time series"),
        ("unknown + 1", "no query with the Id unknown"),
        ("result + 1", "result needs its own result"),
        ("-" * 2000 + "a", "too many expressions within each other"),
    ],
)
def test_what_is_no_expression(cloudwatch: CloudWatch, text: str, problem: str) -> None:
    code, message = cloudwatch.refusal("GetMetricData", **{"MetricDataQueries": queries(text), **RANGE})
    assert code == "ValidationError"
    assert problem in message


def test_cycles_are_found(cloudwatch: CloudWatch) -> None:
    cycle = [expression("x", "y + 1"), expression("y", "z * 2"), expression("z", "x - y")]
    code, message = cloudwatch.refusal("GetMetricData", MetricDataQueries=cycle, **RANGE)
    assert (code, "needs its own result" in message) == ("ValidationError", True)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        *((f"{name}(a)", name) for name in ("SUM", "AVG", "MIN", "MAX", "ABS", "CEIL", "FLOOR", "STDDEV", "LOG")),
        *((f"{name}(a)", name) for name in ("RATE", "DIFF", "DIFF_TIME", "RUNNING_SUM", "SORT", "LAMBDA")),
        ("METRICS()", "METRICS"),
        ("SEARCH('{N,service} Latency', 'Sum', 300)", "SEARCH"),
        ("FILL(a, REPEAT)", "REPEAT"),
        ("FILL(a, LINEAR)", "LINEAR"),
        ("FILL(a, b)", "these arguments of FILL"),
        ("IF(a, b)", "these arguments of IF"),
        ("IF(1, a, b)", "these arguments of IF"),
        ("TIME_SERIES(a)", "these arguments of TIME_SERIES"),
        ("[a, b]", "arrays"),
        ("a ^ 2", "powers"),
        ("a && b", "&&"),
        ("a || b", "||"),
        ("ANOMALY_DETECTION_BAND(a, 2)", "ANOMALY_DETECTION_BAND"),
        ("SELECT AVG(Latency) FROM N", "SELECT"),
        ("NOT a", "NOT"),
    ],
)
def test_what_is_refused_by_name(cloudwatch: CloudWatch, text: str, named: str) -> None:
    code, message = cloudwatch.refusal("GetMetricData", MetricDataQueries=queries(text), **RANGE)
    assert code == "NotImplementedException"
    assert named in message


def test_different_periods_are_refused(cloudwatch: CloudWatch) -> None:
    pair = [stat("a", period=60), stat("b", period=300)]
    for text in ("a + b", "IF(a, b, 0)", "IF(a, 0, b)"):
        code, message = cloudwatch.refusal("GetMetricData", MetricDataQueries=[*pair, expression("e", text)], **RANGE)
        assert code == "NotImplementedException"
        assert "60 s and 300 s" in message
    longer = [stat("a", period=60), expression("e", "a + 1", Period=300)]
    assert "Period of e" in cloudwatch.refusal("GetMetricData", MetricDataQueries=longer, **RANGE)[1]
    assert cloudwatch.data(stat("a", period=60), expression("e", "a + 1", Period=60))


def test_a_time_series_has_its_own_period_or_that_of_all_metrics(cloudwatch: CloudWatch) -> None:
    def values(*others: dict[str, Any], **members: Any) -> dict[int, float]:
        found = cloudwatch.data(expression("line", "TIME_SERIES(5)", **members), *others, minutes=10)
        return seconds(found["MetricDataResults"][0])

    a, b = stat("a", period=300), stat("b", period=300)
    assert values(a, b) == {0: 5, 300: 5}
    assert values(a, stat("c", period=60), Period=300) == {0: 5, 300: 5}
    assert values(Period=300) == {0: 5, 300: 5}
    for others in ([], [a, stat("c", period=60)]):
        line = [expression("line", "TIME_SERIES(5)"), *others]
        code, message = cloudwatch.refusal("GetMetricData", MetricDataQueries=line, **RANGE)
        assert (code, "TIME_SERIES needs a Period" in message) == ("ValidationError", True)


@pytest.mark.parametrize("text", ["FILL(a, 0)", "TIME_SERIES(1)"])
def test_a_range_is_filled_with_as_many_values_as_a_response_has(cloudwatch: CloudWatch, text: str) -> None:
    of_all_times = {"StartTime": datetime(1970, 1, 1, tzinfo=UTC), "EndTime": datetime(9999, 1, 1, tzinfo=UTC)}
    code, message = cloudwatch.refusal("GetMetricData", MetricDataQueries=queries(text), **of_all_times)
    assert code == "ValidationError"
    assert "of which at most 100800 can be filled" in message


@pytest.mark.parametrize(
    "text", ["TIME_SERIES(1)", "line * line", "-line", "line / 0", "IF(line, 1, 2)", "FILL(line, 0)"]
)
def test_a_request_computes_a_limited_number_of_values(cloudwatch: CloudWatch, text: str) -> None:
    """The limit counts what is computed from, so that no result counts less than the work for it."""
    many = [expression(f"e{number}", text, Period=60, ReturnData=False) for number in range(42)]
    line = expression("line", "TIME_SERIES(1)", Period=60, ReturnData=False)
    days = {"StartTime": START, "EndTime": START + timedelta(minutes=50_000)}
    code, message = cloudwatch.refusal("GetMetricData", MetricDataQueries=[line, *many], **days)
    assert code == "ValidationError"
    assert "more than 2016000 values" in message
    assert cloudwatch("GetMetricData", MetricDataQueries=[line, *many[:15]], **days)


def test_what_is_measured_and_returned_counts_as_well() -> None:
    measured = CloudWatch()
    measured.put({60 * minute: 1.0 for minute in range(21_000)}, "m")
    days = {"StartTime": START, "EndTime": START + timedelta(minutes=21_000)}
    hidden, shown = ([stat(f"m{n}", name="m", ReturnData=returned) for n in range(50)] for returned in (False, True))
    assert measured("GetMetricData", MetricDataQueries=hidden, **days)
    assert "more than 2016000" in measured.refusal("GetMetricData", MetricDataQueries=shown, **days)[1]
