"""The pages of addresses that are none (404), and of faults of this console (500)."""

from fastapi import Request, Response
from fastapi.exception_handlers import http_exception_handler
from nicegui import Client, app, ui
from starlette.exceptions import HTTPException

from console.error_card import ErrorCard
from console.frame import frame
from console.source import Source

# NiceGUI's own files are below it: no browser shows what is said of one that is not there.
_FILES = "/_nicegui"


def add_pages(source: Source) -> None:
    """Add the pages to the application."""

    @app.exception_handler(404)
    async def absent(request: Request, error: HTTPException) -> Response:
        if request.scope["path"].removeprefix(request.scope["root_path"]).startswith(_FILES):
            return await http_exception_handler(request, error)
        with Client(ui.page(""), request=request) as client, frame(source, "No such page"):
            ErrorCard("This address is not a page of the console.", "Show the dashboard", "/").show()
        return client.build_response(request, 404)

    @app.on_page_exception
    def failed() -> None:
        with frame(source, "Error"):
            sentence = "The console failed to build this page. Its terminal says why, in one line."
            ErrorCard(sentence, "Show the dashboard", "/").show()
