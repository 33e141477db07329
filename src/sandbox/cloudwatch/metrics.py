"""The metrics: points taken at any moment and kept in one table, from which every statistic is made."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from sandbox.cloudwatch.percentiles import percent_of, percentile
from sandbox.store import Limit, Row, Store

Dimensions = tuple[tuple[str, str], ...]
"""Names and values, sorted by name."""

VALUE_LIMIT = 2.0**360
"""No value is further from zero than this."""

_COLUMNS = {
    "namespace": "VARCHAR",
    "name": "VARCHAR",
    "dimensions": "VARCHAR",
    "unit": "VARCHAR",
    "time_ms": "BIGINT",
    "value": "DOUBLE",
    "count": "DOUBLE",
}
# A response of the function has some 60 points, so these are of about 16,000 responses.
_LIMIT = Limit("time_ms / 1000", 1_000_000)
_BY_PERIOD = """
    WITH wanted AS (
        SELECT unnest($numbers) AS number, unnest($namespaces) AS namespace, unnest($names) AS name,
            unnest($dimensions) AS dimensions, unnest($periods) AS period, unnest($listed) AS is_listed
    ), points AS (
        SELECT number, is_listed, unit, value, count,
            (time_ms - $origin_ms) * 60 // $minute_seconds AS clock_ms,
            clock_ms - (clock_ms - $first_ms) % (1000::BIGINT * period) AS start_ms
        FROM metric_points JOIN wanted USING (namespace, name, dimensions)
        WHERE time_ms >= $origin_ms AND time_ms >= $begin_ms AND clock_ms >= $first_ms AND start_ms < $end_ms
    )
    SELECT number, unit, start_ms, sum(count), fsum(value * count), min(value), max(value),
        list(value ORDER BY value) FILTER (is_listed), list(count ORDER BY value) FILTER (is_listed)
    FROM points GROUP BY number, unit, start_ms ORDER BY start_ms
"""
# What a row has beside its number, its unit and its time: the statistics, or all points in ascending order.
_Aggregates = tuple[float, float, float, float, list[float] | None, list[float] | None]
_BASIC: Mapping[str, Callable[[_Aggregates], float]] = {
    "SampleCount": lambda row: row[0],
    "Sum": lambda row: row[1],
    "Average": lambda row: row[1] / row[0],
    "Minimum": lambda row: row[2],
    "Maximum": lambda row: row[3],
}


@dataclass(slots=True)  # not frozen: a response makes some 60 points, and each would take three times as long
class Point:
    """One value of one metric.

    Attributes:
        namespace: of the metric.
        name: of the metric.
        dimensions: of the metric.
        unit: as CloudWatch names it; the string `None` if it has none.
        time_ms: milliseconds since 1970, UTC.
        value: not further from zero than `VALUE_LIMIT`.
        count: how often the value occurred, a whole number from 1.
    """

    namespace: str
    name: str
    dimensions: Dimensions
    unit: str
    time_ms: int
    value: float
    count: float = 1.0


@dataclass(frozen=True, slots=True, order=True)
class Metric:
    """What identifies a metric: its namespace, its name and all of its dimensions."""

    namespace: str
    name: str
    dimensions: Dimensions


@dataclass(frozen=True, slots=True)
class Wanted:
    """A statistic to measure.

    Attributes:
        statistic: as CloudWatch spells it, such as `Average` or `p99.9`.
        metric: whose.
        period: its length in seconds, whole minutes.
    """

    statistic: str
    metric: Metric
    period: int


@dataclass(frozen=True, slots=True)
class Clock:
    """A way to count time. The default counts milliseconds since 1970.

    Attributes:
        origin_ms: when this clock shows 0. It ignores earlier values.
        minute_seconds: how many seconds pass while it counts a minute.
    """

    origin_ms: int = 0
    minute_seconds: int = 60


class Metrics:
    """The points of all metrics."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._points = store.table("metric_points", _COLUMNS, _LIMIT)
        self._clock = Clock()

    def by(self, clock: Clock) -> "Metrics":
        """Return the same metrics for queries whose times, asked for and returned, are those of a clock."""
        metrics = copy(self)
        metrics._clock = clock
        return metrics

    def put(self, points: Iterable[Point]) -> None:
        """Add points; the next query sees them. Takes no time worth naming; callable on any thread."""
        self._points.add(
            *((p.namespace, p.name, _encoded(p.dimensions), p.unit, p.time_ms, p.value, p.count) for p in points)
        )

    def all(self) -> list[Metric]:
        """Return every metric, in order."""
        rows = self._store.query("SELECT DISTINCT namespace, name, dimensions FROM metric_points")
        return sorted(Metric(namespace, name, _decoded(text)) for namespace, name, text in rows)

    def statistic(
        self, statistic: str, metric: Metric, period: int, start_ms: int, end_ms: int
    ) -> dict[str, dict[int, float]]:
        """Return a statistic's value for every period that has points; as `statistics` does, of one metric."""
        wanted = Wanted(statistic, metric, period)
        return next(self.statistics([wanted], start_ms, end_ms))[1]

    def statistics(
        self, wanted: Iterable[Wanted], start_ms: int, end_ms: int
    ) -> Iterator[tuple[Wanted, dict[str, dict[int, float]]]]:
        """Return the values of statistics for every period that has points.

        Args:
            wanted: what to measure.
            start_ms: when the first period begins, in milliseconds since 1970.
            end_ms: no period begins then or later.

        Returns:
            Each of `wanted` with, for each unit that the points have, the values by the periods' beginnings in
            milliseconds, ascending. They are measured as they are taken, some at a time.

        Raises:
            ApiError: the sandbox does not have one of the statistics.
        """
        by_points: dict[Metric, dict[int, list[Wanted]]] = {}
        for one in wanted:
            by_points.setdefault(one.metric, {}).setdefault(one.period, []).append(one)
        # A query holds all points of what it measures, so it measures each metric once.
        for groups in zip_longest(*(periods.values() for periods in by_points.values())):
            yield from self._measured([group for group in groups if group], start_ms, end_ms)

    def _measured(
        self, groups: Sequence[Sequence[Wanted]], start_ms: int, end_ms: int
    ) -> Iterator[tuple[Wanted, dict[str, dict[int, float]]]]:
        """Return statistics of some metrics; those of one group are of the same points."""
        percents = [[None if one.statistic in _BASIC else percent_of(one.statistic) for one in some] for some in groups]
        found: list[list[dict[str, dict[int, float]]]] = [[{} for _ in some] for some in groups]
        # The check of every alarm at the start needs no query.
        rows = [] if start_ms >= end_ms else self._rows([some[0] for some in groups], percents, start_ms, end_ms)
        for number, unit, time_ms, *aggregates in rows:
            row: Any = aggregates
            for one, percent, values in zip(groups[number], percents[number], found[number], strict=True):
                value = _BASIC[one.statistic](row) if percent is None else percentile(row[4], row[5], percent)
                if value is not None:
                    values.setdefault(unit, {})[time_ms] = value
        for some, each in zip(groups, found, strict=True):
            yield from zip(some, each, strict=True)

    def _rows(
        self, metrics: Sequence[Wanted], percents: Sequence[Sequence[float | None]], start_ms: int, end_ms: int
    ) -> list[Row]:
        return self._store.query(
            _BY_PERIOD,
            {
                "numbers": list(range(len(metrics))),
                "namespaces": [one.metric.namespace for one in metrics],
                "names": [one.metric.name for one in metrics],
                "dimensions": [_encoded(one.metric.dimensions) for one in metrics],
                "periods": [one.period for one in metrics],
                "listed": [any(percent is not None for percent in some) for some in percents],
                "origin_ms": self._clock.origin_ms,
                "minute_seconds": self._clock.minute_seconds,
                # DuckDB skips older points unread.
                "begin_ms": self._clock.origin_ms + start_ms * self._clock.minute_seconds // 60,
                "first_ms": start_ms,
                "end_ms": end_ms,
            },
        )


@lru_cache(maxsize=1024)  # a response has a point for every chunk, and they all have the same dimensions
def _encoded(dimensions: Dimensions) -> str:
    return json.dumps(dimensions)


def _decoded(text: str) -> Dimensions:
    return tuple((name, value) for name, value in json.loads(text))
