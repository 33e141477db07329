"""A response as the page shows it: its answer, how it is going, its figures, the ways to its trace and log lines."""

import asyncio
import time

from botocore.exceptions import BotoCoreError, ClientError
from jinja2 import Environment, StrictUndefined
from nicegui import background_tasks, run, ui

from console.frame import address
from console.markup import visible
from console.source import Source, reason
from console.try_it import figures
from console.try_it.reading import Reading
from console.try_it.record import find_record
from console.try_it.sentences import COLD, state
from console.try_it.timeline import lane

# Text is added to the last label until it has so many characters: what goes to the browser with each piece does not
# grow with the answer.
_LABEL_CHARACTERS = 2000
# The function writes the line within milliseconds of the last byte, if it is not busy with an answer nobody reads.
_RECORD_SECONDS = 15
_ASK_SECONDS = 0.5
_TABLE = Environment(autoescape=True, undefined=StrictUndefined).from_string("""\
<table class="look-table"><thead><tr><th></th><th class="look-number">measured here</th>
{% if is_recorded %}<th class="look-number">recorded by the function</th>{% endif %}</tr></thead><tbody>
{% for row in rows %}<tr><th scope="row">{{ row[0] }}</th>
{% for figure in row[1:] %}<td class="look-number">{{ figure }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table>""")


class Shown:
    """One response on the page.

    Args:
        source: whose function answers.
        reading: what comes of the response.
        since_ms: before the request was sent, in milliseconds since 1970.
        is_recorded: whether the function writes a log line about each response.
    """

    def __init__(self, source: Source, reading: Reading, since_ms: int, *, is_recorded: bool) -> None:
        self._source = source
        self._reading = reading
        self._since_ms = since_ms
        self._is_recorded = is_recorded
        self._record: dict[str, object] = {}
        self._taken = 0
        self._text = ""
        self._label: ui.label | None = None
        self._has_trace = self._has_ended = False
        name = lane(reading)
        with ui.element("section").classes("look-card try-response").props(f'aria-label="The answer, {name}"'):
            with ui.element("div").classes("try-head"):
                ui.label(f"The answer, {name}").classes("look-title")
                self._model = ui.label().classes("look-note")
                self._links = ui.element("div").classes("try-links")
            self._state = ui.label()
            with ui.element("div").classes("try-inside"):
                grows = "" if reading.in_one_piece else " try-growing"
                with (
                    ui.element("div")
                    .classes(f"try-answer{grows}")
                    .props('tabindex="0" role="region" aria-label="Text"')
                ):
                    self._answer = ui.element("div").classes("try-text")
                with ui.element("div").classes("try-figures"):
                    with ui.element("div").classes("look-scroll"):
                        self._table = ui.html(sanitize=False)
                    self._awaited = ui.label().classes("look-note")
        self.draw()
        self.draw_figures()

    def draw(self) -> None:
        """Show the text that has come since, and how the response is going."""
        # What has ended gets no more text; what has not may get some right after this.
        has_ended = self._reading.ending is not None
        texts = self._reading.texts[self._taken :]
        self._taken += len(texts)
        self._add(visible("".join(texts)))
        said, colour = state(self._reading)
        self._state.set_text(visible(said))
        self._state.classes(replace=colour)
        self._model.set_text(visible(self._reading.model or ""))
        self._model.set_visibility(bool(self._reading.model))
        if self._reading.trace_id and not self._has_trace:
            self._has_trace = True
            with self._links:
                ui.link("trace", f"/traces/{self._reading.trace_id}")
        if has_ended and not self._has_ended:
            self._has_ended = True
            if self._is_recorded:
                background_tasks.create(self._wait_for_record())

    def draw_figures(self) -> None:
        """Show the figures so far."""
        rows = figures.rows(self._reading, self._record) if self._is_recorded else figures.measured(self._reading)
        self._table.set_content(_TABLE.render(rows=rows, is_recorded=self._is_recorded))

    def _add(self, text: str) -> None:
        while text:
            if self._label is None or len(self._text) >= _LABEL_CHARACTERS:
                self._text = ""
                with self._answer:
                    self._label = ui.label()
            more, text = text[: _LABEL_CHARACTERS - len(self._text)], text[_LABEL_CHARACTERS - len(self._text) :]
            self._text += more
            self._label.set_text(self._text)

    async def _wait_for_record(self) -> None:
        """Ask for the function's log line until it is there, or the time is up."""
        request_id = self._reading.request_id
        if not request_id:
            return
        self._awaited.set_text("The function's log line is not there yet …")
        until = time.monotonic() + _RECORD_SECONDS
        while True:
            try:
                found = await run.io_bound(find_record, self._source, request_id, self._since_ms)
            except (BotoCoreError, ClientError) as error:
                self._awaited.set_text(f"The function's log cannot be read. {reason(error)}")
                return
            if self._table.is_deleted:
                return
            if found:
                group, self._record = found
                cold = f"A cold start: {COLD}." if self._record.get("cold_start") else ""
                fallback = "The fallback model was asked." if self._record.get("fallbacks") else ""
                self._awaited.set_text(f"{cold} {fallback}".strip())
                self.draw_figures()
                query = f'fields @timestamp, @message\n| filter request_id = "{request_id}"\n| sort @timestamp asc'
                with self._links:
                    ui.link("log lines", address("/logs", group=group, query=query, last="1h"))
                return
            if time.monotonic() > until:
                self._awaited.set_text(
                    f'No log line "response finished" has come within {_RECORD_SECONDS} s. '
                    "A function whose client has left may still be busy."
                )
                return
            await asyncio.sleep(_ASK_SECONDS)
