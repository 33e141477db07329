"""Alarms: state, history, reason, and the graph that each one judges."""

from console.alarms.page import add_pages

__all__ = ["add_pages"]
