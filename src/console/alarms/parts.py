"""What the two pages of alarms share: the alarms of the stack, their addresses, colours and style."""

from datetime import UTC, datetime
from importlib.resources import files
from urllib.parse import quote

from nicegui import ui

from console.alarms.alarm import ON, Alarm, span
from console.source import Source

COLOURS = {ON: "look-bad", "INSUFFICIENT_DATA": "look-note", "OK": "look-good"}


def add_style() -> None:
    """Add the style sheet of these pages."""
    ui.add_css(files("console.alarms").joinpath("alarms.css").read_text())


def all_alarms(source: Source) -> list[Alarm]:
    """Return the alarms of the stack.

    Raises:
        ClientError, BotoCoreError: AWS refuses, or cannot be reached.
    """
    named = {"AlarmNamePrefix": source.prefix} if source.prefix else {}
    pages = source.cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmTypes=["MetricAlarm", "CompositeAlarm"], **named
    )
    return [Alarm(one) for page in pages for one in (*page["CompositeAlarms"], *page["MetricAlarms"])]


def alarm_path(name: str) -> str:
    """Return the address of an alarm's page."""
    return f"/alarms/{quote(name, safe='')}"


def since(moment: datetime) -> str:
    """Return since when a state has held, and for how long, in words."""
    ago = int((datetime.now(UTC) - moment).total_seconds())
    passed = f"for {span(ago - ago % 60)}, " if ago >= 60 else ""
    moment = moment.astimezone(UTC)
    day = "" if moment.date() == datetime.now(UTC).date() else f"{moment:%Y-%m-%d} "
    return f"{passed}since {day}{moment:%H:%M:%S} UTC"
