"""Streams as services write them: this function, OpenAI and Anthropic by their documentation, and servers like them.

The shapes are those of https://platform.openai.com/docs/api-reference/chat-streaming and
https://platform.claude.com/docs/en/build-with-claude/streaming; texts and ids are made up. Tried:
openai 3.57 and anthropic 2.14, the services' own clients, read the same texts, counts and errors from them.
"""

import json
from typing import Any


def data(fields: dict[str, Any] | str, name: str | None = None, line_end: str = "\n") -> bytes:
    """One server-sent event."""
    content = fields if isinstance(fields, str) else json.dumps(fields, ensure_ascii=False)
    lines = ([f"event: {name}"] if name else []) + [f"data: {content}", "", ""]
    return line_end.join(lines).encode()


def openai_chunk(delta: dict[str, Any] | None = None, finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of a chat completion; without a delta it has no choices, as the one with the usage."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]
    return {
        "id": "chatcmpl-a1",
        "object": "chat.completion.chunk",
        "created": 1790000000,
        "model": "gpt-x-2026-01-01",
        "system_fingerprint": "fp_1",
        "choices": choices,
        "usage": None,
        **more,
    }


OPENAI_USAGE = {
    "prompt_tokens": 19,
    "completion_tokens": 10,
    "total_tokens": 29,
    "completion_tokens_details": {"reasoning_tokens": 0},
}
OPENAI_DONE = data("[DONE]")
# With "stream_options": {"include_usage": true}.
OPENAI = [
    data(openai_chunk({"role": "assistant", "content": "", "refusal": None})),
    data(openai_chunk({"content": "Grüße"})),
    data(openai_chunk({"content": " 😀"})),
    data(openai_chunk({}, "stop")),
    data(openai_chunk(usage=OPENAI_USAGE)),
    OPENAI_DONE,
]
# vLLM with a reasoning parser (newer ones name the field `reasoning`), and a tool call at the end.
OPENAI_REASONING = [
    data(openai_chunk({"role": "assistant", "content": ""})),
    data(openai_chunk({"reasoning_content": "Let me think"})),
    data(openai_chunk({"reasoning": "harder", "content": None})),
    data(openai_chunk({"content": "42"})),
    data(openai_chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": '{"a":'}}]})),
    data(openai_chunk({"content": "!"})),
    data(openai_chunk({}, "tool_calls")),
    OPENAI_DONE,
]
# Azure begins with the filter's results, OpenRouter with comments; this server ends lines as HTTP does.
OPENAI_AWKWARD = [
    b": OPENROUTER PROCESSING\r\n\r\n",
    data({"choices": [], "id": "", "model": "", "object": "", "prompt_filter_results": []}, line_end="\r\n"),
    data(openai_chunk({"content": "Grüße"}), line_end="\r\n"),
    b": keep-alive\r\n\r\n",
    data(openai_chunk({"content": " 😀"}, "length"), line_end="\r\n"),
    data("[DONE]", line_end="\r\n"),
]
OPENAI_ERROR = {"error": {"message": "The server had an error", "type": "server_error", "param": None, "code": 500}}


def anthropic(name: str, **fields: Any) -> bytes:
    """One event of Anthropic's, which repeats its name in its data."""
    return data({"type": name, **fields}, name)


ANTHROPIC_START = anthropic(
    "message_start",
    message={
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "claude-x-1",
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 25, "cache_read_input_tokens": 7, "output_tokens": 1},
    },
)
ANTHROPIC_STOP = anthropic("message_stop")


def anthropic_delta(kind: str, field: str, value: str, index: int = 0) -> bytes:
    """A piece of a block of content."""
    return anthropic("content_block_delta", index=index, delta={"type": kind, field: value})


ANTHROPIC = [
    ANTHROPIC_START,
    anthropic("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""}),
    anthropic("ping"),
    anthropic_delta("thinking_delta", "thinking", "Let me think"),
    anthropic_delta("signature_delta", "signature", "EqQBCg=="),
    anthropic("content_block_stop", index=0),
    anthropic("content_block_start", index=1, content_block={"type": "text", "text": ""}),
    anthropic_delta("text_delta", "text", "Grüße", 1),
    anthropic_delta("text_delta", "text", " 😀", 1),
    anthropic("content_block_stop", index=1),
    anthropic("content_block_start", index=2, content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}}),
    anthropic_delta("input_json_delta", "partial_json", '{"location": "San', 2),
    anthropic("content_block_stop", index=2),
    anthropic("message_delta", delta={"stop_reason": "tool_use", "stop_sequence": None}, usage={"output_tokens": 60}),
    anthropic("message_delta", delta={}, usage={"output_tokens": 89}),
    ANTHROPIC_STOP,
]
ANTHROPIC_ERROR = anthropic("error", error={"type": "overloaded_error", "message": "Overloaded"})

FIRSTBYTE_USAGE = {"input_tokens": 3, "output_tokens": 5}
FIRSTBYTE_TIMING = {"ttfb_ms": 1.5, "ttft_ms": 2.5, "duration_ms": 3.5}


def line(**fields: Any) -> bytes:
    """One line of JSON, as this function writes it."""
    return f"{json.dumps(fields, ensure_ascii=False)}\n".encode()


LINES_START = line(type="start", request_id="r", trace_id="1-2-3", model="m", cold_start=True)
LINES_END = line(type="end", stop_reason="end_turn", usage=FIRSTBYTE_USAGE, timing=FIRSTBYTE_TIMING)
FIRSTBYTE_LINES = [LINES_START, line(type="delta", text="Grüße"), line(type="delta", text=" 😀"), LINES_END]
LINES_ERROR = line(type="error", error={"type": "throttled", "message": "later", "retryable": True})
