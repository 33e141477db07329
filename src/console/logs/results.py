"""The results of a query as a table: which columns hold numbers, which values lead to a trace, which are log lines."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.frame import address
from console.ids import REQUEST_ID, TRACE_ID
from console.logs.lines import Line, read_line
from console.time_range import TimeRange

# More rows make a page slow, and nobody reads them.
MOST_ROWS = 1_000
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

Row = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Cell:
    """A value, and where it leads; a whole log event is taken apart."""

    text: str
    href: str | None = None
    line: Line | None = None


@dataclass(frozen=True)
class Table:
    """Columns by name, and which of them hold nothing but numbers; the first rows, and how many there are."""

    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int


def table(results: Sequence[Row], shown: TimeRange) -> Table:
    """Return the results of GetQueryResults as a table, without `@ptr`, which only another request can use.

    Args:
        results: rows of fields with their values; a row lacks the fields that it has no value for.
        shown: the time of the query, in which the trace of a request is looked for.
    """
    names = dict.fromkeys(cell["field"] for row in results for cell in row if cell["field"] != "@ptr")
    found = [{cell["field"]: cell["value"] for cell in row} for row in results]
    numeric = tuple(
        all(_NUMBER.fullmatch(row[name]) for row in found if row.get(name)) and any(row.get(name) for row in found)
        for name in names
    )
    return Table(
        columns=tuple(names),
        numeric=numeric,
        rows=tuple(_cells(row, tuple(names), shown) for row in found[:MOST_ROWS]),
        total=len(found),
    )


def trace_link(value: str, trace_id: str | None, shown: TimeRange) -> str | None:
    """Return the address of the trace that a value names; None if it names none.

    Args:
        value: it may be the id of a trace or of a request.
        trace_id: that of the same log event, if it is known.
        shown: when the request may have been.
    """
    if TRACE_ID.fullmatch(value):
        return f"/traces/{value}"
    if REQUEST_ID.fullmatch(value):
        return f"/traces/{trace_id}" if trace_id else address(f"/traces/{value}", **shown.query)
    return None


def _cells(row: Mapping[str, str], names: tuple[str, ...], shown: TimeRange) -> tuple[Cell, ...]:
    trace_id = next((value for value in row.values() if TRACE_ID.fullmatch(value)), None)
    links = {name: trace_link(value, trace_id, shown) for name, value in row.items()}
    # The ids often stand far to the right: the first value leads there, too.
    if row.get(names[0]):
        links[names[0]] = next((link for link in links.values() if link), None)
    return tuple(
        Cell(
            row.get(name, ""),
            href=links.get(name),
            line=read_line(row[name]) if name == "@message" and name in row else None,
        )
        for name in names
    )
