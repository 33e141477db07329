"""`on_finish`: what a handler gives it is called after the answer, whatever became of it, and before the next one."""

import time
from collections.abc import Callable

import pytest

from wire.conftest import Runtime, streaming
from wire.strict_runtime_api import Invocation, StrictRuntimeApi

RunFunction = Callable[..., Runtime]

FINISHING_HANDLERS = {
    "ended": "response_stream.write('a')\nresponse_stream.end()",
    "returned": "response_stream.write('a')",
    "ended and raised": "response_stream.write('a')\nresponse_stream.end()\nraise ValueError",
    "raised in mid-stream": "response_stream.write('a')\nraise ValueError",
    "raised before the first byte": "raise ValueError",
    "raised after start": "response_stream.start(status_code=201)\nraise ValueError",
    "wrote nothing": "pass",
}


@pytest.mark.parametrize("body", FINISHING_HANDLERS.values(), ids=FINISHING_HANDLERS.keys())
def test_on_finish_comes_after_the_answer_and_before_the_next_invocation(
    api: StrictRuntimeApi, run_function: RunFunction, body: str
) -> None:
    runtime = run_function(
        streaming(
            "response_stream.on_finish(lambda: print('FINISHED', response_stream.state.name, time.monotonic()))\n"
            f"response_stream.on_finish(lambda: time.sleep(0.2))\n{body}"
        )
    )
    for invocation in range(2):
        api.invoke(Invocation())
        answered = api.answer()
        asked_again_at = time.monotonic()
        api.wait_for_next(invocation + 2)
        assert time.monotonic() - asked_again_at > 0.1  # of 0.2 s that a callback takes
        finished = [float(line.split()[2]) for line in runtime.log.splitlines() if line.startswith("FINISHED")]
        assert len(finished) == invocation + 1, "once for each"
        assert finished[-1] >= answered.arrivals[-1][0]


def test_on_finish_that_fails_is_logged_and_hinders_nothing(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    runtime = run_function(
        streaming(
            "response_stream.on_finish(lambda: 1 / 0)\n"
            "response_stream.on_finish(lambda: print('SECOND'))\n"
            "response_stream.write('a')"
        )
    )
    for invocation in range(2):
        api.invoke(Invocation())
        assert api.answer().request.body == b"a"
        api.wait_for_next(invocation + 2)
    assert runtime.log.count("SECOND") == 2
    assert runtime.log.count("ZeroDivisionError") == 2
