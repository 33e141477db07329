"""How much the machine disturbs a test that compares times: what the test must allow, measured while it runs.

A thread asks to be woken every two milliseconds and notes how late it was. On an idle machine that is a fraction of a
millisecond; with more to run than cores it is what every other process waits for, too.

Such a test has the marker `alone`: `scripts/test.sh` runs it when no other test runs, so that it allows for what others
do to the machine, not for what the tests do to each other.
"""

import threading
import time
from functools import cache

_STEP_SECONDS = 0.002
# A figure passes through several processes, each of which may be as late as the worst wake-up, and more than once.
_WAKE_UPS = 10


class _Watcher(threading.Thread):
    def __init__(self) -> None:
        super().__init__(daemon=True, name="disturbance")
        self.worst_seconds = 0.0

    def run(self) -> None:
        while True:
            before = time.monotonic()
            time.sleep(_STEP_SECONDS)
            self.worst_seconds = max(self.worst_seconds, time.monotonic() - before - _STEP_SECONDS)


# The watcher, while a test about time runs.
_watching: _Watcher | None = None


@cache
def _watcher() -> _Watcher:
    watcher = _Watcher()
    watcher.start()
    return watcher


def begin(*, is_alone: bool) -> None:
    """Forget what was before; called at the start of every test, and told whether it has the marker `alone`."""
    global _watching
    _watching = _watcher() if is_alone else None
    if _watching:
        _watching.worst_seconds = 0.0


def allowance_ms(idle_ms: float) -> float:
    """Return how far a figure of this test may be from the truth, in milliseconds.

    Args:
        idle_ms: what is allowed on a machine that has nothing else to do.
    """
    assert _watching, "a test about time needs the marker `alone`"
    return idle_ms + _WAKE_UPS * _watching.worst_seconds * 1000
