"""How often values of which size occurred, as bars."""

from collections.abc import Sequence

import numpy as np
from rich.console import RenderableType
from rich.table import Table

from .bars import Span


def histogram(values: Sequence[float]) -> RenderableType:
    """The chart of these milliseconds, at least one; how many bars there are follows from how many values (Sturges).

    A range holds its lower end, the last one its upper end too.
    """
    counts, edges = np.histogram(values, bins="sturges")
    chart = Table.grid(padding=(0, 1), expand=True)
    chart.add_column(justify="right", no_wrap=True)
    chart.add_column(justify="right", no_wrap=True)
    chart.add_column(ratio=1)
    for count, low, high in zip(counts.tolist(), edges[:-1], edges[1:], strict=True):
        chart.add_row(f"{low:.1f} to {high:.1f} ms", str(count), Span(0, count, counts.max()))
    return chart
