"""Tables of distributions: a row for each figure, with the intervals in which its percentiles lie."""

from collections.abc import Iterator, Mapping

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..analysis.summary import LEAST_VALUES, Distribution
from . import words

# In brief, and in full.
_STATISTICS = ("min", "p50", "p95", "max")
_ALL_STATISTICS = ("min", "p50", "p90", "p95", "p99", "max")
# Those that decisions are taken by.
_WITH_INTERVAL = ("p50", "p95")


def brief(rows: Mapping[str, Distribution]) -> Iterator[RenderableType]:
    """The table of these rows by their labels: the usual statistics, and the median's 95 % interval if there is one."""
    intervals = {label: of.intervals["p50"] for label, of in rows.items()}
    has_intervals = any(intervals.values())
    statistics = _carried(rows, _STATISTICS)
    table = _table("", "n", *statistics, *(["95 % interval of p50"] if has_intervals else []))
    for label, of in rows.items():
        interval = [words.interval(intervals[label])] if has_intervals else []
        table.add_row(label, str(of.count), *(words.number(getattr(of, name)) for name in statistics), *interval)
    yield table
    yield from _lacking(rows, _STATISTICS)


def full(rows: Mapping[str, Distribution]) -> Iterator[RenderableType]:
    """The table of these rows by their labels, and below it their 95 % intervals where there are some."""
    statistics = _carried(rows, _ALL_STATISTICS)
    table = _table("", "n", *statistics)
    for label, of in rows.items():
        table.add_row(label, str(of.count), *(words.number(getattr(of, name)) for name in statistics))
    yield table
    yield from _lacking(rows, _ALL_STATISTICS)
    known = {
        label: [of.intervals.get(name) for name in _WITH_INTERVAL]
        for label, of in rows.items()
        if any(of.intervals.get(name) for name in _WITH_INTERVAL)
    }
    if known:
        yield Text()
        table = _table("95 % interval", *_WITH_INTERVAL)
        for label, intervals in known.items():
            table.add_row(label, *map(words.interval, intervals))
        yield table


def _carried(rows: Mapping[str, Distribution], statistics: tuple[str, ...]) -> list[str]:
    """Those that at least one of the rows has."""
    return [name for name in statistics if any(getattr(of, name) is not None for of in rows.values())]


def _lacking(rows: Mapping[str, Distribution], statistics: tuple[str, ...]) -> Iterator[RenderableType]:
    """What it takes to have the statistics that are missing in some row."""
    lacking = [name for name in statistics if any(getattr(of, name) is None for of in rows.values())]
    if lacking:
        yield Text(", ".join(f"{name} takes {LEAST_VALUES[name]} values" for name in lacking), style="dim")


def _table(title: str, *statistics: str) -> Table:
    table = Table(title, box=None, pad_edge=False)
    for statistic in statistics:
        table.add_column(statistic, justify="right", no_wrap=True)
    return table
