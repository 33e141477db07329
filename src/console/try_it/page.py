"""The page: a prompt, its answer and its timeline."""

from nicegui import ui

from console.frame import frame
from console.source import Source


def add_pages(source: Source) -> None:
    """Add the page to the application."""

    @ui.page("/try")
    def page() -> None:
        with frame(source, "Try it"):
            ui.label("Try it")
