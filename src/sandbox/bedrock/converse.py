"""ConverseStream: its request body and its events, the same for the models of every provider.

Shapes: botocore's service model of bedrock-runtime (ConverseStreamRequest, ConverseStreamOutput).
"""

import secrets
from typing import Any

from sandbox.bedrock.answer import TOOL_NAME, Answer, Delta, Kind
from sandbox.bedrock.dialect import Latency
from sandbox.bedrock.errors import invalid
from sandbox.bedrock.models import Model
from sandbox.bedrock.prompt import Prompt
from sandbox.bedrock.schema import alternating, anything, array, choice, integer, number, record, string
from sandbox.bedrock.wire import converse_event

_CONTENT_BLOCK = record(
    optional={
        "text": string(),
        "image": anything,
        "document": anything,
        "video": anything,
        "audio": anything,
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
        "system": array(record(optional={"text": string(1), "cachePoint": anything})),
        "inferenceConfig": record(
            optional={
                "maxTokens": integer(1),
                "temperature": number(0, 1),
                "topP": number(0, 1),
                "stopSequences": array(string(1)),
            }
        ),
        "toolConfig": record({"tools": array(anything, minimum=1)}, {"toolChoice": anything}),
        # These change nothing in what a scripted model says.
        "additionalModelRequestFields": anything,
        "additionalModelResponseFieldPaths": array(string(1)),
        "requestMetadata": anything,
        "performanceConfig": anything,
        "serviceTier": anything,
    },
)


def read(body: Any) -> Prompt:
    """Check and read a ConverseStream body; raises RefusedError."""
    _BODY(body, "#")
    messages = body["messages"]
    for number_, message in enumerate(messages):
        for index, block in enumerate(message["content"]):
            place = f"messages.{number_}.content.{index}"
            if len(block) != 1:
                raise invalid(f"The ContentBlock object at {place} must have exactly one member, it has {len(block)}.")
            if "text" in block and not block["text"].strip():
                raise invalid(
                    f"The text field in the ContentBlock object at {place} is blank. "
                    "Add text to the text field, and try again."
                )
    alternating(messages)
    limits = body.get("inferenceConfig", {})
    said = [(m["role"], "".join(block.get("text", "") for block in m["content"])) for m in messages]
    return Prompt(
        user_text=[text for role, text in said if role == "user"][-1],
        texts=(*(block.get("text", "") for block in body.get("system", [])), *(text for _, text in said)),
        max_tokens=limits.get("maxTokens"),
        stop_sequences=tuple(limits.get("stopSequences", ())),
    )


def start(_model: Model, _answer: Answer) -> list[bytes]:
    """The event that precedes the first delta."""
    return [converse_event("messageStart", {"role": "assistant"})]


def delta(_answer: Answer, delta: Delta, _latency: Latency) -> list[bytes]:
    """One delta. Only the block of a tool use has a start event: recorded streams have none for text."""
    at = {"contentBlockIndex": delta.block}
    events = []
    match delta.kind:
        case Kind.TOOL:
            if delta.opens:
                tool = {"name": TOOL_NAME, "toolUseId": f"tooluse_{secrets.token_urlsafe(16)}"}
                events.append(converse_event("contentBlockStart", {**at, "start": {"toolUse": tool}}))
            body: dict[str, Any] = {"toolUse": {"input": delta.text}}
        case Kind.REASONING:
            body = {"reasoningContent": {"text": delta.text}}
        case Kind.TEXT:
            body = {"text": delta.text}
    events.append(converse_event("contentBlockDelta", {**at, "delta": body}))
    if delta.closes:
        if delta.kind is Kind.REASONING:
            signature = {"reasoningContent": {"signature": secrets.token_urlsafe(48)}}
            events.append(converse_event("contentBlockDelta", {**at, "delta": signature}))
        events.append(converse_event("contentBlockStop", at))
    return events


def end(answer: Answer, latency: Latency) -> list[bytes]:
    """The stop reason, and the usage if it is reported: `metadata` has nothing else in it."""
    events = [converse_event("messageStop", {"stopReason": answer.stop_reason})]
    if usage := answer.usage:
        counts = {"inputTokens": usage.input, "outputTokens": usage.output, "totalTokens": usage.input + usage.output}
        if usage.cache_read is not None:
            counts["cacheReadInputTokens"] = usage.cache_read
        if usage.cache_write is not None:
            counts["cacheWriteInputTokens"] = usage.cache_write
        events.append(converse_event("metadata", {"usage": counts, "metrics": {"latencyMs": latency.now}}))
    return events
