"""What is seen while runs are made: the answer, a line for each, a live display, or nothing."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TextIO

from rich.console import Console

from ..load import Watcher
from ..measurement import Run
from ..result import IN_TURN, Conditions
from ..terminal import harmless
from .console import console
from .live import live
from .rows import HEADER, row
from .waiting import Waiting


def watcher(
    conditions: Conditions, sides: int, output: str, environment: Mapping[str, str]
) -> AbstractContextManager[Watcher]:
    """What follows the runs, as their output wants it.

    Args:
        conditions: How the runs are made.
        sides: How many series there are: 1 or 2.
        output: One of `options.OUTPUTS`; in all but "table" standard output is left to the document.
        environment: Says what the terminal is.
    """
    is_table = output == "table"
    if is_table and (conditions.runs, conditions.warm_up, sides) == (1, 0, 1):
        return _answer(_shown_on(sys.stdout, environment))
    names = IN_TURN if sides == 2 else ("",)
    shown_on = _shown_on(sys.stdout if is_table else sys.stderr, environment)
    if shown_on:
        return live(conditions, names, shown_on, with_rows=is_table)
    return _lines(names) if is_table else nullcontext(Watcher())


def _shown_on(stream: TextIO, environment: Mapping[str, str]) -> Console | None:
    """A console on this stream, if what it shows can be drawn anew."""
    found = console(stream, environment)
    return found if found.is_terminal and found.is_interactive else None


@contextmanager
def _answer(shown_on: Console | None) -> Iterator[Watcher]:
    """Shows the only run's answer, and how long it has been waited for where that can be drawn."""
    waiting = Waiting(shown_on) if shown_on else None
    try:
        yield _Answer(waiting)
    finally:
        if waiting:
            waiting.end()


class _Answer(Watcher):
    """The text of the only run's answer on standard output while it arrives, and an empty line below it."""

    def __init__(self, waiting: Waiting | None) -> None:
        self._last = ""
        self._waiting = waiting

    def began(self, side: int, number: int, warm_up: bool) -> None:  # noqa: ARG002 - there is one run
        if self._waiting:
            self._waiting.begin()

    def text(self, side: int, number: int, text: str) -> None:  # noqa: ARG002 - there is one run
        if self._waiting:
            self._waiting.end()
        text = harmless(text)
        sys.stdout.write(text)
        sys.stdout.flush()
        self._last = text[-1:] or self._last

    def ended(self, side: int, run: Run) -> None:  # noqa: ARG002 - there is one run
        if self._waiting:
            self._waiting.end()
        if self._last:
            print("\n" if self._last != "\n" else "", flush=True)


@contextmanager
def _lines(names: tuple[str, ...]) -> Iterator[Watcher]:
    """A line on standard output for every run that is over, and an empty one below them."""
    print(HEADER, flush=True)
    yield _Lines(names)
    print(flush=True)


class _Lines(Watcher):
    """Prints the lines of the runs."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def ended(self, side: int, run: Run) -> None:
        print(row(run, self._names[side]), flush=True)
