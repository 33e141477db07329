"""The function's own deadline, shortly before Lambda's. It ends a wait for the model even while a socket read blocks.

When the time is up, Lambda stops a function without a word to the client. Python can break off a blocked read only
through a signal, and it delivers signals on the main thread. That is where Lambda calls the handler. On any other
thread the deadline is checked only between two waits.

The same signal lets a task run while a read blocks, such as one that tells the client that the model is still silent.
Afterwards the read goes on: Python repeats a system call that a signal broke off (PEP 475), with what is left of its
timeout. A read through TLS does the same.
"""

import math
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

from lambda_streaming.margin import margin_seconds

T = TypeVar("T")

# Seconds to the next signal. The interpreter swallows an exception that a signal raises inside a finaliser.
_REPEAT_SECONDS = 0.25


class DeadlineReachedError(Exception):
    """The function's time is up."""


class _Interrupt(BaseException):
    """Breaks off a blocked wait. It is not an Exception, so no library can take it for one of its own errors."""


class _TaskFailure(BaseException):
    """Carries the error of a task out of the wait in which it ran, so that nobody takes it for an error of the wait."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Deadline:
    """The deadline of one invocation, as a context manager. The layer ends a write that is blocked at the same time.

    Args:
        remaining_seconds: seconds until Lambda ends the invocation.
    """

    def __init__(self, remaining_seconds: float) -> None:
        # What is kept back is for the last event, the log and the telemetry.
        self._at = time.monotonic() + remaining_seconds - margin_seconds(remaining_seconds)
        self._waiting = False
        self._task: Callable[[], float] | None = None
        self._task_at = math.inf
        self._previous: tuple[Any, tuple[float, float], float] | None = None

    @property
    def reached(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._at

    def run_in_waits(self, task: Callable[[], float]) -> None:
        """Let a task run during waits, from now on.

        Args:
            task: does what is due, if anything, and returns in how many seconds something may be due again. An
                exception that it raises ends the wait, and leaves the `with` block of this deadline as what it is.
        """
        self._task = task
        self._task_at = time.monotonic()
        self._set_timer()

    def wait(self, step: Callable[[], T]) -> T:
        """Return what `step` returns, and break it off if the deadline comes first.

        Work that must not be cut in two belongs outside of the step.

        Raises:
            DeadlineReachedError: the time was up before the step, or ran out during it. Whatever the step was using is
                then in an unknown state.
        """
        # Also done here, and not by the signal alone, for a model that sends much of which nothing is written, and for
        # other threads.
        self._run_task_if_due()
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
            previous_timer = signal.getitimer(signal.ITIMER_REAL)
            self._previous = (previous_handler, previous_timer, time.monotonic())
            self._set_timer()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._previous is not None:
            handler, (delay, interval), since = self._previous
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler)
            if delay:
                signal.setitimer(signal.ITIMER_REAL, max(delay - (time.monotonic() - since), 0.001), interval)
        if isinstance(exc, _TaskFailure):
            raise exc.error

    def _on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        if not self._waiting:
            return  # the timer repeats
        if self.reached:
            raise _Interrupt
        # A task may block while it writes, and the next signal must then find no wait to break off and run no task.
        self._waiting = False
        try:
            self._run_task_if_due()
        finally:
            self._waiting = True
        self._set_timer()

    def _run_task_if_due(self) -> None:
        if self._task is None or time.monotonic() < self._task_at:
            return
        try:
            seconds = self._task()
        except Exception as error:  # noqa: BLE001 - it goes out of the `with` block, whatever it is
            raise _TaskFailure(error) from None
        self._task_at = time.monotonic() + seconds

    def _set_timer(self) -> None:
        if self._previous is not None:
            seconds = min(self._at, self._task_at) - time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), _REPEAT_SECONDS)  # 0 would mean: never
