"""The function's own deadline, shortly before Lambda's. It ends a wait for the model even while a socket read blocks.

When the time is up, Lambda stops a function without a word to the client. Python can break off a blocked read only
through a signal, and it delivers signals on the main thread. That is where Lambda calls the handler. On any other
thread the deadline is checked only between two waits.
"""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

# Seconds kept back for the last event, the log and the telemetry. Of a short time limit, only a fifth is kept back.
MARGIN_SECONDS = 1.0
MARGIN_SHARE = 0.2
# Seconds to the next signal. The interpreter swallows an exception that a signal raises inside a finaliser.
_REPEAT_SECONDS = 0.25


class DeadlineReachedError(Exception):
    """The function's time is up."""


class _Interrupt(BaseException):
    """Breaks off a blocked wait. It is not an Exception, so no library can take it for one of its own errors."""


class Deadline:
    """The deadline of one invocation, as a context manager.

    Args:
        remaining_seconds: seconds until Lambda ends the invocation.
    """

    def __init__(self, remaining_seconds: float) -> None:
        margin = min(MARGIN_SECONDS, remaining_seconds * MARGIN_SHARE)
        self._at = time.monotonic() + remaining_seconds - margin
        self._waiting = False
        self._previous: tuple[Any, tuple[float, float], float] | None = None

    @property
    def reached(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._at

    def wait(self, step: Callable[[], T]) -> T:
        """Return what `step` returns, and break it off if the deadline comes first.

        Work that must not be cut in two belongs outside of the step.

        Raises:
            DeadlineReachedError: the time was up before the step, or ran out during it. Whatever the step was using is
                then in an unknown state.
        """
        try:
            try:
                self._waiting = True
                if self.reached:
                    raise DeadlineReachedError
                return step()
            finally:
                self._waiting = False
        except _Interrupt:
            self._waiting = False  # the signal may have come at the very end, before the line above
            raise DeadlineReachedError from None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            previous_handler = signal.signal(signal.SIGALRM, self._on_signal)
            seconds = max(self._at - time.monotonic(), 0.001)  # 0 would mean: never
            previous_timer = signal.setitimer(signal.ITIMER_REAL, seconds, _REPEAT_SECONDS)
            self._previous = (previous_handler, previous_timer, time.monotonic())
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._previous is None:
            return
        handler, (delay, interval), since = self._previous
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if delay:
            signal.setitimer(signal.ITIMER_REAL, max(delay - (time.monotonic() - since), 0.001), interval)

    def _on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        if self._waiting:
            raise _Interrupt
