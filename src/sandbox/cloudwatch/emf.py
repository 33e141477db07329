"""The embedded metric format: which points CloudWatch extracts from a log line."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from sandbox.cloudwatch.metrics import VALUE_LIMIT, Dimensions, Point
from sandbox.cloudwatch.shapes import check, shape
from sandbox.strict_json import parse_json

_METRICS_PER_DIRECTIVE = 100
_VALUES_PER_METRIC = 100
# The sandbox's own limit: a line of 1 MB could have a billion points, as each dimension set has all values again.
_POINTS_PER_DOCUMENT = 30_000
# The last millisecond that a timestamp in an answer can express.
_LAST_MS = 253_402_300_799_999


def emf_points(message: str) -> list[Point]:
    """Return one point for every value and dimension set of a document; none for a line that is no valid document.

    None either for one that has more than 30,000 points.

    A document counts whole or not at all: where one member breaks the specification, no other is taken. CloudWatch's
    limit on a timestamp's age is not applied. `StorageResolution` makes no difference: no period is below a minute.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

    Args:
        message: the log line; the document must be all of it.
    """
    try:
        return list(_points(parse_json(message)))
    except (ValueError, RecursionError):
        return []


def _points(document: Any) -> Iterator[Point]:
    match document:
        case {"_aws": {"Timestamp": int(time_ms), "CloudWatchMetrics": list(directives)}} if 0 < time_ms <= _LAST_MS:
            pass
        case _:
            raise ValueError("no metadata object")
    room = _POINTS_PER_DOCUMENT
    for directive in directives:
        match directive:
            case {"Namespace": str(namespace), "Dimensions": [_, *_] as sets, "Metrics": list(definitions)}:
                _check_namespace(namespace)
                _require(len(definitions) <= _METRICS_PER_DIRECTIVE)
            case _:
                raise ValueError("no metric directive")
        metrics = [(*naming, _values(document.get(naming[0]))) for naming in map(_definition, definitions)]
        # Before any set is looked at, since a set without metrics takes time as well.
        room -= len(sets) * max(1, sum(len(values) for _, _, values in metrics))
        _require(room >= 0)
        dimension_sets = [_dimensions(names, document) for names in sets]
        for name, unit, values in metrics:
            for value in values:
                for dimensions in dimension_sets:
                    yield Point(namespace, name, dimensions, unit, time_ms, value)


def _dimensions(names: Any, document: Mapping[str, Any]) -> Dimensions:
    _require(isinstance(names, list) and all(isinstance(name, str) for name in names))
    dimensions = {name: document.get(name) for name in names}
    _require(all(isinstance(value, str) for value in dimensions.values()))
    return _checked_dimensions(tuple(dimensions.items()))


def _definition(definition: Any) -> tuple[str, str]:
    match definition:
        case {"Name": str(name)}:
            unit = definition.get("Unit", "None")
            _require(isinstance(unit, str))
            _check_metric(name, unit)
            return name, unit
        case _:
            raise ValueError("no metric definition")


# A function sends the same names with every response. What breaks a limit, such as that of their lengths, is not kept.
@lru_cache(maxsize=256)
def _check_namespace(namespace: str) -> None:
    check(namespace, shape("Namespace"))


@lru_cache(maxsize=1024)
def _check_metric(name: str, unit: str) -> None:
    check({"MetricName": name, "Unit": unit}, shape("MetricDatum"))


@lru_cache(maxsize=256)
def _checked_dimensions(dimensions: Dimensions) -> Dimensions:
    check([{"Name": name, "Value": value} for name, value in dimensions], shape("Dimensions"))
    return tuple(sorted(dimensions))


def _values(target: Any) -> list[float]:
    values = target if isinstance(target, list) else [target]
    _require(len(values) <= _VALUES_PER_METRIC)
    for value in values:
        _require(isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= VALUE_LIMIT)
    return [float(value) for value in values]


def _require(valid: bool) -> None:
    if not valid:
        raise ValueError("breaks the specification")
