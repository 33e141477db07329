"""A part of a page that shows what it has asked for, and asks again while somebody looks."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from nicegui import run, ui

from console.asking import answer_of
from console.error_card import ErrorCard, card_of
from console.source import Source
from console.time_range import AddressError
from look.charts import Options

Found = TypeVar("Found")


class Refreshed(Generic[Found]):
    """The part of the page.

    Args:
        source: whose page it is.
        ask: asks AWS; called on a thread.
        show: builds the part from what `ask` returned, and returns its charts and labels that change, by name.
        moving: returns the new options of the charts, and new texts of labels, if nothing else is new.
    """

    def __init__(
        self,
        source: Source,
        ask: Callable[[], Found],
        show: Callable[[Found], Mapping[str, ui.echart | ui.label]],
        moving: Callable[[Found], Mapping[str, Options | str]] = lambda _: {},
    ) -> None:
        self._seconds = 10.0 if source.is_sandbox else 60.0
        self._ask = ask
        self._show = show
        self._moving = moving
        self._shown: Found | ErrorCard | None = None
        self._parts: Mapping[str, ui.echart | ui.label] = {}

    async def build(self) -> None:
        """Add it to the page, and ask for the first time."""
        self._place = ui.element("div").classes("alarm-page")
        await self._update(answer_of("CloudWatch", self._place, self._ask))
        ui.timer(self._seconds, self._update_if_visible, immediate=False)

    async def _update_if_visible(self) -> None:
        try:
            if await ui.run_javascript("return document.visibilityState === 'visible'"):
                await self._update(run.io_bound(self._ask))
        except TimeoutError:
            pass  # the browser is gone, or asleep

    async def _update(self, answer: Awaitable[Found | None]) -> None:
        found: Found | ErrorCard | None
        try:
            found = await answer
        except (BotoCoreError, ClientError, AddressError) as error:
            found = card_of(error)
        except LookupError as error:
            found = ErrorCard(str(error), "Show all alarms", "/alarms")
        if found is None:  # the console ends
            return
        if found != self._shown:
            self._place.clear()
            with self._place:
                if isinstance(found, ErrorCard):
                    found.show()
                    self._parts = {}
                else:
                    self._parts = self._show(found)
        elif not isinstance(found, ErrorCard):
            for name, new in self._moving(found).items():
                part = self._parts[name]
                if isinstance(part, ui.label):
                    part.set_text(str(new))
                elif not isinstance(new, str):
                    part.options.clear()
                    part.options.update(new)
                    part.update()
        self._shown = found
