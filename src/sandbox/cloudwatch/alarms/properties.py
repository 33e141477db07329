"""Alarms as templates have them, in the shapes of the API calls that CloudFormation makes of them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-compositealarm.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.model import Shape

from sandbox.cloudwatch.shapes import check, shape
from template.errors import TemplateError
from template.resources import Resource

METRIC_TYPE = "AWS::CloudWatch::Alarm"
COMPOSITE_TYPE = "AWS::CloudWatch::CompositeAlarm"
OF_ONE_METRIC = ("Namespace", "MetricName", "Dimensions", "Period", "Statistic", "ExtendedStatistic")
"""The properties that say which one metric is watched, where no Metrics do."""

_OF_BOTH_TYPES = {
    *("AlarmName", "AlarmDescription", "ActionsEnabled"),
    *("OKActions", "AlarmActions", "InsufficientDataActions"),
}
_REQUIRED = {"EvaluationPeriods", "Threshold", "ComparisonOperator"}
# By type: the shape of the API call, the properties that it must have beside those of the shape, and all others.
_TYPES = {
    METRIC_TYPE: (
        "PutMetricAlarmInput",
        _REQUIRED,
        {*_OF_BOTH_TYPES, *OF_ONE_METRIC, "Metrics", "DatapointsToAlarm", "TreatMissingData", "WarmUpConfiguration"},
    ),
    COMPOSITE_TYPE: ("PutCompositeAlarmInput", set[str](), {*_OF_BOTH_TYPES, "AlarmRule"}),
}


def is_alarm(resource: Resource) -> bool:
    """Tell whether a resource is an alarm of one of the two types."""
    return resource.type in _TYPES


def properties_of(resource: Resource, place: str) -> dict[str, Any]:
    """Return an alarm's properties as PutMetricAlarm or PutCompositeAlarm takes them.

    Args:
        resource: the alarm.
        place: its logical id, for messages.

    Raises:
        TemplateError: a property is missing, of another type or not supported, or breaks a limit.
    """
    name, required, others = _TYPES[resource.type]
    given = dict(resource.properties)
    for member in given:
        if member not in required | others:
            raise TemplateError(f"{place}.{member}: the sandbox's alarms do not support this property")
    for member in sorted(required - given.keys()):
        raise TemplateError(f"{place}.{member} is missing")
    properties: dict[str, Any] = _converted(given, shape(name))
    try:
        check(properties, shape(name))
    except ValueError as error:
        raise TemplateError(f"{place}: {error}") from None
    return properties


def _converted(value: Any, shape: Shape) -> Any:
    """Return a value in the type of its shape, as CloudFormation takes `"300"` for 300; as it is if that cannot be."""
    match shape.type_name, value:
        case "structure", dict():
            members = shape.members
            return {name: _converted(item, members[name]) if name in members else item for name, item in value.items()}
        case "list", list():
            return [_converted(item, shape.member) for item in value]
        case kind, str() | bool() | int() | float() if kind in _CONVERSIONS:
            try:
                return _CONVERSIONS[kind](value)
            except (KeyError, ValueError):
                return value
    return value


_CONVERSIONS: Mapping[str, Callable[[object], object]] = {
    "string": str,
    "integer": lambda value: int(str(value)),
    "double": lambda value: float(str(value)),
    "boolean": lambda value: {"true": True, "false": False}[str(value).lower()],
}
