"""What a page says when it cannot show what its address asks for, or AWS does not answer: a sentence and a way on."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from botocore.exceptions import BotoCoreError, ClientError
from nicegui import ui

from console.markup import visible
from console.source import reason
from console.time_range import AddressError


@dataclass(frozen=True)
class ErrorCard:
    """A sentence, and the link below it; its address begins after the token."""

    sentence: str
    link: str
    target: str

    def show(self) -> None:
        """Add it to the page."""
        with ui.element("section").classes("look-card console-error").props('role="alert"'):
            ui.label(f"✕ {visible(self.sentence)}").classes("look-bad")
            ui.link(self.link, self.target)


def card_of(error: Exception) -> ErrorCard:
    """Return what the page that is being built says of an error.

    Args:
        error: AWS's, or one with a sentence for the reader; of an `AddressError`, the link leaves out what is wrong.
    """
    if isinstance(error, BotoCoreError | ClientError):
        return ErrorCard(reason(error), "Try again", _here())
    wrong = error.names if isinstance(error, AddressError) else ()
    link = f"Show this page without {' and '.join(wrong)}" if wrong else "Try again"
    return ErrorCard(str(error), link, _here(wrong))


def _here(without: tuple[str, ...] = ()) -> str:
    """Return the address of the page that is being built, without some names of its query."""
    request = ui.context.client.request
    path = quote(request.scope["path"].removeprefix(request.scope["root_path"]))
    said = [(name, value) for name, value in request.query_params.multi_items() if name not in without]
    return f"{path}?{urlencode(said)}" if said else path
