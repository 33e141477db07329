"""The queries of GetMetricData and of alarms: each a statistic of a metric, or an expression over the others."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sandbox.aws_api.contract import ApiError, not_supported
from sandbox.cloudwatch.metric_math import evaluate
from sandbox.cloudwatch.metrics import Metric, Metrics
from sandbox.cloudwatch.search import parse_search
from sandbox.cloudwatch.series import Series, Value, Values
from sandbox.cloudwatch.statistics import parse_statistic

Query = Mapping[str, Any]
"""A MetricDataQuery: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html"""

_QUERIES = 500
_FOUND_METRICS = 100
_ID = re.compile(r"[a-z][A-Za-z0-9_]*")


def results(metrics: Metrics, queries: Sequence[Query], start_ms: int, end_ms: int) -> list[tuple[str, Series]]:
    """Return the ids and series of the queries that return data; an expression can have several series, or none.

    A series of a metric is called by its query's label, else by the metric's name; one that a search has found, by what
    not all metrics have in common that it has found; an expression's series by the label, else by the id. Of several
    series of an expression, each keeps its own name behind the label.

    Args:
        metrics: where the points are.
        queries: in botocore's shape; expressions may refer to any others.
        start_ms: within the first period, in milliseconds since 1970.
        end_ms: no period begins then or later.

    Raises:
        ApiError: a query makes no sense, or asks for what the sandbox does not support; the message says which.
    """
    if len(queries) > _QUERIES:
        raise _invalid(f"MetricDataQueries has {len(queries)} members; {_QUERIES} is the most")
    request = _Request(metrics, queries, start_ms, end_ms)
    values = [(query, request.value(query["Id"])) for query in queries]
    return [
        (query["Id"], series)
        for query, value in values
        if query.get("ReturnData", True)
        for series in _labelled(query, value)
    ]


def metric_of(shape: Mapping[str, Any]) -> Metric:
    """Return the metric that a request names by `Namespace`, `MetricName` and `Dimensions`.

    Raises:
        ApiError: a name is missing.
    """
    if not shape.get("Namespace") or not shape.get("MetricName"):
        raise _invalid("a metric needs a Namespace and a MetricName")
    dimensions = sorted((dimension["Name"], dimension["Value"]) for dimension in shape.get("Dimensions", ()))
    return Metric(shape["Namespace"], shape["MetricName"], tuple(dimensions))


def check_period(period: int) -> int:
    """Return the period, in seconds.

    Raises:
        ApiError: CloudWatch does not have it.
    """
    if period in (1, 5, 10, 20, 30) or (period > 0 and period % 60 == 0):
        return period
    raise ApiError(
        "InvalidParameterValue", f"The period {period} is none of 1, 5, 10, 20 and 30 and no multiple of 60 seconds."
    )


def _labelled(query: Query, value: Value) -> list[Series]:
    match value:
        case list():
            return [replace(series, label=f"{query.get('Label', '')} {series.label}".strip()) for series in value]
        case Series() if "Expression" in query:
            return [replace(value, label=query.get("Label", query["Id"]))]
        case Series():
            return [value]
    raise _invalid(f"{query['Id']} is a number and no time series: set its ReturnData to false")


class _Request:
    """All queries of a request: what their expressions can refer to."""

    def __init__(self, metrics: Metrics, queries: Sequence[Query], start_ms: int, end_ms: int) -> None:
        self.start_ms = start_ms
        self.end_ms = end_ms
        self._metrics = metrics
        self._queries = {_checked(query)["Id"]: query for query in queries}
        if len(self._queries) < len(queries):
            raise _invalid("two queries have the same Id")
        self._values: dict[str, Value] = {}
        self._begun: set[str] = set()

    def value(self, query_id: str) -> Value:
        if query_id not in self._queries:
            raise _invalid(f"there is no query with the Id {query_id}")
        if query_id not in self._values:
            if query_id in self._begun:
                raise _invalid(f"the expression {query_id} needs its own result")
            self._begun.add(query_id)
            self._values[query_id] = self._evaluate(self._queries[query_id])
        return self._values[query_id]

    def metrics(self, part: str) -> list[Series]:
        found = [self.value(name) for name, query in self._queries.items() if part in name and "MetricStat" in query]
        return [series for series in found if isinstance(series, Series)]

    def search(self, text: str, statistic: str, period: int | None) -> list[Series]:
        matches = parse_search(text)
        found = [metric for metric in self._metrics.all() if matches(metric)]
        if len(found) > _FOUND_METRICS:
            raise not_supported(f"a SEARCH that finds more than {_FOUND_METRICS} metrics ({text!r}: {len(found)})")
        if period is None:
            raise _invalid("SEARCH needs a period, as its third argument or as the Period of its query")
        return self._series(found, _names(found), statistic, period)

    def _evaluate(self, query: Query) -> Value:
        if "Expression" in query:
            period = query.get("Period")
            value = evaluate(query["Expression"], self, period)
            series = value if isinstance(value, list) else [value]
            if period and any(isinstance(one, Series) and one.period not in (0, period) for one in series):
                raise not_supported(f"a Period of {query['Id']} other than that of its metrics")
            return value
        stat = query["MetricStat"]
        metric = metric_of(stat["Metric"])
        label = query.get("Label", metric.name)
        return self._series([metric], [label], stat["Stat"], stat["Period"], stat.get("Unit"))[0]

    def _series(
        self, metrics: Sequence[Metric], labels: Sequence[str], statistic: str, period: int, unit: str | None = None
    ) -> list[Series]:
        found = self._metrics.statistic(
            parse_statistic(statistic), metrics, check_period(period), self.start_ms, self.end_ms, unit
        )
        values: dict[Metric, Values] = {}
        for (metric, of_unit), of_metric in found.items():
            if metric in values:
                raise not_supported(f"values of several units ({of_unit} and others) in {metric.name} without a Unit")
            values[metric] = of_metric
        return [Series(label, period, values.get(metric, {})) for metric, label in zip(metrics, labels, strict=True)]


def _checked(query: Query) -> Query:
    """Return the query.

    Raises:
        ApiError: it makes no sense by itself.
    """
    name = query["Id"]
    if not _ID.fullmatch(name):
        raise _invalid(f"the Id {name!r} is not letters, digits and underscores beginning with a small letter")
    if ("MetricStat" in query) == ("Expression" in query):
        raise _invalid(f"{name} needs either a MetricStat or an Expression")
    if "AccountId" in query:
        raise not_supported(f"metrics of other accounts (AccountId of {name})")
    if "Period" in query and "MetricStat" in query:
        raise _invalid(f"{name} has a Period beside its MetricStat: it belongs into it")
    if "${" in query.get("Label", ""):
        raise not_supported(f"dynamic labels ({query['Label']!r} of {name})")
    return query


def _names(metrics: Sequence[Metric]) -> list[str]:
    """Return for each metric what not all of them have in common of namespace, name and dimension values."""
    texts = [(metric.namespace, metric.name, *(value for _, value in metric.dimensions)) for metric in metrics]
    common = set.intersection(*map(set, texts)) if texts else set()
    return [" ".join(text for text in of_one if text not in common) or of_one[1] for of_one in texts]


def _invalid(message: str) -> ApiError:
    return ApiError("ValidationError", message)
