"""From what was seen to figures and an outcome: pure arithmetic and one truth table.

The figures have one zero, the moment at which curl started the transfer. curl's own times count from there, but know
nothing of the body: its `time_starttransfer` is the first byte of the *header section*, which a function may send long
before the first token. The reader's timestamps know the body, but count from nowhere. The two clocks meet in two
moments that both saw: the first header byte, and the end, after which curl says its figures.

    zero = arrival of the first header byte - time_starttransfer
           or arrival of the figures - time_total, whichever is earlier
    t(x) = arrival of x at the reader - zero, and time_total at most

All arrivals come through a pipe from curl to the reader, so that a constant latency of that way cancels out. On a busy
machine the reader may come late, never early. So the earlier zero is the better one: with the first alone, a reader
that is late for the first byte would make the whole run look quicker. And curl had every byte before `time_total`.

    DNS      time_namelookup
    connect  time_connect - time_namelookup
    TLS      time_appconnect - time_connect, 0 over http
    headers  time_starttransfer
    TTFB     t(first byte of the body that is no comment of an event stream, and no empty line before its first message)
    TTFT     t(first non-empty text), in formats in which text can be told
    gaps     between consecutive chunks: non-empty texts or, where none can be told, events, lines or reads; the time
             of a chunk is that of the read that completed it
    TPOT     (total - TTFT) / (output tokens - 1), of completed runs with two texts and two tokens or more, if all
             tokens are text: reasoning comes before the first one, and nobody says how long the others took
    tokens/s output tokens / (total - TTFT), where there is a TPOT: the function's metric OutputTokensPerSecond
    total    time_total

DNS, connect and TLS of a connection that was there already are unknown, not 0. An answer that was asked for in one
piece has its text when its last byte is there: TTFT is that moment, and there are no gaps. `formats` has the formats.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from . import delivery
from .curl import CurlFigures
from .formats import DOCUMENT, WITHOUT_TOKENS
from .formats.plain import DocumentReader
from .json_object import parse_object
from .observation import KEPT_BYTES, Observation
from .rounding import milliseconds

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

NEW, REUSED = "new", "reused"

# curl's CURLE_OPERATION_TIMEDOUT: the probe gave up, the server did not.
_CURL_TIMED_OUT = 28

_MESSAGE_LENGTH = 200

# Beyond any model, and a number that arithmetic can take: a stranger may say anything.
_MOST_TOKENS = 1_000_000_000


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

    `number` counts the runs of a series from 1 up as they began, the warm-up by itself. `started_at` is in UTC as
    ISO 8601. `format` is one of `formats.FORMATS`, or None without an answer; `content_encoding` is what the body was
    compressed with. The figures up to `total_ms` are those of the table above; `first_chunk_ms`, from which the gaps
    count, is TTFT where text can be told, else t(first event, line or read). `connection` is "new" or "reused",
    `delivery` "streamed" or "burst" where it can be told (see `delivery.py`). Tokens, usage, timing and whether it was
    a cold start are the server's own account.
    """

    number: int
    warm_up: bool
    started_at: str
    outcome: str
    error: Failure | None
    status: int | None
    format: str | None
    content_encoding: str | None
    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    headers_ms: float | None
    ttfb_ms: float | None
    ttft_ms: float | None
    first_chunk_ms: float | None
    gaps_ms: list[float]
    max_gap_ms: float | None
    tpot_ms: float | None
    output_tokens_per_second: float | None
    total_ms: float | None
    connection: str | None
    cold_start: bool | None
    delivery: str | None
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


def measure(
    seen: Observation,
    curl: CurlFigures | None,
    *,
    number: int,
    warm_up: bool,
    started_at: str,
    uses_tls: bool,
    buffered: bool = False,
    expected: str | None = None,
    hidden: Callable[[str], str] = str,
) -> Run:
    """The figures of one run.

    Args:
        seen: What the reader saw.
        curl: What curl said at its end, or None when the run was interrupted before.
        number: Which run of its series it is.
        warm_up: It does not count.
        started_at: When the run began, in UTC as ISO 8601.
        uses_tls: The URL is an https one.
        buffered: The answer was asked for in one piece.
        expected: The format that a completed answer must have, or None for any.
        hidden: A text without secrets; the error's words go through it, whole.
    """
    document = (parse_object(seen.kept_body) or {}) if buffered else None
    outcome, failure = _judge(seen, curl, document, expected, hidden)
    if failure:
        # A refusal may quote the request's headers, the session token among them.
        failure = replace(failure, message=hidden(failure.message))
    facts: Mapping[str, Any] = seen.facts
    if document is not None:
        said = _object(document.get("error")) or {}
        usage = _object(document.get("usage")) or _object(said.get("partial_usage"))
        facts = {**document, "usage": usage, **(usage or {})}
    headers = seen.head.headers if seen.head else {}
    connection = _connection(seen, curl)
    opened = curl if connection != REUSED else None  # what a connection cost is that of the run that opened it
    is_whole_text = document is not None and bool(document.get("text")) and outcome == COMPLETED
    has_text = is_whole_text or seen.format not in WITHOUT_TOKENS
    chunks = [] if document is not None and not is_whole_text else seen.chunks
    zero = _zero(seen, curl)
    end_at = math.inf if curl is None or zero is None else zero + curl.total
    gaps = [_ms(min(later, end_at) - min(sooner, end_at)) for sooner, later in pairwise(chunks)]
    first_chunk_ms = _since(zero, chunks[0] if chunks else None, end_at)
    ttft_ms = first_chunk_ms if has_text else None
    total_ms = _ms(curl.total) if curl else None
    timing = _object(facts.get("timing"))
    output_tokens = _count(facts.get("output_tokens"))
    tells_tokens = outcome == COMPLETED and bool(gaps) and not facts.get("has_other_tokens")
    tpot_ms, tokens_per_second = _speed(ttft_ms, total_ms, output_tokens) if tells_tokens else (None, None)
    return Run(
        number=number,
        warm_up=warm_up,
        started_at=started_at,
        outcome=outcome,
        error=failure,
        status=seen.head.status if seen.head else None,
        format=seen.format,
        content_encoding=seen.content_encoding,
        dns_ms=_reached(opened.name_lookup) if opened else None,
        connect_ms=_reached(opened.connect, since=opened.name_lookup) if opened else None,
        tls_ms=_tls(opened, uses_tls) if opened else None,
        headers_ms=_reached(curl.start_transfer) if curl and seen.first_header_at is not None else None,
        ttfb_ms=_since(zero, seen.first_body_at, end_at),
        ttft_ms=ttft_ms,
        first_chunk_ms=first_chunk_ms,
        gaps_ms=gaps,
        max_gap_ms=max(gaps, default=None),
        tpot_ms=tpot_ms,
        output_tokens_per_second=tokens_per_second,
        total_ms=total_ms,
        connection=connection,
        cold_start=_truth(facts.get("cold_start")),
        delivery=_delivery(seen, first_chunk_ms, gaps, total_ms, timing) if outcome == COMPLETED else None,
        bytes=seen.body_bytes,
        input_tokens=_count(facts.get("input_tokens")),
        output_tokens=output_tokens,
        model=_word(facts.get("model")),
        stop_reason=_word(facts.get("stop_reason")),
        request_id=headers.get("x-request-id") or headers.get("x-amzn-requestid") or _word(facts.get("request_id")),
        trace_id=_trace_root(headers.get("x-amzn-trace-id") or _word(facts.get("trace_id"))),
        usage=_object(facts.get("usage")),
        timing=timing,
        curl_exit_code=curl.exit_code if curl else None,
    )


def exit_code(outcomes: list[str]) -> int:
    """The probe's exit code for these outcomes."""
    codes = {EXIT_CODES[outcome] for outcome in outcomes}
    return next((code for code in _WORST_FIRST if code in codes), 0)


def _judge(
    seen: Observation,
    curl: CurlFigures | None,
    document: Mapping[str, Any] | None,
    expected: str | None,
    hidden: Callable[[str], str],
) -> tuple[str, Failure | None]:
    """Outcome and failure; `document` is the body of an answer that was asked for in one piece, else None."""
    if curl is None:
        return INTERRUPTED, Failure("interrupted", "the probe was stopped before the response had ended")
    if seen.head is None:
        # curl finds nothing wrong with a response that ends inside its first headers.
        kind = f"curl_{curl.exit_code}" if curl.exit_code else "no_response"
        return TRANSPORT, Failure(kind, curl.message or "no response came")
    if not seen.is_answer:
        return HTTP_ERROR, _redirect(seen, hidden) or _http_failure(seen, hidden)
    if seen.error is not None:
        default_message = "the server did not say why"
        return ERROR, _failure(seen.error, hidden, default_type="error", default_message=default_message)
    if curl.exit_code == _CURL_TIMED_OUT:
        return TRANSPORT, Failure(f"curl_{curl.exit_code}", curl.message)
    if seen.is_undecodable:
        return HTTP_ERROR, Failure("unsupported_content_encoding", _undecodable(seen))
    if document is not None and seen.media_type != DOCUMENT:
        media_type = seen.head.headers.get("content-type") or "nothing"
        message = f"the response has content type {media_type} in place of {DOCUMENT}"
        return HTTP_ERROR, Failure("unexpected_content_type", message)
    failure = _cut(seen, curl, document)
    if failure:
        return CUT, failure
    if expected is not None and seen.format != expected:
        return HTTP_ERROR, Failure(
            "unexpected_format", f"the answer has the format {seen.format} in place of {expected}"
        )
    return COMPLETED, None


def _cut(seen: Observation, curl: CurlFigures, document: Mapping[str, Any] | None) -> Failure | None:
    """What is missing of an answer, or None when it is whole."""
    if seen.too_long:
        return Failure("too_long", seen.too_long)
    if document is not None and seen.decoded_bytes > KEPT_BYTES:
        return Failure("too_long", f"the answer is longer than {KEPT_BYTES} bytes, and is not kept")
    if curl.exit_code != 0:
        what = "the answer was cut"
        if seen.protocol:
            what = f"the stream was cut {'after its end' if seen.has_ended else 'before its end'}"
        return Failure(f"curl_{curl.exit_code}", f"{what}: {curl.message}")
    if seen.corruption:
        return Failure("bad_content_encoding", f"the body is not {seen.content_encoding}: {seen.corruption}")
    if document is not None:
        whole = isinstance(document.get("text"), str)
        return None if whole else Failure("no_answer", "the response is not a JSON object with a text")
    if seen.protocol:
        return None if seen.has_ended else Failure("no_end_event", _without_end(seen, seen.protocol.end))
    return None if seen.chunks else Failure("no_answer", "the response holds nothing: no text, line, event or byte")


def _without_end(seen: Observation, end: str) -> str:
    message = f"the stream ended without {end}, after {seen.messages} events"
    return f"{message}, {seen.broken} of them without a JSON object" if seen.broken else message


def _redirect(seen: Observation, hidden: Callable[[str], str]) -> Failure | None:
    assert seen.head is not None
    location = hidden(seen.head.headers.get("location", ""))
    if seen.head.status // 100 != 3 or not location:
        return None
    return Failure(
        "redirect",
        f"the server redirects to {location[:_MESSAGE_LENGTH]}: the probe follows no redirect, since keys and headers "
        "are for the URL that it was given; give it that URL if you trust it",
    )


def _undecodable(seen: Observation) -> str:
    return (
        f"the response has Content-Encoding {seen.content_encoding}, which the probe cannot decode (it can gzip and "
        "deflate): have the server, or what is in front of it, send the answer as it is"
    )


def _http_failure(seen: Observation, hidden: Callable[[str], str]) -> Failure:
    assert seen.head is not None
    document = parse_object(seen.kept_body) or {}
    # The function's errors stand under "error"; those of the platform in front of it are a bare "message" or "Message".
    fields = _object(document.get("error")) or {"message": document.get("message") or document.get("Message")}
    platforms = seen.head.headers.get("x-amzn-errortype", "").partition(":")[0]
    # Secrets go before the text is shortened: half of one is no longer recognised.
    text = " ".join(hidden(seen.kept_body.decode(errors="replace")).split())[:_MESSAGE_LENGTH]
    return _failure(
        {**fields, "type": _word(fields.get("type")) or platforms},
        hidden,
        default_type=f"http_{seen.head.status}",
        default_message=(_undecodable(seen) if seen.is_undecodable else text) or "the response has no body",
    )


def _failure(
    fields: Mapping[str, Any], hidden: Callable[[str], str], *, default_type: str, default_message: str
) -> Failure:
    """What the server said; its own types may hold a secret, the probe's cannot."""
    retryable = fields.get("retryable")
    return Failure(
        hidden(_word(fields.get("type")) or "") or default_type,
        _word(fields.get("message")) or default_message,
        retryable if isinstance(retryable, bool) else None,
    )


def _zero(seen: Observation, curl: CurlFigures | None) -> float | None:
    """When curl started the transfer, in seconds of the reader's clock; None if no byte came back."""
    if curl is None or seen.first_header_at is None or curl.start_transfer <= 0.0:
        return None
    return min(seen.first_header_at - curl.start_transfer, curl.said_at - curl.total)


def _since(zero: float | None, at: float | None, end_at: float) -> float | None:
    """Milliseconds from zero to a moment, none of which comes after the end; None if either is unknown."""
    return None if zero is None or at is None else _ms(min(at, end_at) - zero)


def _reached(moment: float, since: float = 0.0) -> float | None:
    return _ms(moment - since) if moment > 0.0 else None


def _tls(curl: CurlFigures, uses_tls: bool) -> float | None:
    if not uses_tls:
        return 0.0
    return _reached(curl.app_connect, since=curl.connect)


def _connection(seen: Observation, curl: CurlFigures | None) -> str | None:
    """None as long as no connection is known to stand: curl counts none for a kept one, and none for a refused one."""
    if curl is None or (seen.first_header_at is None and curl.connect <= 0.0):
        return None
    return NEW if curl.num_connects else REUSED


def _speed(ttft_ms: float | None, total_ms: float | None, tokens: int | None) -> tuple[float | None, float | None]:
    """TPOT, and tokens a second; the latter is unknown where all came in one moment."""
    if ttft_ms is None or total_ms is None or tokens is None or tokens < 2:
        return None, None
    decoding_ms = max(0.0, total_ms - ttft_ms)
    speed = round(tokens * 1000 / decoding_ms, 3) if decoding_ms > 0 else None
    return milliseconds(decoding_ms / (tokens - 1)), speed


def _ms(seconds: float) -> float:
    return milliseconds(seconds * 1000.0)


def _object(value: object) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS else None


def _delivery(
    seen: Observation,
    first_chunk_ms: float | None,
    gaps_ms: Sequence[float],
    total_ms: float | None,
    timing: Mapping[str, Any] | None,
) -> str | None:
    """How the answer came; a document was asked for, or sent, in one piece, and so can be neither."""
    return None if seen.format == DocumentReader.name else delivery.judge(first_chunk_ms, gaps_ms, total_ms, timing)


def _trace_root(value: str | None) -> str | None:
    """The trace's id out of a trace header such as `Root=1-...;Parent=...;Sampled=1`; a bare id stays as it is."""
    for part in (value or "").split(";"):
        if part.strip().startswith("Root="):
            return part.strip()[len("Root=") :]
    return value
