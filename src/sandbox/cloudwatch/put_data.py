"""PutMetricData: a request's values as points, all of them or none."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.aws_api.contract import ApiError, not_supported
from sandbox.cloudwatch.metrics import (
    DIMENSION_VALUE_LENGTH,
    MOST_DIMENSIONS,
    NAME_LENGTH,
    UNITS,
    VALUE_LIMIT,
    Dimensions,
    Point,
)
from sandbox.cloudwatch.times import to_ms

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html and API_MetricDatum.html there
_DATA = 1000
_VALUES = 150
_BACKWARD = timedelta(weeks=2)
_AHEAD = timedelta(hours=2)


def points_of(request: Mapping[str, Any]) -> list[Point]:
    """Return the points of a request.

    Args:
        request: in botocore's shape.

    Raises:
        ApiError: a member is wrong, or not supported; the message names it.
    """
    for member in ("EntityMetricData", "StrictEntityValidation"):
        if request.get(member):
            raise not_supported(f"{member} in PutMetricData")
    namespace = _name(request["Namespace"], "Namespace", NAME_LENGTH)
    if namespace.startswith("AWS/"):
        raise _invalid("Namespace", "must not start with AWS/")
    data = request.get("MetricData")
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
    name = _name(datum["MetricName"], f"{path}.MetricName", NAME_LENGTH)
    dimensions = _dimensions(datum, path)
    unit, resolution = datum.get("Unit", "None"), datum.get("StorageResolution", 60)
    if unit not in UNITS:
        raise _invalid(f"{path}.Unit", f"must be one of CloudWatch's units, not {unit!r}")
    if resolution not in (1, 60):
        raise _invalid(f"{path}.StorageResolution", "must be 1 or 60")
    moment = datum.get("Timestamp", now)
    if not now - _BACKWARD <= moment <= now + _AHEAD:
        raise _invalid(f"{path}.Timestamp", "must lie within the past two weeks or the next two hours")
    for value, count in _counted_values(datum, path):
        yield Point(namespace, name, dimensions, unit, to_ms(moment), value, count, resolution)


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
    dimensions = datum.get("Dimensions", [])
    if len(dimensions) > MOST_DIMENSIONS:
        raise _invalid(f"{path}.Dimensions", f"must not have more than {MOST_DIMENSIONS} members")
    found: dict[str, str] = {}
    for number, dimension in enumerate(dimensions, 1):
        place = f"{path}.Dimensions.member.{number}"
        name = _name(dimension["Name"], f"{place}.Name", NAME_LENGTH)
        if name in found:
            raise _invalid(f"{place}.Name", f"must not be there twice: {name!r}")
        found[name] = _name(dimension["Value"], f"{place}.Value", DIMENSION_VALUE_LENGTH)
    return tuple(sorted(found.items()))


def _name(text: str, path: str, longest: int) -> str:
    if not text.strip() or len(text) > longest or not text.isascii() or text.startswith(":"):
        raise _invalid(path, f"must be 1 to {longest} ASCII characters, not only blanks, and not start with a colon")
    return text


def _invalid(path: str, what: str) -> ApiError:
    return ApiError("InvalidParameterValue", f"The parameter {path} {what}.")


def _missing(path: str) -> ApiError:
    return ApiError("MissingParameter", f"The parameter {path} is required.")
