"""From what was seen to figures and an outcome: pure arithmetic and one truth table.

The figures have one zero, the moment at which curl started the transfer. curl's own times count from there, but know
nothing of the body: its `time_starttransfer` is the first byte of the *header section*, which a function may send long
before the first token. The reader's timestamps know the body, but count from nowhere. The two clocks meet in one moment
that both saw, the arrival of the first header byte:

    t(x) = time_starttransfer + (arrival of x at the reader - arrival of the first header byte at the reader)

Both arrivals came through a pipe from curl to the reader, so that a constant latency of that way cancels out.

    DNS      time_namelookup
    connect  time_connect - time_namelookup
    TLS      time_appconnect - time_connect, 0 over http
    headers  time_starttransfer
    TTFB     t(first byte of the body)
    TTFT     t(first delta with a non-empty text)
    gaps     between consecutive deltas with a non-empty text; an event's time is that of the read that completed it
    total    time_total
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .curl import CurlFigures
from .observation import Observation, TimedEvent, parse_object

COMPLETED, ERROR, HTTP_ERROR, CUT, TRANSPORT, INTERRUPTED = (
    "completed",
    "error",
    "http_error",
    "cut",
    "transport",
    "interrupted",
)

EXIT_CODES = {COMPLETED: 0, HTTP_ERROR: 1, TRANSPORT: 3, ERROR: 4, CUT: 4, INTERRUPTED: 130}

# Of several runs the first of these that occurred decides: the less a run says about the function, the earlier.
_WORST_FIRST = (130, 3, 1, 4, 0)

# curl's CURLE_OPERATION_TIMEDOUT: the probe gave up, the server did not.
_CURL_TIMED_OUT = 28

_MESSAGE_LENGTH = 200


@dataclass(frozen=True)
class Failure:
    """Why a run did not complete.

    Attributes:
        type: The function's error type, `curl_N` for curl's exit code N, or a word of the probe's own.
        message: A sentence for people, from the server, from curl or from the probe.
        retryable: What the server said about trying again, if it said something.
    """

    type: str
    message: str
    retryable: bool | None = None


@dataclass(frozen=True)
class Run:
    """One request's figures. Times are milliseconds; None where the run did not get so far.

    `started_at` is in UTC as ISO 8601. The fields from there up to `total_ms` are those of the module's table; tokens,
    usage and timing are the server's own account.
    """

    started_at: str
    outcome: str
    error: Failure | None
    status: int | None
    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    ttfb_headers_ms: float | None
    ttfb_ms: float | None
    ttft_ms: float | None
    gaps_ms: list[float]
    max_gap_ms: float | None
    total_ms: float | None
    bytes: int
    input_tokens: int | None
    output_tokens: int | None
    model: str | None
    stop_reason: str | None
    request_id: str | None
    trace_id: str | None
    usage: Mapping[str, Any] | None
    timing: Mapping[str, Any] | None
    curl_exit_code: int | None


def measure(seen: Observation, curl: CurlFigures | None, *, started_at: str, uses_tls: bool) -> Run:
    """The figures of one run.

    Args:
        seen: What the reader saw.
        curl: What curl said at its end, or None when the run was interrupted before.
        started_at: When the run began, in UTC as ISO 8601.
        uses_tls: The URL is an https one.
    """
    outcome, failure = _judge(seen, curl)
    deltas = [event.at for event in seen.events if event.text]
    gaps = [_ms(deltas[index] - deltas[index - 1]) for index in range(1, len(deltas))]
    start = _fields(seen, "start")
    end = _fields(seen, "end")
    usage = _object(end.get("usage")) or _object(_fields(seen, "error").get("partial_usage"))
    headers = seen.head.headers if seen.head else {}
    return Run(
        started_at=started_at,
        outcome=outcome,
        error=failure,
        status=seen.head.status if seen.head else None,
        dns_ms=_reached(curl.name_lookup) if curl else None,
        connect_ms=_reached(curl.connect, since=curl.name_lookup) if curl else None,
        tls_ms=_tls(curl, uses_tls) if curl else None,
        ttfb_headers_ms=_on_curls_clock(seen, curl, seen.first_header_at),
        ttfb_ms=_on_curls_clock(seen, curl, seen.first_body_at),
        ttft_ms=_on_curls_clock(seen, curl, deltas[0] if deltas else None),
        gaps_ms=gaps,
        max_gap_ms=max(gaps, default=None),
        total_ms=_ms(curl.total) if curl else None,
        bytes=seen.body_bytes,
        input_tokens=_count(usage, "input_tokens"),
        output_tokens=_count(usage, "output_tokens"),
        model=_word(start.get("model")),
        stop_reason=_word(end.get("stop_reason")),
        request_id=headers.get("x-request-id") or headers.get("x-amzn-requestid") or _word(start.get("request_id")),
        trace_id=_trace_root(headers.get("x-amzn-trace-id") or _word(start.get("trace_id"))),
        usage=usage,
        timing=_object(end.get("timing")),
        curl_exit_code=curl.exit_code if curl else None,
    )


def exit_code(outcomes: list[str]) -> int:
    """The probe's exit code for these outcomes; at least one."""
    codes = {EXIT_CODES[outcome] for outcome in outcomes}
    return next(code for code in _WORST_FIRST if code in codes)


def _judge(seen: Observation, curl: CurlFigures | None) -> tuple[str, Failure | None]:
    if curl is None:
        return INTERRUPTED, Failure("interrupted", "the probe was stopped before the response had ended")
    if seen.head is None:
        return TRANSPORT, Failure(f"curl_{curl.exit_code}", curl.message or "no response came")
    if seen.head.status != 200:
        return HTTP_ERROR, _http_failure(seen)
    closing = _closing(seen.events)
    if closing is not None and closing.name == "error":
        fields = closing.fields or {}
        return ERROR, _failure(fields, default_type="error", default_message="the server did not say why")
    if curl.exit_code == _CURL_TIMED_OUT:
        return TRANSPORT, Failure(f"curl_{curl.exit_code}", curl.message)
    if not seen.is_event_stream:
        media_type = seen.head.headers.get("content-type") or "nothing"
        message = f"the response has content type {media_type} in place of text/event-stream"
        return HTTP_ERROR, Failure("unexpected_content_type", message)
    if curl.exit_code != 0:
        where = "after its end event" if closing else "before its end event"
        return CUT, Failure(f"curl_{curl.exit_code}", f"the stream was cut {where}: {curl.message}")
    if closing is None:
        return CUT, Failure("no_end_event", _without_end(seen.events))
    return COMPLETED, None


def _closing(events: list[TimedEvent]) -> TimedEvent | None:
    """The first event that closes the stream by the function's contract."""
    return next((event for event in events if event.name in ("end", "error") and event.fields is not None), None)


def _without_end(events: list[TimedEvent]) -> str:
    message = f"the stream ended without an end or error event, after {len(events)} events"
    broken = sum(event.fields is None for event in events)
    return f"{message}, {broken} of them without a JSON object" if broken else message


def _http_failure(seen: Observation) -> Failure:
    assert seen.head is not None
    document = parse_object(seen.body_head) or {}
    # The function's errors stand under "error"; those of the platform in front of it are a bare "message" or "Message".
    fields = _object(document.get("error")) or {"message": document.get("message") or document.get("Message")}
    text = " ".join(seen.body_head.decode(errors="replace").split())
    return _failure(
        fields,
        default_type=seen.head.headers.get("x-amzn-errortype", "").partition(":")[0] or f"http_{seen.head.status}",
        default_message=text[:_MESSAGE_LENGTH] or "the response has no body",
    )


def _failure(fields: Mapping[str, Any], *, default_type: str, default_message: str) -> Failure:
    retryable = fields.get("retryable")
    return Failure(
        _word(fields.get("type")) or default_type,
        _word(fields.get("message")) or default_message,
        retryable if isinstance(retryable, bool) else None,
    )


def _on_curls_clock(seen: Observation, curl: CurlFigures | None, at: float | None) -> float | None:
    if curl is None or at is None or seen.first_header_at is None or curl.start_transfer <= 0.0:
        return None
    return _ms(curl.start_transfer + (at - seen.first_header_at))


def _reached(moment: float, since: float = 0.0) -> float | None:
    return _ms(moment - since) if moment > 0.0 else None


def _tls(curl: CurlFigures, uses_tls: bool) -> float | None:
    if not uses_tls:
        return 0.0
    return _reached(curl.app_connect, since=curl.connect)


def _ms(seconds: float) -> float:
    return round(seconds * 1000.0, 3)


def _fields(seen: Observation, name: str) -> Mapping[str, Any]:
    return next((event.fields for event in seen.events if event.name == name and event.fields is not None), {})


def _object(value: object) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(usage: Mapping[str, Any] | None, name: str) -> int | None:
    value = usage.get(name) if usage else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _trace_root(value: str | None) -> str | None:
    """The trace's id out of a trace header such as `Root=1-...;Parent=...;Sampled=1`; a bare id stays as it is."""
    for part in (value or "").split(";"):
        if part.strip().startswith("Root="):
            return part.strip()[len("Root=") :]
    return value
