"""The resource types that the stand-in can make; one that is not here fails the deployment that asks for it."""

from collections.abc import Mapping

from ..aws import Aws
from .base import Made, ResourceType
from .functions import Alias, EventInvokeConfig, Function, LayerVersion, Permission, Url, Version
from .observability import Alarm, CompositeAlarm, Dashboard, Group, LogGroup, QueryDefinition, ServiceLevelObjective
from .others import Bucket, BucketPolicy, Role, Schedule, Topic

__all__ = ["Made", "ResourceType", "resource_types"]


def resource_types(aws: Aws) -> Mapping[str, ResourceType]:
    """Return what makes the resources of each type."""
    return {
        "AWS::ApplicationSignals::ServiceLevelObjective": ServiceLevelObjective(aws),
        "AWS::CloudWatch::Alarm": Alarm(aws),
        "AWS::CloudWatch::CompositeAlarm": CompositeAlarm(aws),
        "AWS::CloudWatch::Dashboard": Dashboard(aws),
        "AWS::IAM::Role": Role(aws),
        "AWS::Lambda::Alias": Alias(aws),
        "AWS::Lambda::EventInvokeConfig": EventInvokeConfig(aws),
        "AWS::Lambda::Function": Function(aws),
        "AWS::Lambda::LayerVersion": LayerVersion(aws),
        "AWS::Lambda::Permission": Permission(aws),
        "AWS::Lambda::Url": Url(aws),
        "AWS::Lambda::Version": Version(aws),
        "AWS::Logs::LogGroup": LogGroup(aws),
        "AWS::Logs::QueryDefinition": QueryDefinition(aws),
        "AWS::S3::Bucket": Bucket(aws),
        "AWS::S3::BucketPolicy": BucketPolicy(aws),
        "AWS::SNS::Topic": Topic(aws),
        "AWS::Scheduler::Schedule": Schedule(aws),
        "AWS::XRay::Group": Group(aws),
    }
