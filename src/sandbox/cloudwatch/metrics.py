"""The metrics: points taken at any moment and kept in one table, from which SQL makes every statistic."""

import json
import math
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache

from sandbox.cloudwatch.statistics import Statistic
from sandbox.store import Store

Dimensions = tuple[tuple[str, str], ...]
"""Names and values, sorted by name."""

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
_MULTIPLES = {f"{prefix}{unit}" for prefix in ("Kilo", "Mega", "Giga", "Tera") for unit in ("bytes", "bits")}
UNITS = frozenset(
    {"Seconds", "Microseconds", "Milliseconds", "Percent", "None"}
    | {f"{unit}{per}" for unit in {"Count", "Bytes", "Bits", *_MULTIPLES} for per in ("", "/Second")}
)
VALUE_LIMIT = 2.0**360
"""No value is further from zero than this."""
NAME_LENGTH = 255
"""Of a namespace, a metric's name and a dimension's name, at most."""
DIMENSION_VALUE_LENGTH = 1024
MOST_DIMENSIONS = 30

_COLUMNS = {
    "namespace": "VARCHAR",
    "name": "VARCHAR",
    "dimensions": "VARCHAR",
    "unit": "VARCHAR",
    "time_ms": "BIGINT",
    "value": "DOUBLE",
    "count": "DOUBLE",
    "resolution": "BIGINT",
}
# `upto` is how many values there are up to this one, in ascending order, each as often as its count says.
_STATISTIC = """
    WITH points AS (
        SELECT namespace, name, dimensions, unit, value, count,
            (time_ms - $origin_ms) * 60 // $minute_seconds AS clock_ms,
            clock_ms - clock_ms % (1000 * greatest(resolution, $period)) AS start_ms,
            sum(count) OVER (PARTITION BY namespace, name, dimensions, unit, start_ms
                ORDER BY value ROWS UNBOUNDED PRECEDING) AS upto,
            sum(count) OVER (PARTITION BY namespace, name, dimensions, unit, start_ms) AS total
        FROM metric_points
        WHERE (namespace, name, dimensions) IN (SELECT unnest($namespaces), unnest($names), unnest($dimensions))
            AND ($unit IS NULL OR unit = $unit)
            AND time_ms >= $origin_ms AND start_ms >= $first_ms AND start_ms < $end_ms
    ), bounds AS (
        SELECT namespace, name, dimensions, unit, start_ms, {low} AS low, {high} AS high
        FROM points GROUP BY ALL HAVING $basic OR min(value) >= 0
    )
    SELECT namespace, name, dimensions, unit, start_ms, {aggregate} AS result
    FROM points JOIN bounds USING (namespace, name, dimensions, unit, start_ms)
    GROUP BY ALL HAVING result IS NOT NULL ORDER BY start_ms
"""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one metric.

    Attributes:
        namespace: of the metric.
        name: of the metric.
        dimensions: of the metric.
        unit: one of `UNITS`; the string `None` if it has none.
        time_ms: milliseconds since 1970, UTC.
        value: not further from zero than `VALUE_LIMIT`.
        count: how often the value occurred, a whole number from 1.
        resolution: to how many seconds CloudWatch keeps the time, 60 or 1.
    """

    namespace: str
    name: str
    dimensions: Dimensions
    unit: str
    time_ms: int
    value: float
    count: float = 1.0
    resolution: int = 60


@dataclass(frozen=True, slots=True, order=True)
class Metric:
    """What a metric is: the same name in another namespace or with other dimensions is another one."""

    namespace: str
    name: str
    dimensions: Dimensions


@dataclass(frozen=True, slots=True)
class Clock:
    """A way to count time; the default is everybody's, in milliseconds since 1970.

    Attributes:
        origin_ms: when this clock shows 0. What was before does not exist for it.
        minute_seconds: how many seconds pass while it counts a minute.
    """

    origin_ms: int = 0
    minute_seconds: int = 60


class Metrics:
    """The points of all metrics."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._points = store.table("metric_points", _COLUMNS)
        self._clock = Clock()

    def by(self, clock: Clock) -> "Metrics":
        """Return the same metrics for queries whose times, asked for and returned, are those of a clock."""
        metrics = copy(self)
        metrics._clock = clock
        return metrics

    def put(self, points: Iterable[Point]) -> None:
        """Add points; the next query sees them. Takes no time worth naming; callable on any thread."""
        self._points.add(
            *(
                (p.namespace, p.name, _encoded(p.dimensions), p.unit, p.time_ms, p.value, p.count, p.resolution)
                for p in points
            )
        )

    def all(self) -> list[Metric]:
        """Return every metric, in order."""
        rows = self._store.query("SELECT DISTINCT namespace, name, dimensions FROM metric_points")
        return sorted(Metric(namespace, name, _dimensions(text)) for namespace, name, text in rows)

    def statistic(
        self,
        statistic: Statistic,
        metrics: Sequence[Metric],
        period: int,
        start_ms: int,
        end_ms: int,
        unit: str | None = None,
    ) -> dict[tuple[Metric, str], dict[int, float]]:
        """Return a statistic's value for every period that has points.

        A period begins at a multiple of its length. Points that CloudWatch keeps to the minute count in the period in
        which their minute begins.

        Args:
            statistic: which one.
            metrics: whose.
            period: its length in seconds.
            start_ms: within the first period, in milliseconds since 1970.
            end_ms: no period begins then or later.
            unit: only points of this unit.

        Returns:
            For each metric and unit that has any, the values by the periods' beginnings in milliseconds, ascending.
        """
        if start_ms >= end_ms:  # an alarm is checked so, and the sandbox's start waits for it
            return {}
        rows = self._store.query(
            _STATISTIC.format(
                aggregate=statistic.aggregate, low=_bound("low", statistic), high=_bound("high", statistic)
            ),
            {
                "origin_ms": self._clock.origin_ms,
                "minute_seconds": self._clock.minute_seconds,
                "namespaces": [metric.namespace for metric in metrics],
                "names": [metric.name for metric in metrics],
                "dimensions": [_encoded(metric.dimensions) for metric in metrics],
                "period": period,
                "unit": unit,
                "first_ms": start_ms - start_ms % (1000 * period),
                "end_ms": end_ms,
                "basic": statistic.basic,
                "low": statistic.low,
                "high": statistic.high,
            },
        )
        found: dict[tuple[Metric, str], dict[int, float]] = {}
        for namespace, name, dimensions, of_unit, time_ms, value in rows:
            found.setdefault((Metric(namespace, name, _dimensions(dimensions)), of_unit), {})[time_ms] = value
        return found


def _bound(parameter: str, statistic: Statistic) -> str:
    """Return the SQL of a bound: the parameter's own value, or the percentile that it names."""
    if not statistic.percent or math.isinf(getattr(statistic, parameter)):
        return f"${parameter}::DOUBLE"
    # Rounded, so that 5.6 % of 1376 values is at the rank 77 and not at 76.99999999999999.
    rank = f"round(${parameter}::DOUBLE * (total - 1) / 100, 9)"
    below, above = (f"min(value) FILTER (upto > {nearest}({rank}))" for nearest in ("floor", "ceil"))
    return f"{below} + ({above} - {below}) * any_value({rank} - floor({rank}))"


@lru_cache(maxsize=1024)  # a response has a point for every chunk, and they all have the same dimensions
def _encoded(dimensions: Dimensions) -> str:
    return json.dumps(dimensions)


def _dimensions(text: str) -> Dimensions:
    return tuple((name, value) for name, value in json.loads(text))
