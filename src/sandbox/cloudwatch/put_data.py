"""PutMetricData: a request's values as points, all of them or none."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.aws_api.contract import ApiError, not_supported
from sandbox.cloudwatch.metrics import VALUE_LIMIT, Dimensions, Point
from sandbox.cloudwatch.times import to_ms

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html and API_MetricDatum.html there
_DATA = 1000
_VALUES = 150


def points_of(request: Mapping[str, Any]) -> list[Point]:
    """Return the points of a request.

    Args:
        request: in botocore's shape, within the limits of botocore's model.

    Raises:
        ApiError: a member is wrong, or not supported; the message names it.
    """
    namespace, data = request["Namespace"], request.get("MetricData")
    _check_text(namespace, "Namespace")
    if namespace.startswith("AWS/"):
        raise _invalid("Namespace", "must not start with AWS/")
    if not data:
        raise _missing("MetricData")
    if len(data) > _DATA:
        raise _invalid("MetricData", f"must not have more than {_DATA} members")
    now = datetime.now(UTC)
    return [
        point
        for number, datum in enumerate(data, 1)
        for point in _points(namespace, datum, f"MetricData.member.{number}", now)
    ]


def _points(namespace: str, datum: Mapping[str, Any], path: str, now: datetime) -> Iterator[Point]:
    if "StatisticValues" in datum:
        raise not_supported(f"{path}.StatisticValues in PutMetricData: put the values themselves")
    _check_text(datum["MetricName"], f"{path}.MetricName")
    dimensions = _dimensions(datum, path)
    unit, resolution = datum.get("Unit", "None"), datum.get("StorageResolution", 60)
    if resolution not in (1, 60):
        raise _invalid(f"{path}.StorageResolution", "must be 1 or 60")
    time_ms = to_ms(datum.get("Timestamp", now))
    for value, count in _counted_values(datum, path):
        yield Point(namespace, datum["MetricName"], dimensions, unit, time_ms, value, count, resolution)


def _counted_values(datum: Mapping[str, Any], path: str) -> list[tuple[float, float]]:
    if "Value" in datum and "Values" in datum:
        raise ApiError(
            "InvalidParameterCombination", f"The parameters {path}.Value and {path}.Values exclude each other."
        )
    values = [datum["Value"]] if "Value" in datum else datum.get("Values", [])
    counts = datum.get("Counts", [1.0] * len(values))
    if not values:
        raise _missing(f"{path}.Value")
    if len(values) > _VALUES:
        raise _invalid(f"{path}.Values", f"must not have more than {_VALUES} members")
    if len(counts) != len(values):
        raise _invalid(f"{path}.Counts", "must have as many members as Values")
    for value in values:
        if not abs(value) <= VALUE_LIMIT:
            raise _invalid(f"{path}.Value", f"must be a number from -2^360 to 2^360, not {value}")
    for count in counts:
        if not 0 < count < math.inf:
            raise _invalid(f"{path}.Counts", f"must be positive numbers, not {count}")
        if count % 1:
            raise not_supported(f"a count that is no whole number in {path}.Counts: {count}")
    return [(float(value), float(count)) for value, count in zip(values, counts, strict=True)]


def _dimensions(datum: Mapping[str, Any], path: str) -> Dimensions:
    dimensions = [(dimension["Name"], dimension["Value"]) for dimension in datum.get("Dimensions", ())]
    for text in (text for pair in dimensions for text in pair):
        _check_text(text, f"{path}.Dimensions")
    if len(dict(dimensions)) < len(dimensions):
        raise _invalid(f"{path}.Dimensions", "must not have a Name twice")
    return tuple(sorted(dimensions))


def _check_text(text: str, path: str) -> None:
    if not text.strip() or not text.isascii():
        raise _invalid(path, f"must be ASCII characters, and not only blanks: {text!r}")


def _invalid(path: str, what: str) -> ApiError:
    return ApiError("InvalidParameterValue", f"The parameter {path} {what}.")


def _missing(path: str) -> ApiError:
    return ApiError("MissingParameter", f"The parameter {path} is required.")
