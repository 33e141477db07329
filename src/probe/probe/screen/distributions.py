"""Tables of distributions: a row for each figure, and the intervals in which its percentiles lie."""

from collections.abc import Iterator, Mapping

from rich.console import RenderableType
from rich.table import Table

from ..analysis.summary import Distribution

_STATISTICS = ("min", "p50", "p90", "p95", "p99", "max")
# Those that decisions are taken by.
_WITH_INTERVAL = ("p50", "p95")


def distributions(rows: Mapping[str, Distribution]) -> Iterator[RenderableType]:
    """The table of these rows by their labels, and below it their 95 % intervals where there are some."""
    table = _table("ms", "n", *_STATISTICS)
    for label, of in rows.items():
        table.add_row(label, str(of.count), *(f"{getattr(of, statistic):.1f}" for statistic in _STATISTICS))
    yield table
    known = {
        label: [of.intervals.get(statistic) for statistic in _WITH_INTERVAL]
        for label, of in rows.items()
        if any(of.intervals.get(statistic) for statistic in _WITH_INTERVAL)
    }
    if known:
        table = _table("95 % interval, ms", *_WITH_INTERVAL)
        for label, intervals in known.items():
            table.add_row(label, *(f"{ends[0]:.1f} to {ends[1]:.1f}" if ends else "-" for ends in intervals))
        yield table


def _table(title: str, *statistics: str) -> Table:
    table = Table(title, box=None, pad_edge=False)
    for statistic in statistics:
        table.add_column(statistic, justify="right", no_wrap=True)
    return table
