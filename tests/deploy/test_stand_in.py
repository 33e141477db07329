"""What the stand-in cannot make it refuses by name: no stack is ever complete with a resource skipped."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy.stand_in_process import StandIn

GROUP: dict[str, Any] = {"Type": "AWS::XRay::Group", "Properties": {"GroupName": "faults", "FilterExpression": "fault"}}
ALIAS_OF_NOTHING = {"FunctionName": "nothing", "FunctionVersion": "1", "Name": "live"}


def group(**changes: Any) -> dict[str, Any]:
    return {"Resources": {"Group": {**GROUP, "Properties": {**GROUP["Properties"], **changes}}}}


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}, "Unrecognized resource types: ['AWS::SQS::Queue']"),
        (
            group(FilterExpression={"Fn::Cidr": ["10.0.0.0/16", 1]}),
            "FilterExpression: Fn::Cidr is not supported",
        ),
        (group(FilterExpression={"Ref": "Nothing"}), "the template has nothing that is called Nothing"),
        (group(FilterExpression={"Fn::Select": [1, ["a"]]}), "Fn::Select is not well formed"),
        (group(FilterExpression={"Ref": "Group"}), "Circular dependency between resources: ['Group', 'Group']"),
        ({**group(), "Transform": "AWS::Serverless-1999"}, "the stand-in has no transforms ['AWS::Serverless-1999']"),
        ({**group(), "Parameters": {"Model": {"Type": "String"}}}, "['Model'] must have values"),
    ],
)
def test_a_template_that_cannot_be_carried_out_makes_no_change_set(
    stand_in: StandIn, template: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ClientError) as caught:
        create(stand_in, "refused", template)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "properties", "complaint"),
    [
        ("AWS::XRay::Group", {"GroupName": "slow", "Filter": "fault"}, "CreateGroup has no Filter"),
        ("AWS::XRay::Group", {}, 'Missing required parameter in input: "GroupName"'),
        ("AWS::CloudWatch::Alarm", {"Threshold": "much"}, "PutMetricAlarm.Threshold is to be a double, not 'much'"),
        ("AWS::Lambda::Alias", ALIAS_OF_NOTHING, "ResourceNotFoundException"),
    ],
)
def test_a_resource_that_cannot_be_made_fails_the_stack_and_delete_takes_the_rest_away(
    stand_in: StandIn, kind: str, properties: dict[str, Any], complaint: str
) -> None:
    cloudformation = stand_in.client("cloudformation")
    faulty = {"Type": kind, "Properties": properties, "DependsOn": ["Group"]}
    create(stand_in, "failed", {"Resources": {"Group": GROUP, "Faulty": faulty}})
    cloudformation.execute_change_set(StackName="failed", ChangeSetName="change")
    last = cloudformation.describe_stack_events(StackName="failed")["StackEvents"][0]
    assert last["ResourceStatus"] == "CREATE_FAILED"
    assert complaint in last["ResourceStatusReason"]
    assert groups(stand_in) == {"faults"}
    cloudformation.delete_stack(StackName="failed")
    assert groups(stand_in) == set()


def test_an_update_takes_away_what_the_template_no_longer_has(stand_in: StandIn) -> None:
    cloudformation = stand_in.client("cloudformation")
    other = {**GROUP, "Properties": {**GROUP["Properties"], "GroupName": "others"}}
    create(stand_in, "shrinking", {"Resources": {"Group": GROUP, "Other": other}})
    cloudformation.execute_change_set(StackName="shrinking", ChangeSetName="change")
    assert groups(stand_in) == {"faults", "others"}
    create(stand_in, "shrinking", {"Resources": {"Group": GROUP}}, "UPDATE")
    (change,) = cloudformation.describe_change_set(StackName="shrinking", ChangeSetName="change")["Changes"]
    assert (change["ResourceChange"]["Action"], change["ResourceChange"]["LogicalResourceId"]) == ("Remove", "Other")
    cloudformation.execute_change_set(StackName="shrinking", ChangeSetName="change")
    assert groups(stand_in) == {"faults"}
    cloudformation.delete_stack(StackName="shrinking")
    assert groups(stand_in) == set()


def groups(stand_in: StandIn) -> set[str]:
    """The X-Ray groups of this file's templates."""
    return {one["GroupName"] for one in stand_in.client("xray").get_groups()["Groups"]} & {"faults", "others"}


def create(stand_in: StandIn, stack: str, template: dict[str, Any], change: str = "CREATE") -> None:
    stand_in.client("cloudformation").create_change_set(
        StackName=stack, ChangeSetName="change", ChangeSetType=change, TemplateBody=json.dumps(template)
    )
