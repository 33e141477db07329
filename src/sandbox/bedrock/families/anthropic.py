"""Anthropic's messages format in InvokeModelWithResponseStream: its request body and its chunks."""

import re
import secrets
from typing import Any

from sandbox.bedrock.answer import TOOL_NAME, Answer, Delta, Kind, Prompt, Usage
from sandbox.bedrock.conversation import read_conversation
from sandbox.bedrock.dialect import Latency, Reported, invocation_metrics
from sandbox.bedrock.models import Model
from sandbox.bedrock.validation import COUNT, OBJECT, SAMPLING, TEXT, TEXTS, Schema, messages, record
from sandbox.bedrock.wire import chunk_events

MODEL_IDS = re.compile(r"anthropic\.claude")
TEXT_ONLY = False

# AWS documents these members. `metadata`, more types of blocks, the role `system` and a date as version are what the
# package anthropic 2.14.0 sends (types/message_create_params.py and its like, _constants.py). AWS's pages:
# https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
# https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html
# https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html (output_config)
# https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-compaction.html (context_management)
_BLOCK_TYPES = [
    "text", "image", "document", "search_result", "thinking", "redacted_thinking", "tool_use", "tool_result",
    "server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "tool_search_tool_result",
    "code_execution_tool_result", "bash_code_execution_tool_result", "text_editor_code_execution_tool_result",
    "container_upload", "compaction",
]  # fmt: skip
_TEXT_BLOCK = record(
    {"type": {"enum": ["text"]}, "text": TEXT, "cache_control": {}, "citations": {}}, required=("type", "text")
)
_CONTENT_BLOCK: Schema = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"enum": _BLOCK_TYPES}, "text": TEXT},
    "if": {"properties": {"type": {"const": "text"}}},
    "then": _TEXT_BLOCK,
}
BODY = record(
    {
        "anthropic_version": {
            "type": "string",
            "if": {"not": {"pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z"}},
            "then": {"enum": ["bedrock-2023-05-31"]},
        },
        "anthropic_beta": TEXTS,
        "max_tokens": COUNT,
        "messages": messages(_CONTENT_BLOCK, ("array", "string")),
        "system": {"type": ["array", "string"], "items": _TEXT_BLOCK},
        **SAMPLING,
        "top_k": {"type": "integer", "minimum": 0, "maximum": 500},
        "stop_sequences": TEXTS,
        "tools": {"type": "array", "items": OBJECT},
        **dict.fromkeys(("tool_choice", "thinking", "output_config", "context_management", "metadata"), OBJECT),
    },
    required=("anthropic_version", "max_tokens", "messages"),
)


def read(body: Any) -> Prompt:
    """Read a messages body that fits `BODY`; raises RefusedError."""
    return read_conversation(body, body["max_tokens"])


def start(model: Model, answer: Answer) -> list[bytes]:
    """Return `message_start`, with the input's usage and one output token, as recorded streams begin."""
    message: dict[str, Any] = {
        "id": f"msg_bdrk_01{secrets.token_hex(11)}",
        "type": "message",
        "role": "assistant",
        # A recorded stream of anthropic.claude-v2 calls itself this. All other models use the name in their id.
        "model": "claude-2.0" if model.name == "anthropic.claude" else model.name.removeprefix("anthropic."),
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
    return chunk_events({"type": "message_start", "message": message}, intervened=answer.intervened)


def delta(answer: Answer, delta: Delta, _latency: Latency) -> list[bytes]:
    """Return one delta, with the start and the stop of its block."""
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
    return chunk_events(*bodies, intervened=answer.intervened)


def end(answer: Answer, latency: Latency) -> list[bytes]:
    """Return `message_delta` with the model's own count, and `message_stop` with Bedrock's."""
    stop: dict[str, Any] = {
        "type": "message_delta",
        "delta": {"stop_reason": answer.stop_reason, "stop_sequence": None},
    }
    if answer.usage:
        stop["usage"] = {"output_tokens": answer.usage.own_output}
    last = {"type": "message_stop", **invocation_metrics(answer.usage, latency)}
    return chunk_events(stop, last, intervened=answer.intervened)


def reported(_answer: Answer, usage: Usage, _told: int) -> Reported:
    """Return the input's counts. The one output token in `message_start` is no count: nothing has been said yet."""
    return Reported(input=usage.input, cache_read=usage.cache_read, cache_write=usage.cache_write)
