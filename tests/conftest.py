"""Settings for every test, and what the tests leave to the processes that they start and to the interpreter's end."""

import gc
import signal

from hypothesis import settings

# No time limit for a single example: machines are shared and noisy.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# In the background of a shell script Ctrl-C is ignored, by all that the tests start as well; some are ended with it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure() -> None:
    """Take away the callback that hypothesis leaves with the garbage collector.

    It keeps DuckDB's module alive until the very end, where that module says at length that it has leaked.
    """
    gc.callbacks.clear()
