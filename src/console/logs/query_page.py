"""The page of queries: saved ones and one's own, and what they find."""

import asyncio
from importlib.resources import files

from botocore.exceptions import BotoCoreError, ClientError
from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from console.asking import show_when_there
from console.error_card import card_of
from console.frame import address, frame, time_choice
from console.going_back import load_again_after_back
from console.logs.groups import SavedQuery, log_groups, saved_queries
from console.logs.query import Answer, query_results
from console.logs.results import table
from console.markup import command, show
from console.source import Source
from console.time_range import AddressError, TimeRange, time_range

# A query that takes longer says that it runs.
_PATIENCE_SECONDS = 1.0


def add_page(source: Source) -> None:
    """Add the page to the application."""

    @ui.page("/logs")
    async def page(request: Request) -> None:
        query = request.query_params
        text, wanted = query.get("query", "").strip().replace("\r\n", "\n"), groups_of(request)
        with frame(source, "Logs"):
            ui.add_css(files("console.logs").joinpath("logs.css").read_text())
            load_again_after_back()
            try:
                shown = time_range(query)
            except AddressError as error:
                card_of(error).show()
                return
            with ui.element("div").classes("logs-views"):
                views("Query")
                time_choice("/logs", shown, group=",".join(wanted) or None, query=text or None)
            await show_when_there(
                "CloudWatch Logs",
                lambda: (log_groups(source), saved_queries(source)),
                lambda found: _form(source, request, found[0], found[1], wanted, text, shown),
            )
            if text and wanted:
                await _run(source, request.scope["root_path"], wanted, text, shown)
            elif text:
                ui.label("Choose a log group for the query.").classes("look-card look-bad")


def groups_of(request: Request) -> list[str]:
    """Return the log groups that an address names: `group=A&group=B` or `group=A,B`."""
    return [name for names in request.query_params.getlist("group") for name in names.split(",") if name]


def views(current: str) -> None:
    """Add the way between the pages of logs."""
    with ui.element("nav").classes("console-bar").props('aria-label="Views"'):
        for name, path in (("Query", "/logs"), ("Live tail", "/logs/tail")):
            ui.link(name, path).props('aria-current="true"' if name == current else "")


def show_no_groups(source: Source) -> None:
    """Say what to do where there is no log group."""
    none = "yet" if source.is_sandbox else f"that begins with /aws/lambda/{source.prefix}"
    said = Markup("There is no log group {}. A function has one after its first response: {}")
    with ui.element("div").classes("look-card look-note"):
        ui.html(said.format(none, command(source.probe_command)), sanitize=False)


def _form(
    source: Source,
    request: Request,
    groups: list[str],
    saved: list[SavedQuery],
    wanted: list[str],
    text: str,
    shown: TimeRange,
) -> None:
    if not groups:
        show_no_groups(source)
        return
    links = [
        {
            "name": query.name,
            "href": address("/logs", group=",".join(query.groups or groups[:1]), query=query.text, **shown.query),
            "is_shown": query.text == text,
        }
        for query in saved
    ]
    # Without a word from the address, the function's own log: a scheduled probe has few lines.
    chosen = wanted or list(saved[0].groups if saved else groups[:1])
    show(
        "logs/query.html",
        root=request.scope["root_path"],
        groups=list(dict.fromkeys([*groups, *wanted])),
        chosen=chosen,
        saved=links,
        text=text,
        time=shown.query,
        costs=not source.is_sandbox,
    )


async def _run(source: Source, root: str, groups: list[str], text: str, shown: TimeRange) -> None:
    """Run the query, and show what it finds; while it runs, how far it is, and a way to wait no longer."""
    client = ui.context.client
    place = ui.element("div").classes("console-part").props('aria-live="polite"')
    stopped = asyncio.Event()
    with place, ui.element("div").classes("look-card logs-status") as waiting:
        status = ui.label("The query runs.")

    def progress(answer: Answer) -> None:
        scanned = answer.get("statistics", {}).get("recordsScanned", 0)
        status.set_text(f"The query runs. So far it has looked at {scanned:,.0f} log events.")

    client.on_delete(stopped.set)
    task = asyncio.ensure_future(
        query_results(source.logs, groups, text, shown, lambda: not stopped.is_set(), progress)
    )
    done, _ = await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)
    if not done:
        with waiting:
            button = ui.element("button").props('type="button"').classes("logs-button")
            with button.on("click", stopped.set):
                ui.label("Stop waiting")
        await client.connected(timeout=30)
    try:
        answer = await task
    except (BotoCoreError, ClientError) as error:
        place.clear()
        with place:
            card_of(error).show()
        return
    place.clear()
    with place:
        if answer is None:
            ui.label("You stopped waiting for this query. Run it again to see its results.").classes("look-card")
        elif answer["status"] != "Complete":
            ui.label(f"✕ CloudWatch ended the query: {answer['status']}").classes("look-card look-bad console-error")
        else:
            _results(source, root, answer, shown)


def _results(source: Source, root: str, answer: Answer, shown: TimeRange) -> None:
    statistics = {"recordsMatched": 0.0, "recordsScanned": 0.0, "bytesScanned": 0.0, **answer.get("statistics", {})}
    send = Markup("No responses yet? Send one: {}").format(command(source.probe_command))
    show(
        "logs/results.html",
        root=root,
        table=table(answer["results"], shown),
        statistics=statistics,
        size=_size(statistics["bytesScanned"]),
        hint=send if source.is_sandbox else "Choose a longer time.",
    )


def _size(count: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit in ("bytes", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
