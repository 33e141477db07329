"""A dashboard's body as widgets with their places, as CloudWatch reads it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from console.time_range import TimeRange, time_range

_DEFAULT_LAST = "3h"
_STEPS = {"M": "m", "H": "h"}
_DAYS = {"D": 1, "W": 7, "M": 30}


class BodyError(Exception):
    """A body that no dashboard can be made of; the message says why."""


@dataclass(frozen=True)
class Place:
    """Where a widget is on the grid of 24 columns; without `x` and `y`, wherever there is room."""

    x: int | None
    y: int | None
    width: int
    height: int


@dataclass(frozen=True)
class Widget:
    """One widget; `number` is its place among all of the body, from 0."""

    number: int
    kind: str
    place: Place
    properties: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Its title, or an empty text."""
        return str(self.properties.get("title", ""))

    @property
    def view(self) -> str:
        """How a metric widget or a log widget draws what it has."""
        return str(self.properties.get("view", "table" if self.kind == "log" else "timeSeries"))


@dataclass(frozen=True)
class Variable:
    """A value that the reader of a dashboard chooses.

    Attributes:
        id: its name in the page's address.
        label: its name for the reader.
        values: what can be chosen, each with the text that says so; empty if anything can be.
        default: what is chosen until the reader does; an empty text leaves the body as it is.
    """

    id: str
    label: str
    values: Mapping[str, str]
    default: str


@dataclass(frozen=True)
class Body:
    """A dashboard's body.

    Attributes:
        widgets: in the order of reading.
        variables: those that a page can offer.
        start: the time that the dashboard shows by itself, such as `12h`, or a moment in ISO 8601.
        end: the moment at which a `start` that is a moment ends; None is now.
        keeps_periods: whether each graph keeps its own period, whatever time is shown.
    """

    widgets: list[Widget]
    variables: list[Variable]
    start: str
    end: str | None
    keeps_periods: bool


def read_body(text: str, chosen: Mapping[str, str]) -> Body:
    """Return a body.

    Args:
        text: as GetDashboard returns it.
        chosen: values of variables by their ids; those that are not there have their default.

    Raises:
        BodyError: it is no body of a dashboard.
    """
    try:
        said = json.loads(text)
        variables = [_variable(one) for one in said.get("variables", []) if one.get("visible", True)]
        widgets = said.get("widgets", [])
        for definition in said.get("variables", []):
            widgets = _with_value(widgets, definition, chosen.get(definition["id"], _variable(definition).default))
        found = [_widget(number, one) for number, one in enumerate(widgets)]
        start = str(said.get("start", ""))
        return Body(
            widgets=sorted(found, key=lambda one: (one.place.y is None, one.place.y or 0, one.place.x or 0)),
            variables=variables,
            start=last_of(start) if start.startswith("-P") else start or _DEFAULT_LAST,
            end=said.get("end"),
            keeps_periods=said.get("periodOverride", "auto") == "inherit",
        )
    except (ValueError, TypeError, KeyError, AttributeError, re.error) as error:
        raise BodyError(f"the dashboard's body cannot be read: {type(error).__name__}: {error}") from None


def shown_time(body: Body, query: Mapping[str, str]) -> TimeRange:
    """Return the time that the address of a page asks for, or else the body.

    Raises:
        ValueError: the time makes no sense.
    """
    if "T" not in body.start or {"last", "from", "to"} & query.keys():
        return time_range(query, default=body.start)
    return time_range({"from": body.start, "to": body.end or datetime.now(UTC).isoformat()})


def last_of(start: str) -> str:
    """Return what a relative start such as `-PT12H` or `-P7D` is in the address of a page: `12h`, `7d`.

    Raises:
        ValueError: the text is no such start.
    """
    if found := re.fullmatch(r"-PT(\d+)([MH])", start):
        return found[1] + _STEPS[found[2]]
    if found := re.fullmatch(r"-P(\d+)([DWM])", start):
        return f"{int(found[1]) * _DAYS[found[2]]}d"
    raise ValueError(f"{start!r} is no start such as -PT3H or -P7D")


def _widget(number: int, said: Mapping[str, Any]) -> Widget:
    place = Place(said.get("x"), said.get("y"), said.get("width", 6), said.get("height", 6))
    if any(not isinstance(one, int | None) for one in (place.x, place.y, place.width, place.height)):
        raise ValueError(f"widget {number + 1} has a place that is no whole number")
    return Widget(number, str(said["type"]), place, dict(said.get("properties", {})))


def _variable(said: Mapping[str, Any]) -> Variable:
    values = {str(one["value"]): str(one.get("label", one["value"])) for one in said.get("values", [])}
    default = said.get("defaultValue", next(iter(values), ""))
    return Variable(said["id"], str(said.get("label", said["id"])), values, str(default))


def _with_value(widgets: Any, definition: Mapping[str, Any], value: str) -> Any:
    """Return widgets in which a variable has a value: in place of what a pattern finds, or of a property."""
    if not value:
        return widgets
    if definition["type"] == "property":
        return _with_property(widgets, definition["property"], value)
    inside_text = json.dumps(value)[1:-1]
    return json.loads(re.sub(definition["pattern"], lambda _: inside_text, json.dumps(widgets)))


def _with_property(part: Any, name: str, value: str) -> Any:
    """Return a part of a body in which a property, such as `region` or a dimension, has a value."""
    if isinstance(part, dict):
        return {key: value if key == name else _with_property(item, name, value) for key, item in part.items()}
    if isinstance(part, list):
        items = [_with_property(item, name, value) for item in part]
        # In the row of a metric, a dimension's value comes after its name, which has an even place.
        for place in range(2, len(items) - 1, 2):
            if items[place] == name and isinstance(items[place + 1], str):
                items[place + 1] = value
        return items
    return part
