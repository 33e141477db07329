"""What is seen while an answer does not begin: how long it has been waited for, on a line that is gone afterwards."""

import threading
import time

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ..waiting import PATIENCE_SECONDS

_REDRAWS_A_SECOND = 4


class Waiting:
    """Counts the seconds on a terminal, from when they are enough to wonder. A quick answer is never disturbed."""

    def __init__(self, shown_on: Console) -> None:
        self._began = time.monotonic()
        self._live = Live(
            get_renderable=self._picture,
            console=shown_on,
            refresh_per_second=_REDRAWS_A_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._is_over = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(PATIENCE_SECONDS, self._show)
        self._timer.daemon = True

    def begin(self) -> None:
        """The wait begins."""
        self._began = time.monotonic()
        self._timer.start()

    def end(self) -> None:
        """It is over: the line is gone when this returns. Another call does nothing."""
        if self._is_over:
            return
        with self._lock:
            self._is_over = True
        self._timer.cancel()
        self._live.stop()

    def _show(self) -> None:
        with self._lock:
            if not self._is_over:
                self._live.start()

    def _picture(self) -> Text:
        return Text(f"waiting for the answer to begin, {time.monotonic() - self._began:.0f} s", style="dim")
