"""The page: a dashboard of the stack, which draws itself again while somebody looks."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from fastapi import Request
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from nicegui import ui

from console.dashboard.body import Body, BodyError, Widget, shown_time
from console.dashboard.drawing import (
    LOADING,
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
from console.dashboard.fetching import Failed, Metrics, alarms, dashboard_body, dashboard_names, records
from console.dashboard.fragments import note_html
from console.dashboard.graph import Line
from console.dashboard.queries import MALFORMED, Drawn, drawn, malformed
from console.dashboard.text import text_html
from console.error_card import card_of
from console.frame import address, frame, time_choice
from console.source import Source
from console.time_range import TimeRange

REFRESHES = {"off": 0, "10s": 10, "1m": 60}
# Tables scan logs: few at a time, and not before the graphs have had their turn.
_QUERIES_AT_ONCE = 2
_HEAD_START_SECONDS = 1.0
# And not at every look: a scan takes as long as all graphs, and costs more on AWS.
_TABLES_SECONDS = 60
_GRAPHS_AT_ONCE = 8
_BETWEEN_SECONDS = 0.03
_RESPONSE_SECONDS = 30
# A page that was hidden says when it is seen again.
_VISIBILITY = (
    "<script>document.addEventListener('visibilitychange', () => emitEvent('seen', document.visibilityState))</script>"
)
_FORM = Environment(autoescape=True, undefined=StrictUndefined).from_string("""
<form method="get" action="">
{%- for name, value in kept.items() %}<input type="hidden" name="{{ name }}" value="{{ value }}">{% endfor %}
{%- for choice in choices %}
<label>{{ choice.label }}
{%- if choice.options %}
<select name="{{ choice.name }}" onchange="this.form.submit()">
{%- for value, text in choice.options.items() %}
<option value="{{ value }}"{% if value == choice.value %} selected{% endif %}>{{ text }}</option>
{%- endfor %}
</select>
{%- else %} <input name="{{ choice.name }}" value="{{ choice.value }}" onchange="this.form.submit()">
{%- endif %}</label>
{%- endfor %}
</form>""")


def add_pages(source: Source) -> None:
    """Add the page to the application."""

    @ui.page("/", response_timeout=_RESPONSE_SECONDS)
    async def page(request: Request) -> None:
        query = dict(request.query_params)
        with frame(source, "Dashboard"):
            ui.add_css(style())
            try:
                names = await asyncio.to_thread(dashboard_names, source)
                if not names:
                    ui.label("This stack has no dashboard: add one to its template (AWS::CloudWatch::Dashboard).")
                    return
                name = query.get("dashboard", names[0])
                body = await asyncio.to_thread(dashboard_body, source, name, query)
                shown = shown_time(body, query)
            except (BotoCoreError, ClientError, BodyError, ValueError) as error:
                card_of(error).show()
                return
            dashboard = _Dashboard(source, body, query)
            # The server builds the page, and the browser loads it, while AWS is asked.
            asked = dashboard.ask()
            dashboard.head(names, name, shown)
            dashboard.grid(shown)
        await dashboard.live(asked)


class _Holder:
    """The place of one widget on the page."""

    def __init__(self, widget: Widget, note: str) -> None:
        with ui.element("section").classes(classes_of(widget)).style(place_of(widget)):
            if widget.title:
                ui.label(widget.title).classes("look-title").props("role=heading aria-level=3")
            with ui.element("div").classes("dash-fill"):
                is_graph = widget.kind == "metric" and widget.view == "timeSeries" and note == LOADING
                # It is there from the start, so that the browser loads the library while AWS is asked.
                self._chart = ui.echart({}, renderer="svg").classes("look-chart") if is_graph else None
                self._html = ui.html(note_html(note), sanitize=False).classes("" if is_graph else "dash-inner")

    def show(self, drawing: Drawing) -> None:
        """Draw."""
        if self._html.content != drawing.html:
            self._html.content = drawing.html
        if self._chart is None:
            return
        self._chart.style("visibility: " + ("visible" if drawing.chart else "hidden"))
        if drawing.chart:
            self._chart.options.clear()
            self._chart.options.update(drawing.chart)
            self._chart.props["role"] = "img"
            self._chart.props["aria-label"] = drawing.spoken
            self._chart.update()


@dataclass(frozen=True)
class _Asked:
    """What one look at a dashboard asks for: the tasks, and the widgets that wait for metrics, or say why not."""

    shown: TimeRange
    graphs: dict[int, Drawn]
    notes: dict[int, str]
    metrics: asyncio.Task[dict[int, list[Line] | Failed]]
    alarms: asyncio.Task[dict[str, dict[str, Any]] | Failed]


class _Dashboard:
    """A dashboard on one page."""

    def __init__(self, source: Source, body: Body, query: Mapping[str, str]) -> None:
        self._source = source
        self._body = body
        self._query = query
        self._metrics = Metrics(source)
        self._holders: dict[int, _Holder] = {}
        self._refresh = query.get("refresh", "1m" if source.is_sandbox else "off")
        self._is_busy = False
        self._is_late = False
        self._next_tables = 0.0

    def head(self, names: list[str], name: str, shown: TimeRange) -> None:
        """Add what the reader can choose."""
        said = {key: value for key, value in self._query.items() if key not in ("last", "from", "to")}
        with ui.element("div").classes("console-bar dash-bar"):
            time_choice("/", shown, **said)
            with ui.element("nav").classes("console-bar").props('aria-label="Refresh"'):
                ui.label("refresh").classes("look-note")
                for choice in REFRESHES:
                    current = 'aria-current="true"' if choice == self._refresh else ""
                    ui.link(choice, address("/", **{**self._query, "refresh": choice})).props(current)
            choices: list[dict[str, Any]] = [
                {
                    "name": one.id,
                    "label": one.label,
                    "value": self._query.get(one.id, one.default),
                    "options": one.values and {one.default: one.default, **one.values},
                }
                for one in self._body.variables
            ]
            if len(names) > 1:
                options = {one: one for one in names}
                choices.insert(0, {"name": "dashboard", "label": "Dashboard", "value": name, "options": options})
            if choices:
                chosen = {choice["name"] for choice in choices}
                kept = {key: value for key, value in self._query.items() if key not in chosen}
                ui.html(Markup(_FORM.render(choices=choices, kept=kept)), sanitize=False)  # noqa: S704
        self._hint = ui.html("", sanitize=False).classes("dash-hint-place")

    def grid(self, shown: TimeRange) -> None:
        """Add the widgets' places, and what needs no answer of AWS."""
        here = shown.last or "12h"
        if not self._body.widgets:
            ui.label("This dashboard has no widgets: add some to its body.")
        with ui.element("div").classes("dash-grid").style(rows_style(self._body.widgets)):
            for widget in self._body.widgets:
                note = undrawable(widget, self._source.region)
                self._holders[widget.number] = holder = _Holder(widget, note or LOADING)
                if widget.kind == "text" and not note:
                    holder.show(Drawing(text_html(str(widget.properties.get("markdown", "")), here)))

    async def live(self, asked: _Asked) -> None:
        """Draw what was asked for, and ask and draw again while somebody looks."""
        seconds = REFRESHES.get(self._refresh, 0)
        if seconds:
            ui.on("seen", lambda event: self._seen(event.args))
            ui.add_body_html(_VISIBILITY)
            ui.timer(seconds, self._again, immediate=False)
        client = ui.context.client
        await client.connected()
        if not client.is_deleted:  # else nobody has come, and the tables would be queries of logs for nobody
            await self._draw(asked)

    async def _again(self) -> None:
        """Draw again, if somebody sees it. A page that nobody sees costs nothing."""
        try:
            seen = await ui.run_javascript("document.visibilityState", timeout=2)
        except TimeoutError:  # the computer sleeps
            seen = None
        self._is_late = seen != "visible"
        if not self._is_late and not self._is_busy:
            await self._draw(self.ask())

    async def _seen(self, state: object) -> None:
        if state == "visible" and self._is_late:
            await self._again()

    def ask(self) -> _Asked:
        """Begin to ask for metrics and alarms."""
        self._is_busy = True
        shown = shown_time(self._body, self._query)
        graphs, notes = {}, {}
        for widget in self._widgets("metric"):
            try:
                graphs[widget.number] = drawn(widget, shown)
            except MALFORMED as error:
                notes[widget.number] = malformed(error)
        names = [name for widget in self._widgets("alarm") for name in alarm_names(widget)]
        keeps = self._body.keeps_periods
        return _Asked(
            shown,
            graphs,
            notes,
            asyncio.create_task(asyncio.to_thread(self._metrics.fetch, list(graphs.values()), keeps_periods=keeps)),
            asyncio.create_task(asyncio.to_thread(alarms, self._source, names)),
        )

    async def _draw(self, asked: _Asked) -> None:
        """Draw what was asked for as it comes, graphs first."""
        try:
            await asyncio.wait({asked.metrics}, timeout=_HEAD_START_SECONDS)
            tables = None if asked.metrics.done() else asyncio.create_task(self._draw_tables(asked.shown))
            found = await asked.metrics
            for place, (number, one) in enumerate(asked.graphs.items(), 1):
                self._holders[number].show(metric_drawing(one, found[number]))
                if place % _GRAPHS_AT_ONCE == 0:
                    # The browser draws what is at the top before it gets the rest.
                    await asyncio.sleep(_BETWEEN_SECONDS)
            for number, note in asked.notes.items():
                self._holders[number].show(Drawing(note_html(note)))
            self._hint.content = hint_html(self._source, self._body, found)
            described = await asked.alarms
            for widget in self._widgets("alarm"):
                self._holders[widget.number].show(alarm_drawing(widget, described, self._source, links=True))
            await (tables or self._draw_tables(asked.shown))
        finally:
            self._is_busy = False

    async def _draw_tables(self, shown: TimeRange) -> None:
        if time.monotonic() < self._next_tables:
            return
        self._next_tables = time.monotonic() + _TABLES_SECONDS - 1
        limit = asyncio.Semaphore(_QUERIES_AT_ONCE)

        async def draw(widget: Widget) -> None:
            async with limit:
                found = await asyncio.to_thread(records, self._source, str(widget.properties.get("query", "")), shown)
            self._holders[widget.number].show(log_drawing(found, links=True))

        await asyncio.gather(*(draw(widget) for widget in self._widgets("log")))

    def _widgets(self, kind: str) -> list[Widget]:
        """Return the widgets of a type that can be drawn."""
        region = self._source.region
        return [one for one in self._body.widgets if one.kind == kind and undrawable(one, region) is None]
