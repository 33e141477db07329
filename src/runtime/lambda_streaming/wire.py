"""The bytes of a streamed response on the Lambda Runtime API: frames a chunk, and everything around it. Pure functions.

Sources: the Runtime API's documentation (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming),
RFC 9112 for chunks and trailers, and wire captures of the Node.js runtime interface client 4.0.2.
"""

import binascii
import json
import re
from collections.abc import Mapping, Sequence

STREAM_CONTENT_TYPE = "application/octet-stream"
HTTP_INTEGRATION_CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
ERROR_TYPE_TRAILER = "Lambda-Runtime-Function-Error-Type"
ERROR_BODY_TRAILER = "Lambda-Runtime-Function-Error-Body"
PRELUDE_END = b"\0" * 8

# AWS's Runtime API is built on Go's net/http. That refuses trailers that do not fit its read buffer of 4 KiB
# ("suspiciously long trailer"), and with them the whole response. The rest of the 4 KiB is for names and line ends.
_ERROR_BODY_LIMIT = 3_600

# API Gateway reads status and headers from the first 16 KiB of a response:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
PRELUDE_LIMIT = 16 * 1024

# A header's name and value (RFC 9110, 5.1 and 5.5): in a value, no control characters but the tab. Half of a surrogate
# pair is no character at all: JSON can write it, but nobody can read it.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSAFE_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
# Made once: `json.dumps` with arguments would make one for every response, before its first byte.
_JSON = json.JSONEncoder(separators=(",", ":"))


def request_head(host: str, request_id: str, *, invocation_id: str | None, content_type: str, user_agent: str) -> bytes:
    """Returns the request line and headers of `POST .../invocation/REQUEST-ID/response`, with the empty line.

    Args:
        host: `HOST:PORT` of the Runtime API.
        request_id: the invocation's request id.
        invocation_id: the value of `Lambda-Runtime-Invocation-Id` to echo; None or empty for none.
        content_type: one of the two content types above.
        user_agent: names the layer and its runtime client.
    """
    lines = [
        f"POST /2018-06-01/runtime/invocation/{request_id}/response HTTP/1.1",
        f"Host: {host}",
        f"User-Agent: {user_agent}",
        f"Content-Type: {content_type}",
        "Lambda-Runtime-Function-Response-Mode: streaming",
        *([f"Lambda-Runtime-Invocation-Id: {invocation_id}"] if invocation_id else []),
        f"Trailer: {ERROR_TYPE_TRAILER}",
        f"Trailer: {ERROR_BODY_TRAILER}",
        "Transfer-Encoding: chunked",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def prelude(status_code: int, headers: Mapping[str, str], cookies: Sequence[str]) -> bytes:
    """Returns the JSON object that Function URLs and API Gateway read, with the eight NUL bytes that end it.

    Raises:
        TypeError: a part has the wrong type; the message names it.
        ValueError: a status outside 200 to 599, an invalid header name, a control character or half of a surrogate pair
            in a value, or more than 16 KiB in all. The platform would answer 502, and the handler would not hear of it.
    """
    if not isinstance(status_code, int) or isinstance(status_code, bool):
        raise TypeError(f"status_code must be an int, not {type(status_code).__name__}")
    if not 200 <= status_code <= 599:
        raise ValueError(f"status_code must be between 200 and 599, not {status_code}")
    if not isinstance(headers, Mapping):
        raise TypeError(f"headers must be a mapping of names to values, not {type(headers).__name__}")
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(
                f"header {name!r}: name and value must be str, not {type(name).__name__}, {type(value).__name__}"
            )
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"header {name!r}: not a valid header name")
        if unsafe := _UNSAFE_IN_VALUE.search(value):
            raise _unsafe_value(f"header {name!r}", unsafe)
    if isinstance(cookies, str):
        raise TypeError("cookies must be a sequence of str, one for each cookie, not a str")
    for cookie in cookies:
        if not isinstance(cookie, str):
            raise TypeError(f"a cookie must be a str, not {type(cookie).__name__}")
        if unsafe := _UNSAFE_IN_VALUE.search(cookie):
            raise _unsafe_value("a cookie", unsafe)
    document: dict[str, object] = {"statusCode": status_code, "headers": dict(headers)}
    if cookies:
        document["cookies"] = list(cookies)
    encoded = _JSON.encode(document).encode() + PRELUDE_END
    if len(encoded) > PRELUDE_LIMIT:
        raise ValueError(
            f"status, headers and cookies take {len(encoded)} bytes as JSON, but API Gateway reads only {PRELUDE_LIMIT}"
        )
    return encoded


def _unsafe_value(what: str, unsafe: re.Match[str]) -> ValueError:
    kind = "half of a surrogate pair" if unsafe[0] >= "\ud800" else "a control character"
    return ValueError(f"{what}: a value must not contain {kind} ({unsafe[0]!a} at {unsafe.start()})")


def chunk(data: bytes) -> bytes:
    """Returns one chunk of a chunked body (RFC 9112, 7.1). `data` must not be empty: size zero would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def body_end() -> bytes:
    """Returns the terminal chunk of a response that went well."""
    return b"0\r\n\r\n"


def body_end_with_error(error_type: str, message: str) -> bytes:
    """Returns the terminal chunk and the trailers that tell the platform of an error after the first byte.

    The error's body is base64, because a line break in a trailer would break the framing. If it does not fit, the end
    of the message is left out. The stack trace is empty: it is in the log, and callers are not to see it.

    Args:
        error_type: such as `TypeError`.
        message: the error's message.
    """
    safe_type = _UNSAFE_IN_VALUE.sub(" ", error_type).encode("ascii", "backslashreplace")[:256]
    return b"0\r\n%b: %b\r\n%b: %b\r\n\r\n" % (
        ERROR_TYPE_TRAILER.encode(),
        safe_type,
        ERROR_BODY_TRAILER.encode(),
        _error_body(safe_type.decode(), message),
    )


def _error_body(error_type: str, message: str) -> bytes:
    while True:
        document = {"errorType": error_type, "errorMessage": message, "stackTrace": []}
        body = binascii.b2a_base64(json.dumps(document).encode(), newline=False)
        if len(body) <= _ERROR_BODY_LIMIT:
            return body
        message = message[: len(message) // 2]
