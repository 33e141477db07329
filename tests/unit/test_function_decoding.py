"""Chunks of every model family into events, and anything at all as a chunk."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbyte.decoding import Decoder
from firstbyte.model_events import Delta, ModelEvent, ModelUsage, Progress, ServiceMetrics, Stop, Usage

CASES: dict[str, tuple[list[dict[str, Any]], list[ModelEvent]]] = {
    "anthropic messages": (
        [
            {
                "type": "message_start",
                "message": {
                    "usage": {"input_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2}
                },
            },
            {"type": "ping"},
            {"type": "content_block_start", "content_block": {"type": "thinking", "thinking": ""}},
            {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "hm"}},
            {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "x"}},
            {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": ""}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}},
            {"type": "content_block_delta", "delta": {"type": "citations_delta", "citation": {"text": "no"}}},
            {"type": "content_block_stop"},
            {"type": "content_block_start", "content_block": {"type": "tool_use", "name": "f"}},
            {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "{}"}},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
            {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"outputTokenCount": 8}},
        ],
        [
            Progress("start"),
            ModelUsage(Usage(5, None, 3, 2)),
            Progress("reasoning"),
            Progress("reasoning"),
            Progress("reasoning"),
            Delta("Hi"),
            Progress("tool_use"),
            Progress("tool_use"),
            Stop("tool_use"),
            ModelUsage(Usage(None, 9)),
            ServiceMetrics(Usage(None, 8)),
        ],
    ),
    "anthropic completion": (
        [
            {"type": "completion", "completion": " Hi", "stop_reason": None, "stop": None},
            {"type": "completion", "completion": "", "stop_reason": "stop_sequence", "stop": "\n\nHuman:"},
        ],
        [Delta(" Hi"), Stop("end_turn")],
    ),
    "anthropic completion, caller's stop sequence": (
        [{"completion": "", "stop_reason": "stop_sequence", "stop": "END"}],
        [Stop("stop_sequence")],
    ),
    "nova": (
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"reasoningContent": {"reasoningText": {"text": "hm"}}}}},
            {"contentBlockDelta": {"delta": {"text": "Hi"}}},
            {"contentBlockStop": {"contentBlockIndex": 0}},
            {"contentBlockStart": {"start": {"toolUse": {"name": "f"}}}},
            {"contentBlockDelta": {"delta": {"toolUse": {"input": "{}"}}}},
            {"messageStop": {"stopReason": "tool_use"}},
            {
                "metadata": {"usage": {"inputTokens": 1, "outputTokens": 2, "cacheReadInputTokenCount": 3}},
                "amazon-bedrock-invocationMetrics": {
                    "inputTokenCount": 1,
                    "outputTokenCount": 2,
                    "invocationLatency": 50,
                    "firstByteLatency": 20,
                },
            },
        ],
        [
            Progress("start"),
            Progress("reasoning"),
            Delta("Hi"),
            Progress("tool_use"),
            Progress("tool_use"),
            Stop("tool_use"),
            ModelUsage(Usage(1, 2, 3)),
            ServiceMetrics(Usage(1, 2), 50, 20),
        ],
    ),
    "converse": (
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"reasoningContent": {"text": "hm"}}, "contentBlockIndex": 0}},
            {"contentBlockDelta": {"delta": {"text": "Hi"}, "contentBlockIndex": 1}},
            {"SDK_UNKNOWN_MEMBER": {"name": "newThing"}},
            {"messageStop": {"stopReason": "guardrail_intervened"}},
            {
                "metadata": {
                    "usage": {
                        "inputTokens": 1,
                        "outputTokens": 2,
                        "cacheReadInputTokens": 3,
                        "cacheWriteInputTokens": 4,
                    },
                    "metrics": {"latencyMs": 40},
                }
            },
        ],
        [
            Progress("start"),
            Progress("reasoning"),
            Delta("Hi"),
            Stop("guardrail_intervened"),
            ServiceMetrics(Usage(1, 2, 3, 4), 40),
        ],
    ),
    "llama": (
        [
            {"generation": "Hi", "prompt_token_count": 5, "generation_token_count": 1, "stop_reason": None},
            {"generation": "", "prompt_token_count": None, "generation_token_count": 2, "stop_reason": "length"},
        ],
        [Delta("Hi"), ModelUsage(Usage(5, 1)), Stop("max_tokens"), ModelUsage(Usage(None, 2))],
    ),
    "titan": (
        [
            {"outputText": "Hi", "inputTextTokenCount": 5, "totalOutputTextTokenCount": None, "completionReason": None},
            {"outputText": "", "totalOutputTextTokenCount": 2, "completionReason": "FINISH"},
        ],
        [Delta("Hi"), ModelUsage(Usage(5, None)), Stop("end_turn"), ModelUsage(Usage(None, 2))],
    ),
    "mistral": (
        [{"outputs": [{"text": "Hi", "stop_reason": None}]}, {"outputs": [{"text": "", "stop_reason": "stop"}]}],
        [Delta("Hi"), Stop("end_turn")],
    ),
    "mistral chat": (
        [
            {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "stop_reason": None}]},
            {"choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "stop_reason": "length"}]},
        ],
        [Delta("Hi"), Stop("max_tokens")],
    ),
    "chat completions": (
        [
            {"choices": [{"delta": {"role": "assistant", "content": None}, "finish_reason": None}]},
            {"choices": [{"delta": {"reasoning_content": "hm"}}]},
            {"choices": [{"delta": {"content": "Hi"}}]},
            {"choices": [{"delta": {"tool_calls": [{"index": 0}]}}]},
            {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]},
            {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}},
        ],
        [Progress("reasoning"), Delta("Hi"), Progress("tool_use"), Stop("tool_use"), ModelUsage(Usage(5, 2))],
    ),
    "chat completions that name the caller's stop sequence": (
        [
            {"choices": [{"delta": {"content": "Hi"}, "finish_reason": None, "stop_reason": None}]},
            {"choices": [{"delta": {"content": ""}, "finish_reason": "stop", "stop_reason": "The end"}]},
            {"choices": [{"delta": {"content": ""}, "finish_reason": None, "stop_reason": "The end"}]},
        ],
        [Delta("Hi"), Stop("end_turn")],
    ),
    "deepseek": (
        [{"choices": [{"index": 0, "text": "Hi", "stop_reason": None}]}, {"choices": [{"stop_reason": "stop"}]}],
        [Delta("Hi"), Stop("end_turn")],
    ),
    "cohere": (
        [
            {"is_finished": False, "event_type": "text-generation", "text": "Hi"},
            {
                "is_finished": True,
                "event_type": "stream-end",
                "finish_reason": "COMPLETE",
                "response": {"text": "Hi", "finish_reason": "COMPLETE"},
            },
        ],
        [Delta("Hi"), Stop("end_turn")],
    ),
    "cohere, the older format": (
        [{"generations": [{"text": "Hi", "finish_reason": "MAX_TOKENS"}]}],
        [Delta("Hi"), Stop("max_tokens")],
    ),
    "what nobody knows": (
        [{}, {"type": "new_thing"}, {"type": None}, {"someday": {"text": "no"}}, {"usage": {"input_tokens": 1}}],
        [],
    ),
    "wrong types inside": (
        [
            {"type": "message_start", "message": []},
            {"contentBlockDelta": {"delta": None}},
            {"metadata": {"usage": {"inputTokens": True, "outputTokens": "2"}, "metrics": {"latencyMs": 1}}},
            {"choices": ["x"]},
            {"generation": 1},
        ],
        [Progress("start"), ServiceMetrics(Usage(), 1)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_family(name: str) -> None:
    chunks, events = CASES[name]
    decoder = Decoder()
    assert [event for chunk in chunks for event in decoder.decode(chunk)] == events


def test_a_new_stop_reason_passes_through() -> None:
    assert list(Decoder().decode({"messageStop": {"stopReason": "tired"}})) == [Stop("tired")]


def test_text_can_always_be_encoded() -> None:
    for said, text in (("\ud83d\ude00", "😀"), ("\ude00a", "\ufffda"), ("\ud83da", "\ufffda"), ("\ufeffa", "\ufeffa")):
        decoder = Decoder()
        assert [*decoder.decode({"completion": said}), *decoder.end()] == [Delta(text)]


def test_usage_reports_add_up_and_the_newer_wins() -> None:
    assert Usage(5, 1, 3).updated_with(Usage(None, 9, None, 0)) == Usage(5, 9, 3, 0)


def every_key(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from every_key(inner)


# Every key that a decoder looks at on the way to a value.
KEYS = sorted({key for chunks, _ in CASES.values() for chunk in chunks for key in every_key(chunk)})
WORDS = st.sampled_from(["message_start", "content_block_delta", "message_delta", "text_delta", "text", "stop"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=())) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=15,
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
def test_any_chunk_is_decoded_or_skipped(chunk: dict[str, Any]) -> None:
    for event in Decoder().decode(chunk):
        if isinstance(event, Delta):
            assert event.text.encode()
