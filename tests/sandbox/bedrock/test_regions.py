"""Model ids as the real client sends them to Bedrock in another region: what is answered, what is refused, and how."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from bedrock_service import CLAUDE, NOVA, Service, body_for, converse_body, running_bedrock
from sandbox.records.bedrock_metrics import bedrock_points

REGION = "eu-west-1"
ARN = f"arn:aws:bedrock:{REGION}:123456789012"
EMBED = "amazon.titan-embed-text-v2:0"
UNKNOWN = "The provided model identifier is invalid."
NO_STREAM = "The model is unsupported for streaming."
NO_CHAT = (
    "This action doesn't support the model that you provided. Try again with a supported text or chat model."
)  # fmt: skip
PROFILES_ALONE = (
    f"Invocation of model ID {NOVA} with on-demand throughput isn\u2019t supported. "
    "Retry your request with the ID or ARN of an inference profile that contains this model."
)
OPAQUE = [
    f"{ARN}:{resource}/a1b2c3d4e5f6"
    for resource in ("application-inference-profile", "provisioned-model", "imported-model", "custom-model-deployment")
]


@pytest.fixture
def bedrock() -> Iterator[Service]:
    with running_bedrock(region=REGION) as service:
        yield service


def invoke(client: Any, model_id: str, family: str) -> Any:
    return client.invoke_model_with_response_stream(modelId=model_id, body=json.dumps(body_for(family, "hi")))["body"]


def converse(client: Any, model_id: str) -> Any:
    return client.converse_stream(modelId=model_id, **converse_body("hi"))["stream"]


def check_metrics(service: Service, model_id: str, name: str) -> None:
    """Bedrock's metrics have the id as it was given."""
    points = bedrock_points(service.last_served(), 0)
    assert {point.dimensions for point in points} == {(("ModelId", model_id),)}
    assert [point.value for point in points if point.name == name] == [1]


@pytest.mark.parametrize(
    "model_id",
    [
        f"eu.{NOVA}",
        f"{ARN}:inference-profile/eu.{NOVA}",
        f"global.{CLAUDE}",
        f"arn:aws:bedrock:{REGION}::foundation-model/{CLAUDE}",
    ],
)
@pytest.mark.parametrize("api", ["invoke", "converse"])
def test_ids_and_arns_of_this_region_are_answered(bedrock: Service, client: Any, model_id: str, api: str) -> None:
    family = NOVA if NOVA in model_id else CLAUDE
    assert list(converse(client, model_id) if api == "converse" else invoke(client, model_id, family))
    check_metrics(bedrock, model_id, "Invocations")


@pytest.mark.parametrize("model_id", OPAQUE)
def test_an_arn_that_names_no_model_is_answered_in_a_conversation(bedrock: Service, client: Any, model_id: str) -> None:
    assert list(converse(client, model_id))
    check_metrics(bedrock, model_id, "Invocations")


@pytest.mark.parametrize("model_id", OPAQUE)
def test_the_own_format_of_an_arn_that_names_no_model_is_not_known(client: Any, model_id: str) -> None:
    with pytest.raises(client.exceptions.ValidationException, match=f"format of {model_id}; it answers to Converse"):
        invoke(client, model_id, NOVA)


@pytest.mark.parametrize(
    ("model_id", "of_invoke", "of_converse"),
    [
        (NOVA, PROFILES_ALONE, PROFILES_ALONE),
        (f"us.{NOVA}", UNKNOWN, UNKNOWN),
        (f"eu.eu.{NOVA}", UNKNOWN, UNKNOWN),
        (f"global.{NOVA}", UNKNOWN, UNKNOWN),
        (f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{NOVA}", UNKNOWN, UNKNOWN),
        (OPAQUE[0].replace(REGION, "us-east-1"), UNKNOWN, UNKNOWN),
        (EMBED, NO_STREAM, NO_CHAT),
        ("eu.cohere.embed-v4:0", NO_STREAM, NO_CHAT),
    ],
)
def test_what_bedrock_would_refuse_is_refused_in_its_words(
    client: Any, bedrock: Service, model_id: str, of_invoke: str, of_converse: str
) -> None:
    with pytest.raises(client.exceptions.ValidationException) as refused:
        invoke(client, model_id, NOVA)
    assert refused.value.response["Error"]["Message"] == of_invoke
    check_metrics(bedrock, model_id, "InvocationClientErrors")
    with pytest.raises(client.exceptions.ValidationException) as refused:
        converse(client, model_id)
    assert refused.value.response["Error"]["Message"] == of_converse
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
