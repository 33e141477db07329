"""The state table of a streamed response, every action in every state; a refused one changes nothing."""

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
    "fail": lambda r: r.fail("E", "m", []),
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
    },
    State.STARTED: {
        "start": None,
        "write": (State.STREAMING, OPENING + CHUNK),
        "write nothing": (State.STARTED, b""),
        "end": (State.ENDED, OPENING + LAST),
        "fail": None,
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
    },
    State.ENDED: {"start": None, "write": None, "write nothing": None, "end": (State.ENDED, b""), "fail": None},
    State.FAILED: {"start": None, "write": None, "write nothing": None, "end": (State.FAILED, b""), "fail": None},
}
PATHS = {
    State.IDLE: (),
    State.STARTED: ("start",),
    State.STREAMING: ("start", "write"),
    State.ENDED: ("end",),
    State.FAILED: ("write", "fail"),
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
