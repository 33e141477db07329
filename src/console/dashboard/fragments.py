"""Widgets that are no graphs, as HTML: single values, alarms, tables, and what cannot be drawn."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from console.dashboard.graph import Line
from console.dashboard.tables import Table
from console.figures import figure
from look.charts import SERIES

# Each state has a word and a sign, so that nobody needs its colour.
_SIGNS = {"ALARM": "▲", "OK": "●", "INSUFFICIENT_DATA": "○"}
_STYLES = {"ALARM": "look-bad", "OK": "look-good", "INSUFFICIENT_DATA": "look-note"}
_WORDS = {"ALARM": "in alarm", "OK": "OK", "INSUFFICIENT_DATA": "no data"}
_PARTS = re.compile("(?<=_)|(?<=[a-z])(?=[A-Z])")


def _breakable(text: str) -> Markup:
    """Return a text in which a line may end between the words of a name, too: snake_case and CamelCase."""
    return Markup("<wbr>").join(_PARTS.split(text))


_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined)
_ENVIRONMENT.globals["breakable"] = _breakable
_MACROS: Any = _ENVIRONMENT.from_string(files("console.dashboard").joinpath("widgets.html").read_text()).module


@dataclass(frozen=True)
class _Value:
    text: str
    label: str
    color: str
    path: str


@dataclass(frozen=True)
class _Alarm:
    name: str
    short: str
    state: str
    sign: str
    style: str
    reason: str
    link: str


def values_html(lines: Sequence[Line], *, has_sparkline: bool, is_full: bool) -> Markup:
    """Return the newest value of each line, large.

    Args:
        lines: what they are the last points of.
        has_sparkline: whether a small graph shows the points before.
        is_full: whether a value has all its digits.
    """
    found = []
    for place, line in enumerate(lines):
        newest = line.points[-1][1] if line.points else None
        text = "--" if newest is None else f"{newest:.12g}" if is_full else figure(newest)
        path = _path([value for _, value in line.points]) if has_sparkline else ""
        found.append(_Value(text, line.label, line.color or SERIES[place % len(SERIES)], path))
    return Markup(_MACROS.values(found))  # noqa: S704 - the template escapes


def alarms_html(
    names: Sequence[str],
    described: Mapping[str, Mapping[str, Any]],
    said: Mapping[str, Any],
    *,
    prefix: str,
    links: bool,
) -> Markup:
    """Return alarms with their states.

    Args:
        names: which, in the widget's order.
        described: what DescribeAlarms says, by name.
        said: the widget's properties.
        prefix: what the names of all of the stack's alarms begin with, and the reader need not read.
        links: whether each leads to its page.
    """
    wanted = said.get("states") or list(_SIGNS)
    shown = [name for name in names if name not in described or described[name]["StateValue"] in wanted]
    if said.get("sortBy") in ("stateUpdatedTimestamp", "timestamp"):
        newest = {name: alarm["StateUpdatedTimestamp"].timestamp() for name, alarm in described.items()}
        shown.sort(key=lambda name: -newest.get(name, 0))
    if not shown:
        return note_html("no alarm in these states: " + ", ".join(wanted))
    found = []
    for name in shown:
        alarm = described.get(name, {})
        state = alarm.get("StateValue", "")
        found.append(
            _Alarm(
                name=name,
                short=name.removeprefix(prefix) or name,
                state=_WORDS.get(state, "not found"),
                sign=_SIGNS.get(state, "?"),
                style=_STYLES.get(state, "look-warn"),
                reason=alarm.get("StateReason", ""),
                link=f"alarms/{quote(name, safe='')}" if links else "",
            )
        )
    return Markup(_MACROS.alarms(found))  # noqa: S704


def table_html(table: Table, *, links: bool) -> Markup:
    """Return a table; `links` says whether traces' ids lead to their pages."""
    return Markup(_MACROS.table(table, links))  # noqa: S704


def note_html(text: str) -> Markup:
    """Return a sentence in the place of what is not drawn."""
    return Markup(_MACROS.note(text))  # noqa: S704


def _path(values: Sequence[float]) -> str:
    """Return the path of an SVG 100 wide and 24 high."""
    if len(values) < 2:
        return ""
    least, greatest = min(values), max(values)
    height = (greatest - least) or 1
    points = [f"{100 * x / (len(values) - 1):.1f} {22 - 20 * (y - least) / height:.1f}" for x, y in enumerate(values)]
    return "M" + "L".join(points)
