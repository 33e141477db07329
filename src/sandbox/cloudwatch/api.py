"""The operations of CloudWatch: requests and results in botocore's shapes."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sandbox.aws_api.contract import ApiError, Operations
from sandbox.cloudwatch.metrics import Metric, Metrics
from sandbox.cloudwatch.put_data import points_of
from sandbox.cloudwatch.queries import check_period, metric_of, results
from sandbox.cloudwatch.shapes import checked
from sandbox.cloudwatch.times import from_ms, newest_first, to_ms

_METRIC = {"Namespace", "MetricName", "Dimensions"}
_RANGE = {"StartTime", "EndTime"}
# The older a start, the larger the step (in minutes) to which CloudWatch rounds it down; by its age in days:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
_START_STEPS = ((15, 1), (63, 5))
_OLDEST_STEP = 60


def operations(metrics: Metrics) -> Operations:
    """Return the operations on these metrics. A response has everything on one page."""
    return checked(
        {
            "PutMetricData": (partial(_put_metric_data, metrics), {"Namespace", "MetricData"}),
            "ListMetrics": (partial(_list_metrics, metrics), _METRIC),
            "GetMetricStatistics": (
                partial(_get_metric_statistics, metrics),
                {*_METRIC, *_RANGE, "Period", "Statistics", "ExtendedStatistics"},
            ),
            "GetMetricData": (partial(_get_metric_data, metrics), {*_RANGE, "MetricDataQueries", "ScanBy"}),
        }
    )


def _put_metric_data(metrics: Metrics, request: Mapping[str, Any]) -> dict[str, Any]:
    metrics.put(points_of(request))
    return {}


def _list_metrics(metrics: Metrics, request: Mapping[str, Any]) -> dict[str, Any]:
    listed = [
        {
            "Namespace": metric.namespace,
            "MetricName": metric.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
        }
        for metric in metrics.all()
        if _is_listed(metric, request)
    ]
    return {"Metrics": listed}


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
    basic, extended = request.get("Statistics", []), request.get("ExtendedStatistics", [])
    if bool(basic) == bool(extended):
        raise ApiError("InvalidParameterCombination", "Either Statistics or ExtendedStatistics must be specified.")
    metric = metric_of(request)
    datapoints: dict[tuple[int, str], dict[str, Any]] = {}
    for name in [*basic, *extended]:
        for unit, values in metrics.statistic(name, metric, period, start_ms, end_ms).items():
            for time_ms, value in values.items():
                datapoint = datapoints.setdefault((time_ms, unit), {"Timestamp": from_ms(time_ms), "Unit": unit})
                (datapoint if basic else datapoint.setdefault("ExtendedStatistics", {}))[name] = value
    return {"Label": metric.name, "Datapoints": [datapoints[key] for key in sorted(datapoints)]}


def _get_metric_data(metrics: Metrics, request: Mapping[str, Any]) -> dict[str, Any]:
    start_ms, end_ms = _range(request, "ValidationError")
    found = []
    for query, series in results(metrics, request["MetricDataQueries"], start_ms, end_ms):
        points = sorted(series.values.items(), reverse=newest_first(request))
        named = query["MetricStat"]["Metric"]["MetricName"] if "MetricStat" in query else query["Id"]
        found.append(
            {
                "Id": query["Id"],
                "Label": query.get("Label", named),
                "Timestamps": [from_ms(time_ms) for time_ms, _ in points],
                "Values": [value for _, value in points],
                "StatusCode": "Complete",
            }
        )
    return {"MetricDataResults": found, "Messages": []}


def _range(request: Mapping[str, Any], code: str) -> tuple[int, int]:
    """Return `StartTime`, rounded down as CloudWatch does, and `EndTime`, in milliseconds."""
    start: datetime = request["StartTime"]
    end: datetime = request["EndTime"]
    if start >= end:
        raise ApiError(code, "The parameter StartTime must be less than the parameter EndTime.")
    age = datetime.now(UTC) - start
    step = next((minutes for days, minutes in _START_STEPS if age < timedelta(days=days)), _OLDEST_STEP)
    start_ms = to_ms(start)
    return start_ms - start_ms % (step * 60_000), to_ms(end)
