"""Amazon Nova's format in InvokeModelWithResponseStream: its request body and its chunks."""

import secrets
from dataclasses import replace
from typing import Any

from sandbox.bedrock.answer import TOOL_NAME, Answer, Delta, Kind
from sandbox.bedrock.dialect import Latency, invocation_metrics
from sandbox.bedrock.models import Model
from sandbox.bedrock.prompt import Prompt
from sandbox.bedrock.schema import alternating, anything, array, choice, integer, number, record, string
from sandbox.bedrock.wire import chunk_event

_CONTENT_BLOCK = record(
    optional={
        "text": string(1),
        "image": anything,
        "document": anything,
        "video": anything,
        "toolUse": anything,
        "toolResult": anything,
        "cachePoint": anything,
        "reasoningContent": anything,
    }
)
_BODY = record(
    {
        "messages": array(
            record({"role": choice("user", "assistant"), "content": array(_CONTENT_BLOCK, minimum=1)}), minimum=1
        )
    },
    {
        "schemaVersion": choice("messages-v1"),
        "system": array(record(optional={"text": string(1), "cachePoint": anything})),
        "inferenceConfig": record(
            optional={
                # The first versions of the format had the second name; both are taken.
                "maxTokens": integer(1),
                "max_new_tokens": integer(1),
                "temperature": number(0, 1),
                "topP": number(0, 1),
                "topK": integer(0, 128),
                "stopSequences": array(string(1)),
                "reasoningConfig": anything,
            }
        ),
        "toolConfig": record({"tools": array(anything, minimum=1)}, {"toolChoice": anything}),
    },
)


def read(body: Any) -> Prompt:
    """Check and read a messages-v1 body; raises RefusedError."""
    _BODY(body, "#")
    alternating(body["messages"])
    limits = body.get("inferenceConfig", {})
    said = [(m["role"], "".join(block.get("text", "") for block in m["content"])) for m in body["messages"]]
    return Prompt(
        user_text=[text for role, text in said if role == "user"][-1],
        texts=(*(block.get("text", "") for block in body.get("system", [])), *(text for _, text in said)),
        max_tokens=limits.get("maxTokens", limits.get("max_new_tokens")),
        stop_sequences=tuple(limits.get("stopSequences", ())),
    )


def start(_model: Model, _answer: Answer) -> list[bytes]:
    """The chunk that precedes the first delta."""
    return [chunk_event({"messageStart": {"role": "assistant"}})]


def delta(_answer: Answer, delta: Delta, _latency: Latency) -> list[bytes]:
    """One delta. Recorded streams have a block of its own for every piece of text, and a stop after each."""
    bodies: list[dict[str, Any]] = []
    if delta.kind is Kind.TOOL:
        # The pieces of the tool's input share a block: they are the last of the answer, so the first has its number.
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
    return [chunk_event(body) for body in bodies]


def end(answer: Answer, latency: Latency) -> list[bytes]:
    """The stop reason, and `metadata`, where Nova reports cache counts even if they are 0."""
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
    return [
        chunk_event({"messageStop": {"stopReason": answer.stop_reason}}),
        chunk_event({"metadata": metadata, **invocation_metrics(usage, latency)}),
    ]
