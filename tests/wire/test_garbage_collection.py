"""Python's search for garbage: off while a function starts, and as before, or as the function says, from then on."""

import gc
import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from wire.conftest import Runtime
from wire.strict_runtime_api import Invocation, StrictRuntimeApi

# What Python 3.14 says of the third threshold, whatever was set.
AS_IN_3_14 = "usual = gc.get_threshold; gc.get_threshold = lambda: (*usual()[:2], 0)"
SOURCE = """
import gc, json
from lambda_streaming import streamify_response
AT_START = gc.get_threshold()
SEARCHES = gc.get_stats()[0]["collections"]
OBJECT = [object()]
{own}
@streamify_response
def handler(event, context, *, response_stream):
    # What is frozen is in no generation.
    is_frozen = not any(OBJECT is each for each in gc.get_objects())
    response_stream.write(json.dumps([AT_START, gc.get_threshold(), gc.isenabled(), is_frozen, SEARCHES]))
"""


def searches_of_the_interpreter() -> int:
    """How often Python looks for garbage before it runs a program."""
    program = 'import gc; print(gc.get_stats()[0]["collections"])'
    return int(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)


@pytest.mark.parametrize(
    ("own", "threshold", "enabled"),
    [
        ("", gc.get_threshold(), True),
        ("gc.set_threshold(900, 9, 9)", (900, 9, 9), True),
        ("gc.disable()", gc.get_threshold(), False),
        (AS_IN_3_14, (*gc.get_threshold()[:2], 0), True),
    ],
    ids=["nothing", "its own threshold", "none at all", "Python 3.14"],
)
def test_garbage_is_not_looked_for_at_the_start_and_as_the_function_says_afterwards(
    api: StrictRuntimeApi,
    run_function: Callable[..., Runtime],
    own: str,
    threshold: tuple[int, int, int],
    enabled: bool,
) -> None:
    run_function(SOURCE.format(own=own))
    for _ in range(2):
        api.invoke(Invocation())
        at_start, now, is_enabled, is_frozen, searches = json.loads(api.answer().request.body)
        assert at_start[0] > 100_000
        # The interpreter's own start searches some times. With all that the layer imports it would be as often again.
        assert searches <= searches_of_the_interpreter() + 3
        assert (tuple(now), is_enabled) == (threshold, enabled)
        assert is_frozen is (own != "gc.set_threshold(900, 9, 9)")
