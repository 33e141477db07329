"""Logs: saved queries, queries of one's own, and a live tail."""

from console.logs.page import add_pages

__all__ = ["add_pages"]
