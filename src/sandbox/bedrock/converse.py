"""ConverseStream: its request body and its events, the same for the models of every provider.

Shapes: botocore's service model of bedrock-runtime (ConverseStreamRequest, ConverseStreamOutput).
"""

import secrets
from typing import Any

from sandbox.bedrock.answer import TOOL_NAME, Answer, Delta, Kind, Prompt, Usage
from sandbox.bedrock.conversation import MEMBERS, read_alternating
from sandbox.bedrock.dialect import Latency, Reported
from sandbox.bedrock.guardrails import check_guardrail
from sandbox.bedrock.models import Model
from sandbox.bedrock.validation import record
from sandbox.bedrock.wire import converse_event

TEXT_ONLY = False
BODY = record(MEMBERS, required=("messages",))


def read(body: Any) -> Prompt:
    """Read a ConverseStream body that fits `BODY`; raises RefusedError."""
    check_guardrail(body.get("guardrailConfig", {}))
    return read_alternating(body, body.get("inferenceConfig", {}).get("maxTokens"))


def start(_model: Model, _answer: Answer) -> list[bytes]:
    """Return the event that precedes the first delta."""
    return [converse_event("messageStart", {"role": "assistant"})]


def delta(_answer: Answer, delta: Delta, _latency: Latency) -> list[bytes]:
    """Return one delta. Only the block of a tool use has a start event: recorded streams have none for text."""
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
    """Return the stop reason, and `metadata` if usage is reported: nothing else is in it."""
    reason = "guardrail_intervened" if answer.intervened else answer.stop_reason
    events = [converse_event("messageStop", {"stopReason": reason})]
    if usage := answer.usage:
        counts = {"inputTokens": usage.input, "outputTokens": usage.output, "totalTokens": usage.input + usage.output}
        if usage.cache_read is not None:
            counts["cacheReadInputTokens"] = usage.cache_read
        if usage.cache_write is not None:
            counts["cacheWriteInputTokens"] = usage.cache_write
        events.append(converse_event("metadata", {"usage": counts, "metrics": {"latencyMs": latency.now}}))
    return events


def reported(_answer: Answer, _usage: Usage, _told: int) -> Reported:
    """Return nothing: the counts come at the end."""
    return Reported()
