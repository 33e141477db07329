"""Samples as rows and columns: cases and figures down, peers across. Table and page show these."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.peers.names import CASES, PEERS, case, peer
from bench.peers.sample import Sample

_T = TypeVar("_T")

# From this share of a core on, the server in front has no time to spare, and may be what limits a figure.
FULL_SHARE = 0.9


@dataclass(frozen=True)
class Row:
    """One figure of one case: a sample for each peer that has it."""

    case: str
    figure: str
    samples: dict[str, Sample]


@dataclass(frozen=True)
class Grid:
    """One part: its peers in order, and its rows."""

    part: str
    peers: list[str]
    rows: list[Row]

    @property
    def rounds(self) -> int:
        """How many there were: the start of a process is short, so it has more of them."""
        return max(len(sample.values) for row in self.rows for sample in row.samples.values())

    @property
    def only_figure(self) -> str | None:
        """The figure of all rows, if they have the same one: it is said once, and the rows are known by their cases."""
        figures = {row.figure for row in self.rows}
        return figures.pop() if len(figures) == 1 else None


def grids(samples: Sequence[Sample]) -> list[Grid]:
    """Return the parts, cases and figures in the order in which they were measured."""
    parts = _unique(each.part for each in samples)
    return [_grid(part, [each for each in samples if each.part == part]) for part in parts]


def _grid(part: str, samples: Sequence[Sample]) -> Grid:
    found = _unique(each.peer for each in samples)
    rows = [
        Row(*key, {each.peer: each for each in samples if (each.case, each.figure) == key})
        for key in _unique((each.case, each.figure) for each in samples)
    ]
    # Some cases are of one peer alone, and it may have been measured first.
    cases = sorted(_unique(row.case for row in rows), key=lambda name: [*CASES, name].index(name))
    return Grid(
        part,
        sorted(found, key=lambda name: [*PEERS, name].index(name)),
        sorted(rows, key=lambda row: cases.index(row.case)),
    )


def _unique(values: Iterable[_T]) -> list[_T]:
    return list(dict.fromkeys(values))


def number(value: float) -> str:
    """Return a value with two or three digits that count; thousands are `k`."""
    size = abs(value)
    if size >= 10_000:
        return f"{value / 1000:,.0f} k"
    return f"{value:,.{0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3}f}"


def spread(sample: Sample) -> str:
    """Return the lowest and the highest round, such as `0.15-0.17`."""
    low, high = number(sample.low), number(sample.high)
    return f"{low.removesuffix(' k') if high.endswith(' k') and low.endswith(' k') else low}-{high}"


def notes(samples: Sequence[Sample]) -> list[str]:
    """Return what must be said beside the figures: what limits them, and what is missing."""
    full = [
        f"{peer(each.peer)}, {case(each.case).lower()}: the server in front took {each.median * 100:.0f} % of a core. "
        "It is the bottleneck there, and the peer may be faster."
        for each in samples
        if each.figure == "server_share" and each.median >= FULL_SHARE
    ]
    left_out = [
        f"{peer(name)}, {case(row.case)}: left out, because it needs more memory than was free."
        for grid in grids(samples)
        if grid.part == "events"
        for row in grid.rows
        for name in grid.peers
        if name != "floor" and name not in row.samples
    ]
    return full + left_out
