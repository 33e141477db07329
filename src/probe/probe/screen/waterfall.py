"""One run on a time axis: where its time went, and its chunks as they arrived, which shows stalls and bursts."""

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table

from ..analysis.phases import CONNECTING, arrivals, phases
from ..analysis.shares import shares
from ..analysis.slowest import Breakdown
from ..measurement import Run
from .bars import Marks, Span


def waterfall(run: Run, parts: Breakdown | None) -> RenderableType:
    """The chart; `run` must have a total.

    Args:
        run: Which run.
        parts: Its time until the first text taken apart, or None where that is unknown: then its phases are shown.
    """
    assert run.total_ms is not None
    rows = parts.spans if parts else _in_brief(phases(run))
    percent = shares([max(0.0, end - begin) for _, begin, end in rows])
    chart = Table.grid(padding=(0, 2, 0, 0), expand=True)
    chart.add_column(style="bold", no_wrap=True)
    chart.add_column(justify="right", no_wrap=True)
    chart.add_column(justify="right", no_wrap=True)
    chart.add_column(ratio=1, style="cyan")
    for (label, begin, end), share in zip(rows, percent, strict=True):
        chart.add_row(label, f"{end - begin:z.1f} ms", f"{share} %", Span(begin, end, run.total_ms))
    if run.first_chunk_ms is not None:
        chunks = arrivals(run)
        chart.add_row("Chunks", str(len(chunks)), "", Marks(chunks, run.total_ms))
    return chart


def _in_brief(rows: Iterable[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """The phases, of which those that make the connection are one: the table of figures has each of them."""
    found = list(rows)
    of_connection = [row for row in found if row[0] in CONNECTING]
    others = [row for row in found if row[0] not in CONNECTING]
    together = [("Connection", of_connection[0][1], of_connection[-1][2])] if of_connection else []
    return together + others
