"""Alarms: state, history, reason, and the graph that each one judges."""

from console.alarms import alarm_page, list_page
from console.alarms.inputs import Inputs
from console.source import Source

__all__ = ["add_pages"]


def add_pages(source: Source) -> None:
    """Add the pages to the application."""
    inputs = Inputs(source.cloudwatch)
    list_page.add_page(source, inputs)
    alarm_page.add_page(source, inputs)
