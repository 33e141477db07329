"""Model ids by region: what is served where, in which form, and the words in which the rest is refused."""

import pytest

from sandbox.bedrock.errors import RefusedError
from sandbox.bedrock.models import find_model

UNKNOWN = "The provided model identifier is invalid."
NOVA = "amazon.nova-lite-v1:0"
HAIKU, OLD_HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"
ACCOUNT = "123456789012"


def on_demand(model_id: str) -> str:
    return (
        f"Invocation of model ID {model_id} with on-demand throughput isn\N{RIGHT SINGLE QUOTATION MARK}t supported. "
        "Retry your request with the ID or ARN of an inference profile that contains this model."
    )


def refusal(model_id: str, region: str) -> str:
    with pytest.raises(RefusedError) as refused:
        find_model(model_id, region)
    assert (refused.value.error.code, refused.value.error.status) == ("ValidationException", 400)
    return refused.value.error.message


@pytest.mark.parametrize(
    ("region", "model_id"),
    [
        ("us-east-1", NOVA),
        ("us-east-1", f"us.{NOVA}"),
        ("us-west-2", f"us.{NOVA}"),
        ("us-west-1", f"us.{NOVA}"),
        ("eu-west-1", f"eu.{NOVA}"),
        ("eu-west-2", NOVA),
        ("eu-north-1", NOVA),
        ("eu-north-1", f"eu.{NOVA}"),
        ("ap-southeast-2", f"apac.{NOVA}"),
        ("ap-south-1", "apac.amazon.nova-micro-v1:0"),
        ("ca-central-1", f"ca.{NOVA}"),
        ("us-gov-west-1", "amazon.nova-pro-v1:0"),
        # No table has the profiles of these models, so they are served wherever the geography is the region's.
        ("sa-east-1", OLD_HAIKU),
        ("sa-east-1", f"global.{HAIKU}"),
        ("eu-west-1", f"eu.{HAIKU}"),
        ("eu-west-1", f"global.{HAIKU}"),
        ("us-west-2", f"us.{HAIKU}"),
        ("ca-central-1", f"us.{HAIKU}"),
        ("ca-central-1", f"ca.{HAIKU}"),
        ("ap-northeast-1", f"jp.{HAIKU}"),
        ("ap-northeast-3", f"jp.{HAIKU}"),
        ("ap-southeast-2", f"au.{HAIKU}"),
        ("ap-southeast-1", f"apac.{HAIKU}"),
        ("us-gov-west-1", f"us-gov.{HAIKU}"),
        ("eu-west-1", f"arn:aws:bedrock:eu-west-1::foundation-model/{OLD_HAIKU}"),
        # Through profiles alone in other regions.
        ("eu-west-2", "anthropic.claude-sonnet-4-6"),
        ("us-west-2", "meta.llama3-1-8b-instruct-v1:0"),
        ("us-east-2", "meta.llama3-3-70b-instruct-v1:0"),
        ("us-east-1", "meta.llama3-8b-instruct-v1:0"),
        ("us-east-1", "deepseek.v3.2"),
        ("eu-west-1", f"arn:aws:bedrock:eu-west-1:{ACCOUNT}:inference-profile/eu.{NOVA}"),
    ],
)
def test_served(region: str, model_id: str) -> None:
    assert find_model(model_id, region).id == model_id


@pytest.mark.parametrize("name", ["micro", "lite", "pro"])
@pytest.mark.parametrize("region", ["us-east-2", "us-west-2", "eu-west-1", "eu-central-1", "ap-south-1"])
def test_a_bare_id_of_a_model_that_the_region_serves_through_profiles_alone(region: str, name: str) -> None:
    model_id = f"amazon.nova-{name}-v1:0"
    assert refusal(model_id, region) == on_demand(model_id)
    arn = f"arn:aws:bedrock:{region}::foundation-model/{model_id}"
    assert refusal(arn, region) == on_demand(arn)


@pytest.mark.parametrize(
    ("region", "model_id"),
    [
        *((region, HAIKU) for region in ("us-east-1", "eu-west-1", "ap-southeast-2", "sa-east-1")),
        ("us-west-2", "anthropic.claude-sonnet-4-20250514-v1:0"),
        ("us-west-2", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("us-west-2", "anthropic.claude-sonnet-4-6"),
        ("eu-west-1", "anthropic.claude-opus-4-1-20250805-v1:0"),
        ("eu-west-1", "anthropic.claude-opus-4-6-v1"),
        ("us-east-1", "amazon.nova-premier-v1:0"),
        ("us-east-1", "amazon.nova-2-lite-v1:0"),
        ("us-east-1", "deepseek.r1-v1:0"),
        ("us-east-1", "meta.llama3-1-8b-instruct-v1:0"),
        ("us-west-2", "meta.llama3-2-3b-instruct-v1:0"),
        ("us-east-1", "meta.llama3-3-70b-instruct-v1:0"),
        ("us-east-1", "meta.llama4-scout-17b-instruct-v1:0"),
        ("us-east-1", "writer.palmyra-x5-v1:0"),
    ],
)
def test_a_bare_id_of_a_model_that_almost_every_region_serves_through_profiles_alone(
    region: str, model_id: str
) -> None:
    assert refusal(model_id, region) == on_demand(model_id)
    arn = f"arn:aws:bedrock:{region}::foundation-model/{model_id}"
    assert refusal(arn, region) == on_demand(arn)
    assert find_model(f"global.{model_id}", region).id == f"global.{model_id}"


@pytest.mark.parametrize(
    ("region", "model_id"),
    [
        # The model is not to be had there at all.
        ("sa-east-1", NOVA),
        ("ca-central-1", "amazon.nova-pro-v1:0"),
        # The geography is another region's.
        ("eu-west-1", f"us.{HAIKU}"),
        ("us-east-1", f"eu.{HAIKU}"),
        ("us-east-1", f"apac.{HAIKU}"),
        ("ap-southeast-2", f"jp.{HAIKU}"),
        ("ap-northeast-1", f"au.{HAIKU}"),
        ("us-east-1", f"ca.{HAIKU}"),
        ("us-gov-west-1", f"us.{HAIKU}"),
        ("us-gov-west-1", f"global.{HAIKU}"),
        ("us-east-1", f"us-gov.{HAIKU}"),
        # The model has no such profile, or has none in this region.
        ("us-east-1", f"global.{NOVA}"),
        ("ap-northeast-1", f"jp.{NOVA}"),
        ("ap-southeast-2", f"au.{NOVA}"),
        ("us-west-1", "us.amazon.nova-micro-v1:0"),
        ("ca-central-1", "ca.amazon.nova-pro-v1:0"),
        ("ca-central-1", f"us.{NOVA}"),
        ("eu-west-2", f"eu.{NOVA}"),
        # The geography stands where none belongs, or twice, or lacks where one belongs.
        ("us-east-1", f"us.us.{NOVA}"),
        ("us-east-1", f"us.global.{HAIKU}"),
        ("us-east-1", f"arn:aws:bedrock:us-east-1::foundation-model/us.{NOVA}"),
        ("us-east-1", f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/{HAIKU}"),
        ("us-east-1", f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/us.us.{NOVA}"),
        ("eu-west-1", f"arn:aws:bedrock:eu-west-1:{ACCOUNT}:inference-profile/us.{NOVA}"),
        # The ARN is another region's.
        ("eu-west-1", f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}"),
        ("eu-west-1", f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/us.{NOVA}"),
        ("eu-west-1", f"arn:aws:bedrock:eu-west-2:{ACCOUNT}:provisioned-model/abcdef123456"),
    ],
)
def test_an_id_that_is_not_known_in_this_region(region: str, model_id: str) -> None:
    assert refusal(model_id, region) == UNKNOWN


@pytest.mark.parametrize(
    "resource",
    [
        "application-inference-profile/a1b2c3d4e5f6",
        "provisioned-model/a1b2c3d4e5f6",
        "imported-model/a1b2c3d4e5f6",
        "custom-model-deployment/a1b2c3d4e5f6",
    ],
)
def test_an_arn_that_does_not_name_its_model(resource: str) -> None:
    arn = f"arn:aws:bedrock:ap-south-1:{ACCOUNT}:{resource}"
    model = find_model(arn, "ap-south-1")
    assert (model.id, model.name, model.makes_text) == (arn, "", True)
    assert refusal(arn, "us-east-1") == UNKNOWN


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:bedrock:us-east-1:{ACCOUNT}:guardrail/abcdef123456",
        f"arn:aws:bedrock:us-east-1:{ACCOUNT}:provisioned-model/",
        f"arn:aws:bedrock:us-east-1:{ACCOUNT}:imported-model/ABCDEF123456",
        f"arn:aws:bedrock:us-east-1:{ACCOUNT}:custom-model/amazon.nova-lite-v1:0/abcdef123456",
        "arn:aws:bedrock:us-east-1::provisioned-model/abcdef123456",
        "arn:aws:iam:us-east-1:123456789012:provisioned-model/abcdef123456",
    ],
)
def test_an_arn_of_nothing_that_answers(arn: str) -> None:
    assert refusal(arn, "us-east-1") == UNKNOWN


@pytest.mark.parametrize(
    ("model_id", "makes_text"),
    [
        (NOVA, True),
        ("amazon.titan-text-lite-v1", True),
        ("twelvelabs.pegasus-1-2-v1:0", True),
        ("mistral.pixtral-large-2502-v1:0", True),
        ("amazon.titan-embed-text-v2:0", False),
        ("amazon.titan-embed-image-v1:0", False),
        ("amazon.nova-2-multimodal-embeddings-v1:0", False),
        ("cohere.embed-v4:0", False),
        ("us.cohere.embed-v4:0", False),
        ("us.twelvelabs.marengo-embed-2-7-v1:0", False),
        ("cohere.rerank-v3-5:0", False),
        ("amazon.rerank-v1:0", False),
        ("amazon.titan-image-generator-v2:0", False),
        ("amazon.nova-canvas-v1:0", False),
        ("amazon.nova-reel-v1:1", False),
        ("amazon.nova-2-sonic-v1:0", False),
        ("stability.sd3-5-large-v1:0", False),
        ("luma.ray-v2:0", False),
        ("arn:aws:bedrock:us-east-1::foundation-model/cohere.embed-english-v3", False),
    ],
)
def test_which_models_make_text(model_id: str, makes_text: bool) -> None:
    assert find_model(model_id, "us-east-1").makes_text == makes_text
