"""The page: queries of logs."""

from nicegui import ui

from console.frame import frame
from console.source import Source


def add_pages(source: Source) -> None:
    """Add the page to the application."""

    @ui.page("/logs")
    def page() -> None:
        with frame(source, "Logs"):
            ui.label("Logs")
