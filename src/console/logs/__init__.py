"""Logs: saved queries, queries of one's own, and a live tail."""

from console.logs import query_page, tail_page
from console.source import Source

__all__ = ["add_pages"]


def add_pages(source: Source) -> None:
    """Add the pages to the application."""
    query_page.add_page(source)
    tail_page.add_page(source)
