"""What `Ref` and `Fn::GetAtt` give for a resource: its name, its ARN; for the types whose values this stack uses.

Each type's page has a section "Return values":
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Identity(NamedTuple):
    """What tells a resource from all others; the name is the one that it has if the template gives it none."""

    name: str
    region: str
    account: str


class _Kind(NamedTuple):
    """Of a resource type: the property with the name, and formats of what `Ref` and each attribute give."""

    name_property: str
    ref: str
    attributes: Mapping[str, str]


_ALARM = _Kind("AlarmName", "{name}", {"Arn": "arn:aws:cloudwatch:{region}:{account}:alarm:{name}"})
_FUNCTION_ARN = "arn:aws:lambda:{region}:{account}:function:{name}"
_LAYER_ARN = "arn:aws:lambda:{region}:{account}:layer:{name}:1"
_LOG_GROUP_ARN = "arn:aws:logs:{region}:{account}:log-group:{name}:*"
_SCHEDULE_ARN = "arn:aws:scheduler:{region}:{account}:schedule/default/{name}"
_TOPIC_ARN = "arn:aws:sns:{region}:{account}:{name}"

_KINDS = {
    "AWS::CloudWatch::Alarm": _ALARM,
    "AWS::CloudWatch::CompositeAlarm": _ALARM,
    "AWS::CloudWatch::Dashboard": _Kind("DashboardName", "{name}", {}),
    "AWS::IAM::Role": _Kind("RoleName", "{name}", {"Arn": "arn:aws:iam::{account}:role/{name}"}),
    "AWS::Logs::LogGroup": _Kind("LogGroupName", "{name}", {"Arn": _LOG_GROUP_ARN}),
    "AWS::SNS::Topic": _Kind("TopicName", _TOPIC_ARN, {"TopicArn": _TOPIC_ARN, "TopicName": "{name}"}),
    "AWS::Scheduler::Schedule": _Kind("Name", "{name}", {"Arn": _SCHEDULE_ARN}),
    "AWS::Serverless::Function": _Kind("FunctionName", "{name}", {"Arn": _FUNCTION_ARN}),
    "AWS::Serverless::LayerVersion": _Kind("LayerName", _LAYER_ARN, {}),
}


def return_value(kind: str, attribute: str | None, properties: Mapping[str, Any], identity: Identity) -> str | None:
    """Return what `Fn::GetAtt` gives for the attribute of a resource, or `Ref` without one; None if it is not known."""
    if kind not in _KINDS:
        return None
    known = _KINDS[kind]
    value = known.attributes.get(attribute) if attribute else known.ref
    name = properties.get(known.name_property, identity.name)
    return value and value.format(name=name, region=identity.region, account=identity.account)
