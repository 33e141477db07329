"""The wish to stop: what a signal means to a probe that has something to report."""

import os
import select
import signal
from typing import Self


class Stop:
    """The wish to stop. Within this context SIGINT, SIGTERM and SIGHUP are such a wish and nothing else.

    An exception that a signal raises between any two instructions would lose a run now and then.

    Attributes:
        descriptor: Becomes readable with the wish, and stays so.
    """

    def __enter__(self) -> Self:
        self.descriptor, self._trigger = os.pipe()
        self._handlers = {
            number: signal.signal(number, self.trip)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if signal.getsignal(number) != signal.SIG_IGN
        }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        os.close(self.descriptor)
        os.close(self._trigger)

    def trip(self, *_: object) -> None:
        """Wish it."""
        os.write(self._trigger, b"\0")

    def comes_within(self, seconds: float) -> bool:
        """Wait for it so long."""
        return bool(select.select([self.descriptor], [], [], seconds)[0])
