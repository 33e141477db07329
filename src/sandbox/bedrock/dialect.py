"""What the module of every format declares: it reads a request's body and writes an answer as events."""

import re
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.bedrock.answer import Answer, Delta, Prompt, Usage
from sandbox.bedrock.models import Model
from sandbox.bedrock.validation import Schema


@dataclass(frozen=True, slots=True)
class Latency:
    """When the first event was sent, and when it is now, in milliseconds since the request was complete."""

    first_byte: int
    now: int


@dataclass(frozen=True, slots=True)
class Reported:
    """The token counts that a client has been told so far, each None until then."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None


class Dialect(Protocol):
    """A module that speaks one format: ConverseStream's, or a family's own.

    `start`, `delta` and `end` return event stream messages. Each is one write.

    Attributes:
        BODY: the JSON schema of the request's body.
        TEXT_ONLY: whether the format has neither tool use nor reasoning.
    """

    BODY: Schema
    TEXT_ONLY: bool

    def read(self, body: Any) -> Prompt:
        """Read a body that fits `BODY`; raises RefusedError for what a schema cannot say."""

    def start(self, model: Model, answer: Answer) -> list[bytes]:
        """Return what precedes the first delta."""

    def delta(self, answer: Answer, delta: Delta, latency: Latency) -> list[bytes]:
        """Return a delta, with the events that open and close its block."""

    def end(self, answer: Answer, latency: Latency) -> list[bytes]:
        """Return what follows the last delta."""

    def reported(self, answer: Answer, usage: Usage, told: int) -> Reported:
        """Return what a client knows of the answer's usage when the stream has begun and `told` deltas were sent."""


class Family(Dialect, Protocol):
    """The module of a model family: its own format in InvokeModelWithResponseStream.

    Attributes:
        MODEL_IDS: matches the beginning of its models' names, such as `amazon.nova-micro` (`Model.name`).
    """

    MODEL_IDS: re.Pattern[str]


def all_reported(usage: Usage) -> Reported:
    """Return what the client knows when the service has reported all its counts."""
    return Reported(usage.input, usage.output, usage.cache_read, usage.cache_write)


def invocation_metrics(usage: Usage | None, latency: Latency) -> dict[str, Any]:
    """Return the member of the last chunk with what Bedrock counted and measured. It is empty without usage."""
    if usage is None:
        return {}
    metrics = {
        "inputTokenCount": usage.input,
        "outputTokenCount": usage.output,
        "invocationLatency": latency.now,
        "firstByteLatency": latency.first_byte,
    }
    if usage.cache_read is not None:
        metrics["cacheReadInputTokenCount"] = usage.cache_read
    if usage.cache_write is not None:
        metrics["cacheWriteInputTokenCount"] = usage.cache_write
    return {"amazon-bedrock-invocationMetrics": metrics}
