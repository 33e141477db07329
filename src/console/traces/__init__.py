"""Traces: a list with filters, and each as a waterfall beside its log lines."""

from console.traces.page import add_pages

__all__ = ["add_pages"]
