"""Every statistic against another definition: NumPy's, or fractions over the values written out by their counts."""

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudwatch_calls import CloudWatch, seconds, stat
from sandbox.aws_api.contract import ApiError
from sandbox.cloudwatch.statistics import parse_statistic

# Eighths are exact as floats, so that a value on a bound is on it.
values_and_counts = st.lists(
    st.tuples(st.integers(0, 400).map(lambda eighths: eighths / 8), st.integers(1, 4)), min_size=1, max_size=40
)
percents = st.integers(0, 1000).map(lambda tenths: f"{tenths // 10}.{tenths % 10}".removesuffix(".0"))


Measured = Callable[..., list[float | None]]


@pytest.fixture(scope="module")
def measured() -> Measured:
    """Statistics of values in one period; None where there is no data point."""
    # One for all examples, each with a metric of its own: opening a database takes longer than a query.
    cloudwatch = CloudWatch()
    numbers = count()

    def measure(names: Iterable[str], values: list[float], counts: list[float] | None = None) -> list[float | None]:
        metric = f"Latency{next(numbers)}"
        cloudwatch.put(values, metric, counts=counts)
        queries = [stat(f"m{place}", name, metric) for place, name in enumerate(names)]
        results = cloudwatch.data(*queries)["MetricDataResults"]
        assert all(len(result["Values"]) <= 1 for result in results)
        return [result["Values"][0] if result["Values"] else None for result in results]

    return measure


def written_out(pairs: list[tuple[float, int]]) -> list[float]:
    return sorted(value for value, times in pairs for _ in range(times))


def bound(percent: str, ordered: list[float]) -> Fraction:
    rank = Fraction(percent) / 100 * (len(ordered) - 1)
    below, above = ordered[math.floor(rank)], ordered[math.ceil(rank)]
    return Fraction(below) + (Fraction(above) - Fraction(below)) * (rank - math.floor(rank))


@settings(max_examples=40, deadline=None)
@given(values_and_counts)
def test_the_basic_statistics(measured: Measured, pairs: list[tuple[float, int]]) -> None:
    values, counts = [value for value, _ in pairs], [float(times) for _, times in pairs]
    every = np.repeat(values, [times for _, times in pairs])
    expected = {
        "SampleCount": every.size,
        "Sum": every.sum(),
        "Average": every.mean(),
        "Minimum": every.min(),
        "Maximum": every.max(),
    }
    assert measured(expected, values, counts) == pytest.approx(list(expected.values()))


@settings(max_examples=40, deadline=None)
@given(values_and_counts, percents)
def test_percentiles(measured: Measured, pairs: list[tuple[float, int]], percent: str) -> None:
    values, counts = [value for value, _ in pairs], [float(times) for _, times in pairs]
    every = np.repeat(values, [times for _, times in pairs])
    assert measured([f"p{percent}"], values, counts) == [pytest.approx(np.percentile(every, float(percent)))]


@settings(max_examples=40, deadline=None)
@given(values_and_counts, percents, percents)
def test_ranges_in_percent(measured: Measured, pairs: list[tuple[float, int]], one: str, other: str) -> None:
    low, high = sorted((one, other), key=float)
    if low == high:
        return
    ordered = written_out(pairs)
    bottom = bound(low, ordered) if float(low) else Fraction(-1)
    top = bound(high, ordered)
    inside = [value for value in ordered if bottom < value <= top]
    edged = [min(max(value, float(bottom)), float(top)) for value in ordered]
    values, counts = [value for value, _ in pairs], [float(times) for _, times in pairs]
    assert measured([f"{kind}({low}%:{high}%)" for kind in ("TC", "TS", "TM", "WM")], values, counts) == [
        len(inside),
        pytest.approx(sum(inside)),
        pytest.approx(np.mean(inside)) if inside else None,
        pytest.approx(np.mean(edged)),
    ]


@settings(max_examples=40, deadline=None)
@given(values_and_counts, st.integers(0, 400), st.integers(0, 400))
def test_ranges_of_values(measured: Measured, pairs: list[tuple[float, int]], one: int, other: int) -> None:
    if one == other:
        return
    low, high = sorted((one / 8, other / 8))
    ordered = written_out(pairs)
    inside = [value for value in ordered if low < value <= high]
    values, counts = [value for value, _ in pairs], [float(times) for _, times in pairs]
    assert measured([f"{kind}({low}:{high})" for kind in ("TC", "TS", "TM", "WM", "PR")], values, counts) == [
        len(inside),
        pytest.approx(sum(inside)),
        pytest.approx(np.mean(inside)) if inside else None,
        pytest.approx(np.mean(np.clip(ordered, low, high))),
        pytest.approx(100 * len(inside) / len(ordered)),
    ]


ONE_TO_TEN = {
    "p50": 5.5,
    "p0": 1,
    "p100": 10,
    "p99.9": 9.991,
    "tm90": 5.0,  # the 90th percentile is 9.1: 1 to 9
    "tc90": 9,
    "ts90": 45,
    "wm90": (45 + 9.1) / 10,
    "TM(:90%)": 5.0,
    "TM(10%:)": 6.0,  # the 10th percentile is 1.9: 2 to 10
    "TM(0%:90%)": 5.0,
    "TM(0%:100%)": 5.5,
    "TC(80%:)": 2,
    "IQM": 5.5,  # 3.25 to 7.75: 4 to 7
    "TM(2:4)": 3.5,  # without 2, with 4
    "TC(:4)": 4,
    "TS(8:)": 19,
    "WM(3:5)": (3 + 3 + 3 + 4 + 5 * 6) / 10,
    "PR(:3)": 30,
    "PR(3:)": 70,
    "PR(3:5)": 20,
    "TC(20:30)": 0,
    "TS(20:30)": 0,
    "PR(20:30)": 0,
    "TM(20:30)": None,
}


def test_one_to_ten(measured: Measured) -> None:
    found = measured(ONE_TO_TEN, [10.0, 3.0, 1.0, 2.0, 9.0, 4.0, 8.0, 5.0, 6.0, 7.0])
    assert dict(zip(ONE_TO_TEN, found, strict=True)) == pytest.approx(ONE_TO_TEN)


def test_the_interquartile_mean(measured: Measured) -> None:
    # The quartiles are 4, which is outside, and 64, which is inside.
    assert measured(["IQM"], [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]) == [(8 + 16 + 32 + 64) / 4]


def test_a_bound_on_a_value_takes_the_value_in(measured: Measured) -> None:
    # 5.6 % of 1375 is 77, but in floating point it is less.
    found = measured(["p5.6", "TC(:5.6%)", "TC(5.6%:)"], [float(value) for value in range(1376)])
    assert found == [77, 78, 1376 - 78]


def test_a_large_count_costs_no_more_than_a_small_one(measured: Measured) -> None:
    assert measured(["p90", "p33", "Average"], [1.0, 4.0], [1e9, 2e9]) == [4, 1, 3]


def test_negative_values_have_the_basic_statistics_only() -> None:
    cloudwatch = CloudWatch()
    cloudwatch.put({0: -3.0, 30: 5.0, 60: 7.0})
    results = cloudwatch.data(stat("a", "Average"), stat("b", "p50"), stat("c", "TM(:90%)"))["MetricDataResults"]
    assert [seconds(result) for result in results] == [{0: 1, 60: 7}, {60: 7}, {60: 7}]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "average",
        "SUM",
        "P90",
        "p",
        "p101",
        "p90%",
        "p-1",
        "p1.00000000001",
        "pp90",
        "TM90",
        "tm(10%:90%)",
        "TM(90%)",
        "TM(:)",
        "TM(10%:90)",
        "TM(10:90%)",
        "TM(90%:10%)",
        "TM(5:5)",
        "TM(10%:101%)",
        "TM(101%:)",
        "pr90",
        "PR(10%:90%)",
        "iqm",
        "IQM(1:2)",
        "Sum; DROP TABLE metric_points",
        "p90\n",
        "p٣",  # a digit, but not one of CloudWatch's
    ],
)
def test_what_is_no_statistic(name: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_statistic(name)
    assert caught.value.code == "InvalidParameterValue"
    assert repr(name) in str(caught.value)
