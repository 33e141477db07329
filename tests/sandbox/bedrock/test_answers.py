"""Answers through the real boto3: text, stop reason and usage of every family and both APIs."""

import json
from typing import Any

import pytest

from bedrock_service import CLAUDE, LLAMA, NOVA, TITAN, Service, body_for, converse_body

MODELS = [CLAUDE, NOVA, LLAMA]
METRICS = "amazon-bedrock-invocationMetrics"


def invoke(client: Any, model: str, text: str, max_tokens: int = 400) -> list[dict[str, Any]]:
    response = client.invoke_model_with_response_stream(
        modelId=model, body=json.dumps(body_for(model, text, max_tokens))
    )
    assert response["contentType"] == "application/json"
    return [json.loads(event["chunk"]["bytes"]) for event in response["body"]]


def converse(client: Any, model: str, text: str, **extra: Any) -> list[dict[str, Any]]:
    return list(client.converse_stream(modelId=model, **converse_body(text, **extra))["stream"])


def text_of(model: str, chunks: list[dict[str, Any]]) -> str:
    if model == CLAUDE:
        return "".join(c["delta"]["text"] for c in chunks if c.get("delta", {}).get("type") == "text_delta")
    if model == NOVA:
        return "".join(c["contentBlockDelta"]["delta"].get("text", "") for c in chunks if "contentBlockDelta" in c)
    return "".join(c["generation"] for c in chunks)


def stop_reason_of(model: str, chunks: list[dict[str, Any]]) -> Any:
    if model == CLAUDE:
        return chunks[-2]["delta"]["stop_reason"]
    if model == NOVA:
        return chunks[-2]["messageStop"]["stopReason"]
    return chunks[-1]["stop_reason"]


def own_output_of(model: str, chunks: list[dict[str, Any]]) -> Any:
    if model == CLAUDE:
        return chunks[-2]["usage"]["output_tokens"]
    if model == NOVA:
        return chunks[-1]["metadata"]["usage"]["outputTokens"]
    return chunks[-1]["generation_token_count"]


@pytest.mark.parametrize("model", MODELS)
def test_invoke_gives_back_the_prompt_byte_for_byte(client: Any, model: str) -> None:
    said = " naïve  café\n\t\U0001f30a 河 "
    assert text_of(model, invoke(client, model, f"[[sandbox: echo]]{said}")) == said


def test_text_is_sent_as_utf_8(bedrock: Service) -> None:
    assert "河".encode() in bedrock.converse(NOVA, converse_body("[[sandbox: echo]]河")).body
    assert bedrock.invoke(LLAMA, body_for(LLAMA, "[[sandbox: echo]]河")).chunks[0]["generation"] == "河"


def test_llama_counts_in_every_chunk_and_ends_without_text(client: Any) -> None:
    chunks = invoke(client, LLAMA, "[[sandbox: echo]]one two")
    assert chunks[-1].pop(METRICS)
    assert [tuple(chunk.items()) for chunk in chunks] == [
        (("generation", text), ("prompt_token_count", prompt), ("generation_token_count", count), ("stop_reason", stop))
        for text, prompt, count, stop in (("one", 2, 1, None), (" two", None, 2, None), ("", None, 2, "stop"))
    ]


def test_llama_says_in_its_last_text_that_it_was_cut(client: Any) -> None:
    chunks = invoke(client, LLAMA, "[[sandbox: echo]]one two three", 2)
    assert [(c["generation"], c["generation_token_count"], c["stop_reason"]) for c in chunks] == [
        ("one", 1, None),
        (" two", 2, "length"),
    ]
    assert [METRICS in chunk for chunk in chunks] == [False, True]


@pytest.mark.parametrize("model", [*MODELS, TITAN, "mistral.mistral-large-2402-v1:0", f"us.{NOVA}"])
def test_converse_answers_for_every_provider(client: Any, model: str) -> None:
    events = converse(client, model, "[[sandbox: echo]]naïve \U0001f30a 河", system=[{"text": "be kind"}])
    assert [next(iter(event)) for event in events] == [
        "messageStart",
        *["contentBlockDelta"] * 3,
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert "".join(e["contentBlockDelta"]["delta"]["text"] for e in events[1:4]) == "naïve \U0001f30a 河"
    assert events[-2]["messageStop"] == {"stopReason": "end_turn"}
    assert events[-1]["metadata"]["usage"] == {"inputTokens": 5, "outputTokens": 3, "totalTokens": 8}


@pytest.mark.parametrize(
    ("model", "whole", "cut"),
    [
        (CLAUDE, "end_turn", "max_tokens"),
        (NOVA, "end_turn", "max_tokens"),
        (LLAMA, "stop", "length"),
    ],
)
def test_max_tokens_cuts_an_invoked_answer(client: Any, model: str, whole: str, cut: str) -> None:
    for limit, reason, text in ((6, whole, "one two three four"), (2, cut, "one two")):
        chunks = invoke(client, model, "[[sandbox: echo]]one two three four", limit)
        assert (stop_reason_of(model, chunks), text_of(model, chunks)) == (reason, text)
        assert chunks[-1][METRICS]["outputTokenCount"] == len(text.split())


def test_max_tokens_cuts_a_conversation(client: Any) -> None:
    events = converse(client, NOVA, "[[sandbox: chunks=9]] go on", inferenceConfig={"maxTokens": 4})
    assert sum("contentBlockDelta" in event for event in events) == 4
    assert events[-2]["messageStop"]["stopReason"] == "max_tokens"
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 4


@pytest.mark.parametrize("model", MODELS)
def test_invoke_reports_the_usage_that_was_asked_for(bedrock: Service, client: Any, model: str) -> None:
    chunks = invoke(client, model, "[[sandbox: input=11 output=22 own_output=33 cache_read=44 cache_write=55]]")
    metrics = chunks[-1][METRICS]
    latencies = {"invocationLatency", "firstByteLatency"}
    assert {key: value for key, value in metrics.items() if key not in latencies} == {
        "inputTokenCount": 11,
        "outputTokenCount": 22,
        "cacheReadInputTokenCount": 44,
        "cacheWriteInputTokenCount": 55,
    }
    assert own_output_of(model, chunks) == 33
    served = bedrock.last_served()
    counts = (served.input_tokens, served.output_tokens, served.cache_read_tokens, served.cache_write_tokens)
    assert counts == (11, 22, 44, 55)


def test_claude_reports_cached_input_at_the_start(client: Any) -> None:
    start = invoke(client, CLAUDE, "[[sandbox: input=11 cache_read=44 cache_write=55]]")[0]["message"]
    assert start["model"] == "claude-3-haiku-20240307"
    assert start["usage"] == {
        "input_tokens": 11,
        "cache_creation_input_tokens": 55,
        "cache_read_input_tokens": 44,
        "output_tokens": 1,
    }


def test_converse_reports_the_usage_that_was_asked_for(client: Any) -> None:
    usage = converse(client, CLAUDE, "[[sandbox: input=11 output=22 cache_read=44 cache_write=55]]")[-1]["metadata"][
        "usage"
    ]
    assert usage == {
        "inputTokens": 11,
        "outputTokens": 22,
        "totalTokens": 33,
        "cacheReadInputTokens": 44,
        "cacheWriteInputTokens": 55,
    }


@pytest.mark.parametrize("model", MODELS)
def test_usage_none_leaves_no_count_anywhere(client: Any, model: str) -> None:
    for chunk in invoke(client, model, "[[sandbox: usage=none]]"):
        assert METRICS not in chunk
        assert "usage" not in json.dumps(chunk)
        assert all(value is None for key, value in chunk.items() if key.endswith("_count"))
    assert next(iter(converse(client, model, "[[sandbox: usage=none]]")[-1])) == "messageStop"


def test_claude_reasons_and_uses_a_tool(client: Any) -> None:
    chunks = invoke(client, CLAUDE, "[[sandbox: reasoning=2 chunks=1 tool]]")
    blocks = [c["content_block"]["type"] for c in chunks if c["type"] == "content_block_start"]
    deltas = [(c["index"], c["delta"]["type"]) for c in chunks if c["type"] == "content_block_delta"]
    tool_input = "".join(c["delta"].get("partial_json", "") for c in chunks if c["type"] == "content_block_delta")
    assert blocks == ["thinking", "text", "tool_use"]
    assert deltas == [
        *[(0, "thinking_delta")] * 2,
        (0, "signature_delta"),
        (1, "text_delta"),
        *[(2, "input_json_delta")] * 3,
    ]
    assert json.loads(tool_input) == {"location": "Seattle"}
    assert stop_reason_of(CLAUDE, chunks) == "tool_use"


def test_converse_reasons_and_uses_a_tool(client: Any) -> None:
    events = converse(client, CLAUDE, "[[sandbox: reasoning=2 chunks=1 tool]]")
    deltas = [e["contentBlockDelta"]["delta"] for e in events if "contentBlockDelta" in e]
    kinds = [next(iter(d["reasoningContent"])) if "reasoningContent" in d else next(iter(d)) for d in deltas]
    assert kinds == ["text", "text", "signature", "text", "toolUse", "toolUse"]
    assert json.loads("".join(d["toolUse"]["input"] for d in deltas if "toolUse" in d)) == {"location": "Seattle"}
    assert [e["contentBlockStop"]["contentBlockIndex"] for e in events if "contentBlockStop" in e] == [0, 1, 2]
    assert events[-2]["messageStop"]["stopReason"] == "tool_use"


def test_nova_reasons_and_uses_a_tool(client: Any) -> None:
    chunks = invoke(client, NOVA, "[[sandbox: reasoning=1 chunks=1 tool]]")
    deltas = [c["contentBlockDelta"] for c in chunks if "contentBlockDelta" in c]
    assert [(d["contentBlockIndex"], next(iter(d["delta"]))) for d in deltas] == [
        (0, "reasoningContent"),
        (1, "text"),
        (2, "toolUse"),
        (2, "toolUse"),
    ]
    assert [c["contentBlockStop"]["contentBlockIndex"] for c in chunks if "contentBlockStop" in c] == [0, 1, 2]


@pytest.mark.parametrize("model", MODELS)
def test_an_answer_may_be_empty(client: Any, model: str) -> None:
    chunks = invoke(client, model, "[[sandbox: chunks=0]]")
    assert text_of(model, chunks) == ""
    assert chunks[-1][METRICS]["outputTokenCount"] == 0
    assert [next(iter(e)) for e in converse(client, model, "[[sandbox: chunks=0]]")] == [
        "messageStart",
        "messageStop",
        "metadata",
    ]


@pytest.mark.parametrize("script", ["guardrail", ""])
@pytest.mark.parametrize("model", [CLAUDE, NOVA, LLAMA])
def test_a_guardrail_says_so_in_every_chunk(bedrock: Service, model: str, script: str) -> None:
    chunks = bedrock.invoke(model, body_for(model, f"[[sandbox: {script}]]")).chunks
    assert {chunk.get("amazon-bedrock-guardrailAction") for chunk in chunks} == {"INTERVENED" if script else None}


@pytest.mark.parametrize(("script", "reason"), [("guardrail", "guardrail_intervened"), ("", "end_turn")])
def test_a_guardrail_is_a_stop_reason_of_a_conversation(client: Any, script: str, reason: str) -> None:
    stream = client.converse_stream(modelId=CLAUDE, **converse_body(f"[[sandbox: {script}]]"))["stream"]
    (stopped,) = (event["messageStop"] for event in stream if "messageStop" in event)
    assert stopped["stopReason"] == reason


def test_the_directives_are_those_of_the_last_user_message(client: Any) -> None:
    messages = [
        {"role": "user", "content": [{"text": "[[sandbox: chunks=9]] first"}]},
        {"role": "assistant", "content": [{"text": "[[sandbox: chunks=8]]"}]},
        {"role": "user", "content": [{"text": "[[sandbox: chunks=2]] second"}]},
    ]
    events = list(client.converse_stream(modelId=NOVA, messages=messages)["stream"])
    assert events[-1]["metadata"]["usage"] == {"inputTokens": 2, "outputTokens": 2, "totalTokens": 4}


def test_a_record_is_made_of_every_request(bedrock: Service, client: Any) -> None:
    converse(client, NOVA, "one [[sandbox: ttft=30]]")
    served = bedrock.last_served()
    assert (served.model_id, served.api, served.outcome, served.status) == (NOVA, "ConverseStream", "completed", 200)
    assert (served.input_tokens, served.output_tokens) == (1, 5)
    assert served.first_token_ms is not None
    assert 30 <= served.first_token_ms <= served.duration_ms
    invoke(client, CLAUDE, "two")
    assert bedrock.last_served(2).api == "InvokeModelWithResponseStream"
