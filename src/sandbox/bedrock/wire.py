"""Turns events of both streaming APIs into bytes: JSON, padding and headers in the service's order.

Order of headers and keys, and the padding, are those of recorded responses.
"""

import json
import random
import string
from base64 import b64encode
from typing import Any

from sandbox.bedrock.errors import ServiceError
from sandbox.eventstream import encode_message

# From the shortest to the longest in 231 recorded events, where every length between occurs.
_PADDINGS = [(string.ascii_letters + string.digits)[:length] for length in range(2, 62)]
_encode, _encode_in_order = (
    json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=in_order).encode for in_order in (False, True)
)


def chunk_events(*bodies: dict[str, Any], intervened: bool = False) -> list[bytes]:
    """Return `chunk`s of InvokeModelWithResponseStream: the model's own JSON in base64, then the padding.

    Args:
        bodies: what the model says, one a chunk.
        intervened: a guardrail has intervened. Bedrock says so in a member of its own.
    """
    action = {"amazon-bedrock-guardrailAction": "INTERVENED"} if intervened else {}
    return [_chunk_event({**body, **action}) for body in bodies]


def _chunk_event(body: dict[str, Any]) -> bytes:
    # Neither value has a character that JSON escapes.
    payload = f'{{"bytes":"{b64encode(_json(body)).decode()}","p":"{_padding()}"}}'.encode()
    return _message(":event-type", "chunk", "event", payload)


def converse_event(event_type: str, body: dict[str, Any]) -> bytes:
    """Return an event of ConverseStream: its members and the padding, all in alphabetical order."""
    return _message(":event-type", event_type, "event", _json({**body, "p": _padding()}, in_order=True))


def exception_event(error: ServiceError) -> bytes:
    """Return an exception inside a stream, of either API."""
    return _message(":exception-type", error.event_type, "exception", _json(error.body))


def _message(type_header: str, type_name: str, message_type: str, payload: bytes) -> bytes:
    headers = {type_header: type_name, ":content-type": "application/json", ":message-type": message_type}
    return encode_message(headers, payload)


def _json(value: dict[str, Any], *, in_order: bool = False) -> bytes:
    return (_encode_in_order if in_order else _encode)(value).encode()


def _padding() -> str:
    return random.choice(_PADDINGS)  # noqa: S311 - nobody needs to be unable to guess it
