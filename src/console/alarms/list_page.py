"""The page of all alarms: those that are on first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nicegui import ui

from console.alarms.alarm import NOBODY, STATES
from console.alarms.inputs import Inputs
from console.alarms.parts import COLOURS, add_style, alarm_path, all_alarms, since
from console.alarms.refreshed import Refreshed
from console.frame import frame
from console.source import Source


@dataclass(frozen=True)
class _Row:
    """What the list says of an alarm."""

    name: str
    state: str
    since: str
    why: str
    tells: str


def add_page(source: Source, inputs: Inputs) -> None:
    """Add the page to the application."""

    @ui.page("/alarms")
    async def page() -> None:
        add_style()
        with frame(source, "Alarms"):
            await Refreshed(source, lambda: _rows(source, inputs), _show_rows).build()


def _rows(source: Source, inputs: Inputs) -> list[_Row]:
    """Return all alarms, those that are on first; of one state, composite alarms first.

    Raises:
        ClientError, BotoCoreError: AWS refuses, or cannot be reached.
    """
    alarms = all_alarms(source)
    states = {alarm.name: alarm.state for alarm in alarms}
    order = list(STATES)
    alarms.sort(key=lambda alarm: (order.index(alarm.state), not alarm.rule, alarm.name))
    return [
        _Row(
            alarm.name,
            alarm.state,
            since(alarm.since),
            alarm.why(states, inputs.were_empty(alarm)),
            alarm.tells(alarms),
        )
        for alarm in alarms
    ]


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
        ui.link(row.name, alarm_path(row.name))
        with ui.element("div").classes("alarm-line"):
            ui.label(state).classes(f"alarm-state {COLOURS[row.state]}")
            ui.label(row.since).classes("look-note")
        ui.label(row.why).classes("alarm-text")
        # Most tell nobody: while they are OK, that says nothing.
        if row.state != "OK" or row.tells != NOBODY:
            ui.label(row.tells).classes("look-note")
