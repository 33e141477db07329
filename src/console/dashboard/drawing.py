"""Draws each widget as HTML or as a chart, the same for a page and for a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from console.dashboard.body import Body, Widget
from console.dashboard.fetching import Failed
from console.dashboard.fragments import alarms_html, note_html, table_html, values_html
from console.dashboard.graph import Line, graph, spoken
from console.dashboard.queries import MALFORMED, Drawn, malformed
from console.dashboard.tables import Table
from console.markup import command
from console.source import Source
from look.charts import Options

NO_DATA = "no data in this time"
LOADING = "loading"
_VIEWS = {"timeSeries", "singleValue"}


@dataclass(frozen=True)
class Drawing:
    """What is in the place of a widget: HTML, or a chart and the words for who cannot see it."""

    html: Markup | str = ""
    chart: Options | None = None
    spoken: str = ""


def undrawable(widget: Widget, region: str) -> str | None:
    """Return why a widget cannot be drawn, for the reader; None if it can, as far as its body says."""
    said = widget.properties
    if widget.kind not in ("metric", "log", "alarm", "text"):
        return f"This console does not draw widgets of the type {widget.kind}."
    if said.get("region", region) != region:
        return f"It shows {said['region']}, and this console reads {region}."
    if "accountId" in said:
        return f"It shows the account {said['accountId']}, and this console reads its own."
    if widget.kind == "metric" and widget.view not in _VIEWS:
        return f"This console does not draw the view {widget.view}."
    if widget.kind == "log" and widget.view != "table":
        return f"This console draws tables of logs, and not the view {widget.view}."
    if widget.kind == "metric" and said.get("annotations", {}).get("alarms"):
        name = str(said["annotations"]["alarms"][0]).split(":alarm:", 1)[-1]
        return f"It shows the alarm {name}: its own page has the graph."
    return None


def place_of(widget: Widget) -> str:
    """Return CSS for the place of a widget on the grid."""
    place = widget.place
    x = "auto" if place.x is None else str(place.x + 1)
    y = "auto" if place.y is None else str(place.y + 1)
    return f"--x:{x};--y:{y};--w:{place.width};--h:{place.height}"


def rows_style(widgets: Sequence[Widget]) -> str:
    """Return CSS for the heights of the grid's rows: those that have texts alone are as high as these."""
    placed = [one.place for one in widgets if one.place.y is not None]
    high = {
        y
        for one in widgets
        if one.kind != "text" and one.place.y is not None
        for y in range(one.place.y, one.place.y + one.place.height)
    }
    bottom = max(((place.y or 0) + place.height for place in placed), default=0)
    rows = ["minmax(var(--row), auto)" if y in high else "auto" for y in range(bottom)]
    return f"grid-template-rows: {' '.join(rows)}" if rows else ""


def classes_of(widget: Widget) -> str:
    """Return the classes of a widget's element."""
    known = widget.kind in ("metric", "log", "alarm", "text")
    view = f" dash-{widget.view}" if widget.kind == "metric" and widget.view in _VIEWS else ""
    return f"dash-widget look-card dash-{widget.kind if known else 'other'}{view}"


def style() -> str:
    """Return the style sheet of a dashboard."""
    return files("console.dashboard").joinpath("dashboard.css").read_text()


def metric_drawing(one: Drawn, found: Sequence[Line] | Failed) -> Drawing:
    """Return the drawing of a metric widget."""
    if isinstance(found, str):
        return Drawing(note_html(found))
    try:
        return _metric_drawing(one, found)
    except MALFORMED as error:
        return Drawing(note_html(malformed(error)))


def _metric_drawing(one: Drawn, found: Sequence[Line]) -> Drawing:
    said = one.widget.properties
    if one.widget.view == "singleValue":
        is_full = bool(said.get("singleValueFullPrecision"))
        return Drawing(values_html(found, has_sparkline=bool(said.get("sparkline")), is_full=is_full))
    if not any(line.points for line in found):
        return Drawing(note_html(NO_DATA))
    return Drawing(chart=graph(one, found), spoken=spoken(one, found))


def log_drawing(found: Table | Failed, *, links: bool) -> Drawing:
    """Return the drawing of a log widget."""
    if isinstance(found, str):
        return Drawing(note_html(found))
    return Drawing(table_html(found, links=links) if found.rows else note_html(NO_DATA))


def alarm_names(widget: Widget) -> list[str]:
    """Return the names of an alarm widget's alarms."""
    return [str(arn).split(":alarm:", 1)[-1] for arn in widget.properties.get("alarms", [])]


def alarm_drawing(
    widget: Widget, described: Mapping[str, Mapping[str, Any]] | Failed, source: Source, *, links: bool
) -> Drawing:
    """Return the drawing of an alarm widget."""
    if isinstance(described, str):
        return Drawing(note_html(described))
    prefix = f"{source.stack}-"
    return Drawing(alarms_html(alarm_names(widget), described, widget.properties, prefix=prefix, links=links))


def hint_html(source: Source, body: Body, found: Mapping[int, list[Line] | Failed]) -> Markup:
    """Return what to do if no graph shows anything but zeros, which expressions have without requests; else nothing."""
    graphs = [found[one.number] for one in body.widgets if one.view == "timeSeries" and one.number in found]
    if not graphs or any(isinstance(lines, str) or any(map(_says_something, lines)) for lines in graphs):
        return Markup()
    what = command(source.probe_command)
    return Markup('<p class="dash-hint">No responses in this time. Send some: {}</p>').format(what)


def _says_something(line: Line) -> bool:
    return any(value for _, value in line.points)
