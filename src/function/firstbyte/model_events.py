"""The events of a model's stream, the same for every API and model family. `decoding.py` makes them."""

from dataclasses import dataclass, field, fields
from typing import Literal

# The Converse API's names for why a model stopped.
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_MessageStopEvent.html
STOP_REASONS = frozenset(
    {
        "end_turn",
        "tool_use",
        "max_tokens",
        "stop_sequence",
        "guardrail_intervened",
        "content_filtered",
        "malformed_model_output",
        "malformed_tool_use",
        "model_context_window_exceeded",
    }
)


# Not named tuples, as the values of other modules are: events of two kinds would be equal if their fields are. And not
# frozen, though nobody changes them: to make the classes at a cold start, or an event, would take twice as long.
@dataclass(slots=True)
class Progress:
    """The model works, but not on text: it opened a message, it reasons, or it writes a tool's input.

    What it reasons is no part of the answer. `reasoning` is here so that the log can be kept free of it.
    """

    kind: Literal["start", "reasoning", "tool_use"]
    reasoning: str = field(default="", compare=False)


@dataclass(slots=True)
class Delta:
    """A piece of the answer's text, never empty."""

    text: str


@dataclass(slots=True)
class Stop:
    """The answer is whole. `reason` is one of `STOP_REASONS`, or the model's own word if none fits."""

    reason: str


@dataclass(slots=True)
class Usage:
    """Token counts. None means that a count was not reported; nothing is estimated."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None

    def updated_with(self, newer: "Usage") -> "Usage":
        """Return these counts, replaced by those that the newer report has."""
        return Usage(*(getattr(self, f.name) if (new := getattr(newer, f.name)) is None else new for f in fields(self)))


@dataclass(slots=True)
class ModelUsage:
    """Token counts that the model itself reported. There may be more to come."""

    usage: Usage


@dataclass(slots=True)
class ServiceMetrics:
    """What Bedrock reports of the invocation, as the `AWS/Bedrock` metrics show it. Latencies are in milliseconds."""

    usage: Usage
    invocation_latency_ms: float | None = None
    first_byte_latency_ms: float | None = None


@dataclass(slots=True)
class ImpossibleCounts:
    """The fields of the next report that are left out, because their numbers cannot be."""

    names: tuple[str, ...]


@dataclass(slots=True)
class ErrorReport:
    """The stream says that the answer failed. No event follows it.

    Attributes:
        codes: what it calls the error, the most exact name first; none if it has no name.
        words: its explanation, which may quote the request or the answer; empty if it gives none.
    """

    codes: tuple[str, ...]
    words: str


ModelEvent = Progress | Delta | Stop | ModelUsage | ServiceMetrics | ImpossibleCounts | ErrorReport
