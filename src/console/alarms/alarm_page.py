"""The page of one alarm: its graph, its rule and its history."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from fastapi import Request
from nicegui import ui

from console.alarms.alarm import STATES, Alarm, query_in_words
from console.alarms.graph import Measured, graph, inputs_graph, latest, measured, said, usual_range
from console.alarms.history import Change, changes, step
from console.alarms.inputs import Inputs
from console.alarms.links import around, log_link, trace_links, went_off
from console.alarms.parts import COLOURS, add_style, alarm_path, all_alarms, since
from console.alarms.refreshed import Refreshed
from console.frame import address, frame, time_choice
from console.source import Source, reason
from console.time_range import TimeRange, moment, time_range
from look.charts import Options

Answer = TypeVar("Answer")

_CHANGES_SHOWN = 25


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
    now: str = field(compare=False)
    note: str = ""

    @property
    def moving(self) -> Mapping[str, Options | str]:
        """What changes while all else stays."""
        return {**self.charts, "now": self.now} if self.charts else {}


def add_page(source: Source, inputs: Inputs) -> None:
    """Add the page to the application."""

    @ui.page("/alarms/{name:path}")
    async def page(name: str, request: Request) -> None:
        add_style()
        query = dict(request.query_params)
        with frame(source, "Alarms", name):
            await Refreshed(
                source,
                lambda: _look(source, inputs, name, query),
                lambda found: _show(found, query),
                lambda found: found.moving,
            ).build()


def _look(source: Source, inputs: Inputs, name: str, query: Mapping[str, str]) -> _Shown:
    """Return what the page of an alarm shows.

    Raises:
        LookupError: there is no such alarm; the message is for the reader.
        AddressError: the address asks for a time that is none.
        ClientError, BotoCoreError: AWS refuses, or cannot be reached.
    """
    alarms = all_alarms(source)
    alarm = next((one for one in alarms if one.name == name), None)
    if alarm is None:
        raise LookupError(f"This stack has no alarm named {name}.")
    states = {one.name: one.state for one in alarms}
    before = moment(query, "before") if query.get("before") else None
    troubles: list[str] = []
    no_changes: list[Change] = []
    no_values: Measured = {}

    def asked(ask: Callable[[], Answer], otherwise: Answer) -> Answer:
        try:
            return ask()
        except (BotoCoreError, ClientError) as error:
            troubles.append(reason(error))
            return otherwise

    past = asked(lambda: changes(source.cloudwatch, name, most=100), no_changes)
    listed = asked(lambda: changes(source.cloudwatch, name, before=before, most=_CHANGES_SHOWN + 1), no_changes)
    shown = time_range(query, usual_range(alarm, past) if alarm.queries else "3h")
    charts, note, now = {}, "", ""
    if alarm.queries:
        found = asked(lambda: changes(source.cloudwatch, name, start=shown.start), no_changes)
        every = "all" in query
        values = asked(lambda: measured(source.cloudwatch, alarm, shown, every), no_values)
        judged = values.get(alarm.judged["Id"], [])
        charts["judged"] = graph(alarm, found, shown, judged)
        if judged and judged[-1][1] == alarm.stand_in:
            begin = judged[-1][0]
            end = begin + timedelta(seconds=alarm.period)
            if asked(lambda: inputs.are_empty(alarm, begin, end), otherwise=False):
                judged = []
        now = latest(alarm, shown, judged)
        note = said(alarm, found)
        if every:
            charts["inputs"] = inputs_graph(alarm, shown, values)
    window = went_off(alarm, past, alarms)
    links = {**trace_links(alarm, window), "Log lines": log_link(window)} if window else {}
    return _Shown(
        alarm=alarm,
        since=since(alarm.since),
        tells=alarm.tells(alarms),
        states={child: states.get(child, "") for child in alarm.children},
        why=alarm.why(states, inputs.were_empty(alarm)),
        range=shown.last,
        links=links,
        history=listed,
        troubles=list(dict.fromkeys(troubles)),
        shown=shown,
        charts=charts,
        now=now,
        note=note,
    )


def _show(found: _Shown, query: Mapping[str, str]) -> Mapping[str, ui.echart | ui.label]:
    alarm = found.alarm
    path = alarm_path(alarm.name)
    sign, words = STATES[alarm.state]
    with ui.element("section").classes(f"look-card alarm-part alarm-card alarm-{alarm.state}"):
        ui.label(alarm.name).classes("alarm-name")
        with ui.element("div").classes("alarm-line"):
            ui.label(f"{sign} {words}").classes(f"alarm-state {COLOURS[alarm.state]}")
            ui.label(found.since).classes("look-note")
        ui.label(found.why).classes("alarm-text")
        now = ui.label(found.now).classes("alarm-text")
        if alarm.described.get("AlarmDescription"):
            ui.label(alarm.described["AlarmDescription"]).classes("alarm-text look-note")
        if found.links:
            with ui.element("nav").classes("alarm-links").props('aria-label="What it judged when it went off"'):
                ui.label("When it last went off:")
                for name, target in found.links.items():
                    ui.link(name, target)
    for trouble in found.troubles:
        ui.label(trouble).classes("look-bad alarm-text")
    charts: dict[str, ui.echart | ui.label] = {"now": now}
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
                            ui.link(child, alarm_path(child))
                        with ui.element("td"):
                            sign, words = STATES.get(state, ("", "not an alarm of this stack"))
                            ui.label(f"{sign} {words}").classes(f"alarm-state {COLOURS.get(state, 'look-note')}")


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
                        text = f"{change.time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
                        if found.charts:
                            ui.link(text, address(path, **around(change.time, length)))
                        else:
                            ui.label(text)
                    with ui.element("td"):
                        sign, words = STATES.get(change.new, ("", change.new))
                        ui.label(f"{sign} {words}").classes(f"alarm-state {COLOURS.get(change.new, '')}")
                    with ui.element("td"):
                        ui.label(change.reason).classes("look-note")
        if len(found.history) > _CHANGES_SHOWN:
            ui.link("Older changes", address(path, before=found.history[_CHANGES_SHOWN].time.isoformat()))
