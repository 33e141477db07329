"""The rows of a metric widget: each a metric or an expression, with the shorthand for what the row before has, too."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# What no series is needed for: TIME_SERIES(5) is 5 at any time.
_CONSTANT = re.compile(r"\s*TIME_SERIES\(\s*(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\s*\)\s*")


@dataclass(frozen=True)
class Row:
    """A row of `metrics`.

    Attributes:
        names: namespace, metric name, then name and value of each dimension; empty for an expression.
        options: what it says beside, such as its label; an expression is in it.
    """

    names: tuple[str, ...]
    options: Mapping[str, Any]

    @property
    def expression(self) -> str:
        """The expression, or an empty text."""
        return "" if self.names else str(self.options.get("expression", ""))

    @property
    def constant(self) -> float | None:
        """The value of an expression that is the same at any time, such as a threshold."""
        found = _CONSTANT.fullmatch(self.expression)
        return float(found[1]) if found else None

    @property
    def is_visible(self) -> bool:
        """Whether it is drawn; others are for expressions."""
        return bool(self.options.get("visible", True))

    @property
    def is_right(self) -> bool:
        """Whether its axis is on the right."""
        return bool(self.options.get("yAxis") == "right")

    @property
    def dimensions(self) -> dict[str, str]:
        """Names and values."""
        return dict(zip(self.names[2::2], self.names[3::2], strict=True))


def rows_of(metrics: list[list[Any]]) -> list[Row]:
    """Return the rows of a widget's `metrics`.

    Raises:
        ValueError: a row is neither a metric nor an expression; the message says which.
    """
    return list(_rows(metrics))


def _rows(metrics: list[list[Any]]) -> Iterator[Row]:
    last: tuple[str, ...] = ()
    for number, row in enumerate(metrics, 1):
        options = row[-1] if row and isinstance(row[-1], dict) else {}
        said = row[:-1] if options or (row and isinstance(row[-1], dict)) else row
        if not said:
            if not isinstance(options.get("expression"), str):
                raise ValueError(f"row {number} has neither a metric nor an expression")
            yield Row((), options)
            continue
        names = _complete(said, last)
        if names is None or len(names) < 2 or len(names) % 2:
            raise ValueError(f"row {number} is not a namespace, a name, and dimensions with a value each")
        last = names
        yield Row(names, options)


def _complete(said: list[Any], last: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the names of a row, in which "." is the same as in the last one, and "..." is all up to what follows."""
    if any(not isinstance(one, str) for one in said):
        return None
    if "..." in said:
        place = said.index("...")
        after = said[place + 1 :]
        if place or "..." in after or len(after) > len(last):
            return None
        said = [*last[: len(last) - len(after)], *after]
    if any(one == "." and place >= len(last) for place, one in enumerate(said)):
        return None
    return tuple(last[place] if one == "." else one for place, one in enumerate(said))
