"""Names and texts keep to the limits of the services that take them, whatever legal name a stack has."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StructureShape

from stack_template import EVERYTHING
from template.resources import read_stack
from tools import REPOSITORY, template_as_written

# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
LONGEST_NAME = "s" * 128
LONGEST_REGION = "ap-northeast-1"
PARAMETERS = {**EVERYTHING, "ExpectedProbe": "p" * 100}
# The operation that takes the properties of each type.
OPERATIONS = {
    "AWS::ApplicationSignals::ServiceLevelObjective": ("application-signals", "CreateServiceLevelObjective"),
    "AWS::CloudWatch::Alarm": ("cloudwatch", "PutMetricAlarm"),
    "AWS::CloudWatch::CompositeAlarm": ("cloudwatch", "PutCompositeAlarm"),
    "AWS::CloudWatch::Dashboard": ("cloudwatch", "PutDashboard"),
    "AWS::IAM::Role": ("iam", "CreateRole"),
    "AWS::Logs::LogGroup": ("logs", "CreateLogGroup"),
    "AWS::Logs::QueryDefinition": ("logs", "PutQueryDefinition"),
    "AWS::SNS::Topic": ("sns", "CreateTopic"),
    "AWS::Scheduler::Schedule": ("scheduler", "CreateSchedule"),
    "AWS::Serverless::Function": ("lambda", "CreateFunction"),
    "AWS::Serverless::LayerVersion": ("lambda", "PublishLayerVersion"),
    "AWS::XRay::Group": ("xray", "CreateGroup"),
}
# It has neither a name nor a text, and refers to what only SAM knows.
NAMELESS = "AWS::Lambda::Permission"
# A limit that the model leaves to its words:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
DOCUMENTED = {"DashboardName": {"max": 255, "pattern": "[A-Za-z0-9_-]+"}}
# Where the stack's name has no limit of its own: in metrics of widgets, in what functions take for the service (which
# is a dimension, as in the metrics of alarms), and in the ARNs of the log groups that roles may write to.
UNLIMITED = {
    "StreamingDashboard.DashboardBody",
    "StreamingFunction.Environment.Variables.POWERTOOLS_SERVICE_NAME",
    "ProbeFunction.Environment.Variables.SERVICE",
    "StreamingFunctionRole.Policies.PolicyDocument.Statement.Resource",
    "ProbeFunctionRole.Policies.PolicyDocument.Statement.Resource",
}


class Text(NamedTuple):
    """A text of a resource, where it is, and its limits in a service's model."""

    where: str
    text: str
    limits: Mapping[str, Any]


def properties(stack_name: str, region: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Type and properties of each resource by logical id, which is also the name of one that CloudFormation names."""
    made_up = {logical_id: logical_id for logical_id in template_as_written()["Resources"]}
    resources = read_stack(
        REPOSITORY / "template.yaml",
        PARAMETERS,
        region,
        stack_name=stack_name,
        physical_names=made_up,
        function_url=lambda logical_id: "https://url.example/",
    ).resources
    return {name: (one.type, dict(one.properties)) for name, one in resources.items() if one.type != NAMELESS}


def texts_of(shape: Shape | None, value: Any, where: str) -> Iterator[Text]:
    """Every text below a value; without a shape, because the operation has no such parameter, it has no limits."""
    if isinstance(value, dict):
        members = shape.members if isinstance(shape, StructureShape) else {}
        by_name = {name.casefold(): member for name, member in members.items()}
        for key, item in value.items():
            # The objective's properties are called configurations in the operation.
            names = (key.casefold(), f"{key.casefold()}config")
            member = shape.value if isinstance(shape, MapShape) else next(filter(None, map(by_name.get, names)), None)
            yield from texts_of(member, item, f"{where}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(shape.member if isinstance(shape, ListShape) else None, item, where)
    elif shape is None or shape.type_name == "string":
        documented = DOCUMENTED.get(where.rpartition(".")[2])
        yield Text(where, str(value), documented or (shape.metadata if shape else {}))


@cache
def texts() -> list[Text]:
    """All texts of the stack with the longest names."""
    found: list[Text] = []
    for name, (kind, values) in properties(LONGEST_NAME, LONGEST_REGION).items():
        service, operation = OPERATIONS[kind]
        model = botocore.session.get_session().get_service_model(service).operation_model(operation)
        found += texts_of(model.input_shape, values, name)
    return found


def test_every_text_fits() -> None:
    assert [
        f"{one.where} has {len(one.text)} characters, and {one.limits}"
        for one in texts()
        if len(one.text) > one.limits.get("max", len(one.text))
        or not re.fullmatch(one.limits.get("pattern", ".*"), one.text, re.DOTALL)
    ] == []


def test_every_text_with_the_stacks_name_has_a_limit() -> None:
    named = [one for one in texts() if LONGEST_NAME in one.text]
    assert len({one.where for one in named}) > 20
    assert {one.where for one in named if not one.limits.keys() & {"max", "pattern"}} == UNLIMITED


def test_the_dashboards_of_two_regions_have_two_names() -> None:
    """They are in one list for the whole account, where the second would replace the first."""

    def name(region: str) -> str:
        _, values = properties("firstbyte", region)["StreamingDashboard"]
        return str(values["DashboardName"])

    assert (name("eu-west-1"), name("us-east-1")) == ("firstbyte-eu-west-1", "firstbyte-us-east-1")
