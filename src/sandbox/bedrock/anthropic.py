"""Anthropic's messages format in InvokeModelWithResponseStream: its request body and its chunks."""

import secrets
from typing import Any

from sandbox.bedrock.answer import TOOL_NAME, Answer, Delta, Kind, Usage
from sandbox.bedrock.dialect import Latency, Reported, invocation_metrics
from sandbox.bedrock.models import Model
from sandbox.bedrock.prompt import Prompt
from sandbox.bedrock.schema import (
    anything,
    array,
    choice,
    either,
    integer,
    malformed,
    number,
    record,
    starting_with_user,
    string,
)
from sandbox.bedrock.wire import chunk_event

_TEXT_BLOCK = record({"type": choice("text"), "text": string(1)}, {"cache_control": anything, "citations": anything})
_OTHER_BLOCKS = ("image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking", "search_result")


def _content_block(value: Any, place: str) -> None:
    if isinstance(value, dict) and value.get("type") in _OTHER_BLOCKS:
        return
    if isinstance(value, dict) and value.get("type") not in ("text", None):
        raise malformed(f"{place}/type", "not a type of content block that is known here")
    _TEXT_BLOCK(value, place)


_BODY = record(
    {
        "anthropic_version": choice("bedrock-2023-05-31"),
        "max_tokens": integer(1),
        "messages": array(
            record(
                {
                    "role": choice("user", "assistant"),
                    "content": either(string(1), array(_content_block, minimum=1)),
                }
            ),
            minimum=1,
        ),
    },
    {
        "system": either(string(), array(_TEXT_BLOCK)),
        "temperature": number(0, 1),
        "top_p": number(0, 1),
        "top_k": integer(0, 500),
        "stop_sequences": array(string(1)),
        "tools": array(anything),
        "tool_choice": anything,
        "thinking": anything,
        "anthropic_beta": array(string(1)),
        "metadata": anything,
    },
)


def read(body: Any) -> Prompt:
    """Check and read a messages body; raises RefusedError."""
    _BODY(body, "#")
    starting_with_user(body["messages"])
    said = [(message["role"], _text(message["content"])) for message in body["messages"]]
    return Prompt(
        user_text=[text for role, text in said if role == "user"][-1],
        texts=(_text(body.get("system", "")), *(text for _, text in said)),
        max_tokens=body["max_tokens"],
        stop_sequences=tuple(body.get("stop_sequences", ())),
    )


def _text(content: str | list[dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "".join(block["text"] for block in content if block["type"] == "text")


def start(model: Model, answer: Answer) -> list[bytes]:
    """`message_start`, with the input's part of the usage and one output token, as recorded streams begin."""
    message: dict[str, Any] = {
        "id": f"msg_bdrk_01{secrets.token_hex(11)}",
        "type": "message",
        "role": "assistant",
        "model": model.name,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }
    if usage := answer.usage:
        message["usage"] = {"input_tokens": usage.input}
        if usage.cache_write is not None:
            message["usage"]["cache_creation_input_tokens"] = usage.cache_write
        if usage.cache_read is not None:
            message["usage"]["cache_read_input_tokens"] = usage.cache_read
        message["usage"]["output_tokens"] = 1
    return [chunk_event({"type": "message_start", "message": message})]


def delta(_answer: Answer, delta: Delta, _latency: Latency) -> list[bytes]:
    """One delta, with the start and the stop of its block."""
    bodies: list[dict[str, Any]] = []
    match delta.kind:
        case Kind.TEXT:
            block: dict[str, Any] = {"type": "text", "text": ""}
            piece = {"type": "text_delta", "text": delta.text}
        case Kind.REASONING:
            block = {"type": "thinking", "thinking": "", "signature": ""}
            piece = {"type": "thinking_delta", "thinking": delta.text}
        case Kind.TOOL:
            block = {"type": "tool_use", "id": f"toolu_bdrk_01{secrets.token_hex(11)}", "name": TOOL_NAME, "input": {}}
            piece = {"type": "input_json_delta", "partial_json": delta.text}
    if delta.opens:
        bodies.append({"type": "content_block_start", "index": delta.block, "content_block": block})
        if delta.kind is Kind.TOOL:
            # In recorded streams the first piece of a tool's input is empty.
            bodies.append({"type": "content_block_delta", "index": delta.block, "delta": {**piece, "partial_json": ""}})
    bodies.append({"type": "content_block_delta", "index": delta.block, "delta": piece})
    if delta.closes:
        if delta.kind is Kind.REASONING:
            signature = {"type": "signature_delta", "signature": secrets.token_urlsafe(48)}
            bodies.append({"type": "content_block_delta", "index": delta.block, "delta": signature})
        bodies.append({"type": "content_block_stop", "index": delta.block})
    return [chunk_event(body) for body in bodies]


def end(answer: Answer, latency: Latency) -> list[bytes]:
    """`message_delta` with the model's own count, and `message_stop` with Bedrock's."""
    stop: dict[str, Any] = {
        "type": "message_delta",
        "delta": {"stop_reason": answer.stop_reason, "stop_sequence": answer.stop_sequence},
    }
    if answer.usage:
        stop["usage"] = {"output_tokens": answer.usage.own_output}
    return [chunk_event(stop), chunk_event({"type": "message_stop", **invocation_metrics(answer.usage, latency)})]


def reported(_answer: Answer, usage: Usage, _told: int) -> Reported:
    """The input's part; the one output token of `message_start` is there before the model has said anything."""
    return Reported(input=usage.input, cache_read=usage.cache_read, cache_write=usage.cache_write)
