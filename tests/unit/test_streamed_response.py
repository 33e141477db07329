"""The state table of a streamed response, every action in every state; a refused one changes nothing."""

import contextlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_streaming.response import State, StreamedResponse
from lambda_streaming.stream import ResponseStream

ACTIONS: dict[str, Callable[[StreamedResponse], bytes | None]] = {
    "start": lambda r: r.start(200, {}, ()),
    "write": lambda r: r.write(b"data"),
    "write nothing": lambda r: r.write(b""),
    "end": lambda r: r.end(),
    "fail": lambda r: r.fail("E", "m"),
    "withdraw": lambda r: r.withdraw(),
}

HEAD = b"HEAD application/octet-stream;"
PRELUDE = b'{"statusCode":200,"headers":{}}' + b"\0" * 8
OPENING = b"HEAD application/vnd.awslambda.http-integration-response;" + b"%x\r\n%b\r\n" % (len(PRELUDE), PRELUDE)
CHUNK, LAST = b"4\r\ndata\r\n", b"0\r\n\r\n"

# state -> action -> (next state, bytes), None where it is refused
TABLE: dict[State, dict[str, tuple[State, bytes | None] | None]] = {
    State.IDLE: {
        "start": (State.STARTED, None),
        "write": (State.STREAMING, HEAD + CHUNK),
        "write nothing": (State.IDLE, b""),
        "end": (State.ENDED, HEAD + LAST),
        "fail": None,
        "withdraw": (State.UNSENT, None),
    },
    State.STARTED: {
        "start": None,
        "write": (State.STREAMING, OPENING + CHUNK),
        "write nothing": (State.STARTED, b""),
        "end": (State.ENDED, OPENING + LAST),
        "fail": None,
        "withdraw": (State.UNSENT, None),
    },
    State.STREAMING: {
        "start": None,
        "write": (State.STREAMING, CHUNK),
        "write nothing": (State.STREAMING, b""),
        "end": (State.ENDED, LAST),
        "fail": (
            State.FAILED,
            b"0\r\nLambda-Runtime-Function-Error-Type: E\r\nLambda-Runtime-Function-Error-Body: "
            b"eyJlcnJvclR5cGUiOiAiRSIsICJlcnJvck1lc3NhZ2UiOiAibSIsICJzdGFja1RyYWNlIjogW119\r\n\r\n",
        ),
        "withdraw": None,
    },
    State.ENDED: {**dict.fromkeys(ACTIONS), "end": (State.ENDED, b"")},
    State.FAILED: {**dict.fromkeys(ACTIONS), "end": (State.FAILED, b"")},
    State.UNSENT: dict.fromkeys(ACTIONS),
}
PATHS = {
    State.IDLE: (),
    State.STARTED: ("start",),
    State.STREAMING: ("start", "write"),
    State.ENDED: ("end",),
    State.FAILED: ("write", "fail"),
    State.UNSENT: ("withdraw",),
}


def head(*, content_type: str) -> bytes:
    return f"HEAD {content_type};".encode()


def in_state(state: State) -> StreamedResponse:
    response = StreamedResponse(head)
    for action in PATHS[state]:
        ACTIONS[action](response)
    assert response.state is state
    return response


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_in_every_state(state: State, action: str) -> None:
    response = in_state(state)
    expected = TABLE[state][action]
    if expected is None:
        with pytest.raises(RuntimeError, match=state.name):
            ACTIONS[action](response)
        assert response.state is state
    else:
        assert (ACTIONS[action](response), response.state) == (expected[1], expected[0])


def test_a_refused_start_leaves_no_prelude_behind() -> None:
    response = StreamedResponse(head)
    with pytest.raises(ValueError, match="not a valid header name"):
        response.start(200, {"bad name": ""}, ())
    assert response.state is State.IDLE
    response.start(201, {}, ())
    assert b'"statusCode":201' in response.end()


@given(st.lists(st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.binary())))
def test_any_writes_come_out_as_the_same_bytes(writes: list[str | bytes]) -> None:
    sent: list[bytes] = []
    stream = ResponseStream(sent.append)
    for data in writes:
        stream.write(data)
    stream.end()
    body = b"".join(sent)
    decoded = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        decoded, body = decoded + body[:length], body[length + 2 :]
        if not length:
            break
    assert body == b""
    assert decoded == b"".join(d.encode() if isinstance(d, str) else d for d in writes)
    assert len(sent) == sum(1 for d in writes if d) + 1


@pytest.mark.parametrize("error", [None, ("E", "m")])
@pytest.mark.parametrize("state", State)
def test_once_closed_a_response_sends_nothing_more(state: State, error: tuple[str, str] | None) -> None:
    """A thread that the handler has left behind may try, also while the runtime reports the result."""
    sent: list[bytes] = []
    stream = ResponseStream(sent.append, head)
    calls: dict[str, Callable[[], object]] = {
        "start": stream.start,
        "write": lambda: stream.write("data"),
        "fail": lambda: stream.close(("E", "m")),
        "withdraw": stream.close,
    }
    for action in PATHS[state]:
        calls.get(action, stream.end)()
    assert stream.state is state
    already = len(sent)
    assert stream.close(error) is (state not in (State.IDLE, State.STARTED, State.UNSENT))
    closing = sent[already:]
    expected = b"0\r\nLambda-Runtime-Function-Error-Type: E" if error else LAST
    assert [data[: len(expected)] for data in closing] == ([expected] if state is State.STREAMING else [])
    for action in ("start", "write"):
        with pytest.raises(RuntimeError):
            calls[action]()
    with contextlib.suppress(RuntimeError):
        stream.end()
    stream.close()
    assert sent[already:] == closing


@pytest.mark.parametrize("value", ["\0", "a\r\nb: c", "\x1f", "\x7f", "a\ud800", "\udfff"])
def test_a_value_that_no_header_can_have_is_refused(value: str) -> None:
    for headers, cookies in (({"a": value}, []), ({}, ["a=b", value])):
        response = StreamedResponse(head)
        with pytest.raises(ValueError, match="must not contain"):
            response.start(200, headers, cookies)
        assert response.state is State.IDLE


@pytest.mark.parametrize("value", ["", "a\tb", " ", "~", "é", "\x80", "😀"])
def test_a_value_that_a_header_can_have_is_taken(value: str) -> None:
    response = StreamedResponse(head)
    response.start(200, {"a": value}, [value])
    prelude = json.loads(response.end().split(b"\r\n")[1].removesuffix(b"\0" * 8))
    assert prelude == {"statusCode": 200, "headers": {"a": value}, "cookies": [value]}


def test_a_prelude_has_sixteen_kibibytes_at_most() -> None:
    rest = len('{"statusCode":200,"headers":{"a":""}}') + 8
    StreamedResponse(head).start(200, {"a": "x" * (16_384 - rest)}, ())
    with pytest.raises(ValueError, match="take 16385 bytes as JSON, but API Gateway reads only 16384"):
        StreamedResponse(head).start(200, {"a": "x" * (16_385 - rest)}, ())


def test_an_async_function_is_no_callback() -> None:
    async def callback() -> None:
        raise AssertionError

    with pytest.raises(TypeError, match="takes an ordinary function, not an async one"):
        ResponseStream(lambda data: None).on_finish(callback)
