"""Every statistic against NumPy's definition over the values written out by their counts."""

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudwatch_calls import CloudWatch, seconds, stat
from sandbox.aws_api.contract import ApiError
from sandbox.cloudwatch.percentiles import percent_of
from sandbox.store import Store

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


def test_one_to_ten(measured: Measured) -> None:
    expected = {"p50": 5.5, "p0": 1, "p100": 10, "p99.9": 9.991, "p90": 9.1}
    found = measured(expected, [10.0, 3.0, 1.0, 2.0, 9.0, 4.0, 8.0, 5.0, 6.0, 7.0])
    assert dict(zip(expected, found, strict=True)) == pytest.approx(expected)


def test_a_percentile_whose_rank_is_whole_is_that_value(measured: Measured) -> None:
    # 5.6 % of 1375 is 77, but in floating point it is less.
    assert measured(["p5.6"], [float(value) for value in range(1376)]) == [77]


def test_a_large_count_costs_no_more_than_a_small_one(measured: Measured) -> None:
    assert measured(["p90", "p33", "Average"], [1.0, 4.0], [1e9, 2e9]) == [4, 1, 3]


def test_a_period_with_a_negative_value_has_no_percentiles() -> None:
    cloudwatch = CloudWatch()
    cloudwatch.put({0: -3.0, 30: 5.0, 60: 7.0})
    results = cloudwatch.data(stat("a", "Average"), stat("b", "p50"))["MetricDataResults"]
    assert [seconds(result) for result in results] == [{0: 1, 60: 7}, {60: 7}]


@pytest.mark.parametrize(
    "name",
    [
        *("tm90", "tc90", "ts90", "wm90", "pr90", "IQM", "TM(10%:90%)", "TC(:20)", "PR(:300)"),
        *("", "average", "SUM", "P90", "p", "p101", "p90%", "p-1", "p1.00000000001", "pp90", "p90\n"),
        "Sum; DROP TABLE metric_points",
        "p٣",  # a digit, but not one of CloudWatch's
    ],
)
def test_every_other_statistic_is_refused_by_name(name: str) -> None:
    with pytest.raises(ApiError) as caught:
        percent_of(name)
    assert caught.value.code == "NotImplementedException"
    assert f"the statistic {name!r}" in str(caught.value)


def test_a_request_reads_the_points_of_all_its_metrics_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dashboard asks for some hundred statistics: a reading for each took a second."""
    cloudwatch = CloudWatch()
    for number in range(40):
        cloudwatch.put([number, number + 1.0], f"m{number}")
    asked: list[str] = []
    query = Store.query

    def counted(store: Store, sql: str, parameters: Any = ()) -> Any:
        asked.append(sql)
        return query(store, sql, parameters)

    monkeypatch.setattr(Store, "query", counted)
    names = [(number, name) for number in range(40) for name in ("p50", "Sum", "Maximum")]
    found = cloudwatch.data(*(stat(f"m{number}{name}", name, f"m{number}") for number, name in names))
    assert [result["Values"] for result in found["MetricDataResults"]] == [
        [{"p50": number + 0.5, "Sum": 2 * number + 1, "Maximum": number + 1}[name]] for number, name in names
    ]
    assert len(asked) == 1
