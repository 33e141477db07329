"""`on_finish`: what a handler gives it is called after the answer, whatever became of it, and before the next one."""

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
            f"response_stream.on_finish(lambda: (time.sleep(0.2), print('OVER', time.monotonic())))\n{body}"
        )
    )
    for invocation in range(2):
        api.invoke(Invocation())
        answered = api.answer()
        api.wait_for_next(invocation + 2)
        finished, over = (
            [float(line.split()[-1]) for line in runtime.log.splitlines() if line.startswith(word)]
            for word in ("FINISHED", "OVER")
        )
        assert len(finished) == len(over) == invocation + 1, "once for each"
        assert answered.arrivals[-1][0] <= finished[-1] <= over[-1] <= api.asked_at[-1]


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
