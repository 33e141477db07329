"""Status, headers and cookies as a function gives them: in the prelude of a stream, or around a whole body."""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

# The content type by which a runtime says that its response begins with a prelude.
INTEGRATION_TYPE = "application/vnd.awslambda.http-integration-response"

_DELIMITER = bytes(8)
# API Gateway wants prelude and delimiter within the first 16 KiB. A function that keeps to it works behind both.
_PRELUDE_LIMIT_BYTES = 16 * 1024
# RFC 9110, sections 5.1 and 5.5. Half of a surrogate pair is no character: JSON can say it, UTF-8 cannot.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")
# The Function URL frames the body itself, so it ignores these headers (RFC 9110, section 7.6.1).
_FRAMING = {"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}


class ResponseHeadError(Exception):
    """The function's status, headers, cookies or body make no HTTP response."""


@dataclass(frozen=True)
class ResponseHead:
    """What goes in front of the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    cookies: tuple[str, ...] = ()


class PreludeReader:
    """Takes a stream's first bytes, however they are split, until the prelude and its delimiter are complete."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> tuple[ResponseHead, bytes] | None:
        """Take more bytes; return the head and the body's first bytes once the prelude is complete, else None.

        Raises:
            ResponseHeadError: this is no prelude.
        """
        looked_at = max(len(self._received) - len(_DELIMITER) + 1, 0)  # the delimiter may have begun there
        self._received += data
        end = self._received.find(_DELIMITER, looked_at)
        if end > _PRELUDE_LIMIT_BYTES or (end < 0 and len(self._received) > _PRELUDE_LIMIT_BYTES):
            raise ResponseHeadError(f"no end of the prelude within the first {_PRELUDE_LIMIT_BYTES} bytes")
        if end < 0:
            return None
        try:
            value = json.loads(self._received[:end])
        except (ValueError, RecursionError) as error:
            raise ResponseHeadError(f"the prelude is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise ResponseHeadError("the prelude is not a JSON object")
        return _head(value, "application/octet-stream"), bytes(self._received[end + len(_DELIMITER) :])


def buffered_response(payload: bytes) -> tuple[ResponseHead, bytes]:
    """Return head and body of a buffered payload: an object with a `statusCode` says what they are.

    https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads

    Raises:
        ResponseHeadError: the object makes no HTTP response.
    """
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or "statusCode" not in value:
        return ResponseHead(200, (("content-type", "application/json"),)), payload
    body = value.get("body")
    if body is None:
        body = ""
    if not isinstance(body, str):
        raise ResponseHeadError(f"body must be a string, not {type(body).__name__}")
    head = _head(value, "application/json")
    try:
        return head, base64.b64decode(body, validate=True) if value.get("isBase64Encoded") else body.encode()
    except ValueError as error:
        raise ResponseHeadError(f"body is not base64 or no text: {error}") from None


def _head(value: dict[str, Any], default_content_type: str) -> ResponseHead:
    status = value.get("statusCode", 200)
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ResponseHeadError(f"statusCode must be a number from 200 to 599, not {status!r}")
    headers = value.get("headers") or {}
    cookies = value.get("cookies") or []
    if not isinstance(headers, dict) or not isinstance(cookies, list):
        raise ResponseHeadError("headers must be an object and cookies a list")
    pairs = []
    for name, content in headers.items():
        text = content if isinstance(content, str) else json.dumps(content)
        if isinstance(content, dict | list) or not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(text):
            raise ResponseHeadError(f"the header {name!r} is not one")
        if name.lower() not in _FRAMING:
            pairs.append((name, text))
    for cookie in cookies:
        if not isinstance(cookie, str) or not _HEADER_VALUE.fullmatch(cookie):
            raise ResponseHeadError("a cookie is not a string that fits a header")
    if not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.append(("content-type", default_content_type))
    return ResponseHead(status, tuple(pairs), tuple(cookies))
