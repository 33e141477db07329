"""The live display: the last runs, those under way, and how far it is; redrawn four times a second at most."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy.ma  # noqa: F401 - the first percentile imports it otherwise, 40 ms in the middle of a run
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..analysis.summary import distribution
from ..load import Watcher
from ..measurement import COMPLETED, INTERRUPTED, Run
from ..result import Conditions
from . import words
from .rows import HEADER, row

_ROWS = 15
# The header, the bar, the three lines below it, and the one on which the cursor ends up.
_OTHER_LINES = 6
_REDRAWS_A_SECOND = 4


@contextmanager
def live(conditions: Conditions, names: tuple[str, ...], shown_on: Console, *, with_rows: bool) -> Iterator[Watcher]:
    """Follows the runs on a terminal.

    Args:
        conditions: How the runs are made.
        names: The sides' letters.
        shown_on: The terminal.
        with_rows: Show the runs that are over, too, and leave all of them there at the end, with an empty line below
            them; without, nothing is left.
    """
    display = _Display(conditions, names, shown_on, with_rows=with_rows)
    with Live(
        get_renderable=display.picture,
        console=shown_on,
        refresh_per_second=_REDRAWS_A_SECOND,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield display
    if with_rows:
        shown_on.print(Text(HEADER, style="bold"), *display.rows, "", sep="\n", soft_wrap=True)


class _Display(Watcher):
    """A watcher that is drawn by another thread."""

    def __init__(self, conditions: Conditions, names: tuple[str, ...], shown_on: Console, *, with_rows: bool) -> None:
        self.rows: list[Text] = []
        self._asked = (conditions.runs + conditions.warm_up) * len(names)
        self._names = names
        self._shown_on = shown_on
        self._with_rows = with_rows
        self._under_way: dict[str, float] = {}
        self._first_tokens: list[list[float]] = [[] for _ in names]
        self._completed = 0
        self._failed = 0
        self._lock = threading.Lock()

    def began(self, side: int, number: int, warm_up: bool) -> None:
        with self._lock:
            self._under_way[words.name(number, warm_up, self._names[side])] = time.monotonic()

    def ended(self, side: int, run: Run) -> None:
        with self._lock:
            self._under_way.pop(words.name(run.number, run.warm_up, self._names[side]), None)
            self.rows.append(Text(row(run, self._names[side]), style="" if run.outcome == COMPLETED else "red"))
            self._completed += run.outcome == COMPLETED
            self._failed += run.outcome not in (COMPLETED, INTERRUPTED)
            if run.outcome == COMPLETED and not run.warm_up and run.ttft_ms is not None:
                self._first_tokens[side].append(run.ttft_ms)

    def picture(self) -> RenderableType:
        """What is drawn now; a line that the window is too narrow for is cut off."""
        grid = Table.grid()
        grid.add_column(no_wrap=True, overflow="crop")
        with self._lock:
            if self._with_rows:
                # At least one, or the slice would be all of them.
                most = max(1, min(_ROWS, self._shown_on.height - _OTHER_LINES))
                for line in (Text(HEADER, style="bold"), *self.rows[-most:]):
                    grid.add_row(line)
            # Red is for trouble; the line below says it in words.
            style = "red" if self._failed else "green"
            done = self._completed + self._failed
            grid.add_row(ProgressBar(self._asked, done, complete_style=style, finished_style=style))
            for said in (self._counts(), self._first_token_times(), self._waiting()):
                grid.add_row(said)
        return grid

    def _counts(self) -> str:
        over = self._completed + self._failed
        return f"{over} of {self._asked} runs are over: {self._completed} completed, {self._failed} failed"

    def _first_token_times(self) -> str:
        said = []
        for name, values in zip(self._names, self._first_tokens, strict=True):
            if values:
                of = distribution(values)
                p95 = "" if of.p95 is None else f", p95 {of.p95:.1f} ms"
                said.append(f"TTFT{' ' * bool(name)}{name} p50 {of.p50:.1f} ms{p95}")
        return "; ".join(said)

    def _waiting(self) -> str:
        now = time.monotonic()
        runs = (f"{name} ({now - began:.1f} s)" for name, began in self._under_way.items())
        if self._under_way:
            return f"under way: {', '.join(runs)}"
        return "pausing before the next run" if 0 < self._completed + self._failed < self._asked else ""
