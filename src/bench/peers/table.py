"""The figures as text: a table for the terminal in 80 columns, and one in Markdown. Writes nothing itself."""

import re
from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from bench.peers.grid import Grid, Row, grids, notes, number, spread
from bench.peers.names import PARTS, case, figure, in_one_line, peer
from bench.peers.sample import Sample

_WIDTH = 80


def table(samples: Sequence[Sample], machine: Mapping[str, str]) -> RenderableType:
    """Return the tables of all parts: the median of the rounds, and below it the lowest and the highest round."""
    shown: list[RenderableType] = []
    for grid in grids(samples):
        shown += [_part(grid), ""]
    for note in notes(samples):
        shown += [Constrain(Text(note, style="bold"), _WIDTH), ""]
    where = Table(box=None, padding=(0, 1, 0, 0), width=_WIDTH, show_header=False)
    for name, value in machine.items():
        where.add_row(name, value)
    return Group(*shown, where)


def _part(grid: Grid) -> Table:
    found = Table(box=None, padding=(0, 1, 0, 0), width=_WIDTH, header_style="bold")
    found.add_column(PARTS.get(grid.part, grid.part))
    for name in grid.peers:
        found.add_column(peer(name), justify="right", no_wrap=True)
    before = ""
    if grid.only_figure:
        found.add_row(Text(figure(grid.only_figure).label, style="bold"))
    for row in grid.rows:
        if row.case != before and not grid.only_figure:
            before = row.case
            found.add_row(Text(case(row.case), style="bold"))
        label = case(row.case) if grid.only_figure else figure(row.figure).label
        found.add_row(f"  {label}", *(_cell(row, name) for name in grid.peers))
    return found


def _cell(row: Row, name: str) -> Text:
    if not (sample := row.samples.get(name)):
        return Text("")
    return Text.assemble(number(sample.median), "\n", (spread(sample), "dim"))


def markdown(samples: Sequence[Sample]) -> str:
    """Return the tables of all parts in Markdown; a cell is the median, and the lowest and the highest round.

    What is no figure of a peer's is left out: `notes` say where it matters.
    """
    lines: list[str] = []
    for grid in grids(samples):
        heads = (PARTS.get(grid.part, grid.part), *map(peer, grid.peers))
        lines += [_line(heads), "|---|" + "---:|" * len(grid.peers)]
        for each in grid.rows:
            if figure(each.figure).is_less_better is not None:
                label = re.sub(r"(/next|\.pyc)", r"`\1`", in_one_line(each.case, each.figure))
                lines.append(_line((label, *(_text(each.samples.get(name)) for name in grid.peers))))
        lines.append("")
    return "\n".join(lines).rstrip("\n")


def _text(sample: Sample | None) -> str:
    return f"{number(sample.median)} ({spread(sample)})" if sample else ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
