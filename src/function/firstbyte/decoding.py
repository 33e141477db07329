"""Turns the chunks of a model's stream, as parsed JSON, into events.

A chunk's shape says what it is, so no decoder depends on the model's name. Unknown chunks and fields are skipped, not
refused. The Converse API and Amazon Nova's own format have the same shape.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

from firstbyte.model_events import (
    Delta,
    ErrorReport,
    ImpossibleCounts,
    ModelEvent,
    ModelUsage,
    Progress,
    ServiceMetrics,
    Stop,
    Usage,
)

Chunk = Mapping[str, Any]
Events = Sequence[ModelEvent]

# Each family's word for why it stopped, and the Converse API's name for it. Other words pass through unchanged.
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_MessageStopEvent.html
_STOP_REASONS = {
    "stop": "end_turn",
    "FINISH": "end_turn",
    "FINISHED": "end_turn",
    "COMPLETE": "end_turn",
    "endoftext": "end_turn",
    "length": "max_tokens",
    "LENGTH": "max_tokens",
    "MAX_TOKENS": "max_tokens",
    "STOP_CRITERIA_MET": "stop_sequence",
    "STOP_SEQUENCE": "stop_sequence",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "TOOL_CALL": "tool_use",
    "CONTENT_FILTERED": "content_filtered",
    "content_filter": "content_filtered",
    "ERROR_TOXIC": "content_filtered",
    "ERROR_LIMIT": "model_context_window_exceeded",
}
_GUARDRAIL_INTERVENED = "guardrail_intervened"
# No answer and no wait is so long: numbers from here on, in tokens or milliseconds, are mistakes.
_IMPOSSIBLE = 10**9
_SURROGATE = re.compile("[\ud800-\udfff]")
_HIGH_SURROGATES = ("\ud800", "\udbff")


class Decoder:
    """Decodes the chunks of one answer, in their order."""

    def __init__(self) -> None:
        self._half = ""
        self._intervened = False

    def decode(self, chunk: Chunk) -> list[ModelEvent]:
        """Return the events of one chunk; none if the chunk says nothing of interest.

        Args:
            chunk: an event of a ConverseStream as botocore parses it, or the JSON inside a `chunk` of an
                InvokeModelWithResponseStream.
        """
        events: list[ModelEvent] = []
        error = None
        decoder, has_more = _told_by(tuple(chunk))
        for event in decoder(chunk):
            match event:
                case Delta(text) if self._half or _SURROGATE.search(text):
                    events += self._joined(text)
                case Delta():
                    events.append(event)
                case Stop(reason) if reason.lower() == "error":
                    error = error or ErrorReport((reason,), "")
                case Stop() if self._intervened:
                    events.append(Stop(_GUARDRAIL_INTERVENED))
                case ModelUsage() | ServiceMetrics():
                    events += _possible(event)
                case _:
                    events.append(event)
        if has_more or chunk.get("type") == "error":
            events += _service_metrics(_object(chunk, "amazon-bedrock-invocationMetrics"))
            error = _error(chunk) or error
        if error:
            events.append(error)
        # ConverseStream has a stop reason for it. InvokeModel has this beside the model's own chunks, any of them.
        # https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-invoke-api.html
        if has_more and chunk.get("amazon-bedrock-guardrailAction") == "INTERVENED":
            self._intervened = True
            events.append(Stop(_GUARDRAIL_INTERVENED))
        return events

    def end(self) -> list[ModelEvent]:
        """Return what was held back, because more might have come."""
        if not self._half:
            return []
        self._half = ""
        return [Delta("\ufffd")]

    def _joined(self, text: str) -> Events:
        # JSON can hold half of a surrogate pair, UTF-8 cannot. Two halves that meet are joined, and the first one waits
        # for the second. A single one is replaced.
        text = self._half + text
        self._half = text[-1] if _HIGH_SURROGATES[0] <= text[-1] <= _HIGH_SURROGATES[1] else ""
        whole = text.removesuffix(self._half)
        return (Delta(whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")),) if whole else ()


def _possible(report: ModelUsage | ServiceMetrics) -> Events:
    """Return the report without the counts that cannot be, and before it an event that names them, if there are any."""
    in_usage, beside = _impossible(report.usage), _impossible(report)
    if not in_usage and not beside:
        return (report,)
    changes: dict[str, Any] = dict.fromkeys(beside)
    possible = replace(report, usage=replace(report.usage, **dict.fromkeys(in_usage)), **changes)
    return ImpossibleCounts((*in_usage, *beside)), possible


def _impossible(counts: Usage | ModelUsage | ServiceMetrics) -> list[str]:
    named = ((field.name, getattr(counts, field.name)) for field in fields(counts))
    return [
        name
        for name, count in named
        if isinstance(count, float) or (isinstance(count, int) and not 0 <= count < _IMPOSSIBLE)
    ]


def _service_metrics(metrics: Chunk) -> Events:
    if not metrics:
        return ()
    counts = Usage(
        input_tokens=_count(metrics, "inputTokenCount"),
        output_tokens=_count(metrics, "outputTokenCount"),
        cache_read_input_tokens=_count(metrics, "cacheReadInputTokenCount"),
        cache_write_input_tokens=_count(metrics, "cacheWriteInputTokenCount"),
    )
    return _possible(
        ServiceMetrics(
            counts,
            invocation_latency_ms=_count(metrics, "invocationLatency"),
            first_byte_latency_ms=_count(metrics, "firstByteLatency"),
        )
    )


def _error(chunk: Chunk) -> ErrorReport | None:
    """Return the error that a chunk reports, whatever its shape; None if it reports none."""
    for key, value in chunk.items():
        if key.endswith("Exception") and isinstance(value, dict | str):
            return ErrorReport((key,), _words(value))
    if error := chunk.get("error"):
        return _error_report(error)
    if "error" in (chunk.get("type"), chunk.get("object")) or "__type" in chunk:
        return _error_report(chunk)
    for choice in _objects(chunk, "choices", "outputs", "generations"):
        if error := choice.get("error"):
            return _error_report(error)
    return None


def _error_report(error: Any) -> ErrorReport:
    named = [error.get(key) for key in ("code", "__type", "type", "status")] if isinstance(error, dict) else []
    # Services that speak AWS's JSON protocol write `namespace#Code`.
    codes = (str(name).rpartition("#")[2] for name in named if isinstance(name, str | int))
    return ErrorReport(tuple(code for code in dict.fromkeys(codes) if code != "error"), _words(error))


def _words(error: Any) -> str:
    if isinstance(error, str):
        return error
    said = [error.get(key) for key in ("message", "Message")] if isinstance(error, dict) else []
    return next((words for words in said if isinstance(words, str)), json.dumps(error) if error else "")


def _messages(chunk: Chunk) -> Events:
    """Anthropic's Messages format: every chunk has a `type`."""
    match chunk["type"]:
        case "content_block_delta":
            return _anthropic_text_or_progress(_object(chunk, "delta"))
        case "content_block_start":
            return _anthropic_text_or_progress(_object(chunk, "content_block"))
        case "message_start":
            # The output count is a placeholder here: the model has written nothing yet. The last report counts all.
            usage = _object(_object(chunk, "message"), "usage")
            counts = {name: count for name, count in usage.items() if name != "output_tokens"}
            return Progress("start"), *_anthropic_usage(counts)
        case "message_delta":
            return (
                *_stop(_object(chunk, "delta").get("stop_reason")),
                *_anthropic_usage(_object(chunk, "usage")),
            )
    return ()


def _anthropic_text_or_progress(block: Chunk) -> Events:
    # Text: text, text_delta. Reasoning: thinking, thinking_delta, signature_delta, redacted_thinking. Tools: tool_use,
    # server_tool_use, input_json_delta. Others, such as citations_delta, are none of these.
    kind = str(block.get("type"))
    if kind in ("text_delta", "text"):
        return _delta(block.get("text"))
    if "thinking" in kind or kind == "signature_delta":
        return (_reasoning(block.get("thinking")),)
    if "tool_use" in kind or kind == "input_json_delta":
        return (Progress("tool_use"),)
    return ()


def _anthropic_usage(usage: Chunk) -> Events:
    if not usage:
        return ()
    counts = Usage(
        input_tokens=_count(usage, "input_tokens"),
        output_tokens=_count(usage, "output_tokens"),
        cache_read_input_tokens=_count(usage, "cache_read_input_tokens"),
        cache_write_input_tokens=_count(usage, "cache_creation_input_tokens"),
    )
    return (ModelUsage(counts),)


def _anthropic_completion(chunk: Chunk) -> Events:
    # In the older format the model ends its turn with the stop sequence "\n\nHuman:", which is not the caller's.
    own_turn_ended = chunk.get("stop_reason") == "stop_sequence" and chunk.get("stop") == "\n\nHuman:"
    return *_delta(chunk["completion"]), *_stop("end_turn" if own_turn_ended else chunk.get("stop_reason"))


def _message_start(_: Chunk) -> Events:
    return (Progress("start"),)


def _content_block(chunk: Chunk) -> Events:
    block = _object(_object(chunk, "contentBlockDelta"), "delta")
    if "contentBlockStart" in chunk:
        block = _object(_object(chunk, "contentBlockStart"), "start") | block
    events = [*_delta(block.get("text"))]
    if block.get("reasoningContent") is not None:
        reasoning = _object(block, "reasoningContent")
        events.append(_reasoning(reasoning.get("text") or _object(reasoning, "reasoningText").get("text")))
    if block.get("toolUse") is not None:
        events.append(Progress("tool_use"))
    return events


def _message_stop(chunk: Chunk) -> Events:
    return _stop(_object(chunk, "messageStop").get("stopReason"))


def _metadata(chunk: Chunk) -> Events:
    metadata = _object(chunk, "metadata")
    usage = _object(metadata, "usage")
    counts = Usage(
        input_tokens=_count(usage, "inputTokens"),
        output_tokens=_count(usage, "outputTokens"),
        cache_read_input_tokens=_count(usage, "cacheReadInputTokens", "cacheReadInputTokenCount"),
        cache_write_input_tokens=_count(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount"),
    )
    latency = _count(_object(metadata, "metrics"), "latencyMs")
    if latency is not None:
        return (ServiceMetrics(counts, invocation_latency_ms=latency),)  # in Converse these are Bedrock's own figures
    return (ModelUsage(counts),) if usage else ()  # in Nova's format Bedrock's own figures are beside it


def _llama(chunk: Chunk) -> Events:
    return (
        *_delta(chunk["generation"]),
        *_stop(chunk.get("stop_reason")),
        *_model_usage(_count(chunk, "prompt_token_count"), _count(chunk, "generation_token_count")),
    )


def _titan(chunk: Chunk) -> Events:
    return (
        *_delta(chunk["outputText"]),
        *_stop(chunk.get("completionReason")),
        *_model_usage(_count(chunk, "inputTextTokenCount"), _count(chunk, "totalOutputTextTokenCount")),
    )


def _choices(chunk: Chunk) -> Events:
    """Chat completions: AI21, DeepSeek, Mistral, OpenAI, Qwen, Writer. A request asks for one choice."""
    events: list[ModelEvent] = []
    for choice in _objects(chunk, "choices", "outputs", "generations"):
        said = _object(choice, "delta") or _object(choice, "message") or choice
        events += _delta(said.get("content") or said.get("text"))
        if reasoning := said.get("reasoning_content") or said.get("reasoning"):
            events.append(_reasoning(reasoning))
        if said.get("tool_calls"):
            events.append(Progress("tool_use"))
        # Where both are there, as vLLM writes them, `stop_reason` is the stop sequence, which is the caller's text.
        events += _stop(choice.get("finish_reason" if "finish_reason" in choice else "stop_reason"))
    usage = _object(chunk, "usage")
    events += _model_usage(_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))
    return events


def _cohere(chunk: Chunk) -> Events:
    # The last chunk repeats the whole text in `response`. Only the `text` beside `is_finished` is new.
    return *_delta(chunk.get("text")), *_stop(chunk.get("finish_reason"))


def _unknown(_: Chunk) -> Events:
    return ()


_SHAPES: tuple[tuple[str, Callable[[Chunk], Events]], ...] = (
    ("completion", _anthropic_completion),
    ("messageStart", _message_start),
    ("contentBlockStart", _content_block),
    ("contentBlockDelta", _content_block),
    ("messageStop", _message_stop),
    ("metadata", _metadata),
    ("generation", _llama),
    ("outputText", _titan),
    ("choices", _choices),
    ("outputs", _choices),
    ("generations", _choices),
    ("is_finished", _cohere),
    ("type", _messages),
)
# What may stand beside a shape: an error, Bedrock's own figures, a guardrail's word.
_BESIDE = {
    *("error", "object", "__type", "choices", "outputs", "generations"),
    *("amazon-bedrock-invocationMetrics", "amazon-bedrock-guardrailAction"),
}


@lru_cache(maxsize=32)
def _told_by(keys: tuple[str, ...]) -> tuple[Callable[[Chunk], Events], bool]:
    """Return what decodes a chunk with these keys, and whether they may tell of more than its shape does.

    It is cached because a stream has thousands of chunks with the same keys.
    """
    decoder = next((decoder for key, decoder in _SHAPES if key in keys), _unknown)
    return decoder, any(key in _BESIDE or key.endswith("Exception") for key in keys)


def _delta(text: object) -> Events:
    return (Delta(text),) if isinstance(text, str) and text else ()


def _reasoning(text: object) -> Progress:
    return Progress("reasoning", text if isinstance(text, str) else "")


def _stop(reason: object) -> Events:
    return (Stop(_STOP_REASONS.get(reason, reason)),) if isinstance(reason, str) and reason else ()


def _model_usage(input_tokens: int | None, output_tokens: int | None) -> Events:
    return () if input_tokens is None and output_tokens is None else (ModelUsage(Usage(input_tokens, output_tokens)),)


def _object(chunk: Chunk, key: str) -> dict[str, Any]:
    value = chunk.get(key)
    return value if isinstance(value, dict) else {}


def _objects(chunk: Chunk, *keys: str) -> Iterator[dict[str, Any]]:
    for key in keys:
        value = chunk.get(key)
        if isinstance(value, list):
            yield from (item for item in value if isinstance(item, dict))


def _count(chunk: Chunk, *keys: str) -> Any:
    """Return the number under the first of the keys that has one, possible or not."""
    for key in keys:
        value = chunk.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return int(value) if isinstance(value, float) and value.is_integer() else value
    return None
