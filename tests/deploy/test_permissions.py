"""Who may do what in the stack, by the template that AWS's transforms make: exactly, and no wildcard unexplained."""

from collections.abc import Iterator
from typing import Any

import pytest

from deploy.transformed import SAM, transformed_templates
from stack_template import EVERYTHING, processed_templates
from template.errors import ParameterError
from template.resources import ACCOUNT_ID, read_stack
from tools import REPOSITORY, template_as_written

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
        "bedrock:ApplyGuardrail",
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
    (FUNCTION, "ModelBehindItsProfile", "arn:aws:bedrock:*::foundation-model/amazon.nova-2-lite-v1:0"): (
        "a profile chooses the region of a call; the condition admits calls through the profile alone"
    ),
    (
        FUNCTION,
        "FallbackModelBehindItsProfile",
        "arn:aws:bedrock:*::foundation-model/anthropic.claude-haiku-4-5-20251001-v1:0",
    ): "the same for the fallback model",
    (FUNCTION, "ConfiguredGuardrail", f"arn:aws:bedrock:*:{ACCOUNT_ID}:guardrail-profile/*"): (
        "only the guardrail knows its profile, and the profile chooses a region; alone a profile is no guardrail"
    ),
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
    without_guardrail = {FUNCTION: ACTIONS[FUNCTION] - {"bedrock:ApplyGuardrail"}}
    for template, more in zip(templates, (without_guardrail, {}, {}), strict=True):
        actions: dict[str, set[str]] = {}
        for role, statement in statements(template):
            assert statement["Effect"] == "Allow"
            unnamed = set(statement) & {"NotAction", "NotResource"}
            assert not unnamed, "these give all but what they name"
            actions.setdefault(role, set()).update(listed(statement["Action"]))
        assert actions == {**ACTIONS, **more}


def test_every_wildcard_is_explained(templates: tuple[Template, ...]) -> None:
    found = {
        (role, statement["Sid"], text)
        for template in templates
        for role, statement in statements(template)
        for text in (*listed(statement["Action"]), *listed(statement["Resource"]))
        if "*" in str(text)
    }
    assert found == set(EXPLAINED)


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
        "FunctionThroughUrl": (alias, {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}),
        "Publish": ("*", {"StringEquals": {"cloudwatch:namespace": "Firstbyte"}}),
        "OwnLogGroup": ({"Fn::GetAtt": ["ProbeLogGroup", "Arn"]}, None),
    }
    assert given["Url"]["Action"] == "lambda:InvokeFunctionUrl"
    assert given["FunctionThroughUrl"]["Action"] == "lambda:InvokeFunction"


def test_the_schedule_runs_the_probe_alone(templates: tuple[Template, ...]) -> None:
    _, everything, _ = templates
    (statement,) = (statement for role, statement in statements(everything) if role == SCHEDULE)
    assert statement["Resource"] == {"Fn::GetAtt": ["ProbeFunction", "Arn"]}


EVERYBODY = [
    {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE", "Principal": "*"},
    {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True, "Principal": "*"},
]


def test_the_url_is_for_the_named_caller_and_for_everybody_only_if_asked(templates: tuple[Template, ...]) -> None:
    default, everything, public = templates
    caller = EVERYTHING["CallerPrincipal"]
    of_the_caller = [
        {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "AWS_IAM", "Principal": caller},
        {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True, "Principal": caller},
    ]
    assert list(url_permissions(default, {"HasCallerPrincipal", "IsPublic"})) == []
    assert list(url_permissions(everything, {"IsPublic"})) == of_the_caller
    # SAM makes the last two of what it sees, the template says the two before.
    assert list(url_permissions(public, set())) == [*of_the_caller, *EVERYBODY, *EVERYBODY]


def test_a_url_for_everybody_needs_a_limit_to_what_it_can_cost() -> None:
    file, public = REPOSITORY / "template.yaml", {"UrlAuthType": "NONE"}
    with pytest.raises(ParameterError, match=r"spend your money\. Set ReservedConcurrency, too"):
        read_stack(file, public, "us-east-1")
    for limit in ("1", "0"):  # 0 closes the URL without another change
        read_stack(file, {**public, "ReservedConcurrency": limit}, "us-east-1")


def test_a_url_for_everybody_does_not_need_the_language_extensions() -> None:
    """Without them SAM sees no word NONE, and makes no permission."""
    (template,) = transformed_templates(("us-east-1", {"UrlAuthType": "NONE"}), transforms=[SAM])
    assert list(url_permissions(template, {"HasCallerPrincipal"})) == EVERYBODY


def url_permissions(template: Template, false: set[str]) -> Iterator[dict[str, Any]]:
    """What others than the stack's roles may do, each with the function's alias and nothing else.

    Args:
        template: after the transforms.
        false: the conditions that do not hold.
    """
    for resource in template["Resources"].values():
        if resource["Type"].endswith(("Permission", "Policy")) and resource.get("Condition") not in false:
            permission = dict(resource["Properties"])
            assert permission.pop("FunctionName") == {"Ref": "StreamingFunctionAliaslive"}
            yield permission
