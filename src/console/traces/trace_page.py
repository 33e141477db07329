"""The page of one trace: its waterfall, annotations and metadata, beside its log lines."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup
from nicegui import run, ui

from console.asking import show_when_there
from console.frame import frame
from console.ids import REQUEST_ID, TRACE_ID
from console.logs.groups import log_groups
from console.logs.lines import read_line
from console.markup import render, show
from console.source import Source, reason
from console.time_range import time_range
from console.traces.figures import milliseconds
from console.traces.list_page import add_style
from console.traces.summary import outcome
from console.traces.trace_log import TraceLog, read_documents, request_ids, trace_log, trace_of_request
from console.traces.waterfall import Bar, Waterfall, status_of, walk, waterfall

_UNTRACED = "There is none if the request was not sampled, or the function is not traced: it needs `Tracing: Active`."
_KEPT_SECONDS = 30 * 86_400
# So long after its start a trace may still be on its way.
_LATE_SECONDS = 300
# How long the log is searched for a request's trace.
_PATIENCE_SECONDS = 45
# What a request without a trace may have taken at most: Lambda's longest timeout.
_LONGEST_SECONDS = 900


@dataclass(frozen=True)
class _Loaded:
    """What AWS says of a trace: its documents, none if it has none, and its log lines or why there are none."""

    documents: list[dict[str, Any]]
    log: TraceLog | None
    log_error: str


def add_page(source: Source) -> None:
    """Add the page to the application."""

    @ui.page("/traces/{trace_id}", response_timeout=60)
    async def page(request: Request, trace_id: str) -> Response | None:
        root = request.scope["root_path"]
        if REQUEST_ID.fullmatch(trace_id):
            found = await _of_request(source, request, trace_id)
            if TRACE_ID.fullmatch(found):
                return RedirectResponse(f"{root}/traces/{found}")
        else:
            found = f"{trace_id} is no id of a trace, which is like 1-6b0ae68d-aef8609f01557d5265e378fb."
        with frame(source, "Traces"):
            add_style()
            if TRACE_ID.fullmatch(trace_id):
                await show_when_there("X-Ray", lambda: _load(source, trace_id), lambda it: _show(source, trace_id, it))
            else:
                show("traces/absent.html", title="There is no such trace", trace_id="", why=found, again=False, log="")
        return None


async def _of_request(source: Source, request: Request, request_id: str) -> str:
    """Return the id of a request's trace, or why it is not known."""
    try:
        shown = time_range(request.query_params, default="1d")
    except ValueError as error:
        return str(error)
    start_ms, end_ms = (int(moment.timestamp() * 1000) for moment in (shown.start, shown.end))
    try:
        found = await asyncio.wait_for(
            run.io_bound(lambda: trace_of_request(source, log_groups(source), request_id, start_ms, end_ms)),
            _PATIENCE_SECONDS,
        )
    except TimeoutError:
        return f"The log was not read to its end in {_PATIENCE_SECONDS} seconds. Look in a shorter time: ?last=15m"
    except (BotoCoreError, ClientError) as error:
        return reason(error)
    return found or (
        f"The log names no trace of the request {request_id} between {shown.start:%Y-%m-%d %H:%M} and "
        f"{shown.end:%Y-%m-%d %H:%M} UTC: it may not have been sampled, or its last line is not there yet."
    )


def _load(source: Source, trace_id: str) -> _Loaded:
    """Raise ClientError or BotoCoreError if X-Ray refuses, or does not answer; the page works without the log."""
    pages = source.xray.get_paginator("batch_get_traces").paginate(TraceIds=[trace_id])
    traces = [trace for page in pages for trace in page["Traces"]]
    documents = [document for trace in traces for document in read_documents(trace)]
    if documents:
        drawn = waterfall(documents)
        start_ms, end_ms = int(drawn.start * 1000), int(drawn.start * 1000 + drawn.length_ms)
    else:
        start_ms = int(trace_id[2:10], 16) * 1000
        end_ms = start_ms + _LONGEST_SECONDS * 1000
    try:
        groups = log_groups(source)
        return _Loaded(documents, trace_log(source, groups, request_ids(documents) or [trace_id], start_ms, end_ms), "")
    except (BotoCoreError, ClientError) as error:
        return _Loaded(documents, None, reason(error))


def _show(source: Source, trace_id: str, loaded: _Loaded) -> None:
    if not loaded.documents:
        begun = int(trace_id[2:10], 16)
        log = _log(loaded, begun) if loaded.log and loaded.log.events else Markup()
        is_late = time.time() - begun < _LATE_SECONDS
        title = "This trace is not there yet" if is_late else "This trace is not there"
        show(
            "traces/absent.html",
            title=title,
            trace_id=trace_id,
            why=_why_absent(source, begun, is_late),
            again=is_late,
            log=log,
        )
        return
    drawn = waterfall(loaded.documents)
    nodes = [node for document in loaded.documents for node in walk(document)]
    annotations = {name: value for node in nodes for name, value in _mapping(node.get("annotations"))}
    own = [one for one in loaded.documents if not one.get("inferred")] or loaded.documents
    root = min(own, key=lambda one: float(one["start_time"]))
    flags = {"HasThrottle": root.get("throttle"), "HasFault": root.get("fault"), "HasError": root.get("error")}
    began = datetime.fromtimestamp(drawn.start, UTC)
    ended = root.get("end_time")
    response_ms = None if ended is None else (float(ended) - float(root["start_time"])) * 1000
    figures = (
        ("began", f"{began:%Y-%m-%d %H:%M:%S} UTC"),
        ("TTFT", milliseconds(_number(annotations.get("ttft_ms")))),
        ("duration", milliseconds(response_ms) or "not over yet"),
        ("status", str(status_of(root) or "")),
        ("model", str(annotations.get("model", ""))),
    )
    metadata = [fact for node in nodes for fact in _flat(node.get("metadata"))]
    # Of a single place, its name is said once.
    places = {name.rpartition(".")[0] for name, _ in metadata}
    place = places.pop() if len(places) == 1 else ""
    metadata = [(name.removeprefix(f"{place}."), value) for name, value in metadata]
    ticks = drawn.ticks_ms
    show(
        "traces/trace.html",
        trace_id=trace_id,
        outcome=outcome(annotations.get("outcome"), flags),
        head=[(name, value) for name, value in figures if value],
        step=f"{100 * ticks[1] / drawn.length_ms:.3f}" if len(ticks) > 1 else "100",
        # The text of one near the end would stand beyond it.
        ticks=[
            {"percent": f"{100 * tick / drawn.length_ms:.3f}", "text": milliseconds(tick) if tick else "0"}
            for tick in ticks
            if tick <= 0.82 * drawn.length_ms
        ],
        bars=[_row(bar, drawn, _reason(annotations)) for bar in drawn.bars],
        has_both_lambdas={"Lambda service", "Lambda function"} <= {bar.kind for bar in drawn.bars},
        tables=[
            (title, facts)
            for title, facts in (
                ("Annotations", [*_flat(annotations)]),
                (f"Metadata: {place}" if place else "Metadata", metadata),
            )
            if facts
        ],
        log=_log(loaded, drawn.start),
    )


def _reason(annotations: Mapping[str, Any]) -> str:
    """Return why the function says that a response failed; nothing if it says nothing, or it did not."""
    if annotations.get("outcome") == "completed":
        return ""
    return str(annotations.get("error_type") or annotations.get("outcome") or "")


def _row(bar: Bar, drawn: Waterfall, why: str) -> dict[str, Any]:
    """Return what the template needs of a bar; one that has no end yet goes on to the end of the trace.

    Args:
        bar: the bar.
        drawn: all of them.
        why: why the response failed, for a bar that only says that it did.
    """
    length = drawn.length_ms - bar.start_ms if bar.duration_ms is None else bar.duration_ms
    style = "traces-lambda" if bar.kind.startswith("Lambda") else ""
    if bar.is_gap:
        style = "traces-gap"
    elif bar.failure:
        style = "traces-bad"
    # A cause says more, and a status is the call's own: it may have failed in another way than the response.
    is_unexplained = bar.failure in ("fault", "error") and not bar.causes
    long = milliseconds(bar.duration_ms) or "no end yet"
    return {
        "depth": bar.depth,
        "name": bar.name,
        "failure": f"{bar.failure}: {why}" if is_unexplained and why else bar.failure,
        "note": " · ".join(part for part in (bar.kind, bar.about) if part),
        "style": f"{style} traces-open" if bar.duration_ms is None else style,
        "from_percent": f"{100 * bar.start_ms / drawn.length_ms:.3f}",
        "long_percent": f"{100 * length / drawn.length_ms:.3f}",
        "duration": long,
        "title": f"{bar.name}: from {milliseconds(bar.start_ms)} on, {long}",
        "causes": bar.causes,
        "is_gap": bar.is_gap,
    }


def _log(loaded: _Loaded, start: float) -> Markup:
    """Return the log lines, each with its time since the trace's start, in seconds since 1970."""
    if loaded.log is None:
        return render("traces/log.html", lines=[], note=f"The log cannot be read: {loaded.log_error}")
    lines = [
        {
            "time": f"{event['timestamp'] - start * 1000:+,.0f} ms",
            "title": f"{datetime.fromtimestamp(event['timestamp'] / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC",
            "line": read_line(str(event["message"])),
        }
        for event in loaded.log.events
    ]
    note = "" if lines else "The log has no line of this request (yet)."
    return render("traces/log.html", lines=lines, note=f"The first {len(lines)} lines." if loaded.log.is_cut else note)


def _why_absent(source: Source, begun: int, is_late: bool) -> str:
    if time.time() - begun > _KEPT_SECONDS:
        return f"It began on {datetime.fromtimestamp(begun, UTC):%Y-%m-%d}: X-Ray keeps traces for 30 days."
    if is_late:
        soon = "a second or two" if source.is_sandbox else "some seconds, sometimes a minute"
        return f"A trace comes when its response has ended, and takes {soon}. {_UNTRACED}"
    return f"X-Ray has no trace with this id. {_UNTRACED}"


def _flat(values: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the values of objects in each other, each with its way there, such as `firstbyte.response.requests`."""
    for name, value in _mapping(values):
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _text(value)


def _mapping(values: object) -> Sequence[tuple[str, Any]]:
    return [(str(name), value) for name, value in values.items()] if isinstance(values, Mapping) else []


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_text(each) for each in value)
    return f"{value:,.12g}" if isinstance(value, float) else str(value)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
