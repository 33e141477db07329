"""Amazon Nova's format in InvokeModelWithResponseStream: its request body and its chunks."""

import re
import secrets
from dataclasses import replace
from typing import Any

from sandbox.bedrock.answer import TOOL_NAME, Answer, Delta, Kind, Prompt, Usage
from sandbox.bedrock.conversation import MEMBERS, read_alternating
from sandbox.bedrock.dialect import Latency, Reported, invocation_metrics
from sandbox.bedrock.models import Model
from sandbox.bedrock.validation import COUNT, OBJECT, record
from sandbox.bedrock.wire import chunk_events

MODEL_IDS = re.compile(r"amazon\.nova")
TEXT_ONLY = False

# AWS calls this schema "nearly identical" to ConverseStream's, and lists what else it has:
# https://docs.aws.amazon.com/nova/latest/nova2-userguide/request-response-schema.html
_INFERENCE_CONFIG = {
    **MEMBERS["inferenceConfig"]["properties"],
    "topK": {"type": "integer", "minimum": 0, "maximum": 128},
    "reasoningConfig": OBJECT,
    # This is what the first versions of the format called maxTokens. The service takes both.
    "max_new_tokens": COUNT,
}
BODY = record(
    {
        "schemaVersion": {"enum": ["messages-v1"]},
        **{name: MEMBERS[name] for name in ("messages", "system", "toolConfig")},
        "inferenceConfig": record(_INFERENCE_CONFIG),
    },
    required=("messages",),
)


def read(body: Any) -> Prompt:
    """Read a messages-v1 body that fits `BODY`; raises RefusedError."""
    limits = body.get("inferenceConfig", {})
    return read_alternating(body, limits.get("maxTokens", limits.get("max_new_tokens")))


def start(_model: Model, answer: Answer) -> list[bytes]:
    """Return the chunk that precedes the first delta."""
    return chunk_events({"messageStart": {"role": "assistant"}}, intervened=answer.intervened)


def delta(answer: Answer, delta: Delta, _latency: Latency) -> list[bytes]:
    """Return one delta. In recorded streams every piece of text is a block of its own, with a stop after it."""
    bodies: list[dict[str, Any]] = []
    if delta.kind is Kind.TOOL:
        # The pieces of the tool's input share a block. They end the answer, so the first gives the block its number.
        index, closes = delta.position - delta.offset, delta.closes
        if delta.opens:
            tool = {"toolUseId": f"tooluse_{secrets.token_urlsafe(16)}", "name": TOOL_NAME}
            bodies.append({"contentBlockStart": {"start": {"toolUse": tool}, "contentBlockIndex": index}})
        piece: dict[str, Any] = {"toolUse": {"input": delta.text}}
    else:
        index, closes = delta.position, True
        piece = {"text": delta.text} if delta.kind is Kind.TEXT else {"reasoningContent": {"text": delta.text}}
    bodies.append({"contentBlockDelta": {"delta": piece, "contentBlockIndex": index}})
    if closes:
        bodies.append({"contentBlockStop": {"contentBlockIndex": index}})
    return chunk_events(*bodies, intervened=answer.intervened)


def end(answer: Answer, latency: Latency) -> list[bytes]:
    """Return the stop reason and `metadata`, in which Nova reports cache counts even if they are 0."""
    metadata: dict[str, Any] = {"metrics": {}, "trace": {}}
    usage = answer.usage
    if usage:
        usage = replace(usage, cache_read=usage.cache_read or 0, cache_write=usage.cache_write or 0)
        own = {
            "inputTokens": usage.input,
            "outputTokens": usage.own_output,
            "cacheReadInputTokenCount": usage.cache_read,
            "cacheWriteInputTokenCount": usage.cache_write,
        }
        metadata = {"usage": own, **metadata}
    return chunk_events(
        {"messageStop": {"stopReason": answer.stop_reason}},
        {"metadata": metadata, **invocation_metrics(usage, latency)},
        intervened=answer.intervened,
    )


def reported(_answer: Answer, _usage: Usage, _told: int) -> Reported:
    """Return nothing: the counts come at the end."""
    return Reported()
