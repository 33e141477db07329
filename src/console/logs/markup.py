"""Texts from elsewhere as HTML: templates that escape every value, and show control characters as signs."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from nicegui import run, ui

from console.source import reason

_ROOM = Path(__file__).resolve().parents[1]
# What a browser obeys or hides: control characters but tab and line feed, and those that turn or hide text.
# https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
T = TypeVar("T")
# A page that takes longer says whom it asks.
_PATIENCE_SECONDS = 1.0


def visible(text: str) -> str:
    """Return the text with a sign in place of each control character: `␛` for ESC, `\\u202e` for what has no sign."""
    return _HIDDEN.sub(_sign, text)


def render(template: str, **values: Any) -> Markup:
    """Return a template of a room, such as `logs/tail.html`, as HTML; whatever is in the values is text in it."""
    return Markup(_ENVIRONMENT.get_template(template).render(**values))  # noqa: S704 - the template escapes values


def show(template: str, **values: Any) -> ui.html:
    """Add a template of a room to the page."""
    return ui.html(render(template, **values), sanitize=False)


async def show_when_there(asked: str, ask: Callable[[], T], then: Callable[[T], None]) -> None:
    """Ask AWS on a thread, and build a part of the page from what it says; an error of AWS is shown in its place.

    Args:
        asked: who is asked, for a page that waits, such as "X-Ray".
        ask: called on a thread.
        then: builds the part; called with what `ask` returned.
    """
    place = ui.element("div").classes("logs-part")
    task = asyncio.ensure_future(run.io_bound(ask))
    done, _ = await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)
    if not done:
        with place:
            ui.label(f"Asking {asked} …").classes("look-note")
        await ui.context.client.connected()
    try:
        found = await task
    except (BotoCoreError, ClientError) as error:
        place.clear()
        with place:
            ui.label(reason(error)).classes("look-card look-bad logs-error")
        return
    place.clear()
    with place:
        then(found)


def _sign(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)  # https://www.unicode.org/charts/PDF/U2400.pdf
    return "\u2421" if code == 0x7F else f"\\u{code:04x}"


def _finalize(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_ROOM),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_finalize,
    trim_blocks=True,
    lstrip_blocks=True,
)
