"""The dashboard as one file: what the page draws, at one moment, with the chart library in it."""

from collections.abc import Mapping
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from console.dashboard.body import Body, Widget
from console.dashboard.drawing import (
    Drawing,
    alarm_drawing,
    alarm_names,
    classes_of,
    hint_html,
    log_drawing,
    metric_drawing,
    place_of,
    rows_style,
    style,
    undrawable,
)
from console.dashboard.fetching import Metrics, alarms, records
from console.dashboard.fragments import note_html
from console.dashboard.queries import MALFORMED, drawn, malformed
from console.dashboard.text import text_html
from console.source import Source
from console.time_range import TimeRange
from look.one_page import one_page

_CONTENT = Environment(autoescape=True, undefined=StrictUndefined).from_string(
    files("console.export").joinpath("content.html").read_text()
)
# On paper nothing scrolls: rows of the grid grow with their tables, which have whole ids and so less room for words.
_STYLE = """body { padding: 12px 16px 24px; }
.export-head { margin: 0 0 8px; font-size: 16px; font-weight: 600; }
.dash-log .dash-words { min-width: 12ch; }
.dash-log .dash-fill > .dash-inner, .dash-alarm .dash-fill > .dash-inner { position: static; max-height: none; }
"""


def document(source: Source, name: str, body: Body, shown: TimeRange) -> str:
    """Return the dashboard as an HTML document that needs nothing else. Fetching takes seconds."""
    drawings, hint = _drawings(source, body, shown)
    moments = [f"{moment:%Y-%m-%d %H:%M}" for moment in (shown.start, shown.end)]
    content = _CONTENT.render(
        head=f"{source.stack}: {name}",
        time=f"{moments[0]} to {moments[1]} {shown.end:%Z}",
        chosen=[f"{one.label}: {one.default}" for one in body.variables if one.default],
        hint=hint,
        rows=rows_style(body.widgets),
        widgets=[
            {
                "id": f"widget{widget.number}",
                "title": widget.title,
                "classes": classes_of(widget),
                "place": place_of(widget),
                "drawing": drawings[widget.number],
            }
            for widget in body.widgets
        ],
    )
    charts = {f"widget{number}": drawing.chart for number, drawing in drawings.items() if drawing.chart}
    return one_page(f"{name} · {source.stack}", style() + _STYLE, Markup(content), charts)  # noqa: S704 - escaped


def _drawings(source: Source, body: Body, shown: TimeRange) -> tuple[Mapping[int, Drawing], Markup]:
    """Return what each widget comes to, and what to do if there is nothing."""
    drawings: dict[int, Drawing] = {}
    sound: list[Widget] = []
    for widget in body.widgets:
        note = undrawable(widget, source.region)
        if note:
            drawings[widget.number] = Drawing(note_html(note))
        else:
            sound.append(widget)
    graphs = {}
    for widget in sound:
        match widget.kind:
            case "metric":
                try:
                    graphs[widget.number] = drawn(widget, shown)
                except MALFORMED as error:
                    drawings[widget.number] = Drawing(note_html(malformed(error)))
            case "text":
                drawings[widget.number] = Drawing(text_html(str(widget.properties.get("markdown", "")), None))
            case "log":
                found = records(source, str(widget.properties.get("query", "")), shown)
                drawings[widget.number] = log_drawing(found, links=False)
    lines = Metrics(source).fetch(list(graphs.values()), keeps_periods=body.keeps_periods)
    drawings |= {number: metric_drawing(one, lines[number]) for number, one in graphs.items()}
    described = alarms(source, [name for one in sound if one.kind == "alarm" for name in alarm_names(one)])
    for widget in sound:
        if widget.kind == "alarm":
            drawings[widget.number] = alarm_drawing(widget, described, source, links=False)
    return drawings, hint_html(source, body, lines)
