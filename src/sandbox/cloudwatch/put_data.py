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
        request: in botocore's shape, within the limits of botocore's model. `StorageResolution` makes no difference:
            the sandbox has no period below a minute.

    Raises:
        ApiError: a member is wrong, or not supported; the message names it.
    """
    namespace, data = request["Namespace"], request.get("MetricData", ())
    _check_texts("Namespace", namespace)
    if not 1 <= len(data) <= _DATA:
        raise _invalid("MetricData", f"must have from 1 to {_DATA} members")
    now = datetime.now(UTC)
    return [
        point
        for number, datum in enumerate(data, 1)
        for point in _points(namespace, datum, f"MetricData.member.{number}", now)
    ]


def _points(namespace: str, datum: Mapping[str, Any], path: str, now: datetime) -> Iterator[Point]:
    name, dimensions = datum["MetricName"], _dimensions(datum)
    _check_texts(path, name, *(text for pair in dimensions for text in pair))
    unit, time_ms = datum.get("Unit", "None"), to_ms(datum.get("Timestamp", now))
    for value, count in _counted_values(datum, path):
        yield Point(namespace, name, dimensions, unit, time_ms, float(value), float(count))


def _dimensions(datum: Mapping[str, Any]) -> Dimensions:
    return tuple(sorted((dimension["Name"], dimension["Value"]) for dimension in datum.get("Dimensions", ())))


def _counted_values(datum: Mapping[str, Any], path: str) -> Iterator[tuple[float, float]]:
    if "StatisticValues" in datum:
        raise not_supported(f"{path}.StatisticValues in PutMetricData: put the values themselves")
    if ("Value" in datum) == ("Values" in datum):
        raise _invalid(path, "must have either a Value or Values")
    values = datum.get("Values", [datum.get("Value")])
    counts = datum.get("Counts", [1.0] * len(values))
    if not 1 <= len(values) <= _VALUES:
        raise _invalid(f"{path}.Values", f"must have from 1 to {_VALUES} members")
    if len(counts) != len(values):
        raise _invalid(f"{path}.Counts", "must have as many members as Values")
    for value, count in zip(values, counts, strict=True):
        if not abs(value) <= VALUE_LIMIT:
            raise _invalid(f"{path}.Value", f"must be a number from -2^360 to 2^360, not {value}")
        if not 0 < count < math.inf or count % 1:
            raise _invalid(f"{path}.Counts", f"must be positive numbers, in the sandbox whole ones, not {count}")
        yield value, count


def _check_texts(path: str, *texts: str) -> None:
    for text in texts:
        if not text.strip() or not text.isascii():
            raise _invalid(path, f"must have names and values of ASCII characters that are not all blank, not {text!r}")


def _invalid(path: str, what: str) -> ApiError:
    return ApiError("InvalidParameterValue", f"The parameter {path} {what}.")
