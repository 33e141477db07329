"""Which models the stack calls, by region and parameters: ids, the role's permissions, and what is refused."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy.regions import ALL_REGIONS, without_function_urls
from deploy.stand_in_process import StandIn
from deploy.transformed import EXTENSIONS, SAM, transformed_templates
from readme import table, unquoted
from sandbox_client import aws_client
from template.errors import ParameterError
from template.resources import ACCOUNT_ID, read_stack
from tools import REPOSITORY, template_as_written

MICRO, LITE, PRO = (f"amazon.nova-{size}-v1:0" for size in ("micro", "lite", "pro"))
HAIKU, NEW_HAIKU = "anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0"
# What the default model is called in each region that serves it; test_model_regions.py holds it against AWS's pages.
CALLED = {
    **dict.fromkeys(("us-east-1", "eu-west-2"), LITE),
    **dict.fromkeys(("us-east-2", "us-west-1", "us-west-2"), f"us.{LITE}"),
    **dict.fromkeys(("eu-central-1", "eu-north-1", "eu-south-1", "eu-west-1", "eu-west-3"), f"eu.{LITE}"),
    **dict.fromkeys(
        ("ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3"),
        f"apac.{LITE}",
    ),
}
PROFILE, APPLICATION = "inference-profile", "application-inference-profile"


def foundation(model: str, region: str) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{model}"


def own(kind: str, name: str, region: str) -> str:
    return f"arn:aws:bedrock:{region}:{ACCOUNT_ID}:{kind}/{name}"


def behind(model: str, profile: str) -> tuple[list[str], str]:
    """What may be called through the profile of this ARN."""
    return [foundation(model, "*")], profile


def function(template: dict[str, Any]) -> dict[str, str]:
    variables: dict[str, str] = template["Resources"]["StreamingFunction"]["Properties"]["Environment"]["Variables"]
    return variables


def allowed(template: dict[str, Any]) -> tuple[list[str], list[tuple[list[str], str]]]:
    """What the role may invoke: outright, and through which profiles alone."""
    (policy,) = (
        policy["PolicyDocument"]
        for policy in template["Resources"]["StreamingFunctionRole"]["Properties"]["Policies"]
        if policy["PolicyName"] == "AskModels"
    )
    outright: list[str] = []
    through: list[tuple[list[str], str]] = []
    for statement in policy["Statement"]:
        if statement["Action"] != "bedrock:InvokeModelWithResponseStream":
            continue
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        if "Condition" in statement:
            condition = statement["Condition"]
            profile = condition["StringEquals"]["bedrock:InferenceProfileArn"]
            assert condition == {"StringEquals": {"bedrock:InferenceProfileArn": profile}}
            through.append((resources, profile))
        else:
            outright += resources
    return outright, through


@pytest.fixture(scope="module")
def by_default() -> dict[str, dict[str, Any]]:
    """The stack with default parameters, by region."""
    return dict(zip(CALLED, transformed_templates(*((region, {}) for region in CALLED)), strict=True))


@pytest.mark.parametrize("region", CALLED)
def test_the_defaults_call_what_the_region_serves(by_default: dict[str, dict[str, Any]], region: str) -> None:
    template, called = by_default[region], CALLED[region]
    assert function(template)["MODEL_IDS"] == called
    if called == LITE:
        assert allowed(template) == ([foundation(LITE, region)], [])
    else:
        profile = own(PROFILE, called, region)
        assert allowed(template) == ([profile], [behind(LITE, profile)])


EU = "eu-west-1"
APP, PROVISIONED = own(APPLICATION, "abc123", EU), own("provisioned-model", "abc123", EU)
IMPORTED, CUSTOM = own("imported-model", "abc123", EU), own("custom-model-deployment", "abc123", EU)
ANYTHING = [foundation("*", "*"), own(PROFILE, "*", EU)]
# Parameters; the ids that are called; what the role may call outright, and through profiles.
FORMS: list[tuple[dict[str, str], list[str], list[str], list[tuple[list[str], str]]]] = [
    ({"ModelId": HAIKU}, [HAIKU], [foundation(HAIKU, EU)], []),
    (
        {"ModelId": HAIKU, "FallbackModelId": PRO},
        [HAIKU, f"eu.{PRO}"],
        [foundation(HAIKU, EU), own(PROFILE, f"eu.{PRO}", EU)],
        [behind(PRO, own(PROFILE, f"eu.{PRO}", EU))],
    ),
    (
        {"FallbackModelId": f"global.{NEW_HAIKU}"},
        [f"eu.{LITE}", f"global.{NEW_HAIKU}"],
        [own(PROFILE, f"eu.{LITE}", EU), own(PROFILE, f"global.{NEW_HAIKU}", EU)],
        [
            behind(LITE, own(PROFILE, f"eu.{LITE}", EU)),
            behind(NEW_HAIKU, own(PROFILE, f"global.{NEW_HAIKU}", EU)),
        ],
    ),
    *(
        (
            {"ModelId": f"{geography}.deepseek.r1.plus.eu.x-v1:0"},
            [f"{geography}.deepseek.r1.plus.eu.x-v1:0"],
            [own(PROFILE, f"{geography}.deepseek.r1.plus.eu.x-v1:0", EU)],
            [behind("deepseek.r1.plus.eu.x-v1:0", own(PROFILE, f"{geography}.deepseek.r1.plus.eu.x-v1:0", EU))],
        )
        for geography in ("us", "eu", "apac", "jp", "au", "ca", "global")
    ),
    ({"ModelId": APP}, [APP], [APP], [(ANYTHING, APP)]),
    ({"ModelId": IMPORTED, "FallbackModelId": APP}, [IMPORTED, APP], [IMPORTED, APP], [(ANYTHING, APP)]),
    ({"ModelId": PROVISIONED, "FallbackModelId": CUSTOM}, [PROVISIONED, CUSTOM], [PROVISIONED, CUSTOM], []),
]


@pytest.fixture(scope="module")
def forms() -> list[dict[str, Any]]:
    return transformed_templates(*((EU, parameters) for parameters, *_ in FORMS))


@pytest.mark.parametrize("number", range(len(FORMS)), ids=lambda number: str(list(FORMS[number][0].values())))
def test_every_form_of_an_id_is_called_and_allowed_as_it_is(forms: list[dict[str, Any]], number: int) -> None:
    parameters, called, outright, through = FORMS[number]
    assert function(forms[number])["MODEL_IDS"].split(",") == called
    assert function(forms[number])["FALLBACK_MODEL_ID"] == (called[1] if "FallbackModelId" in parameters else "")
    assert allowed(forms[number]) == (outright, through)


def test_the_role_may_apply_the_guardrail_and_no_other() -> None:
    """A guardrail that is evaluated in several regions also needs its profile in each of them."""
    (template,) = transformed_templates((EU, {"Guardrail": "abcd1234efgh:DRAFT"}))
    assert function(template)["GUARDRAIL"] == "abcd1234efgh:DRAFT"
    (policy, _) = template["Resources"]["StreamingFunctionRole"]["Properties"]["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    (applying,) = (one for one in statements if one["Action"] == "bedrock:ApplyGuardrail")
    assert applying["Resource"] == [own("guardrail", "abcd1234efgh", EU), own("guardrail-profile", "*", "*")]


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-2"])
def test_the_transformed_template_is_clean(by_default: dict[str, dict[str, Any]], region: str, tmp_path: Path) -> None:
    """cfn-lint sees of an untransformed template only what stands there."""
    (without_extensions,) = transformed_templates((region, {}), transforms=[SAM])
    # What the extensions use up is not used any more: that is a warning.
    assert lint(by_default[region], region, tmp_path, "--ignore-checks", "W") == ""
    assert lint(without_extensions, region, tmp_path) == ""


def lint(template: dict[str, Any], region: str, folder: Path, *options: str) -> str:
    """What cfn-lint finds."""
    file = folder / "template.json"
    # The dashboard's body is a function of the extensions to the end: parts of it are known when resources are.
    file.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Transform": EXTENSIONS, **template}))
    command = ["cfn-lint", str(file), "--regions", region, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout


NO_URL, NO_MODEL = "Lambda has no Function URLs in this region", "This region serves the model of {} neither itself nor"
NO_PROFILE = "The profile of Nova in ModelId or FallbackModelId cannot be called from this region"
REFUSED = [
    ("sa-east-1", {}, NO_MODEL.format("ModelId")),
    ("ca-central-1", {}, NO_MODEL.format("ModelId")),
    ("ca-central-1", {"ModelId": HAIKU, "FallbackModelId": PRO}, NO_MODEL.format("FallbackModelId")),
    ("us-west-1", {"ModelId": MICRO}, NO_MODEL.format("ModelId")),
    ("us-west-1", {"FallbackModelId": MICRO}, NO_MODEL.format("FallbackModelId")),
    ("eu-west-1", {"ModelId": f"us.{LITE}"}, NO_PROFILE),
    ("ca-central-1", {"ModelId": f"ca.{LITE}", "FallbackModelId": f"us.{PRO}"}, NO_PROFILE),
    ("eu-south-2", {}, NO_URL),
    ("us-gov-west-1", {}, NO_URL),
    ("il-central-1", {"ModelId": f"global.{NEW_HAIKU}"}, NO_URL),
]


@pytest.mark.parametrize(("region", "parameters", "words"), REFUSED)
def test_what_a_region_does_not_serve_is_refused_before_anything_is_created(
    region: str, parameters: dict[str, str], words: str, stand_in: StandIn
) -> None:
    with pytest.raises(ParameterError, match=words) as raised:
        read_stack(REPOSITORY / "template.yaml", parameters, region)
    ready = {
        "aws_endpoint_url": stand_in.environment["AWS_ENDPOINT_URL"],
        "region": region,
        "access_key_id": "test",
        "secret_access_key": "test",
    }
    client = aws_client(ready, "cloudformation")
    asked = {
        "StackName": "refused",
        "ChangeSetName": "refused",
        "ChangeSetType": "CREATE",
        "TemplateBody": (REPOSITORY / "template.yaml").read_text(),
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    }
    with pytest.raises(ClientError) as refusal:
        client.create_change_set(**asked)
    assert refusal.value.response["Error"]["Message"] == str(raised.value)
    with pytest.raises(ClientError, match="does not exist"):
        client.describe_stacks(StackName="refused")


@pytest.mark.parametrize(
    ("region", "parameters"),
    [
        ("sa-east-1", {"ModelId": HAIKU}),
        ("ca-central-1", {"ModelId": f"ca.{LITE}"}),
        ("ca-central-1", {"ModelId": f"us.{NEW_HAIKU}", "FallbackModelId": f"global.{NEW_HAIKU}"}),
    ],
)
def test_it_is_right_there_once_a_model_is_set(region: str, parameters: dict[str, str]) -> None:
    (template,) = transformed_templates((region, parameters))
    assert function(template)["MODEL_IDS"].split(",") == list(parameters.values())
    outright, _ = allowed(template)
    kind = foundation if parameters["ModelId"] == HAIKU else lambda model, where: own(PROFILE, model, where)
    assert outright == [kind(model, region) for model in parameters.values()]


@pytest.mark.parametrize("parameter", ["ModelId", "FallbackModelId"])
@pytest.mark.parametrize(
    "value",
    [
        f"us.us.{LITE}",
        f"us-gov.{LITE}",
        f"eu.us.{LITE}",
        "nova-lite",
        "us.",
        "us.nova",
        f" {LITE}",
        f"{LITE},{PRO}",
        foundation(LITE, EU),
        own(PROFILE, f"eu.{LITE}", EU),
        own("guardrail", "abc", EU),
        own(APPLICATION, "abc/*", EU),
        own("imported-model", "*", EU),
        "arn:aws:bedrock:eu-west-1::provisioned-model/abc",
        "arn:aws:sns:eu-west-1:123456789012:topic",
    ],
)
def test_what_is_no_model_is_refused_by_its_form(parameter: str, value: str) -> None:
    with pytest.raises(ParameterError, match=f"parameter {parameter} is .*but must be the id of a foundation model"):
        read_stack(REPOSITORY / "template.yaml", {parameter: value}, EU)


@pytest.mark.parametrize(
    "value", ["abc", "abc:", ":1", "abc:0", "abc:1.0", "abc:draft", own("guardrail", "abc", EU) + ":1"]
)
def test_what_is_no_guardrail_with_a_version_is_refused(value: str) -> None:
    with pytest.raises(ParameterError, match="must be a guardrail's id, a colon and its version"):
        read_stack(REPOSITORY / "template.yaml", {"Guardrail": value}, EU)


def test_the_rules_and_the_conditions_mean_the_same_models() -> None:
    template = template_as_written()
    for parameter, rule, condition in (
        ("ModelId", "ModelIsServedHere", "ModelIsNova"),
        ("FallbackModelId", "FallbackModelIsServedHere", "FallbackIsNova"),
    ):
        models, asked = template["Rules"][rule]["RuleCondition"]["Fn::Contains"]
        compared = [each["Fn::Equals"] for each in template["Conditions"][condition]["Fn::Or"]]
        assert asked == {"Ref": parameter}
        assert compared == [[asked, model] for model in models]


def test_the_readme_says_of_every_region_what_works_there() -> None:
    *served, (to_set, _), (nowhere, _) = table("src/template", "## Where it works")
    assert {region: unquoted(model)[0] for regions, model in served for region in regions.split(", ")} == CALLED
    other_partitions = {region for region in without_function_urls() if region.startswith(("us-gov-", "cn-"))}
    assert set(nowhere.replace(", GovCloud, China", "").split(", ")) == without_function_urls() - other_partitions
    named = {*CALLED, *to_set.split(", "), *without_function_urls()}
    assert named == ALL_REGIONS


def test_every_region_that_is_not_refused_has_every_type_of_resource() -> None:
    regions = [region for row in table("src/template", "## Where it works")[:-1] for region in row[0].split(", ")]
    command = ["cfn-lint", "template.yaml", "--regions", *regions]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "")
