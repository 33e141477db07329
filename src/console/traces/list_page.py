"""The page with the list of traces."""

import math
from collections.abc import Mapping
from datetime import timedelta
from importlib.resources import files

from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from console.asking import show_when_there
from console.error_card import card_of
from console.frame import address, frame, time_choice
from console.going_back import load_again_after_back
from console.markup import command, show
from console.source import Source
from console.time_range import AddressError, TimeRange, time_range
from console.traces.figures import milliseconds
from console.traces.search import FAILED, OUTCOMES, Found, Wanted, filter_expression, functions_of, search
from console.traces.summary import Summary, summary

_SLOW_FIRST = "slow"


def add_page(source: Source) -> None:
    """Add the page to the application."""

    @ui.page("/traces")
    async def page(request: Request) -> None:
        query = request.query_params
        with frame(source, "Traces"):
            add_style()
            load_again_after_back()
            try:
                shown, wanted = time_range(query), wanted_of(query)
            except AddressError as error:
                card_of(error).show()
                return
            said = {name: query[name] for name in ("outcome", "model", "slow", "sort") if query.get(name)}
            time_choice("/traces", shown, **said)

            def find() -> tuple[Found, list[str]]:
                functions = functions_of(source)
                return search(source.xray, shown, filter_expression(wanted, functions)), functions

            def build(found: tuple[Found, list[str]]) -> None:
                if not (found[1] or source.is_sandbox):
                    ui.label(
                        f"These are all traces of the account in {source.region}: "
                        f"no alarm of {source.stack} names a function."
                    ).classes("look-note")
                _list(source, request.scope["root_path"], said, shown, found[0])

            await show_when_there("X-Ray", find, build)


def add_style() -> None:
    """Add the style sheets of these pages."""
    ui.add_css(files("console.logs").joinpath("logs.css").read_text())
    ui.add_css(files("console.traces").joinpath("traces.css").read_text())


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """Return the filter that an address asks for.

    Raises:
        AddressError: `slow` is no number.
    """
    slow = query.get("slow") or None
    try:
        slow_ms = None if slow is None else float(slow)
    except ValueError:
        slow_ms = math.nan
    if slow_ms is not None and not 0 <= slow_ms < math.inf:
        raise AddressError(f"slow={slow} is not a time. Use a number of milliseconds, such as 2000.", "slow")
    return Wanted(query.get("outcome") or None, query.get("model") or None, slow_ms)


def _list(source: Source, root: str, said: dict[str, str], shown: TimeRange, found: Found) -> None:
    rows = [summary(one) for one in found.summaries]
    is_slow_first = said.get("sort") == _SLOW_FIRST
    if is_slow_first:
        rows.sort(key=lambda one: -math.inf if one.ttft_ms is None else one.ttft_ms, reverse=True)
    slowest = max((one.ttft_ms for one in rows if one.ttft_ms), default=0.0)
    filters = {name: value for name, value in said.items() if name != "sort"}
    models = sorted({one.model for one in rows if one.model} | ({said["model"]} if "model" in said else set()))
    since = found.since
    show(
        "traces/list.html",
        root=root,
        rows=rows,
        outcomes=list(dict.fromkeys([FAILED, *OUTCOMES, *([said["outcome"]] if "outcome" in said else [])])),
        models=models,
        outcome=said.get("outcome", ""),
        model=said.get("model", ""),
        slow=said.get("slow", ""),
        time=shown.query,
        is_slow_first=is_slow_first,
        newest_href=address("/traces", **filters, **shown.query),
        slowest_href=address("/traces", **filters, sort=_SLOW_FIRST, **shown.query),
        all_href=address("/traces", **shown.query),
        time_format="%H:%M:%S" if _is_one_day(rows) else "%b %d %H:%M:%S",
        ms=milliseconds,
        share=lambda ttft_ms: f"{100 * ttft_ms / slowest:.0f}" if ttft_ms and slowest else "0",
        hidden_from=since and f"These are the newest {len(rows)}, since {since:%Y-%m-%d %H:%M} UTC.",
        older_href=since and address("/traces", **said, **{"from": shown.start.isoformat(), "to": since.isoformat()}),
        empty=_empty(source, bool(filters)),
    )


def _is_one_day(rows: list[Summary]) -> bool:
    starts = [one.start for one in rows]
    return not starts or max(starts) - min(starts) < timedelta(hours=20)


def _empty(source: Source, is_filtered: bool) -> str | Markup:
    if is_filtered:
        return "No trace matches the filter in this time."
    if source.is_sandbox:
        return Markup("No traces yet. Send a request: {}").format(command(source.probe_command))
    return "No traces in this time. X-Ray keeps them for 30 days, and takes a sample of the requests."
