"""What a generator handler yields: chunks, and before them a `ResponseStart`."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lambda_streaming.stream import ResponseStream


class ResponseStart(NamedTuple):
    """Status, headers and cookies of a response. A generator yields it before its first chunk, if it needs one.

    Attributes:
        status_code: the HTTP status, 200 to 599.
        headers: header names and values.
        cookies: values of `Set-Cookie`, such as `a=b; Secure`.
    """

    status_code: int = 200
    headers: Mapping[str, str] | None = None
    cookies: Sequence[str] = ()


def send(item: object, stream: ResponseStream) -> None:
    """Makes the call on the stream that a yielded value stands for.

    Args:
        item: text or bytes for `write()`, or a `ResponseStart` for `start()`.
        stream: the response.

    Raises:
        TypeError: the value is none of these.
        RuntimeError, ValueError, UnicodeEncodeError, ConnectionError: see `ResponseStream`.
    """
    if isinstance(item, ResponseStart):
        stream.start(item.status_code, item.headers, item.cookies)
    elif isinstance(item, str | bytes | bytearray | memoryview):
        stream.write(item)
    else:
        raise TypeError(f"a streaming handler yields str, bytes or ResponseStart, not {type(item).__name__}")
