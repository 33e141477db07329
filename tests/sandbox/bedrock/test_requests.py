"""Requests that are not answered with a stream: malformed bodies, unknown models, other paths."""

import json
from typing import Any

import pytest

from bedrock_service import CLAUDE, LLAMA, NOVA, TITAN, Service, body_for, converse_body
from tools import recordings

USER = {"role": "user", "content": [{"text": "hi"}]}
ASSISTANT = {"role": "assistant", "content": [{"text": "hi"}]}
ALTERNATE = "A conversation must alternate between user and assistant roles."
START = "A conversation must start with a user message."


def without(model: str, key: str) -> dict[str, Any]:
    return {k: v for k, v in body_for(model, "hi").items() if k != key}


def changed(model: str, **changes: Any) -> dict[str, Any]:
    return {**body_for(model, "hi"), **changes}


INVOKE_CASES = [
    (CLAUDE, b"{", "Malformed input request, please reformat"),
    (CLAUDE, b'{"max_tokens": NaN}', "Malformed input request, please reformat"),
    (CLAUDE, b"\xff", "Malformed input request, please reformat"),
    (CLAUDE, b"[" * 100_000, "Malformed input request, please reformat"),
    (CLAUDE, [], "#: expected type: JSONObject, found: JSONArray"),
    (CLAUDE, without(CLAUDE, "anthropic_version"), "#: required key [anthropic_version] not found"),
    (CLAUDE, without(CLAUDE, "max_tokens"), "#: required key [max_tokens] not found"),
    (CLAUDE, without(CLAUDE, "messages"), "#: required key [messages] not found"),
    (CLAUDE, changed(CLAUDE, anthropic_version="1"), "#/anthropic_version: 1 is not a valid enum value"),
    (CLAUDE, changed(CLAUDE, max_tokens="5"), "#/max_tokens: expected type: Integer, found: String"),
    (CLAUDE, changed(CLAUDE, max_tokens=True), "#/max_tokens: expected type: Integer, found: Boolean"),
    (CLAUDE, changed(CLAUDE, max_tokens=0), "#/max_tokens: 0 is not greater or equal to 1"),
    (CLAUDE, changed(CLAUDE, temperature=1.1), "#/temperature: 1.1 is not less or equal to 1"),
    (CLAUDE, changed(CLAUDE, messages="hi"), "#/messages: expected type: JSONArray, found: String"),
    (CLAUDE, changed(CLAUDE, messages=[]), "#/messages: expected minimum item count: 1, found: 0"),
    (CLAUDE, changed(CLAUDE, max_tokens=5.0), "#/max_tokens: expected type: Integer, found: BigDecimal"),
    (CLAUDE, changed(CLAUDE, messages=[{"role": "assistant", "content": [{"type": "text", "text": "x"}]}]), START),
    (
        CLAUDE,
        changed(CLAUDE, messages=[{"role": "user", "content": [{"type": "text", "text": ""}]}]),
        "#/messages/0/content/0/text: expected minLength: 1, actual: 0",
    ),
    (CLAUDE, changed(CLAUDE, messages=[{"role": 5, "content": []}]), "#/messages/0/role: 5 is not a valid enum value"),
    (CLAUDE, changed(CLAUDE, messages=[{"role": "user", "content": []}]), "#/messages/0/content: expected minimum"),
    (CLAUDE, changed(CLAUDE, messages=[{"role": "user", "content": 1}]), "#/messages/0/content: expected type"),
    (
        CLAUDE,
        changed(CLAUDE, messages=[{"role": "user", "content": [{"text": "hi"}]}]),
        "#/messages/0/content/0: required key [type] not found",
    ),
    (
        CLAUDE,
        changed(CLAUDE, messages=[{"role": "user", "content": [{"type": "song"}]}]),
        "#/messages/0/content/0/type: song is not a valid enum value",
    ),
    (
        CLAUDE,
        changed(CLAUDE, messages=[{"role": "user", "content": [{"type": "text"}]}]),
        "#/messages/0/content/0: required key [text] not found",
    ),
    (CLAUDE, changed(CLAUDE, stream=True), "#: extraneous key [stream] is not permitted"),
    (LLAMA, b'{"prompt": "\\ud800"}', "Malformed input request, please reformat"),
    (NOVA, changed(NOVA, max_tokens=5), "#: extraneous key [max_tokens] is not permitted"),
    (
        NOVA,
        changed(NOVA, messages=[{"role": "user", "content": [{"type": "text", "text": "hi"}]}]),
        "#/messages/0/content/0: extraneous key [type] is not permitted",
    ),
    (NOVA, changed(NOVA, messages=[{"role": "user", "content": "hi"}]), "expected type: JSONArray, found: String"),
    (NOVA, changed(NOVA, messages=[USER, USER]), ALTERNATE),
    (NOVA, changed(NOVA, inferenceConfig={"topP": None}), "#/inferenceConfig/topP: expected type: Number, found: Null"),
    (LLAMA, without(LLAMA, "prompt"), "#: required key [prompt] not found"),
    (LLAMA, changed(LLAMA, max_gen_len=9000), "#/max_gen_len: 9000 is not less or equal to 8192"),
    (LLAMA, changed(LLAMA, messages=[]), "#: extraneous key [messages] is not permitted"),
    (LLAMA, changed(LLAMA, prompt=""), "#/prompt: expected minLength: 1, actual: 0"),
    *(
        (model, {"message": "hi"}, f"The sandbox does not know the InvokeModelWithResponseStream format of {model};")
        for model in ("cohere.command-r-v1:0", TITAN, "meta.llama2-13b-chat-v1")
    ),
    (CLAUDE, changed(CLAUDE, anthropic_version="bedrock-2026-10-21"), "bedrock-2026-10-21 is not a valid enum value"),
    (CLAUDE, changed(CLAUDE, anthropic_version="2026-10-21\n"), "2026-10-21\n is not a valid enum value"),
    (CLAUDE, changed(CLAUDE, service_tier="auto"), "#: extraneous key [service_tier] is not permitted"),
    (CLAUDE, changed(CLAUDE, system=5), "#/system: expected type: JSONArray, found: Integer"),
    (CLAUDE, changed(CLAUDE, system=[{"type": "image"}]), "#/system/0: required key [text] not found"),
    (CLAUDE, changed(CLAUDE, top_k=501), "#/top_k: 501 is not less or equal to 500"),
    (CLAUDE, changed(CLAUDE, tool_choice="auto"), "#/tool_choice: expected type: JSONObject, found: String"),
    (
        CLAUDE,
        changed(CLAUDE, messages=[{"role": "user", "content": ""}]),
        "#/messages/0/content: expected minLength: 1, actual: 0",
    ),
    (
        CLAUDE,
        changed(CLAUDE, messages=[{"role": "user", "content": [{"type": "text", "text": "hi", "toolUse": {}}]}]),
        "#/messages/0/content/0: extraneous key [toolUse] is not permitted",
    ),
    (NOVA, changed(NOVA, toolConfig={}), "#/toolConfig: required key [tools] not found"),
    (NOVA, changed(NOVA, guardrailConfig={}), "#: extraneous key [guardrailConfig] is not permitted"),
    (NOVA, changed(NOVA, inferenceConfig={"topK": 129}), "#/inferenceConfig/topK: 129 is not less or equal to 128"),
    (NOVA, changed(NOVA, inferenceConfig={"top_k": 1}), "#/inferenceConfig: extraneous key [top_k] is not permitted"),
    (
        NOVA,
        changed(NOVA, messages=[{"role": "user", "content": [{"text": ""}]}]),
        "The text field in the ContentBlock object at messages.0.content.0 is blank.",
    ),
    (LLAMA, changed(LLAMA, images=[1]), "#/images/0: expected type: String, found: Integer"),
]  # fmt: skip
CONVERSE_CASES = [
    ({}, "#: required key [messages] not found"),
    ({"messages": [USER], "max_tokens": 3}, "#: extraneous key [max_tokens] is not permitted"),
    ({"messages": [ASSISTANT]}, START),
    ({"messages": [USER, USER]}, ALTERNATE),
    ({"messages": [{"role": "user", "content": []}]}, "#/messages/0/content: expected minimum item count: 1, found: 0"),
    (converse_body(" \n"), "The text field in the ContentBlock object at messages.0.content.0 is blank."),
    ({"messages": [{"role": "user", "content": [{}]}]}, "#/messages/0/content/0: minimum size: [1], found: [0]"),
    (
        {"messages": [{"role": "user", "content": [{"text": "hi", "toolUse": {}}]}]},
        "#/messages/0/content/0: maximum size: [1], found: [2]",
    ),
    (
        {"messages": [{"role": "user", "content": [{"song": {}}]}]},
        "#/messages/0/content/0: extraneous key [song] is not permitted",
    ),
    (
        {"messages": [{"role": "user", "content": [{"image": {"format": "png"}}]}]},
        "#/messages/0/content/0/image: required key [source] not found",
    ),
    (
        {"messages": [{"role": "user", "content": [{"image": {"format": "bmp", "source": {"bytes": ""}}}]}]},
        "#/messages/0/content/0/image/format: bmp is not a valid enum value",
    ),
    (converse_body("hi", modelId=NOVA), "#: extraneous key [modelId] is not permitted"),
    (converse_body("hi", inferenceConfig={"maxTokens": 0}), "#/inferenceConfig/maxTokens: 0 is not greater or equal"),
    (converse_body("hi", inferenceConfig={"topP": 1.5}), "#/inferenceConfig/topP: 1.5 is not less or equal to 1"),
    (
        converse_body("hi", inferenceConfig={"stopSequences": ["a"] * 2501}),
        "#/inferenceConfig/stopSequences: expected maximum item count: 2500, found: 2501",
    ),
    (converse_body("hi", toolConfig={"tools": []}), "#/toolConfig/tools: expected minimum item count: 1, found: 0"),
    (
        converse_body("hi", toolConfig={"tools": [{"toolSpec": {"name": "a" * 65, "inputSchema": {"json": {}}}}]}),
        "#/toolConfig/tools/0/toolSpec/name: expected maxLength: 64, actual: 65",
    ),
    (
        converse_body("hi", toolConfig={"tools": [{"toolSpec": {"name": "a", "inputSchema": {}, "strict": 1}}]}),
        "#/toolConfig/tools/0/toolSpec/inputSchema: minimum size: [1], found: [0]",
    ),
    (
        converse_body("hi", system=[{"guardContent": {"image": {"format": "png", "source": {"bytes": 1}}}}]),
        "#/system/0/guardContent/image/source/bytes: expected type: String, found: Integer",
    ),
    (
        converse_body("hi", toolConfig={"tools": [{"toolSpec": {
            "name": "a", "inputSchema": {"json": {}}, "strict": 1
        }}]}),
        "#/toolConfig/tools/0/toolSpec/strict: expected type: Boolean, found: Integer",
    ),
    (converse_body("hi", requestMetadata={"a": 1}), "#/requestMetadata/a: expected type: String, found: Integer"),
    (converse_body("hi", requestMetadata={}), "#/requestMetadata: minimum size: [1], found: [0]"),
    (converse_body("hi", requestMetadata={"": "b"}), "#/requestMetadata: expected minLength: 1, actual: 0"),
    (converse_body("hi", requestMetadata={"a": "b" * 257}), "/requestMetadata/a: expected maxLength: 256, actual: 257"),
    (converse_body("hi", requestMetadata={"a": "b!"}), "#/requestMetadata/a: string [b!] does not match pattern"),
    (converse_body("hi", requestMetadata={"a\n!": "b"}), "#/requestMetadata: string [a\n!] does not match pattern"),
    (
        converse_body("hi", requestMetadata={str(number): "b" for number in range(17)}),
        "#/requestMetadata: maximum size: [16], found: [17]",
    ),
]  # fmt: skip


def assert_refused(service: Service, reply: Any, complaint: str) -> None:
    assert reply.status == 400
    assert reply.headers["x-amzn-errortype"].startswith("ValidationException:")
    assert reply.headers["x-amzn-requestid"]
    assert reply.json.keys() == {"message"}
    assert complaint in reply.json["message"]
    served = service.last_served()
    assert (served.outcome, served.status) == ("ValidationException", 400)


@pytest.mark.parametrize(("model", "body", "complaint"), INVOKE_CASES)
def test_a_malformed_body_is_refused_by_invoke(bedrock: Service, model: str, body: Any, complaint: str) -> None:
    assert_refused(bedrock, bedrock.invoke(model, body), complaint)


@pytest.mark.parametrize(("body", "complaint"), CONVERSE_CASES)
def test_a_malformed_body_is_refused_by_converse(bedrock: Service, body: Any, complaint: str) -> None:
    assert_refused(bedrock, bedrock.converse(NOVA, body), complaint)


def test_both_apis_take_metadata_of_a_request(client: Any) -> None:
    metadata = {"request_id": "27df07c5-1c35-42eb-ae6f-55193c404205", "service": "first byte: a_b@c/1,2.+=$#"}
    assert list(client.converse_stream(modelId=NOVA, requestMetadata=metadata, **converse_body("hi"))["stream"])
    body = json.dumps(body_for(CLAUDE, "hi"))
    response = client.invoke_model_with_response_stream(modelId=CLAUDE, body=body, requestMetadata=json.dumps(metadata))
    assert list(response["body"])


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        ("", "Malformed input request, please reformat"),
        ("request_id=1", "Malformed input request, please reformat"),
        ("[]", "#: expected type: JSONObject, found: JSONArray"),
        ("{}", "#: minimum size: [1], found: [0]"),
        ('{"a": 1}', "#/a: expected type: String, found: Integer"),
        ('{"a": "!"}', "#/a: string [!] does not match pattern"),
    ],
)
def test_metadata_in_the_header_of_an_invocation_is_checked(client: Any, metadata: str, complaint: str) -> None:
    body = json.dumps(body_for(CLAUDE, "hi"))
    with pytest.raises(client.exceptions.ValidationException) as refused:
        client.invoke_model_with_response_stream(modelId=CLAUDE, body=body, requestMetadata=metadata)
    assert complaint in refused.value.response["Error"]["Message"]


@pytest.mark.parametrize("api", ["invoke", "converse"])
def test_an_unknown_model_is_refused_as_recorded(bedrock: Service, api: str) -> None:
    name = f"{api}-invalid-model-1"
    recorded = json.loads((recordings() / f"{name}.json").read_text())
    reply = bedrock.post(recorded["path"], recorded["request_body"])
    assert reply.status == recorded["status"]
    assert {key: reply.headers[key] for key in recorded["response_headers"]} == recorded["response_headers"]
    assert reply.json == json.loads((recordings() / f"{name}.bin").read_bytes())


@pytest.mark.parametrize(
    "model",
    [
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-micro-v1:0",
    ],
)
def test_an_arn_in_the_path_is_one_segment(bedrock: Service, client: Any, model: str) -> None:
    assert list(client.converse_stream(modelId=model, **converse_body("hi"))["stream"])
    assert bedrock.last_served().model_id == model


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/model/{NOVA}/converse-stream"),
        ("POST", f"/model/{NOVA}/invoke"),
        ("POST", f"/model/{NOVA}/converse"),
        ("POST", f"/model/a/b/{NOVA}/converse-stream"),
        ("GET", "/"),
        ("PUT", "/guardrail/x%2Fy/version/1/apply"),
    ],
)
def test_what_the_sandbox_does_not_stand_in_for_is_refused_by_name(bedrock: Service, method: str, path: str) -> None:
    reply = bedrock.post(path, {}, method)
    assert reply.status == 501
    assert reply.json == {"message": f"The sandbox's Bedrock does not stand in for {method} {path}"}
    assert reply.headers["x-amzn-requestid"]
    assert not bedrock.served


def test_a_body_of_many_megabytes_is_read(bedrock: Service) -> None:
    assert bedrock.converse(NOVA, converse_body("word " * 1_000_000)).status == 200


def test_every_request_has_an_id_of_its_own(bedrock: Service) -> None:
    ids = {
        bedrock.converse(NOVA, converse_body(text)).headers["x-amzn-requestid"] for text in ("a", "b", "[[sandbox: x]]")
    }
    assert len(ids) == 3
