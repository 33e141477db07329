"""Which CloudFormation properties of alarms the sandbox supports, and their values in the types of CloudWatch's API.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-compositealarm.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from template.errors import TemplateError

Shape = Mapping[str, Any]
"""By name: a type, a list with the one shape of all items, or a shape."""

_METRIC: Shape = {"Namespace": str, "MetricName": str, "Dimensions": [{"Name": str, "Value": str}]}
_STAT: Shape = {"Metric": _METRIC, "Period": int, "Stat": str, "Unit": str}
_BOTH_KINDS: Shape = {
    "AlarmName": str,
    "AlarmDescription": str,
    "ActionsEnabled": bool,
    "OKActions": [str],
    "AlarmActions": [str],
    "InsufficientDataActions": [str],
}
_METRIC_ALARM: Shape = {
    **_BOTH_KINDS,
    **_METRIC,
    "Period": int,
    "Statistic": str,
    "ExtendedStatistic": str,
    "Unit": str,
    "Metrics": [
        {"Id": str, "Label": str, "Expression": str, "Period": int, "MetricStat": _STAT, "ReturnData": bool},
    ],
    "EvaluationPeriods": int,
    "DatapointsToAlarm": int,
    "Threshold": float,
    "ComparisonOperator": str,
    "TreatMissingData": str,
}
METRIC_TYPE = "AWS::CloudWatch::Alarm"
COMPOSITE_TYPE = "AWS::CloudWatch::CompositeAlarm"
SHAPES: Mapping[str, Shape] = {METRIC_TYPE: _METRIC_ALARM, COMPOSITE_TYPE: {**_BOTH_KINDS, "AlarmRule": str}}
"""Of the properties of both types of alarm resources."""
# Wherever a shape has them.
_REQUIRED = {
    *("AlarmName", "AlarmRule", "EvaluationPeriods", "Threshold", "ComparisonOperator"),
    *("Id", "Metric", "Stat", "Name", "Value"),
}


def typed(value: Any, shape: Any, where: str) -> Any:
    """Return a property's value in the types of its shape: CloudFormation takes `"300"` for 300.

    Args:
        value: with every intrinsic function resolved.
        shape: a type, a list, or a `Shape`.
        where: the place in the template, for messages.

    Raises:
        TemplateError: a property is missing, is not in the shape, or is of another type.
    """
    match shape, value:
        case dict(), Mapping():
            for name in value:
                if name not in shape:
                    raise TemplateError(f"{where}.{name}: the sandbox's alarms do not support this property")
            for name in shape:
                if name in _REQUIRED and name not in value:
                    raise TemplateError(f"{where}.{name} is missing")
            return {name: typed(item, shape[name], f"{where}.{name}") for name, item in value.items()}
        case [item_shape], list():
            return [typed(item, item_shape, f"{where}[{place}]") for place, item in enumerate(value)]
        case type(), str() | bool() | int() | float():
            try:
                return _CONVERSIONS[shape](value)
            except (KeyError, ValueError):
                pass
    raise TemplateError(
        f"{where}: {value!r} is no {_NAMES.get(shape) if isinstance(shape, type) else 'such structure'}"
    )


_CONVERSIONS: Mapping[type, Callable[[object], object]] = {
    str: str,
    int: lambda value: int(str(value)),
    float: lambda value: float(str(value)),
    bool: lambda value: {"true": True, "false": False}[str(value).lower()],
}
_NAMES = {str: "text", int: "whole number", float: "number", bool: "truth value (true or false)"}
