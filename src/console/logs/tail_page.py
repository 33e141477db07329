"""The page of the live tail: the lines of a log group as they come, while somebody looks."""

import time
from collections import deque
from datetime import UTC, datetime
from importlib.resources import files

from botocore.exceptions import BotoCoreError, ClientError
from fastapi import Request
from nicegui import run, ui
from nicegui.events import GenericEventArguments

from console.asking import show_when_there
from console.frame import frame
from console.going_back import load_again_after_back
from console.logs.groups import log_groups
from console.logs.lines import read_line
from console.logs.query_page import groups_of, show_no_groups, views
from console.logs.tail import Tail
from console.markup import show
from console.source import Source, reason

_PERIOD_SECONDS = 2.0
_MOST_LINES = 500
# It begins with what came so many milliseconds ago.
_BACK_MS = 60_000
# A page in a tab that nobody sees asks for nothing.
_SEEN = """
const tell = () => emitEvent("seen", !document.hidden);
document.addEventListener("visibilitychange", tell);
if (document.hidden) tell();
"""


def add_page(source: Source) -> None:
    """Add the page to the application."""

    @ui.page("/logs/tail")
    async def page(request: Request) -> None:
        wanted, pattern = groups_of(request), request.query_params.get("pattern", "").strip()
        with frame(source, "Logs"):
            ui.add_css(files("console.logs").joinpath("logs.css").read_text())
            load_again_after_back()
            views("Live tail")

            def build(groups: list[str]) -> None:
                if not groups and not wanted:
                    show_no_groups(source)
                    return
                # Without a word from the address, not the log of a scheduled probe, which has few lines.
                chosen = wanted[0] if wanted else next((one for one in groups if not one.endswith("-probe")), groups[0])
                show(
                    "logs/tail.html",
                    root=request.scope["root_path"],
                    groups=list(dict.fromkeys([*groups, chosen])),
                    chosen=chosen,
                    pattern=pattern,
                )
                _Follower(source, chosen, pattern, request.scope["root_path"])

            await show_when_there("CloudWatch Logs", lambda: log_groups(source), build)


class _Follower:
    """The lines on the page, and what asks for more of them."""

    def __init__(self, source: Source, group: str, pattern: str, root: str) -> None:
        now_ms = time.time_ns() // 1_000_000
        self._tail = Tail(source.logs, group, pattern, now_ms - _BACK_MS)
        self._root = root
        self._is_paused, self._is_seen = False, True
        self._lines: deque[ui.html] = deque()
        with ui.element("div").classes("look-card"):
            with ui.element("div").classes("logs-status"):
                self._pause = ui.element("button").props('type="button"').classes("logs-button")
                with self._pause:
                    self._pause_text = ui.label("Pause")
                self._pause.on("click", self._toggle)
                self._state = ui.label().props('role="status"').classes("look-note")
            with (
                ui.element("div").classes("logs-tail").props('tabindex="0" role="log" aria-label="Log lines"'),
                ui.element("div"),
            ):
                self._empty = ui.label("No lines in the last minute. New ones appear here.").classes("look-note")
                self._box = ui.element("div")
        self._say()
        ui.on("seen", self._seen)
        ui.timer(_PERIOD_SECONDS, self._look)
        ui.run_javascript(_SEEN)

    def _seen(self, event: GenericEventArguments) -> None:
        self._is_seen = bool(event.args)
        self._say()

    def _toggle(self) -> None:
        self._is_paused = not self._is_paused
        self._pause_text.set_text("Go on" if self._is_paused else "Pause")
        self._say()

    async def _look(self) -> None:
        if self._is_paused or not self._is_seen:
            return
        try:
            events = await run.io_bound(self._tail.new_events, time.time_ns() // 1_000_000)
        except (BotoCoreError, ClientError) as error:
            self._say(reason(error))
            return
        self._say()
        if not events:
            return
        self._empty.set_visibility(False)
        # More than fit need not be drawn first.
        with self._box:
            for event in events[-_MOST_LINES:]:
                moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                shown = f"{moment:%H:%M:%S}.{event['timestamp'] % 1000:03d}"
                self._lines.append(
                    show("logs/line.html", root=self._root, time=shown, line=read_line(event["message"]))
                )
        while len(self._lines) > _MOST_LINES:
            self._lines.popleft().delete()

    def _say(self, error: str = "") -> None:
        is_live = self._is_seen and not self._is_paused
        if error:
            text = f"✕ {error}"
        elif self._is_paused:
            text = "paused"
        elif not self._is_seen:
            text = "paused while nobody sees this page"
        else:
            text = "live, every 2 seconds; times are UTC"
        self._state.set_text(text)
        self._state.classes(
            replace="look-bad console-error" if error else f"look-note logs-{'live' if is_live else 'paused'}"
        )
