"""Asks AWS while a page is built: on a thread, and with a word for the reader if the answer takes long."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from nicegui import run, ui

from console.error_card import card_of

T = TypeVar("T")
# A page that takes longer says whom it asks. NiceGUI gives up a page that is not there after three seconds.
_PATIENCE_SECONDS = 1.0
# A browser that has not come by then has gone.
_COMING_SECONDS = 30.0


async def answer_of(asked: str, place: ui.element, ask: Callable[[], T]) -> T | None:
    """Ask AWS on a thread. If the answer takes long, the browser gets the page as it is, and the answer later.

    Args:
        asked: who is asked, for a page that waits, such as "X-Ray".
        place: where the page says that it waits.
        ask: called on a thread.

    Returns:
        What `ask` returned; None if the console ends meanwhile.

    Raises:
        Exception: whatever `ask` raises.
        ClientConnectionTimeout: the browser has gone.
    """
    task = asyncio.ensure_future(run.io_bound(ask))
    done, _ = await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)
    if not done:
        with place:
            ui.label(f"Asking {asked} …").classes("look-note")
        try:
            await ui.context.client.connected(timeout=_COMING_SECONDS)
        except TimeoutError:
            task.cancel()
            raise
    return await task


async def show_when_there(asked: str, ask: Callable[[], T], then: Callable[[T], None]) -> None:
    """Ask AWS, and build a part of the page from the answer. An error of AWS is shown in its place.

    Args:
        asked: who is asked, for a page that waits, such as "X-Ray".
        ask: called on a thread.
        then: builds the part; called with what `ask` returned.
    """
    place = ui.element("div").classes("console-part")
    try:
        found = await answer_of(asked, place, ask)
    except (BotoCoreError, ClientError) as error:
        place.clear()
        with place:
            card_of(error).show()
        return
    place.clear()
    if found is not None:
        with place:
            then(found)
