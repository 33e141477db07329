"""A log widget: what its query is, and the table of what it found."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.figures import figure

_SOURCE = re.compile(r"\s*SOURCE\s+('[^']+'(?:\s*,\s*'[^']+')*)\s*\|\s*")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Table:
    """The result of a query: fields, and rows of texts in their order."""

    fields: list[str]
    rows: list[list[str]]

    def is_number(self, place: int) -> bool:
        """Tell whether a column has nothing but numbers."""
        texts = [row[place] for row in self.rows if row[place]]
        return bool(texts) and all(_NUMBER.fullmatch(text) for text in texts)

    def shown(self, place: int, text: str) -> str:
        """Return the text of a column as a reader wants it: no number with digits that say nothing."""
        decimals = text.partition(".")[2]
        if not self.is_number(place) or len(decimals) < 4 or "e" in text.lower():
            return text
        value = float(text)
        return figure(value) if abs(value) < 1 else f"{value:.3f}".rstrip("0").rstrip(".")


def log_query(text: str) -> tuple[list[str], str]:
    """Return the log groups of a widget's query, and the query without them.

    Raises:
        ValueError: it does not begin with the names of log groups.
    """
    groups: list[str] = []
    while found := _SOURCE.match(text):
        groups += re.findall(r"'([^']+)'", found[1])
        text = text[found.end() :]
    if not groups or text.startswith("SOURCE"):
        raise ValueError("its query does not begin with SOURCE 'the name of a log group' |")
    return groups, text


def table(results: Sequence[Sequence[Mapping[str, str]]]) -> Table:
    """Return the table of what GetQueryResults returned; a record's address in the log is no field of it."""
    rows = [{cell["field"]: cell.get("value", "") for cell in row if cell["field"] != "@ptr"} for row in results]
    fields = list(dict.fromkeys(field for row in rows for field in row))
    return Table(fields, [[row.get(field, "") for field in fields] for row in rows])
