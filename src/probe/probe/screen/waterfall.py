"""One run on a time axis: its phases as bars, and its chunks as they arrived, which shows stalls and bursts."""

from rich.console import RenderableType
from rich.table import Table

from ..analysis.phases import arrivals, phases
from ..measurement import Run
from .bars import Marks, Span


def waterfall(run: Run) -> RenderableType:
    """The chart; `run` must have a total."""
    assert run.total_ms is not None
    chart = Table.grid(padding=(0, 1), expand=True)
    chart.add_column(no_wrap=True)
    chart.add_column(justify="right", no_wrap=True)
    chart.add_column(ratio=1)
    for label, begin, end in phases(run):
        chart.add_row(label, f"{end - begin:.1f} ms", Span(begin, end, run.total_ms))
    if run.first_chunk_ms is not None:
        chunks = arrivals(run)
        chart.add_row("Chunks", str(len(chunks)), Marks(chunks, run.total_ms))
    chart.add_row("Total", f"{run.total_ms:.1f} ms")
    return chart
