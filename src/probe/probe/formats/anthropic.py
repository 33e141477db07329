"""The protocol of Anthropic's messages with `"stream": true`: https://platform.claude.com/docs/en/build-with-claude/streaming.

`message_start`, then for each block of content `content_block_start`, `content_block_delta`, `content_block_stop`, then
`message_delta` and `message_stop`; a `ping` may stand anywhere, and an `error` ends the stream. The data of every event
repeats the event's name as `type`.

- Text is a delta of type `text_delta`. Thinking (`thinking_delta`), its signature, citations and the input of a tool
  (`input_json_delta`) are none.
- `message_start` counts the input tokens. Its output tokens are not the answer's: the count of `message_delta` is
  cumulative, and the last one is that of the answer.
"""

from typing import Any

from .protocol import Chunk, Message, Protocol, failed, object_of, text_of

_OTHER_TOKENS = Chunk(facts={"has_other_tokens": True})


def _recognises(event: Message) -> bool:
    fields = event.fields or {}
    return _kind(event) == "message_start" or (_kind(event) == "error" and isinstance(fields.get("error"), dict))


def _read(event: Message) -> Chunk:
    fields, error = event.fields, failed(event)
    if error:
        return error
    if fields is None:
        return Chunk(is_broken=True)
    match _kind(event):
        case "message_start":
            message = object_of(fields.get("message"))
            usage = {name: value for name, value in object_of(message.get("usage")).items() if name != "output_tokens"}
            return Chunk(facts={"model": message.get("model"), **_usage(usage)})
        case "content_block_start":  # thinking may be left out: a block of it can come without a delta
            return Chunk() if object_of(fields.get("content_block")).get("type") == "text" else _OTHER_TOKENS
        case "content_block_delta":
            delta = object_of(fields.get("delta"))
            return Chunk(text_of(delta.get("text"))) if delta.get("type") == "text_delta" else _OTHER_TOKENS
        case "message_delta":
            stop_reason = object_of(fields.get("delta")).get("stop_reason")
            facts = {"stop_reason": stop_reason} if stop_reason else {}
            return Chunk(facts=facts | _usage(dict(object_of(fields.get("usage")))))
        case "message_stop":
            return Chunk(is_end=True)
        case _:  # ping, the end of a block, and what may be added: clients must pass over it
            return Chunk()


def _kind(event: Message) -> str:
    return text_of((event.fields or {}).get("type"))


def _usage(usage: dict[str, Any]) -> dict[str, Any]:
    return {
        **({"usage": usage} if usage else {}),
        **{name: usage[name] for name in ("input_tokens", "output_tokens") if usage.get(name) is not None},
    }


EVENTS = Protocol("anthropic", end="a message_stop event", recognises=_recognises, read=_read)
