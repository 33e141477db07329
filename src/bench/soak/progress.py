"""How far a soak is: a bar on a terminal, a line for every tenth elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def progress(shown_on: Console, requests: int) -> Iterator[Callable[[str, int], None]]:
    """Show it while the body runs; yield what is to be told: the stage, and how many requests are done."""
    if not shown_on.is_terminal:
        yield _lines(shown_on, requests)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=shown_on, transient=True) as bar:
        task = bar.add_task("", total=requests)

        def told(stage: str, done: int) -> None:
            bar.update(task, description=stage, completed=done)

        yield told


def _lines(shown_on: Console, requests: int) -> Callable[[str, int], None]:
    said = set[tuple[str, int]]()

    def told(stage: str, done: int) -> None:
        tenth = done * 10 // requests
        if (stage, tenth) not in said:
            said.add((stage, tenth))
            shown_on.print(f"{stage}: {done} of {requests} requests")

    return told
