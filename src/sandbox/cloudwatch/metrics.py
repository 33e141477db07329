"""The metrics: points taken at any moment and kept in one table, from which every statistic is made."""

import json
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from functools import lru_cache

from sandbox.cloudwatch.percentiles import percent_of, percentile
from sandbox.store import Limit, Store

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
    WITH points AS (
        SELECT unit, value, count,
            (time_ms - $origin_ms) * 60 // $minute_seconds AS clock_ms,
            clock_ms - (clock_ms - $first_ms) % (1000::BIGINT * $period) AS start_ms
        FROM metric_points
        WHERE namespace = $namespace AND name = $name AND dimensions = $dimensions AND time_ms >= $origin_ms
            AND clock_ms >= $first_ms AND start_ms < $end_ms
    )
    SELECT unit, start_ms, {aggregate} FROM points GROUP BY unit, start_ms ORDER BY start_ms
"""
# What a statistic needs of each period: the value itself or, for a percentile, all points in ascending order.
_BASIC = {
    "SampleCount": "sum(count)",
    "Sum": "fsum(value * count)",
    "Average": "fsum(value * count) / sum(count)",
    "Minimum": "min(value)",
    "Maximum": "max(value)",
}
_VALUES_AND_COUNTS = "[list(value ORDER BY value), list(count ORDER BY value)]"


@dataclass(frozen=True, slots=True)
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
        """Return a statistic's value for every period that has points.

        Args:
            statistic: as CloudWatch spells it, such as `Average` or `p99.9`.
            metric: whose.
            period: its length in seconds, whole minutes.
            start_ms: when the first period begins, in milliseconds since 1970.
            end_ms: no period begins then or later.

        Returns:
            For each unit that the points have, the values by the periods' beginnings in milliseconds, ascending.

        Raises:
            ApiError: the sandbox does not have this statistic.
        """
        percent = None if statistic in _BASIC else percent_of(statistic)
        if start_ms >= end_ms:  # the check of every alarm at the start: it needs no query
            return {}
        rows = self._store.query(
            _BY_PERIOD.format(aggregate=_BASIC.get(statistic, _VALUES_AND_COUNTS)),
            {
                "origin_ms": self._clock.origin_ms,
                "minute_seconds": self._clock.minute_seconds,
                "namespace": metric.namespace,
                "name": metric.name,
                "dimensions": _encoded(metric.dimensions),
                "period": period,
                "first_ms": start_ms,
                "end_ms": end_ms,
            },
        )
        found: dict[str, dict[int, float]] = {}
        for unit, time_ms, result in rows:
            value = result if percent is None else percentile(result[0], result[1], percent)
            if value is not None:
                found.setdefault(unit, {})[time_ms] = value
        return found


@lru_cache(maxsize=1024)  # a response has a point for every chunk, and they all have the same dimensions
def _encoded(dimensions: Dimensions) -> str:
    return json.dumps(dimensions)


def _decoded(text: str) -> Dimensions:
    return tuple((name, value) for name, value in json.loads(text))
