"""The operations of CloudWatch: requests and results in botocore's shapes."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any

from sandbox.aws_api.contract import ApiError, Operations, not_supported
from sandbox.cloudwatch.metrics import Metric, Metrics
from sandbox.cloudwatch.paging import newest_first, page_of
from sandbox.cloudwatch.put_data import points_of
from sandbox.cloudwatch.queries import check_period, metric_of, results
from sandbox.cloudwatch.statistics import BASIC, parse_statistic
from sandbox.cloudwatch.times import from_ms, to_ms

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html and its neighbours
_METRICS_PER_PAGE = 500
_DATAPOINTS_OF_STATISTICS = 1440
_DATAPOINTS_PER_PAGE = 100_800


def operations(metrics: Metrics) -> Operations:
    """Return the operations on these metrics."""
    return {
        "PutMetricData": partial(_put_metric_data, metrics),
        "ListMetrics": partial(_list_metrics, metrics),
        "GetMetricStatistics": partial(_get_metric_statistics, metrics),
        "GetMetricData": partial(_get_metric_data, metrics),
    }


def _put_metric_data(metrics: Metrics, request: Mapping[str, Any]) -> dict[str, Any]:
    metrics.put(points_of(request))
    return {}


def _list_metrics(metrics: Metrics, request: Mapping[str, Any]) -> dict[str, Any]:
    for member in ("RecentlyActive", "IncludeLinkedAccounts", "OwningAccount"):
        if request.get(member):
            raise not_supported(f"{member} in ListMetrics")
    found = [metric for metric in metrics.all() if _is_listed(metric, request)]
    page, following = page_of(found, request, _METRICS_PER_PAGE)
    listed = [
        {
            "Namespace": metric.namespace,
            "MetricName": metric.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
        }
        for metric in page
    ]
    return {"Metrics": listed, **following}


def _is_listed(metric: Metric, request: Mapping[str, Any]) -> bool:
    dimensions = dict(metric.dimensions)
    return (
        request.get("Namespace", metric.namespace) == metric.namespace
        and request.get("MetricName", metric.name) == metric.name
        and all(
            wanted["Name"] in dimensions
            and wanted.get("Value", dimensions[wanted["Name"]]) == dimensions[wanted["Name"]]
            for wanted in request.get("Dimensions", ())
        )
    )


def _get_metric_statistics(metrics: Metrics, request: Mapping[str, Any]) -> dict[str, Any]:
    start_ms, end_ms = _range(request, "InvalidParameterValue")
    period = check_period(request["Period"])
    if (datapoints := -(-(end_ms - start_ms) // (1000 * period))) > _DATAPOINTS_OF_STATISTICS:
        raise ApiError(
            "InvalidParameterCombination",
            f"You have requested up to {datapoints} datapoints, and {_DATAPOINTS_OF_STATISTICS} is the limit. "
            "Make Period longer or the time range shorter.",
        )
    basic, extended = request.get("Statistics", []), request.get("ExtendedStatistics", [])
    if bool(basic) == bool(extended):
        raise ApiError("InvalidParameterCombination", "Either Statistics or ExtendedStatistics must be specified.")
    metric = metric_of(request)
    datapoints_by_time: dict[tuple[int, str], dict[str, Any]] = {}
    for name in dict.fromkeys([*basic, *extended]):
        if (name in BASIC) != bool(basic):
            raise ApiError(
                "InvalidParameterValue", f"{name!r} goes into {'ExtendedStatistics' if basic else 'Statistics'}."
            )
        found = metrics.statistic(parse_statistic(name), [metric], period, start_ms, end_ms, request.get("Unit"))
        for (_, unit), values in found.items():
            for time_ms, value in values.items():
                datapoint = datapoints_by_time.setdefault(
                    (time_ms, unit), {"Timestamp": from_ms(time_ms), "Unit": unit}
                )
                (datapoint if basic else datapoint.setdefault("ExtendedStatistics", {}))[name] = value
    return {"Label": metric.name, "Datapoints": [datapoints_by_time[key] for key in sorted(datapoints_by_time)]}


def _get_metric_data(metrics: Metrics, request: Mapping[str, Any]) -> dict[str, Any]:
    if "LabelOptions" in request:
        raise not_supported("LabelOptions in GetMetricData")
    start_ms, end_ms = _range(request, "ValidationError")
    descending = newest_first(request)
    size = request.get("MaxDatapoints", _DATAPOINTS_PER_PAGE)
    if not 1 <= size <= _DATAPOINTS_PER_PAGE:
        raise ApiError("ValidationError", f"MaxDatapoints must be from 1 to {_DATAPOINTS_PER_PAGE}.")
    series = results(metrics, request["MetricDataQueries"], start_ms, end_ms)
    points = [
        (place, time_ms, value)
        for place, (_, one) in enumerate(series)
        for time_ms, value in sorted(one.values.items(), reverse=descending)
    ]
    page, following = page_of(points, request, size)
    on_page = {place: list(group) for place, group in groupby(page, itemgetter(0))}
    unfinished = points[int(following["NextToken"])][0] if following else None
    # A series without values belongs to the first page.
    first = "NextToken" not in request
    return {
        "MetricDataResults": [
            {
                "Id": query_id,
                "Label": one.label,
                "Timestamps": [from_ms(time_ms) for _, time_ms, _ in on_page.get(place, ())],
                "Values": [value for _, _, value in on_page.get(place, ())],
                "StatusCode": "PartialData" if place == unfinished else "Complete",
            }
            for place, (query_id, one) in enumerate(series)
            if place in on_page or (first and not one.values)
        ],
        "Messages": [],
        **following,
    }


def _range(request: Mapping[str, Any], code: str) -> tuple[int, int]:
    """Return `StartTime` and `EndTime` in milliseconds."""
    start: datetime = request["StartTime"]
    end: datetime = request["EndTime"]
    if start >= end:
        raise ApiError(code, "The parameter StartTime must be less than the parameter EndTime.")
    return to_ms(start), to_ms(end)
