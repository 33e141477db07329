"""Settings for every test, and what the tests leave to the processes that they start and to the interpreter's end."""

import gc
import signal

import pytest
from hypothesis import settings

import disturbance

# No time limit for a single example: machines are shared and noisy. The same examples in every run, so that a failure
# comes again; `--hypothesis-profile long` looks for new ones.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=5_000)
settings.load_profile("same")

# In the background of a shell script Ctrl-C is ignored, and under nohup the end of the terminal; what the tests start
# would ignore them, too, and some of that is ended with them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a test about time measure its own disturbance."""
    disturbance.begin(is_alone=item.get_closest_marker("alone") is not None)


def pytest_unconfigure() -> None:
    """Take away the callback that hypothesis leaves with the garbage collector.

    It keeps DuckDB's module alive until the very end, where that module says at length that it has leaked.
    """
    gc.callbacks.clear()
