"""Turns the chunks of a model's stream, as parsed JSON, into events.

A chunk's shape says what it is, so no decoder depends on the model's name. Unknown chunks and fields are skipped, not
refused. The Converse API and Amazon Nova's own format have the same shape.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from firstbyte.model_events import Delta, ModelEvent, ModelUsage, Progress, ServiceMetrics, Stop, Usage

Chunk = Mapping[str, Any]

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
}


def decode(chunk: Chunk) -> Iterator[ModelEvent]:
    """Yield the events of one chunk; none if the chunk says nothing of interest.

    Args:
        chunk: an event of a ConverseStream as botocore parses it, or the JSON inside a `chunk` of an
            InvokeModelWithResponseStream.
    """
    for key, decoder in _SHAPES:
        if key in chunk:
            yield from decoder(chunk)
            break
    metrics = _object(chunk, "amazon-bedrock-invocationMetrics")
    if metrics:
        yield ServiceMetrics(
            usage=Usage(
                input_tokens=_count(metrics, "inputTokenCount"),
                output_tokens=_count(metrics, "outputTokenCount"),
                cache_read_input_tokens=_count(metrics, "cacheReadInputTokenCount"),
                cache_write_input_tokens=_count(metrics, "cacheWriteInputTokenCount"),
            ),
            invocation_latency_ms=_count(metrics, "invocationLatency"),
            first_byte_latency_ms=_count(metrics, "firstByteLatency"),
        )


def _messages(chunk: Chunk) -> Iterator[ModelEvent]:
    """Anthropic's Messages format: every chunk has a `type`."""
    match chunk["type"]:
        case "message_start":
            yield Progress("start")
            # The output count is a placeholder here: the model has written nothing yet. The last report counts all.
            usage = _object(_object(chunk, "message"), "usage")
            yield from _anthropic_usage({name: count for name, count in usage.items() if name != "output_tokens"})
        case "content_block_start":
            yield from _anthropic_text_or_progress(_object(chunk, "content_block"))
        case "content_block_delta":
            yield from _anthropic_text_or_progress(_object(chunk, "delta"))
        case "message_delta":
            yield from _stop(_object(chunk, "delta").get("stop_reason"))
            yield from _anthropic_usage(_object(chunk, "usage"))


def _anthropic_text_or_progress(block: Chunk) -> Iterator[ModelEvent]:
    # Text: text, text_delta. Reasoning: thinking, thinking_delta, signature_delta, redacted_thinking. Tools: tool_use,
    # server_tool_use, input_json_delta. Others, such as citations_delta, are none of these.
    kind = str(block.get("type"))
    if kind in ("text", "text_delta"):
        yield from _delta(block.get("text"))
    elif "thinking" in kind or kind == "signature_delta":
        yield Progress("reasoning")
    elif "tool_use" in kind or kind == "input_json_delta":
        yield Progress("tool_use")


def _anthropic_usage(usage: Chunk) -> Iterator[ModelEvent]:
    if usage:
        yield ModelUsage(
            Usage(
                input_tokens=_count(usage, "input_tokens"),
                output_tokens=_count(usage, "output_tokens"),
                cache_read_input_tokens=_count(usage, "cache_read_input_tokens"),
                cache_write_input_tokens=_count(usage, "cache_creation_input_tokens"),
            )
        )


def _anthropic_completion(chunk: Chunk) -> Iterator[ModelEvent]:
    yield from _delta(chunk["completion"])
    # In the older format the model ends its turn with the stop sequence "\n\nHuman:", which is not the caller's.
    own_turn_ended = chunk.get("stop_reason") == "stop_sequence" and chunk.get("stop") == "\n\nHuman:"
    yield from _stop("end_turn" if own_turn_ended else chunk.get("stop_reason"))


def _message_start(_: Chunk) -> Iterator[ModelEvent]:
    yield Progress("start")


def _content_block(chunk: Chunk) -> Iterator[ModelEvent]:
    block = _object(_object(chunk, "contentBlockStart"), "start") | _object(
        _object(chunk, "contentBlockDelta"), "delta"
    )
    yield from _delta(block.get("text"))
    if "reasoningContent" in block:
        yield Progress("reasoning")
    if "toolUse" in block:
        yield Progress("tool_use")


def _message_stop(chunk: Chunk) -> Iterator[ModelEvent]:
    yield from _stop(_object(chunk, "messageStop").get("stopReason"))


def _metadata(chunk: Chunk) -> Iterator[ModelEvent]:
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
        yield ServiceMetrics(counts, invocation_latency_ms=latency)  # in Converse these are Bedrock's own figures
    elif usage:
        yield ModelUsage(counts)  # in Nova's format Bedrock's own figures are beside it


def _llama(chunk: Chunk) -> Iterator[ModelEvent]:
    yield from _delta(chunk["generation"])
    yield from _stop(chunk.get("stop_reason"))
    yield from _model_usage(_count(chunk, "prompt_token_count"), _count(chunk, "generation_token_count"))


def _titan(chunk: Chunk) -> Iterator[ModelEvent]:
    yield from _delta(chunk["outputText"])
    yield from _stop(chunk.get("completionReason"))
    yield from _model_usage(_count(chunk, "inputTextTokenCount"), _count(chunk, "totalOutputTextTokenCount"))


def _choices(chunk: Chunk) -> Iterator[ModelEvent]:
    """Chat completions: AI21, DeepSeek, Mistral, OpenAI, Qwen, Writer. A request asks for one choice."""
    for choice in _objects(chunk, "choices", "outputs", "generations"):
        said = _object(choice, "delta") or _object(choice, "message") or choice
        yield from _delta(said.get("content") or said.get("text"))
        if said.get("reasoning_content") or said.get("reasoning"):
            yield Progress("reasoning")
        if said.get("tool_calls"):
            yield Progress("tool_use")
        yield from _stop(choice.get("finish_reason") or choice.get("stop_reason"))
    usage = _object(chunk, "usage")
    yield from _model_usage(_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))


def _cohere(chunk: Chunk) -> Iterator[ModelEvent]:
    # The last chunk repeats the whole text in `response`. Only the `text` beside `is_finished` is new.
    yield from _delta(chunk.get("text"))
    yield from _stop(chunk.get("finish_reason"))


_SHAPES: tuple[tuple[str, Callable[[Chunk], Iterator[ModelEvent]]], ...] = (
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


def _delta(text: object) -> Iterator[ModelEvent]:
    if isinstance(text, str) and text:
        yield Delta(_encodable(text))


def _encodable(text: str) -> str:
    # JSON can hold half of a surrogate pair, UTF-8 cannot. Two halves that meet are joined; a single one is replaced.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _stop(reason: object) -> Iterator[ModelEvent]:
    if isinstance(reason, str) and reason:
        yield Stop(_STOP_REASONS.get(reason, reason))


def _model_usage(input_tokens: int | None, output_tokens: int | None) -> Iterator[ModelEvent]:
    if input_tokens is not None or output_tokens is not None:
        yield ModelUsage(Usage(input_tokens, output_tokens))


def _object(chunk: Chunk, key: str) -> dict[str, Any]:
    value = chunk.get(key)
    return value if isinstance(value, dict) else {}


def _objects(chunk: Chunk, *keys: str) -> Iterator[dict[str, Any]]:
    for key in keys:
        value = chunk.get(key)
        if isinstance(value, list):
            yield from (item for item in value if isinstance(item, dict))


def _count(chunk: Chunk, *keys: str) -> int | None:
    for key in keys:
        value = chunk.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None
