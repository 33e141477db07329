"""A client that takes nothing: every wait for it ends before the function's timeout, and the runtime goes on."""

import json
import time
from collections.abc import Callable

import pytest

from wire.conftest import HEADER, Runtime, streaming
from wire.strict_runtime_api import Invocation, Received, StrictRuntimeApi

RunFunction = Callable[..., Runtime]
# Far more than all socket buffers hold.
MUCH = 30_000_000
# Of this time the layer keeps back a fifth. A write that begins when the handler should be over has half of that.
TIMEOUT = 4
LAST_WRITE, LAST_WORDS = 0.8 * TIMEOUT, 0.9 * TIMEOUT

pytestmark = pytest.mark.alone

# What every handler here does: it says how much time is left when the runtime is through with it.
REPORTS = (
    "response_stream.on_finish(lambda: print('FINISHED', response_stream.timed_out, "
    "context.get_remaining_time_in_millis()))\n"
    "if event == {}:\n    response_stream.write('next')\n    return\n"
)


def given_up(api: StrictRuntimeApi, runtime: Runtime, **behaviour: object) -> tuple[Received, float]:
    """What has arrived of a response that was given up, and when that was, in seconds; the next one is good."""
    started = time.monotonic()
    deadline_ms = int((time.time() + TIMEOUT) * 1000)
    api.invoke(Invocation(event=b"[1]", deadline_ms=deadline_ms, **behaviour))  # type: ignore[arg-type]
    received = api.answer()
    assert received.cut
    api.wait_for_next(2)
    assert api.asked_at[-1] - started < TIMEOUT, "Lambda would have killed the environment"
    api.invoke(Invocation())
    assert api.answer().request.body == b"next"
    api.wait_for_next(3)
    (_, timed_out, left), (_, next_timed_out, _) = (
        line.split() for line in runtime.log.splitlines() if line.startswith("FINISHED")
    )
    assert (timed_out, next_timed_out) == ("True", "False")
    assert int(left) > 0
    return received, received.reset - started


@pytest.mark.parametrize("trickles", [False, True])
@pytest.mark.parametrize("stops_after", [0, 400_000], ids=["from the first byte", "in mid-stream"])
def test_a_write_ends_in_time(
    api: StrictRuntimeApi, run_function: RunFunction, stops_after: int, trickles: bool
) -> None:
    runtime = run_function(
        streaming(
            REPORTS + "response_stream.start(status_code=201)\n"
            f"try:\n    for _ in range(100):\n        response_stream.write('x' * {MUCH // 100})\n"
            "except ConnectionError as error:\n    print('RAISED', type(error).__name__, error)\n    raise"
        )
    )
    _, seconds = given_up(api, runtime, stops_after=stops_after, trickles=trickles)
    assert seconds >= LAST_WRITE - 0.1
    assert "RAISED WriteTimeoutError" in runtime.log
    assert "not take" in runtime.log


def test_a_response_of_one_write_ends_in_time(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    runtime = run_function(streaming(REPORTS + f"response_stream.write('x' * {MUCH})"))
    given_up(api, runtime, stops_after=0)
    assert "[ERROR] WriteTimeoutError" in runtime.log


def test_the_wait_for_the_platforms_answer_ends_in_time(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    """All bytes are in the sockets, so the handler has returned; the client has not taken them."""
    runtime = run_function(
        streaming(REPORTS + "response_stream.write('x' * 200_000)\nresponse_stream.end()\nprint('RETURNED')")
    )
    given_up(api, runtime, stops_after=0)
    assert "RETURNED" in runtime.log
    assert "may not have arrived" in runtime.log


def test_a_handler_that_returns_while_a_thread_of_its_own_writes(
    api: StrictRuntimeApi, run_function: RunFunction
) -> None:
    runtime = run_function(
        "import threading\n"
        + streaming(
            REPORTS + "def write():\n"
            f"    try:\n        response_stream.write('x' * {MUCH})\n"
            "    except ConnectionError as error:\n        print('RAISED', type(error).__name__)\n"
            "threading.Thread(target=write).start()\ntime.sleep(0.3)\nraise ValueError('gives up')"
        )
    )
    given_up(api, runtime, stops_after=0)
    assert "RAISED WriteTimeoutError" in runtime.log
    assert "[ERROR] ValueError" in runtime.log


def test_a_last_word_has_half_of_what_is_kept_back(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    """A handler that notices its own deadline can still say so, but not for longer than there is time."""
    runtime = run_function(
        streaming(
            REPORTS + "response_stream.write('x')\n"
            f"time.sleep(context.get_remaining_time_in_millis() / 1000 - {TIMEOUT - LAST_WRITE - 0.05})\n"
            f"response_stream.write('x' * {MUCH})"
        )
    )
    _, seconds = given_up(api, runtime, stops_after=0)
    assert seconds >= LAST_WORDS - 0.1
    assert "[ERROR] WriteTimeoutError" in runtime.log


def test_a_last_word_still_gets_through(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    run_function(
        streaming(
            "response_stream.write('x')\n"
            f"time.sleep(context.get_remaining_time_in_millis() / 1000 - {TIMEOUT - LAST_WRITE - 0.05})\n"
            "response_stream.write('late')"
        )
    )
    api.invoke(Invocation(deadline_ms=int((time.time() + TIMEOUT) * 1000)))
    request = api.answer().request
    assert (request.body, request.done) == (b"xlate", True)


def test_a_handler_that_returns_in_the_last_moment_has_its_answer_read(
    api: StrictRuntimeApi, run_function: RunFunction
) -> None:
    runtime = run_function(
        streaming("response_stream.write('x')\ntime.sleep(context.get_remaining_time_in_millis() / 1000 - 0.3)")
    )
    deadline_ms = int((time.time() + TIMEOUT) * 1000)
    api.invoke(Invocation(deadline_ms=deadline_ms, answers_after=0.05))
    assert api.answer().request.done
    api.wait_for_next(2)
    assert "may not have arrived" not in runtime.log


@pytest.mark.parametrize(
    "source",
    [
        "@streamify_response\ndef handler(event, context):\n    while event:\n        BODY\n    yield 'next'",
        "@streamify_response\nasync def handler(event, context):\n    while event:\n        BODY\n    yield 'next'",
        "@streamify_response\nasync def handler(event, context, *, response_stream):\n"
        "    while event:\n        response_stream.BODY\n    response_stream.write('next')",
    ],
    ids=["generator", "async generator", "async def"],
)
def test_every_kind_of_handler_gets_the_error_where_it_writes(
    api: StrictRuntimeApi, run_function: RunFunction, source: str
) -> None:
    word = "write" if "response_stream" in source else "yield"
    attempt = f"try: PART('x' * {MUCH})\n        except ConnectionError as error: print('RAISED', repr(error)); raise"
    body = source.replace("response_stream.BODY", "BODY").replace("BODY", attempt)
    body = body.replace("PART", "response_stream.write" if word == "write" else "yield ")
    runtime = run_function(f"{HEADER}\n{body}")
    deadline_ms = int((time.time() + TIMEOUT) * 1000)
    api.invoke(Invocation(event=b"[1]", stops_after=0, deadline_ms=deadline_ms))
    assert api.answer().cut
    api.wait_for_next(2)
    assert time.time() * 1000 < deadline_ms
    api.invoke(Invocation(event=json.dumps([]).encode()))
    assert api.answer().request.body == b"next"
    assert "RAISED WriteTimeoutError" in runtime.log
