"""The dashboard: a dashboard's body, drawn as CloudWatch would."""

from console.dashboard.page import add_pages

__all__ = ["add_pages"]
