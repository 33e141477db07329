"""Amazon Titan Text's format in InvokeModelWithResponseStream: its request body and its chunks."""

from typing import Any

from sandbox.bedrock.answer import Answer, Delta, Usage
from sandbox.bedrock.dialect import Latency, Reported, all_reported, invocation_metrics
from sandbox.bedrock.models import Model
from sandbox.bedrock.prompt import Prompt
from sandbox.bedrock.schema import array, integer, number, record, string
from sandbox.bedrock.wire import chunk_event

# The documented default.
_DEFAULT_MAX_TOKENS = 512
_COMPLETION_REASONS = {
    "end_turn": "FINISH",
    "stop_sequence": "STOP_CRITERIA_MET",
    "max_tokens": "LENGTH",
    "content_filtered": "CONTENT_FILTERED",
}
_BODY = record(
    {"inputText": string(1)},
    {
        "textGenerationConfig": record(
            optional={
                "maxTokenCount": integer(0, 8192),
                "temperature": number(0, 1),
                "topP": number(0, 1),
                "stopSequences": array(string(1)),
            }
        )
    },
)


def read(body: Any) -> Prompt:
    """Check and read a Titan body; raises RefusedError."""
    _BODY(body, "#")
    limits = body.get("textGenerationConfig", {})
    return Prompt(
        user_text=body["inputText"],
        texts=(body["inputText"],),
        max_tokens=limits.get("maxTokenCount", _DEFAULT_MAX_TOKENS),
        stop_sequences=tuple(limits.get("stopSequences", ())),
    )


def start(_model: Model, _answer: Answer) -> list[bytes]:
    """Nothing precedes the first delta."""
    return []


def delta(answer: Answer, delta: Delta, latency: Latency) -> list[bytes]:
    """One delta; the last one also says why the answer ended."""
    return [_chunk(answer, delta.text, delta.position, latency, last=delta.closes)]


def end(answer: Answer, latency: Latency) -> list[bytes]:
    """Nothing follows the last delta; an answer without any is one empty chunk."""
    return [] if answer.deltas else [_chunk(answer, "", 0, latency, last=True)]


def reported(answer: Answer, usage: Usage, told: int) -> Reported:
    """The input with the first delta, all else with the last."""
    if told == 0:
        return Reported()
    return all_reported(usage) if told == len(answer.deltas) else Reported(input=usage.input)


def _chunk(answer: Answer, text: str, position: int, latency: Latency, *, last: bool) -> bytes:
    usage = answer.usage
    reason = _COMPLETION_REASONS.get(answer.stop_reason, answer.stop_reason) if last else None
    return chunk_event(
        {
            "outputText": text,
            "index": 0,
            "totalOutputTextTokenCount": usage.own_output if usage and last else None,
            "completionReason": reason,
            "inputTextTokenCount": usage.input if usage and position == 0 else None,
            **(invocation_metrics(usage, latency) if last else {}),
        }
    )
