"""How far a benchmark is, on standard error: a bar on a terminal, elsewhere a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

# What is told: a stage, how many of its steps, such as requests, are done, and how many it has; 0 of 0 where none are
# counted.
Told = Callable[[str, int, int], None]

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_DRAWINGS = 0.1
_COLOUR = "cyan"


@contextmanager
def progress(shown_on: Console, clock: Callable[[], float] = time.monotonic) -> Iterator[Told]:
    """Show it while the body runs; yield the function that is to be told."""
    if not shown_on.is_terminal:
        yield _lines(shown_on, clock)
        return
    # It is drawn when it is told something, not by a thread of its own: that would take time from what is measured.
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(20, complete_style=_COLOUR, finished_style=_COLOUR, pulse_style=_COLOUR),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=shown_on,
        transient=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as bar:
        yield _bar(bar, clock)


def _bar(bar: Progress, clock: Callable[[], float]) -> Told:
    task: TaskID | None = None
    shown, drawn_at = "", clock()

    def told(stage: str, done: int, total: int) -> None:
        nonlocal task, shown, drawn_at
        is_new = stage != shown
        if is_new:
            if task is not None:
                bar.remove_task(task)
            task, shown = bar.add_task(stage, total=total or None), stage
        assert task is not None
        bar.update(task, completed=done)
        if is_new or done == total or clock() >= drawn_at + _SECONDS_BETWEEN_DRAWINGS:
            bar.refresh()
            drawn_at = clock()

    return told


def _lines(shown_on: Console, clock: Callable[[], float]) -> Told:
    shown, said_at = "", clock()

    def told(stage: str, done: int, total: int) -> None:
        nonlocal shown, said_at
        if stage != shown or clock() >= said_at + _SECONDS_BETWEEN_LINES:
            shown, said_at = stage, clock()
            shown_on.print(f"{stage}: {done} of {total}" if total else stage)

    return told
