"""Traces: a list with filters, and each as a waterfall beside its log lines."""

from console.source import Source
from console.traces import list_page, trace_page

__all__ = ["add_pages"]


def add_pages(source: Source) -> None:
    """Add the pages to the application."""
    list_page.add_page(source)
    trace_page.add_page(source)
