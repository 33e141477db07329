"""When what happened to one response: the marks, and the milliseconds between them."""

import time
from collections.abc import Callable


class Timing:
    """The clock of one response, started when the handler is entered.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._entered = clock()
        self._model_asked: float | None = None
        self._first_token: float | None = None
        self._first_byte: float | None = None

    def model_asked(self) -> None:
        """A model request is about to be sent; of several, the last is the one that counts."""
        self._model_asked = self._clock()
        self._first_token = None

    def text_arrived(self) -> None:
        """The model has sent text."""
        if self._first_token is None:
            self._first_token = self._clock()

    def bytes_written(self) -> None:
        """Body bytes were handed over."""
        if self._first_byte is None:
            self._first_byte = self._clock()

    def so_far(self) -> dict[str, float | None]:
        """Milliseconds, None for what has not happened.

        Returns:
            ttfb_ms from entering the handler to the first body byte; ttft_ms from asking the model to its first text;
            duration_ms from asking the model to now.
        """
        return {
            "ttfb_ms": _milliseconds(self._entered, self._first_byte),
            "ttft_ms": _milliseconds(self._model_asked, self._first_token),
            "duration_ms": _milliseconds(self._model_asked, self._clock()),
        }


def _milliseconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round((end - start) * 1000, 1)
