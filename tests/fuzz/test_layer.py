"""The layer: any answer of a Runtime API, any status, headers and cookies of a handler, any error."""

import base64
import contextlib
import json
import socket
import time
from typing import Any

import h11
from hypothesis import example, given
from hypothesis import strategies as st

from lambda_streaming import ResponseStream, streamify_response, wire
from lambda_streaming.connection import RuntimeApiConnection
from lambda_streaming.testing import Ending, run
from mutations import CUTS, ODD_TEXTS, examples, in_pieces, spoiled, spoiled_bytes, spoiled_text
from sandbox.lambda_service.response_head import PreludeReader, ResponseHeadError

ANSWERS = (
    b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n',
    b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTrailer-A: b\r\n\r\n",
    b'HTTP/1.1 413 Too Large\r\nConnection: close\r\n\r\n{"errorMessage": "too large"}',
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 202 OK\r\n\r\n",
)


def answered(answer: bytes) -> tuple[RuntimeApiConnection, socket.socket]:
    """A connection on which a response was sent, and its other end, at which this answer was written."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = RuntimeApiConnection(f"127.0.0.1:{server.getsockname()[1]}")
        connection.begin(deadline=time.time() + 5)
        connection.send(b"POST / HTTP/1.1\r\n\r\n")
        other, _ = server.accept()
    with contextlib.suppress(OSError):
        other.sendall(answer)
        other.shutdown(socket.SHUT_WR)
    return connection, other


@given(spoiled_bytes(*ANSWERS))
@example(b"HTTP/1.1 202 Accepted\r\nContent-Length: 99999999999999999999\r\n\r\n")
@example(b"HTTP/1.1 202 Accepted\r\nContent-Length: 9000000000000000\r\n\r\n")
@example(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n")
@examples(2)
def test_an_answer_of_the_runtime_api(answer: bytes) -> None:
    connection, other = answered(answer)
    with other:
        try:
            status, body = connection.read_answer()
        except ConnectionError:
            assert connection.broken
        else:
            assert 100 <= status <= 999
            assert len(body) <= len(answer)
        connection._close()


HEADS: Any = [
    [200, {"content-type": "text/plain", "x-a": "b"}, ["a=b; Path=/", "c=d"]],
    [404, {}, []],
]


@given(spoiled(*HEADS))
@example([200, {"x-a": "b\r\nx-injected: 1"}, []])
@example([200, {"x-a\r\nx-injected": "b"}, []])
@example([200, {}, ["a=b\nSet-Cookie: c=d"]])
@examples(3)
def test_a_prelude_says_what_the_handler_said_or_is_refused(head: Any) -> None:
    try:
        status, headers, cookies = head
    except (TypeError, ValueError):
        return
    try:
        written = wire.prelude(status, headers, cookies)
    except (TypeError, ValueError):
        return
    assert written.index(bytes(8)) == len(written) - 8
    content = written.removesuffix(bytes(8))
    assert content.isascii()
    assert not set(b"\r\n") & set(content)
    assert json.loads(content) == {
        "statusCode": status,
        "headers": headers,
        **({"cookies": list(cookies)} if cookies else {}),
    }
    # The other side takes it as well: what passes here is no 502 there.
    found = PreludeReader().feed(written + b"body")
    assert found is not None
    assert (found[0].status, found[1]) == (status, b"body")


@given(ODD_TEXTS, st.text() | ODD_TEXTS)
@example("Error\r\nX: y", "\ud800")
@examples(2)
def test_error_trailers_are_read_as_they_were_meant(error_type: str, message: str) -> None:
    received = h11.Connection(h11.SERVER)
    head = wire.request_head("h:1", "id", invocation_id="x", content_type=wire.STREAM_CONTENT_TYPE, user_agent="u")
    end = wire.body_end_with_error(error_type, message)
    assert len(end) < 4096
    received.receive_data(head + wire.chunk(b"data") + end)
    events = []
    while (event := received.next_event()) is not h11.PAUSED and event is not h11.NEED_DATA:
        events.append(event)
    last = events[-1]
    assert isinstance(last, h11.EndOfMessage)
    trailers = dict(last.headers)
    assert set(trailers) == {b"lambda-runtime-function-error-type", b"lambda-runtime-function-error-body"}
    report = json.loads(base64.b64decode(trailers[b"lambda-runtime-function-error-body"], validate=True))
    assert message.startswith(report["errorMessage"])
    assert set(report) == {"errorType", "errorMessage", "stackTrace"}


@given(st.lists(st.binary() | st.text() | ODD_TEXTS, max_size=5), st.booleans())
@examples(1)
def test_a_test_of_a_handler_sees_what_it_wrote(pieces: list[bytes | str], with_head: bool) -> None:
    @streamify_response
    def handler(event: object, context: object, *, response_stream: ResponseStream) -> None:
        if with_head:
            response_stream.start(headers={"content-type": "text/event-stream"})
        for piece in pieces:
            response_stream.write(piece)

    response = run(handler)
    if response.error is None:
        assert response.ending is Ending.COMPLETE
        assert response.body == b"".join(piece.encode() if isinstance(piece, str) else piece for piece in pieces)
    else:
        assert isinstance(response.error, UnicodeEncodeError)  # half of a surrogate pair


@given(spoiled_text("event: a\ndata: 1\n\n", ": comment\r\ndata: {}\r\ndata:\r\n\r\n", "\ufeffdata\n\n"))
@examples(2)
def test_events_are_read_from_any_text(text: str) -> None:
    @streamify_response
    def handler(event: object, context: object, *, response_stream: ResponseStream) -> None:
        response_stream.write(text.encode(errors="replace"))

    for event in run(handler).events():
        assert event.name
        assert not set("\r\n") & set(event.name)


PRELUDES = (
    b'{"statusCode":200,"headers":{"x-a":"b"},"cookies":["a=b"]}' + bytes(8) + b"body",
    b"{}" + bytes(8),
    b'{"statusCode":404,"headers":{"content-type":"a","x-n":1,"x-l":[1]}}' + bytes(9),
)


@given(spoiled_bytes(*PRELUDES), CUTS)
@example(b"[" * 2000 + bytes(8), [])
@example(b'{"headers": {"x-a": "\\ud800"}}' + bytes(8), [])
@example(b'{"cookies": ["\\ud800"]}' + bytes(8), [])
@example(b'{"headers": {"x-a": ' + b"9" * 5000 + b"}}" + bytes(8), [])
@examples(2)
def test_a_prelude_makes_a_head_or_is_refused(stream: bytes, cuts: list[int]) -> None:
    whole = read_prelude([stream])
    assert read_prelude(in_pieces(stream, cuts)) == whole, "it matters how the bytes are cut"


def read_prelude(pieces: list[bytes]) -> object:
    reader = PreludeReader()
    for number, piece in enumerate(pieces):
        try:
            found = reader.feed(piece)
        except ResponseHeadError:
            return "refused"
        if found:
            head, body = found
            for text in [*head.cookies, *(text for pair in head.headers for text in pair)]:
                assert not set("\r\n\0") & set(text)
                text.encode()  # as it is written
            return head, body + b"".join(pieces[number + 1 :])
    return None
