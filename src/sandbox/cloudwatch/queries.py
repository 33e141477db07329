"""The queries of GetMetricData and of alarms: each a statistic of a metric, or an expression over the others."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.aws_api.contract import ApiError, not_supported
from sandbox.cloudwatch.metric_math import evaluate
from sandbox.cloudwatch.metrics import Metric, Metrics, Wanted
from sandbox.cloudwatch.series import MOST_VALUES, Series, Value

Query = Mapping[str, Any]
"""A MetricDataQuery: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html"""

_MOST_QUERIES = 500  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html
# What a request may measure, compute from and return: twenty times the values that one response of CloudWatch has.
_MOST_VALUES = 20 * MOST_VALUES
_ID = re.compile(r"[a-z][A-Za-z0-9_]*")


def results(metrics: Metrics, queries: Sequence[Query], start_ms: int, end_ms: int) -> list[tuple[Query, Series]]:
    """Return the queries that return data, each with its series.

    Args:
        metrics: where the points are.
        queries: in botocore's shape; expressions may refer to any others.
        start_ms: when the first period of each metric begins, in milliseconds since 1970.
        end_ms: no period begins then or later.

    Raises:
        ApiError: a query makes no sense, or asks for what the sandbox does not support; the message says which.
    """
    request = _Request(metrics, queries, start_ms, end_ms)
    found = []
    for query in queries:
        value = request.value(query["Id"])
        if query.get("ReturnData", True):
            if not isinstance(value, Series):
                raise _invalid(f"{query['Id']} is a number and no time series: set its ReturnData to false")
            request.count(value)
            found.append((query, value))
    return found


def metric_of(shape: Mapping[str, Any]) -> Metric:
    """Return the metric that a request names by `Namespace`, `MetricName` and `Dimensions`.

    Raises:
        ApiError: a name is missing.
    """
    if "Namespace" not in shape or "MetricName" not in shape:
        raise _invalid("a metric needs a Namespace and a MetricName")
    dimensions = sorted((dimension["Name"], dimension["Value"]) for dimension in shape.get("Dimensions", ()))
    return Metric(shape["Namespace"], shape["MetricName"], tuple(dimensions))


def check_period(period: int) -> int:
    """Return the period, in seconds.

    Raises:
        ApiError: it is not whole minutes.
    """
    if period % 60:
        raise not_supported(f"a period of {period} seconds: it must be a multiple of 60")
    return period


class _Request:
    """All queries of a request."""

    def __init__(self, metrics: Metrics, queries: Sequence[Query], start_ms: int, end_ms: int) -> None:
        if len(queries) > _MOST_QUERIES:
            raise _invalid(f"The collection MetricDataQueries must not have a size greater than {_MOST_QUERIES}.")
        self._queries = {_checked(query)["Id"]: query for query in queries}
        if len(self._queries) < len(queries):
            raise _invalid("two queries have the same Id")
        self.start_ms = start_ms
        self.end_ms = end_ms
        wanted = dict.fromkeys(_wanted(query) for query in queries if "MetricStat" in query)
        self._measuring = metrics.statistics(wanted, start_ms, end_ms)
        self._by_unit: dict[Wanted, dict[str, dict[int, float]]] = {}
        self._values: dict[str, Value] = {}
        self._begun: set[str] = set()
        self._counted = 0

    def value(self, query_id: str) -> Value:
        """Return what a query gives.

        Raises:
            ApiError: it makes no sense, is not supported, or needs its own result.
        """
        if query_id not in self._queries:
            raise _invalid(f"there is no query with the Id {query_id}")
        if query_id not in self._values:
            if query_id in self._begun:
                raise _invalid(f"the expression {query_id} needs its own result")
            self._begun.add(query_id)
            query = self._queries[query_id]
            self._values[query_id] = self._calculated(query) if "Expression" in query else self._measured(query)
        return self._values[query_id]

    def count(self, *values: Value) -> None:
        """Count the values of series that are worked with.

        Raises:
            ApiError: the request needs too many.
        """
        self._counted += sum(len(value.values) for value in values if isinstance(value, Series))
        if self._counted > _MOST_VALUES:
            raise _invalid(
                f"the request needs more than {_MOST_VALUES} values: ask for a shorter range, a longer period or less"
            )

    def common_period(self) -> int:
        """Return the period of all metrics of the request.

        Raises:
            ApiError: they do not have one in common, or there are none.
        """
        # CloudWatch's documentation does not say which period a TIME_SERIES has without one of its own.
        periods = {query["MetricStat"]["Period"] for query in self._queries.values() if "MetricStat" in query}
        if len(periods) != 1:
            raise _invalid("TIME_SERIES needs a Period: the metrics of the request do not have one in common")
        return int(periods.pop())

    def _calculated(self, query: Query) -> Value:
        period = query.get("Period")
        value = evaluate(query["Expression"], self, period)
        if isinstance(value, Series) and period not in (None, value.period):
            raise not_supported(f"a Period of {query['Id']} other than that of its metrics")
        return value

    def _measured(self, query: Query) -> Series:
        """Return the series of a metric. What the request measures is read together: that takes a tenth of the time."""
        wanted = _wanted(query)
        while wanted not in self._by_unit:
            measured, by_unit = next(self._measuring)
            self._by_unit[measured] = by_unit
        by_unit = self._by_unit[wanted]
        if len(by_unit) > 1:
            raise not_supported(f"values of several units ({', '.join(sorted(by_unit))}) in {wanted.metric.name}")
        series = Series(wanted.period, next(iter(by_unit.values()), {}))
        self.count(series)
        return series


def _wanted(query: Query) -> Wanted:
    stat = query["MetricStat"]
    return Wanted(stat["Stat"], metric_of(stat["Metric"]), check_period(stat["Period"]))


def _checked(query: Query) -> Query:
    """Return the query.

    Raises:
        ApiError: it makes no sense by itself, or has what the sandbox does not support.
    """
    name = query["Id"]
    if not _ID.fullmatch(name):
        raise _invalid(f"the Id {name!r} is not letters, digits and underscores beginning with a small letter")
    if ("MetricStat" in query) == ("Expression" in query):
        raise _invalid(f"{name} needs either a MetricStat or an Expression")
    if "AccountId" in query:
        raise not_supported(f"metrics of other accounts (AccountId of {name})")
    if "Unit" in query.get("MetricStat", {}):
        raise not_supported(f"a choice of values by their unit (Unit of {name})")
    if "Period" in query and "MetricStat" in query:
        raise _invalid(f"{name} has a Period beside its MetricStat: it belongs into it")
    if "${" in query.get("Label", ""):
        raise not_supported(f"dynamic labels ({query['Label']!r} of {name})")
    return query


def _invalid(message: str) -> ApiError:
    return ApiError("ValidationError", message)
