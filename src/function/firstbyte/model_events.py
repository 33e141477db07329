"""What a model's stream says, in one vocabulary for every API and family: decoding makes these, others read them."""

from dataclasses import dataclass, fields
from typing import Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """The model is at work, but not on text: a message was opened, it reasons, or it writes a tool's input."""

    kind: Literal["start", "reasoning", "tool_use"]


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer's text, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The answer is whole; `reason` is one of the Converse API's names, or the model's own word where there is none."""

    reason: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts, None where not reported: nothing is estimated."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None

    def updated_with(self, newer: "Usage") -> "Usage":
        """These counts, with those that the newer report has in their place."""
        return Usage(*(getattr(self, f.name) if (new := getattr(newer, f.name)) is None else new for f in fields(self)))


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """Token counts as the model itself reported them, perhaps not all of them yet."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class ServiceMetrics:
    """What Bedrock reports of the invocation, as the `AWS/Bedrock` metrics show it; latencies in milliseconds."""

    usage: Usage
    invocation_latency_ms: float | None = None
    first_byte_latency_ms: float | None = None


ModelEvent = Progress | Delta | Stop | ModelUsage | ServiceMetrics
