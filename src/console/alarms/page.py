"""The pages: all alarms, and one alarm with its graph."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError
from fastapi import Request
from nicegui import run, ui

from console.alarms.alarm import ON, STATES, Alarm, query_in_words, span
from console.alarms.graph import Measured, graph, inputs_graph, measured, said, usual_range
from console.alarms.history import Change, changes, step
from console.alarms.links import around, log_link, trace_links, went_off
from console.frame import address, frame, time_choice
from console.source import Source, reason
from console.time_range import TimeRange, time_range
from look.charts import Options

Found = TypeVar("Found")
Answer = TypeVar("Answer")

_CHANGES_SHOWN = 25
_STYLE = """
.alarm-page { width: 100%; display: flex; flex-direction: column; gap: 12px; }
.alarms-group { width: 100%; display: flex; flex-direction: column; gap: 8px; }
.alarms-group h2, .alarm-part h2 { margin: 0; font-size: 13px; font-weight: 600; line-height: 1.4; letter-spacing: 0; }
.alarms { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); gap: 10px; }
.alarm-card { display: flex; flex-direction: column; gap: 2px; }
.alarm-card > a { font-weight: 600; overflow-wrap: anywhere; text-decoration: none; }
.alarm-card > a:hover { text-decoration: underline; }
.look-card.alarm-card { border-left-width: 4px; }
.look-card.alarm-ALARM { border-left-color: var(--bad); }
.look-card.alarm-INSUFFICIENT_DATA { border-left-color: var(--ink-2); border-left-style: dotted; }
.look-card.alarm-OK { border-left-color: var(--good); }
.alarm-line { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 12px; }
.alarm-state { font-weight: 600; white-space: nowrap; }
.alarm-text { overflow-wrap: anywhere; max-width: 110ch; }
.alarm-part { width: 100%; display: flex; flex-direction: column; gap: 6px; box-sizing: border-box; }
.alarm-part h1 { margin: 0; font-size: 18px; font-weight: 600; line-height: 1.3; letter-spacing: 0;
  overflow-wrap: anywhere; }
.alarm-links { display: flex; flex-wrap: wrap; gap: 4px 16px; }
.alarm-graph { height: 320px; }
.alarm-queries { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 2px 14px; margin: 4px 0 0; }
.alarm-queries > * { overflow-wrap: anywhere; margin: 0; }
.look-table.alarm-children { width: auto; }
.alarm-history td { vertical-align: baseline; }
.alarm-history td:last-child { white-space: normal; width: 100%; overflow-wrap: anywhere; }
@media (max-width: 600px) {
  .alarm-history tr { display: grid; grid-template-columns: max-content 1fr; border-bottom: 1px solid var(--line); }
  .look-table.alarm-history td { border-bottom: 0; }
  .alarm-history td:last-child { grid-column: 1 / -1; }
}
"""
_COLOURS = {ON: "look-bad", "INSUFFICIENT_DATA": "look-note", "OK": "look-good"}


@dataclass(frozen=True)
class _Row:
    """What the list says of an alarm."""

    name: str
    state: str
    since: str
    why: str
    tells: str


@dataclass(frozen=True)
class _Shown:
    """What the page of one alarm shows. Its charts move on with the time, while all else stays as it is."""

    alarm: Alarm
    since: str
    tells: str
    states: Mapping[str, str]
    why: str
    range: str | None
    links: Mapping[str, str]
    history: Sequence[Change]
    troubles: Sequence[str]
    shown: TimeRange = field(compare=False)
    charts: Mapping[str, Options] = field(compare=False)
    note: str = ""


def add_pages(source: Source) -> None:
    """Add the pages to the application."""

    @ui.page("/alarms")
    async def alarms_page() -> None:
        ui.add_css(_STYLE)
        with frame(source, "Alarms"):
            await _Refreshed(source, lambda: _rows(source), _show_rows).build()

    @ui.page("/alarms/{name:path}")
    async def alarm_page(name: str, request: Request) -> None:
        ui.add_css(_STYLE)
        query = dict(request.query_params)
        with frame(source, "Alarms"):
            await _Refreshed(source, lambda: _look(source, name, query), lambda found: _show(found, query)).build()


class _Refreshed(Generic[Found]):
    """A part of a page that shows what it has asked for, and asks again while somebody looks."""

    def __init__(
        self, source: Source, ask: Callable[[], Found], show: Callable[[Found], Mapping[str, ui.echart]]
    ) -> None:
        self._seconds = 10.0 if source.is_sandbox else 60.0
        self._ask = ask
        self._show = show
        self._shown: Found | str | None = None
        self._charts: Mapping[str, ui.echart] = {}

    async def build(self) -> None:
        self._place = ui.element("div").classes("alarm-page")
        await self._update()
        ui.timer(self._seconds, self._update_if_visible, immediate=False)

    async def _update_if_visible(self) -> None:
        try:
            if await ui.run_javascript("return document.visibilityState === 'visible'"):
                await self._update()
        except TimeoutError:
            pass  # the browser is gone, or asleep

    async def _update(self) -> None:
        found: Found | str | None
        try:
            found = await run.io_bound(self._ask)
        except (BotoCoreError, ClientError) as error:
            found = reason(error)
        except (LookupError, ValueError) as error:
            found = str(error.args[0])
        if found is None:  # the console ends
            return
        if found != self._shown:
            self._place.clear()
            with self._place:
                self._charts = {} if isinstance(found, str) else self._show(found)
                if isinstance(found, str):
                    ui.label(found).classes("look-bad alarm-text")
        elif isinstance(found, _Shown):
            for name, chart in self._charts.items():
                chart.options.clear()
                chart.options.update(found.charts[name])
                chart.update()
        self._shown = found


def _rows(source: Source) -> list[_Row]:
    """Return all alarms, those that are on first; of one state, composite alarms first.

    Raises:
        ClientError, BotoCoreError: AWS refuses, or cannot be reached.
    """
    alarms = _alarms(source)
    states = {alarm.name: alarm.state for alarm in alarms}
    order = list(STATES)
    alarms.sort(key=lambda alarm: (order.index(alarm.state), not alarm.rule, alarm.name))
    return [
        _Row(alarm.name, alarm.state, _since(alarm.since), alarm.why(states), alarm.tells(alarms)) for alarm in alarms
    ]


def _alarms(source: Source) -> list[Alarm]:
    named = {"AlarmNamePrefix": source.prefix} if source.prefix else {}
    pages = source.cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmTypes=["MetricAlarm", "CompositeAlarm"], **named
    )
    return [Alarm(one) for page in pages for one in (*page["CompositeAlarms"], *page["MetricAlarms"])]


def _show_rows(rows: Sequence[_Row]) -> Mapping[str, ui.echart]:
    if not rows:
        ui.label("This stack has no alarms. template.yaml of this repository has some to copy.").classes("look-note")
        return {}
    groups = {state: [row for row in rows if row.state == state] for state in STATES}
    ui.label(", ".join(f"{len(some)} {STATES[state][1]}" for state, some in groups.items())).classes("look-note")
    for state, some in groups.items():
        if some:
            sign, words = STATES[state]
            with ui.element("section").classes("alarms-group"):
                with ui.element("h2"):
                    ui.label(words)
                with ui.element("div").classes("alarms"):
                    for row in some:
                        _card(row, f"{sign} {words}")
    return {}


def _card(row: _Row, state: str) -> None:
    with ui.element("article").classes(f"look-card alarm-card alarm-{row.state}"):
        ui.link(row.name, _path(row.name))
        with ui.element("div").classes("alarm-line"):
            ui.label(state).classes(f"alarm-state {_COLOURS[row.state]}")
            ui.label(row.since).classes("look-note")
        ui.label(row.why).classes("alarm-text")
        ui.label(row.tells).classes("look-note")


def _look(source: Source, name: str, query: Mapping[str, str]) -> _Shown:
    """Return what the page of an alarm shows.

    Raises:
        LookupError: there is no such alarm; the message is for the reader.
        ValueError: the address asks for a time that is none.
        ClientError, BotoCoreError: AWS refuses, or cannot be reached.
    """
    alarms = _alarms(source)
    alarm = next((one for one in alarms if one.name == name), None)
    if alarm is None:
        raise LookupError(f"There is no alarm {name} here: the list of alarms has those that there are.")
    states = {one.name: one.state for one in alarms}
    before = datetime.fromisoformat(query["before"]) if "before" in query else None
    troubles: list[str] = []
    no_changes: list[Change] = []
    no_values: Measured = {}

    def asked(ask: Callable[[], Answer], otherwise: Answer) -> Answer:
        try:
            return ask()
        except (BotoCoreError, ClientError) as error:
            troubles.append(reason(error))
            return otherwise

    latest = asked(lambda: changes(source.cloudwatch, name, most=100), no_changes)
    listed = asked(lambda: changes(source.cloudwatch, name, before=before, most=_CHANGES_SHOWN + 1), no_changes)
    shown = time_range(query, usual_range(alarm, latest) if alarm.queries else "3h")
    charts, note = {}, ""
    if alarm.queries:
        found = asked(lambda: changes(source.cloudwatch, name, start=shown.start), no_changes)
        every = "all" in query
        values = asked(lambda: measured(source.cloudwatch, alarm, shown, every), no_values)
        charts["judged"] = graph(alarm, found, shown, values.get(alarm.judged["Id"], []))
        note = said(alarm, found)
        if every:
            charts["inputs"] = inputs_graph(alarm, shown, values)
    window = went_off(alarm, latest, alarms)
    links = {**trace_links(alarm, window), "Log lines": log_link(window)} if window else {}
    return _Shown(
        alarm=alarm,
        since=_since(alarm.since),
        tells=alarm.tells(alarms),
        states={child: states.get(child, "") for child in alarm.children},
        why=alarm.why(states),
        range=shown.last,
        links=links,
        history=listed,
        troubles=list(dict.fromkeys(troubles)),
        shown=shown,
        charts=charts,
        note=note,
    )


def _show(found: _Shown, query: Mapping[str, str]) -> Mapping[str, ui.echart]:
    alarm = found.alarm
    path = _path(alarm.name)
    sign, words = STATES[alarm.state]
    with ui.element("section").classes(f"look-card alarm-part alarm-card alarm-{alarm.state}"):
        with ui.element("h1"):
            ui.label(alarm.name)
        with ui.element("div").classes("alarm-line"):
            ui.label(f"{sign} {words}").classes(f"alarm-state {_COLOURS[alarm.state]}")
            ui.label(found.since).classes("look-note")
        ui.label(found.why).classes("alarm-text")
        if alarm.described.get("AlarmDescription"):
            ui.label(alarm.described["AlarmDescription"]).classes("alarm-text look-note")
        if found.links:
            with ui.element("nav").classes("alarm-links").props('aria-label="What it judged when it went off"'):
                ui.label("When it last went off:")
                for name, target in found.links.items():
                    ui.link(name, target)
    for trouble in found.troubles:
        ui.label(trouble).classes("look-bad alarm-text")
    charts = {}
    if "judged" in found.charts:
        with ui.element("section").classes("look-card alarm-part"):
            with ui.element("h2"):
                ui.label("What it judges")
            time_choice(path, found.shown, all=query.get("all"))
            charts["judged"] = ui.echart(dict(found.charts["judged"]), renderer="svg").classes("look-chart alarm-graph")
            ui.label(found.note).classes("look-note alarm-text")
            if "inputs" in found.charts:
                ui.label("What it is computed from").classes("look-title")
                charts["inputs"] = ui.echart(dict(found.charts["inputs"]), renderer="svg").classes(
                    "look-chart alarm-graph"
                )
            elif len(alarm.queries) > 1:
                said_time = {name: query[name] for name in ("last", "from", "to") if name in query}
                ui.link("Show what it is computed from", address(path, **said_time, all="1"))
    _show_rule(found)
    _show_history(found, path)
    return charts


def _show_rule(found: _Shown) -> None:
    alarm = found.alarm
    with ui.element("section").classes("look-card alarm-part"):
        with ui.element("h2"):
            ui.label("Its rule")
        ui.label(alarm.judges()).classes("alarm-text")
        ui.label(f"{found.tells}.").classes("alarm-text")
        if alarm.queries:
            with ui.element("dl").classes("alarm-queries"):
                for one in alarm.queries:
                    with ui.element("dt"):
                        ui.label(one["Id"]).classes("look-mono")
                    with ui.element("dd"):
                        ui.label(query_in_words(one)).classes("look-mono look-note")
        if found.states:
            with ui.element("div").classes("look-scroll"), ui.element("table").classes("look-table alarm-children"):
                for child, state in found.states.items():
                    with ui.element("tr"):
                        with ui.element("td"):
                            ui.link(child, _path(child))
                        with ui.element("td"):
                            sign, words = STATES.get(state, ("", "not an alarm of this stack"))
                            ui.label(f"{sign} {words}").classes(f"alarm-state {_COLOURS.get(state, 'look-note')}")


def _show_history(found: _Shown, path: str) -> None:
    listed = found.history[:_CHANGES_SHOWN]
    length = step(found.alarm, listed)
    with ui.element("section").classes("look-card alarm-part"):
        with ui.element("h2"):
            ui.label("History (UTC)")
        if not listed:
            ui.label("Its state has not changed yet.").classes("look-note")
            return
        with ui.element("div").classes("look-scroll"), ui.element("table").classes("look-table alarm-history"):
            for change in listed:
                with ui.element("tr"):
                    with ui.element("td"):
                        moment = f"{change.time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
                        if found.charts:
                            ui.link(moment, address(path, **around(change.time, length)))
                        else:
                            ui.label(moment)
                    with ui.element("td"):
                        sign, words = STATES.get(change.new, ("", change.new))
                        ui.label(f"{sign} {words}").classes(f"alarm-state {_COLOURS.get(change.new, '')}")
                    with ui.element("td"):
                        ui.label(change.reason).classes("look-note")
        if len(found.history) > _CHANGES_SHOWN:
            ui.link("Older changes", address(path, before=found.history[_CHANGES_SHOWN].time.isoformat()))


def _path(name: str) -> str:
    return f"/alarms/{quote(name, safe='')}"


def _since(moment: datetime) -> str:
    ago = int((datetime.now(UTC) - moment).total_seconds())
    passed = f"for {span(ago - ago % 60)}, " if ago >= 60 else ""
    moment = moment.astimezone(UTC)
    day = "" if moment.date() == datetime.now(UTC).date() else f"{moment:%Y-%m-%d} "
    return f"{passed}since {day}{moment:%H:%M:%S} UTC"
