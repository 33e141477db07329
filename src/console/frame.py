"""The frame of every page: its head with the way to the others, and the style that all share."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from nicegui import ui

from console.source import Source
from console.time_range import CHOICES, AddressError, TimeRange, time_range
from look.one_page import css

_PAGES = {"Dashboard": "/", "Try it": "/try", "Traces": "/traces", "Logs": "/logs", "Alarms": "/alarms"}
# Pages that show a time: the way to one of them keeps that of the page that is left.
_TIMED = {"/", "/traces", "/logs"}
_STYLE = """
.nicegui-content { padding: 0; gap: 0; }
.q-page-container, .q-layout { background: var(--paper); color: var(--ink); }
.console-head { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 20px; padding: 10px 16px;
  background: var(--card); border-bottom: 1px solid var(--line); width: 100%; box-sizing: border-box; }
.console-head nav { display: flex; flex-wrap: wrap; gap: 4px 16px; }
.console-head nav a { color: var(--ink-2); text-decoration: none; padding: 2px 0; }
.console-head nav a[aria-current] { color: var(--ink); border-bottom: 2px solid var(--accent); }
.console-stack { font-weight: 600; }
.console-body { display: flex; flex-direction: column; gap: 12px; padding: 12px 16px 40px; width: 100%;
  box-sizing: border-box; }
.console-bar { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; }
.console-title { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.console-bar a { text-decoration: none; }
.console-bar a:hover { text-decoration: underline; }
.console-bar a[aria-current] { color: var(--ink); font-weight: 600; text-decoration: none; }
.console-part, .console-part > div { display: flex; flex-direction: column; gap: 12px; min-width: 0; }
.console-error { overflow-wrap: anywhere; white-space: pre-wrap; display: flex; flex-direction: column; gap: 6px; }
/* NiceGUI waits for the server to come back, which has another token then. */
#popup { background: var(--card); color: var(--ink); border: 1px solid var(--line); padding: 14px 18px; margin: 16px; }
#popup > span { display: none; }
#popup::after { content: "The console has ended. Start it again, and open the address that it prints."; }
@media (max-width: 600px) { .console-head, .console-body { padding-left: 10px; padding-right: 10px; } }
"""


def address(path: str, /, **query: str | None) -> str:
    """Return the address of a page for a link: its path and its query, without what is None."""
    said = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(said)}" if said else path


@contextmanager
def frame(source: Source, page: str, title: str | None = None) -> Iterator[None]:
    """Build a page around what the body of `with` builds.

    Args:
        source: whose page it is.
        page: its name, as the way to it says.
        title: what it is about, if that is one thing: the name of an alarm.
    """
    ui.page_title(f"{title or page} · {source.stack}")
    said = _time_said()
    ui.add_css(css() + _STYLE)
    with ui.element("header").classes("console-head"):
        where = "sandbox" if source.is_sandbox else source.region
        ui.label(f"{source.stack} · {where}").classes("console-stack")
        with ui.element("nav").props('aria-label="Pages"'):
            for name, path in _PAGES.items():
                if name == "Try it" and not source.is_sandbox:
                    continue
                ui.link(name, address(path, **said) if path in _TIMED else path).props(
                    'aria-current="page"' if name == page else ""
                )
    # NiceGUI's own <main> is around it.
    with ui.element().classes("console-body"):
        with ui.element("h1").classes("console-title"):
            ui.label(title or page)
        yield


def _time_said() -> dict[str, str]:
    """Return what the address of the page that is being built says of its time; nothing if that is none."""
    query = ui.context.client.request.query_params
    said = {name: query[name] for name in ("last", "from", "to") if query.get(name)}
    try:
        time_range(said)
    except AddressError:
        return {}
    return said


def time_choice(path: str, shown: TimeRange, /, **query: str | None) -> None:
    """Add links to the same page with other times.

    Args:
        path: the page's.
        shown: the time that it shows.
        query: what else its address says.
    """
    with ui.element("nav").classes("console-bar").props('aria-label="Time"'):
        if shown.last not in CHOICES:
            ends = f"{shown.start:%Y-%m-%d %H:%M} to {shown.end:%Y-%m-%d %H:%M} {shown.end:%Z}"
            ui.label(f"last {shown.last}" if shown.last else ends)
        for choice in CHOICES:
            current = 'aria-current="true"' if choice == shown.last else ""
            ui.link(choice, address(path, **query, last=choice)).props(current)
        ui.label("times in UTC").classes("look-note")
