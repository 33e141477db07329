"""Where one run's time went, and where its trace is."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from ..analysis.slowest import Breakdown
from ..terminal import harmless_line


def whereabouts(of: Breakdown) -> Iterator[RenderableType]:
    """A row for each part, with its share of the total; parts that cannot be told apart share one. Then the trace."""
    total = of.run.total_ms or 0.0
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for label, value in of.parts.items():
        table.add_row(label, f"{value:.1f} ms", f"{value / total if total else 0:.0%}")
    yield table
    yield Text(f"trace {harmless_line(of.run.trace_id or '-')}")
    if of.trace_url:
        url = harmless_line(of.trace_url)
        yield Text(url, style=Style(link=url), no_wrap=True, overflow="ignore")
