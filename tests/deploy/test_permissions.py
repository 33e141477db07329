"""Who may do what in the stack, by the template that AWS's transforms make: exactly, and no wildcard unexplained."""

from collections.abc import Iterator
from typing import Any

import pytest

from stack_template import EVERYTHING, processed_templates
from template.resources import ACCOUNT_ID
from tools import template_as_written

FUNCTION = "StreamingFunctionRole"
PROBE, SCHEDULE = "ProbeFunctionRole", "ProbeScheduleRole"
ASSUMED_BY = {
    FUNCTION: "lambda.amazonaws.com",
    PROBE: "lambda.amazonaws.com",
    SCHEDULE: "scheduler.amazonaws.com",
}
# Scheduler could be made to use a role for somebody else's schedule:
# https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
ASSUMED_IF = {SCHEDULE: {"Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}}}
ACTIONS = {
    FUNCTION: {
        "bedrock:InvokeModelWithResponseStream",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
    },
    PROBE: {
        "lambda:InvokeFunctionUrl",
        "lambda:InvokeFunction",
        "cloudwatch:PutMetricData",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    },
    SCHEDULE: {"lambda:InvokeFunction"},
}
# Why an action or resource has a wildcard, by role, statement and text.
EXPLAINED = {
    (FUNCTION, "Traces", "*"): "X-Ray has no resources that these two actions could be limited to",
    (FUNCTION, "ConfiguredModelsThroughTheirProfiles", "arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0"): (
        "a profile chooses the region of a call; the condition admits calls through the profile alone"
    ),
    (
        FUNCTION,
        "ConfiguredModelsThroughTheirProfiles",
        "arn:aws:bedrock:*::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
    ): "the same for the fallback model",
    (PROBE, "Publish", "*"): "PutMetricData has no resources; the condition admits one namespace alone",
}

Template = dict[str, Any]


@pytest.fixture(scope="module")
def templates() -> tuple[Template, Template, Template]:
    """As it is by default, with everything that parameters can add, and with a URL for everybody besides."""
    default, everything, public = processed_templates({}, EVERYTHING, {**EVERYTHING, "UrlAuthType": "NONE"})
    return default, everything, public


def roles(template: Template) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role"
    }


def statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement that gives a role of the stack something, by the role."""
    for name, role in roles(template).items():
        for policy in role["Policies"]:
            yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def principals(node: Any) -> Iterator[Any]:
    """Every principal that something in the template gives a permission to."""
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "Principal")
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from principals(child)


def test_roles_are_the_stacks_own(templates: tuple[Template, ...]) -> None:
    for template in templates:
        kinds = {resource["Type"] for resource in template["Resources"].values()}
        assert {kind for kind in kinds if kind.startswith("AWS::IAM::")} == {"AWS::IAM::Role"}
        assert set(roles(template)) == set(ASSUMED_BY)
        for name, role in roles(template).items():
            assert set(role) == {"Description", "AssumeRolePolicyDocument", "Policies"}, "no managed policies"
            (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
            principal = {"Service": ASSUMED_BY[name]}
            allowed = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
            assert trust == {**allowed, **ASSUMED_IF.get(name, {})}


def test_each_role_may_do_just_this(templates: tuple[Template, ...]) -> None:
    for template in templates:
        actions: dict[str, set[str]] = {}
        for role, statement in statements(template):
            assert statement["Effect"] == "Allow"
            unnamed = set(statement) & {"NotAction", "NotResource"}
            assert not unnamed, "these give all but what they name"
            actions.setdefault(role, set()).update(listed(statement["Action"]))
        assert actions == ACTIONS


def test_every_wildcard_is_explained(templates: tuple[Template, ...]) -> None:
    found = {
        (role, statement["Sid"], text)
        for template in templates
        for role, statement in statements(template)
        for text in (*listed(statement["Action"]), *listed(statement["Resource"]))
        if "*" in str(text)
    }
    assert found == set(EXPLAINED)


def test_models_elsewhere_are_called_through_the_profiles_alone(templates: tuple[Template, ...]) -> None:
    _, everything, _ = templates
    by_sid = {statement["Sid"]: statement for _, statement in statements(everything)}
    profiles = by_sid["ConfiguredProfiles"]["Resource"]
    condition = by_sid["ConfiguredModelsThroughTheirProfiles"]["Condition"]
    assert condition == {"StringEquals": {"bedrock:InferenceProfileArn": profiles}}


def test_the_probe_calls_the_url_and_nothing_else_and_publishes_to_one_namespace(
    templates: tuple[Template, ...],
) -> None:
    _, everything, _ = templates
    name = template_as_written()["Resources"]["StreamingFunction"]["Properties"]["AutoPublishAlias"]
    alias = f"${{StreamingFunction.Arn}}:{name}"
    given = {statement["Sid"]: statement for role, statement in statements(everything) if role == PROBE}
    conditions = {sid: (statement["Resource"], statement.get("Condition")) for sid, statement in given.items()}
    assert conditions == {
        "Url": (alias, {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}}),
        "FunctionThroughUrl": (alias, {"Bool": {"lambda:InvokedViaFunctionUrl": True}}),
        "Publish": ("*", {"StringEquals": {"cloudwatch:namespace": "Firstbyte"}}),
        "OwnLogGroup": ({"Fn::GetAtt": ["ProbeLogGroup", "Arn"]}, None),
    }
    assert given["Url"]["Action"] == "lambda:InvokeFunctionUrl"
    assert given["FunctionThroughUrl"]["Action"] == "lambda:InvokeFunction"


def test_the_schedule_runs_the_probe_alone(templates: tuple[Template, ...]) -> None:
    _, everything, _ = templates
    (statement,) = (statement for role, statement in statements(everything) if role == SCHEDULE)
    assert statement["Resource"] == {"Fn::GetAtt": ["ProbeFunction", "Arn"]}


def test_the_url_is_for_the_named_caller_and_for_everybody_only_if_asked(templates: tuple[Template, ...]) -> None:
    default, everything, public = templates
    services = [{"Service": service} for service in ASSUMED_BY.values()]
    assert list(principals(default)) == services
    caller = EVERYTHING["CallerPrincipal"]
    assert [one for one in principals(everything) if one in services] == services
    assert [one for one in principals(everything) if one not in services] == [caller, caller]
    of_the_caller = [
        {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "AWS_IAM", "Principal": caller},
        {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True, "Principal": caller},
    ]
    assert list(url_permissions(everything)) == of_the_caller
    assert list(url_permissions(public)) == [
        *of_the_caller,
        {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE", "Principal": "*"},
        {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True, "Principal": "*"},
    ]


def url_permissions(template: Template) -> Iterator[dict[str, Any]]:
    """What others than the stack's roles may do, each with the function's alias and nothing else."""
    for resource in template["Resources"].values():
        if resource["Type"].endswith(("Permission", "Policy")):
            permission = dict(resource["Properties"])
            assert permission.pop("FunctionName") == {"Ref": "StreamingFunctionAliaslive"}
            yield permission
