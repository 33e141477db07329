"""The protocol of OpenAI's chat completions with `"stream": true`, which many other servers speak, too.

Events without a name carry objects `chat.completion.chunk`, the last one the word `[DONE]`:
https://platform.openai.com/docs/api-reference/chat-streaming. Servers add to it:

- Text is `choices[].delta.content`. A role, a tool call, a refusal and the model's reasoning (`reasoning_content` or
  `reasoning`, https://docs.vllm.ai/en/latest/features/reasoning_outputs.html) are none.
- `usage` is there when the request asked for it (`"stream_options": {"include_usage": true}`), in a last chunk without
  choices; in all others it is null.
- An error in the middle of a stream is an object `error`, and `[DONE]` may follow: OpenAI's own clients raise it
  (`Stream.__stream__` in openai-python), vLLM and SGLang send it so.
- Azure's first chunk has no choices and no `object`; a comment keeps a connection alive at OpenRouter.
"""

from typing import Any

from .protocol import Chunk, Message, Protocol, failed, object_of, text_of

# What of a delta is made of tokens and is no text.
_NO_TEXT = ("reasoning", "reasoning_content", "tool_calls", "function_call", "refusal")

# OpenAI's own clients look at the beginning alone.
_DONE = "[DONE]"


def _recognises(event: Message) -> bool:
    fields = event.fields or {}
    if fields.get("object") == "chat.completion.chunk" or any("delta" in choice for choice in _choices(fields)):
        return True
    # An error may be all there is.
    return event.name == "message" and isinstance(fields.get("error"), dict)


def _read(event: Message) -> Chunk:
    if event.data.startswith(_DONE):
        return Chunk(is_end=True)
    fields, error = event.fields, failed(event)
    if error:
        return error
    if fields is None:
        return Chunk(is_broken=True)
    deltas = [object_of(choice.get("delta")) for choice in _choices(fields)]
    usage = object_of(fields.get("usage"))
    facts: dict[str, Any] = {
        "model": text_of(fields.get("model")) or None,
        "stop_reason": next(
            (choice["finish_reason"] for choice in _choices(fields) if choice.get("finish_reason")), None
        ),
        "usage": usage or None,
        "input_tokens": usage.get("prompt_tokens"),
        "output_tokens": usage.get("completion_tokens"),
    }
    reasoning = object_of(usage.get("completion_tokens_details")).get("reasoning_tokens")
    if any(delta.get(name) for delta in deltas for name in _NO_TEXT) or (isinstance(reasoning, int) and reasoning > 0):
        facts["has_other_tokens"] = True
    text = "".join(text_of(delta.get("content")) for delta in deltas)
    return Chunk(text, {name: value for name, value in facts.items() if value is not None})


def _choices(fields: dict[str, Any]) -> list[dict[str, Any]]:
    choices = fields.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


EVENTS = Protocol("openai", end="data: [DONE]", recognises=_recognises, read=_read)
