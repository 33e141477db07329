"""Metric math: expressions over a few series, every result worked out by hand."""

from typing import Any

import pytest

from cloudwatch_calls import RANGE, CloudWatch, expression, seconds, stat

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
        ("2 ^ c", every(2, 2, 1, 1, None)),
        ("f ^ 0.5", every(None, 1.5**0.5, None, None, None)),
        ("0 ^ f", every(None, 0, None, None, None)),
        ("10 ^ (a * 100)", every(None, None, 1, 1, None)),
        ("a + nothing", every(30, 20, 0, 0, None)),
        ("nothing + 1", {}),
        # precedence
        ("1 + 2 * 3 + c * 0", every(7, 7, 7, 7, None)),
        ("(1 + 2) * 3 + c * 0", every(9, 9, 9, 9, None)),
        ("10 - 2 - 3 + c * 0", every(5, 5, 5, 5, None)),
        ("16 / 4 / 2 + c * 0", every(2, 2, 2, 2, None)),
        ("2 ^ 3 ^ 2 + c * 0", every(512, 512, 512, 512, None)),
        ("-2 ^ 2 + c * 0", every(-4, -4, -4, -4, None)),
        ("2 ^ -1 + c * 0", every(0.5, 0.5, 0.5, 0.5, None)),
        ("-a", every(-30, -20, 0, 0, None)),
        ("- -a", every(30, 20, 0, 0, None)),
        ("1.5e1 + c * 0", every(15, 15, 15, 15, None)),
        # comparison and logic
        ("a < b", every(0, 0, 1, 0, None)),
        ("a >= 30", every(1, 0, 0, 0, None)),
        ("a > 15 AND b > 15", every(1, 0, 0, 0, None)),
        ("a > 15 && b > 15", every(1, 0, 0, 0, None)),
        ("a > 25 OR b > 15", every(1, 0, 1, 0, None)),
        ("a > 25 || b > 15", every(1, 0, 1, 0, None)),
        ("a == 20", every(0, 1, 0, 0, None)),
        ("a != 20", every(1, 0, 1, 1, None)),
        ("a <= 20", every(0, 1, 1, 1, None)),
        ("c OR c AND 0", every(1, 1, 0, 0, None)),
        ("a + 1 > 20 + 1", every(1, 0, 0, 0, None)),
        # IF, the documentation's tables first
        ("IF(c, d, e)", every(30, 0, 20, None, None)),
        ("IF(c, 5, e)", every(5, 5, 20, None, None)),
        ("IF(c, d, 5)", every(30, 0, 5, 5, None)),
        ("IF(c, d)", every(30, 0, None, None, None)),
        ("IF(a > 15, a)", every(30, 20, None, None, None)),
        ("IF(a < 25, 10, 2)", every(2, 10, 10, 10, None)),
        ("IF(-c, 1, 0)", every(1, 1, 0, 0, None)),
        ("IF(1, b, a)", every(20, None, 20, None, None)),
        ("IF(0, b, a)", every(30, 20, 0, 0, None)),
        ("IF(0, b)", {}),
        ("IF(MAX(a) > 25, a, b)", every(30, 20, 0, 0, None)),
        ("IF(MAX(nothing) > 25, a, b)", every(20, None, 20, None, None)),
        # FILL
        ("FILL(b, 7)", every(20, 7, 20, 7, 7)),
        ("FILL(f, REPEAT)", every(None, 1.5, 1.5, 1.5, -2.5)),
        ("FILL(b, REPEAT)", every(20, 20, 20, 20, 20)),
        ("FILL(f, LINEAR)", every(None, 1.5, 1.5 - 4 / 3, 1.5 - 8 / 3, -2.5)),
        ("FILL(b, LINEAR)", every(20, 20, 20, None, None)),
        ("FILL(b, a)", every(20, 20, 20, 0, None)),
        ("FILL(b, MIN(a) - 1)", every(20, -1, 20, -1, -1)),
        ("FILL(nothing, 0)", every(0, 0, 0, 0, 0)),
        ("FILL(nothing, REPEAT)", {}),
        ("FILL(b, AVG(nothing))", every(20, None, 20, None, None)),
        # aggregates of an array are series, of a series numbers
        ("SUM([a, b])", every(50, 20, 20, 0, None)),
        ("AVG([a, b])", every(25, 10, 10, 0, None)),
        ("MIN([a, b])", every(20, 20, 0, 0, None)),
        ("MAX([a, b])", every(30, 20, 20, 0, None)),
        ("SUM([a])", every(30, 20, 0, 0, None)),
        ("SUM([a, [b, b]])", every(70, 20, 40, 0, None)),
        ("a - AVG(a)", every(17.5, 7.5, -12.5, -12.5, None)),
        ("b / SUM(b)", every(0.5, None, 0.5, None, None)),
        ("a + MIN(f)", every(27.5, 17.5, -2.5, -2.5, None)),
        ("a / MAX(a)", every(1, 20 / 30, 0, 0, None)),
        ("a - MIN(nothing)", {}),
        ("a > MIN(nothing)", {}),
        ("a * (MIN(nothing) < 5)", {}),
        ("SUM([a, b] / 10)", every(5, 2, 2, 0, None)),
        ("SUM(100 / [a, b])", every(100 / 30 + 5, 5, 5, None, None)),
        ("SUM(-[a, b])", every(-50, -20, -20, 0, None)),
        # TIME_SERIES
        ("TIME_SERIES(5)", every(5, 5, 5, 5, 5)),
        ("TIME_SERIES(-MAX(a) / 2)", every(-15, -15, -15, -15, -15)),
        ("TIME_SERIES(MAX(nothing))", {}),
        ("FILL(b, TIME_SERIES(7))", every(20, 7, 20, 7, 7)),
        ("b * TIME_SERIES(2)", every(40, 0, 40, 0, 0)),
        # METRICS
        ("SUM(METRICS())", every(81, 22.5, 40, 0, 47.5)),
        ('SUM(METRICS("a"))', every(30, 20, 0, 0, None)),
        ("SUM([METRICS('a'), METRICS('b')])", every(50, 20, 20, 0, None)),
        # the others
        ("ABS(f)", every(None, 1.5, None, None, 2.5)),
        ("CEIL(f)", every(None, 2, None, None, -2)),
        ("FLOOR(f)", every(None, 1, None, None, -3)),
        ("SUM(ABS([f, f]))", every(None, 3, None, None, 5)),
        ("DIFF(a)", every(None, -10, -20, 0, None)),
        ("DIFF(f)", every(None, None, None, None, -4)),
        ("RATE(a)", every(None, -10 / 60, -20 / 60, 0, None)),
        ("RATE(f)", every(None, None, None, None, -4 / 180)),
        ("RUNNING_SUM(b)", every(20, None, 40, None, None)),
        ("a / PERIOD(a)", every(0.5, 20 / 60, 0, 0, None)),
        ("RATE(nothing)", {}),
    ],
)
def test_expressions(cloudwatch: CloudWatch, text: str, expected: dict[int, float]) -> None:
    (result,) = cloudwatch.data(*queries(text), minutes=5)["MetricDataResults"]
    assert (result["Id"], result["Label"], result["StatusCode"]) == ("result", "result", "Complete")
    assert seconds(result) == pytest.approx(expected)
    assert result["Timestamps"] == sorted(result["Timestamps"])
    assert all(isinstance(value, float) for value in result["Values"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a, b]", {"a": SERIES["a"], "b": SERIES["b"]}),
        ("METRICS('a') * 2", {"a": every(60, 40, 0, 0, None)}),
        ("a - [b, c]", {"b": every(10, 20, -20, 0, None), "c": every(29, 19, 0, 0, None)}),
        ("RUNNING_SUM([a, b])", {"a": every(30, 50, 50, 50, None), "b": every(20, None, 40, None, None)}),
        ("FILL([b, f], 1)", {"b": every(20, 1, 20, 1, 1), "f": every(1, 1.5, 1, 1, -2.5)}),
    ],
)
def test_an_array_gives_several_results(
    cloudwatch: CloudWatch, text: str, expected: dict[str, dict[int, float]]
) -> None:
    found = cloudwatch.data(*queries(text), minutes=5)["MetricDataResults"]
    assert {result["Label"]: seconds(result) for result in found} == expected
    assert {result["Id"] for result in found} == {"result"}


def test_expressions_refer_to_each_other_in_any_order(cloudwatch: CloudWatch) -> None:
    found = cloudwatch.data(
        expression("last", "middle * 2 + first"),
        expression("middle", "SUM(both)"),
        expression("first", "MAX(a) + 0", ReturnData=False),
        expression("both", "[a, b]", ReturnData=False),
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


def test_metrics_leaves_expressions_out(cloudwatch: CloudWatch) -> None:
    found = cloudwatch.data(stat("a1", name="a"), expression("a2", "a1 * 5"), expression("a3", "SUM(METRICS('a'))"))
    assert seconds(found["MetricDataResults"][2]) == SERIES["a"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (" ", "syntax error"),
        ("a +", "syntax error"),
        ("a b", "syntax error"),
        ("(a", "syntax error"),
        ("a = b", "syntax error"),
        ("avg(a)", "syntax error"),
        ("NOT a", "syntax error"),
        ("a and b", "syntax error"),
        ("[]", "syntax error"),
        ("1", "is a number and no time series"),
        ("AVG(a)", "is a number and no time series"),
        ("unknown + 1", "no query with the Id unknown"),
        ("result + 1", "result needs its own result"),
        ("'text'", "neither a number nor a time series"),
        ("REPEAT", "neither a number nor a time series"),
        ("'text' + a", "+ does not take these operands"),
        ("[a, b] + [a, b]", "+ does not take these operands"),
        ("[a, b] > a", "> does not take these operands"),
        ("a && [a, b]", "&& does not take these operands"),
        ("[a, 1]", "an array holds time series only"),
        ("ABS(1)", "ABS does not take these arguments"),
        ("ABS(a, b)", "ABS does not take these arguments"),
        ("SUM(1)", "SUM does not take these arguments"),
        ("SUM()", "SUM does not take these arguments"),
        ("IF(a)", "IF does not take these arguments"),
        ("IF(a, b, c, d)", "IF does not take these arguments"),
        ("IF([a, b], a, b)", "IF does not take these arguments"),
        ("IF(1, 2, 3)", "IF does not take these arguments"),
        ("IF(1, 2)", "IF does not take these arguments"),
        ("FILL(a)", "FILL does not take these arguments"),
        ("FILL(a, 'REPEAT')", "FILL does not take these arguments"),
        ("FILL(a, NEAREST)", "FILL does not take these arguments"),
        ("FILL(1, 2)", "FILL does not take these arguments"),
        ("TIME_SERIES(a)", "TIME_SERIES does not take these arguments"),
        ("TIME_SERIES()", "TIME_SERIES does not take these arguments"),
        ("METRICS(a)", "METRICS does not take these arguments"),
        ("METRICS(A)", "METRICS does not take these arguments"),
        ("PERIOD([a, b])", "PERIOD does not take these arguments"),
        ("SEARCH('{N}')", "SEARCH does not take these arguments"),
        ("SEARCH(a, 'Sum', 60)", "SEARCH does not take these arguments"),
        ("SEARCH('{N}', 'Sum', 60.5)", "SEARCH does not take these arguments"),
        ("-" * 2000 + "a", "too many expressions within each other"),
    ],
)
def test_what_is_no_expression(cloudwatch: CloudWatch, text: str, problem: str) -> None:
    code, message = cloudwatch.refusal("GetMetricData", **{"MetricDataQueries": queries(text), **RANGE})
    assert code == "ValidationError"
    assert problem in message


def test_cycles_are_found(cloudwatch: CloudWatch) -> None:
    cycle = [expression("x", "y + 1"), expression("y", "z * 2"), expression("z", "SUM([x, y])")]
    code, message = cloudwatch.refusal("GetMetricData", MetricDataQueries=cycle, **RANGE)
    assert (code, "needs its own result" in message) == ("ValidationError", True)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ANOMALY_DETECTION_BAND(a, 2)", "ANOMALY_DETECTION_BAND"),
        ("ANOMALY_DETECTION_BAND(unknown)", "ANOMALY_DETECTION_BAND"),
        ("INSIGHT_RULE_METRIC('rule', 'Sum')", "INSIGHT_RULE_METRIC"),
        ("LAMBDA('function', 'x')", "LAMBDA"),
        ("DB_PERF_INSIGHTS('RDS', 'db-1', 'x')", "DB_PERF_INSIGHTS"),
        ("SUM(SORT(METRICS(), AVG, DESC))", "SORT"),
        ("STDDEV(a)", "STDDEV"),
        ("LOG(a)", "LOG"),
        ("SELECT AVG(Latency) FROM N", "Metrics Insights"),
        (" select AVG(Latency) FROM N", "Metrics Insights"),
    ],
)
def test_what_is_refused_by_name(cloudwatch: CloudWatch, text: str, named: str) -> None:
    code, message = cloudwatch.refusal("GetMetricData", MetricDataQueries=queries(text), **RANGE)
    assert code == "NotImplementedException"
    assert named in message


def test_different_periods_are_refused(cloudwatch: CloudWatch) -> None:
    pair = [stat("a", period=60), stat("b", period=300)]
    for text in ("a + b", "SUM([a, b])", "IF(a, b)", "FILL(a, b)"):
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
