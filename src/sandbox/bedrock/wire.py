"""Turns events of both streaming APIs into bytes: JSON, padding and headers in the service's order.

Order of headers and keys, and the padding, are those of recorded responses.
"""

import base64
import json
import random
import string
from typing import Any

from sandbox.bedrock.errors import ServiceError
from sandbox.eventstream import encode_message

_PADDING = string.ascii_lowercase + string.ascii_uppercase + string.digits
# The shortest and the longest in 231 recorded events, where every length between occurs.
_PADDING_LENGTHS = (2, 61)


def chunk_events(*bodies: dict[str, Any], intervened: bool = False) -> list[bytes]:
    """Return `chunk`s of InvokeModelWithResponseStream: the model's own JSON in base64, then the padding.

    Args:
        bodies: what the model says, one a chunk.
        intervened: a guardrail has intervened. Bedrock says so in a member of its own.
    """
    action = {"amazon-bedrock-guardrailAction": "INTERVENED"} if intervened else {}
    return [_chunk_event({**body, **action}) for body in bodies]


def _chunk_event(body: dict[str, Any]) -> bytes:
    payload = {"bytes": base64.b64encode(_json(body)).decode(), "p": _padding()}
    return _message(":event-type", "chunk", "event", _json(payload))


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
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=in_order).encode()


def _padding() -> str:
    return _PADDING[: random.randint(*_PADDING_LENGTHS)]  # noqa: S311 - nobody needs to be unable to guess it
