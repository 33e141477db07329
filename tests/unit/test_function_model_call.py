"""The request as Bedrock gets it: families, APIs and bodies, each checked by botocore's own model of the service."""

import json
from typing import Any

import botocore.session
import pytest
from botocore.validate import validate_parameters

from firstbyte.config import Guardrail
from firstbyte.failures import RequestError
from firstbyte.model_call import check_api, model_call
from firstbyte.request import Api, ChatRequest, Message

FULL = ChatRequest(
    messages=(Message("user", "One"), Message("assistant", "Two"), Message("user", "Three")),
    model="x",
    max_tokens=50,
    system="Be brief.",
    temperature=0.5,
    top_p=0.9,
    stop_sequences=("END",),
)
LEAST = ChatRequest(messages=(Message("user", "One"),), model="x", max_tokens=50)
CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
ARN = "arn:aws:bedrock:eu-central-1:123456789012"


def body(request: ChatRequest, model_id: str) -> Any:
    call = model_call(request, model_id, None)
    assert call.operation == "invoke_model_with_response_stream"
    assert call.stream_key == "body"
    return json.loads(call.arguments["body"])


@pytest.mark.parametrize("prefix", ["", "us.", "eu.", "apac.", "global.", "us-gov.", "au.", "jp.", "ca."])
def test_inference_profiles_belong_to_their_family(prefix: str) -> None:
    assert "anthropic_version" in body(LEAST, f"{prefix}{CLAUDE}")
    assert body(LEAST, f"{prefix}amazon.nova-lite-v1:0")["schemaVersion"] == "messages-v1"


@pytest.mark.parametrize(
    ("model_id", "api"),
    [
        (f"arn:aws:bedrock:eu-central-1::foundation-model/{CLAUDE}", "invoke"),
        (f"{ARN}:inference-profile/eu.{CLAUDE}", "invoke"),
        (f"{ARN}:application-inference-profile/abcdef123456", "converse"),
        (f"{ARN}:provisioned-model/abcdef123456", "converse"),
        ("meta.llama3-1-8b-instruct-v1:0", "invoke"),
        ("us.meta.llama4-scout-17b-instruct-v1:0", "invoke"),
        ("meta.llama2-13b-chat-v1", "converse"),
        ("mistral.mistral-large-2402-v1:0", "converse"),
        ("amazon.titan-text-lite-v1", "converse"),
        ("cohere.command-r-v1:0", "converse"),
        ("not-anthropic.claude-x", "converse"),
    ],
)
def test_default_api(model_id: str, api: str) -> None:
    assert model_call(LEAST, model_id, None).operation.startswith(api)


def test_anthropic() -> None:
    assert body(FULL, CLAUDE) == {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 50,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "One"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Two"}]},
            {"role": "user", "content": [{"type": "text", "text": "Three"}]},
        ],
        "system": "Be brief.",
        "temperature": 0.5,
        "top_p": 0.9,
        "stop_sequences": ["END"],
    }
    assert body(LEAST, CLAUDE).keys() == {"anthropic_version", "max_tokens", "messages"}


def test_nova_and_converse() -> None:
    fields = {
        "messages": [
            {"role": "user", "content": [{"text": "One"}]},
            {"role": "assistant", "content": [{"text": "Two"}]},
            {"role": "user", "content": [{"text": "Three"}]},
        ],
        "system": [{"text": "Be brief."}],
        "inferenceConfig": {"maxTokens": 50, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
    }
    assert body(FULL, "amazon.nova-lite-v1:0") == {"schemaVersion": "messages-v1", **fields}
    assert model_call(FULL, "mistral.x", None).arguments == {"modelId": "mistral.x", **fields}
    assert model_call(LEAST, "mistral.x", None).arguments["inferenceConfig"] == {"maxTokens": 50}


def test_llama() -> None:
    no_stop = ChatRequest(FULL.messages, "x", 50, system="Be brief.", temperature=0.0)
    assert body(no_stop, "meta.llama3-8b-instruct-v1:0") == {
        "prompt": "<|begin_of_text|>"
        "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nOne<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nTwo<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nThree<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        "max_gen_len": 50,
        "temperature": 0.0,
    }
    assert body(LEAST, "meta.llama4-scout-v1:0")["prompt"] == (
        "<|begin_of_text|><|header_start|>user<|header_end|>\n\nOne<|eot|><|header_start|>assistant<|header_end|>\n\n"
    )


def test_llamas_format_has_no_stop_sequences_so_converse_is_called() -> None:
    assert model_call(FULL, "meta.llama3-8b-instruct-v1:0", None).operation == "converse_stream"


def asking(model: str, api: Api | None, *stop_sequences: str) -> ChatRequest:
    return ChatRequest((Message("user", "One"),), model, 50, api=api, stop_sequences=stop_sequences)


def test_converse_can_be_asked_for() -> None:
    assert model_call(asking(CLAUDE, "converse"), CLAUDE, None).operation == "converse_stream"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (asking("mistral.x", "invoke"), "api"),
        (asking("meta.llama3-8b", "invoke", "END"), "stop_sequences"),
    ],
)
def test_invoke_that_cannot_be_had_is_refused(request_: ChatRequest, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_api(request_)
    assert caught.value.failure.field == field


def test_invoke_and_converse_that_can_be_had_are_not() -> None:
    check_api(asking(CLAUDE, "invoke", "END"))
    check_api(asking("meta.llama3-8b", None, "END"))
    check_api(asking("mistral.x", "converse"))


GUARDRAIL = Guardrail("abcdefgh1234", "DRAFT")
PAIR = {"guardrailIdentifier": "abcdefgh1234", "guardrailVersion": "DRAFT"}


@pytest.mark.parametrize("request_", [FULL, LEAST])
def test_a_guardrail_is_in_both_calls_and_changes_nothing_else(request_: ChatRequest) -> None:
    without = model_call(request_, CLAUDE, None)
    assert model_call(request_, CLAUDE, GUARDRAIL).arguments == {**without.arguments, **PAIR}
    without = model_call(request_, "mistral.x", None)
    call = model_call(request_, "mistral.x", GUARDRAIL)
    assert call.arguments == {**without.arguments, "guardrailConfig": PAIR}


@pytest.mark.parametrize("request_", [FULL, LEAST])
@pytest.mark.parametrize("guardrail", [None, GUARDRAIL])
@pytest.mark.parametrize("model_id", [CLAUDE, "amazon.nova-lite-v1:0", "meta.llama3-8b", "mistral.x"])
def test_botocore_takes_every_call(request_: ChatRequest, model_id: str, guardrail: Guardrail | None) -> None:
    call = model_call(request_, model_id, guardrail)
    service = botocore.session.get_session().get_service_model("bedrock-runtime")
    name = "ConverseStream" if call.operation == "converse_stream" else "InvokeModelWithResponseStream"
    operation = service.operation_model(name)
    validate_parameters(call.arguments, operation.input_shape)
    assert call.stream_key in operation.output_shape.members
