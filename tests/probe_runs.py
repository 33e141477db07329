"""Made-up runs, series and results, plausible where a test does not say otherwise."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from probe.measurement import EXIT_CODES, Failure, Run
from probe.result import Conditions, Result, Series

URL = "https://abc123.lambda-url.eu-west-1.on.aws/"


def a_run(**fields: Any) -> Run:
    """A completed run on a new connection, warm and streamed, with these fields in place of its own.

    What follows from the gaps (the longest, the token count, TPOT) and is not given follows from them.
    """
    gaps: list[float] = fields.get("gaps_ms", [20.0, 30.0, 25.0, 25.0])
    ttft_ms, total_ms = fields.get("ttft_ms", 400.0), fields.get("total_ms", 505.0)
    tokens: int | None = fields.get("output_tokens", len(gaps) + 1)
    told = bool(gaps and tokens and tokens > 1 and ttft_ms is not None and total_ms is not None)
    defaults: dict[str, Any] = {
        "number": 1,
        "warm_up": False,
        "started_at": "2026-11-22T16:00:00Z",
        "outcome": "completed",
        "error": None,
        "status": 200,
        "format": "firstbyte-sse",
        "content_encoding": None,
        "dns_ms": 5.0,
        "connect_ms": 15.0,
        "tls_ms": 30.0,
        "headers_ms": 390.0,
        "ttfb_ms": 391.0,
        "ttft_ms": ttft_ms,
        "first_chunk_ms": ttft_ms,
        "gaps_ms": gaps,
        "max_gap_ms": max(gaps, default=None),
        "tpot_ms": (total_ms - ttft_ms) / (tokens - 1) if told and tokens else None,
        "output_tokens_per_second": tokens * 1000 / (total_ms - ttft_ms)
        if told and tokens and total_ms > ttft_ms
        else None,
        "total_ms": total_ms,
        "connection": "new",
        "cold_start": False,
        "delivery": "streamed" if told else None,
        "bytes": 812,
        "input_tokens": 8,
        "output_tokens": tokens,
        "model": "amazon.nova-lite-v1:0",
        "stop_reason": "end_turn",
        "request_id": "7052bc71-c7a0-4f39-b5a9-f88602cdf65a",
        "trace_id": "1-6b030131-8fd1ae13fe08516f32bb61df",
        "usage": {"input_tokens": 8, "output_tokens": tokens},
        "timing": {"ttfb_ms": 300.0, "ttft_ms": 295.0, "duration_ms": 400.0},
        "curl_exit_code": 0,
    }
    return Run(**(defaults | fields))


def a_failed_run(outcome: str = "http_error", **fields: Any) -> Run:
    """A run with another outcome than `completed`; it has no answer."""
    assert EXIT_CODES[outcome] != 0
    defaults: dict[str, Any] = {
        "outcome": outcome,
        "error": Failure("throttled", "Too many requests", retryable=True),
        "format": None if outcome in ("transport", "http_error") else "firstbyte-sse",
        "status": None if outcome == "transport" else 429 if outcome == "http_error" else 200,
        "ttft_ms": None,
        "gaps_ms": [],
        "output_tokens": None,
        "input_tokens": None,
        "usage": None,
        "timing": None,
        "model": None,
        "stop_reason": None,
        "cold_start": None,
        "curl_exit_code": None if outcome == "interrupted" else 0,
    }
    return a_run(**(defaults | fields))


def a_series(*runs: Run, url: str = URL, region: str | None = "eu-west-1", buffered: bool = False) -> Series:
    """A series of these runs, or of one."""
    return Series("measured", url, region, buffered, list(runs) or [a_run()])


def a_result(
    series: Series | None = None, against: Series | None = None, conditions: Conditions | None = None
) -> Result:
    """A result of this series, or of one run; its conditions fit it."""
    series = series or a_series()
    if against:
        series, against = replace(series, name="A"), replace(against, name="B")
    return Result("2026-11-22T16:00:00Z", conditions or _conditions(series.runs), series, against)


def _conditions(runs: Sequence[Run]) -> Conditions:
    warm_up = sum(run.warm_up for run in runs)
    return Conditions(
        runs=len(runs) - warm_up,
        warm_up=warm_up,
        concurrency=1,
        reuse=any(run.connection == "reused" for run in runs),
        think_seconds=0.0,
        prompts=1,
        model=None,
        max_tokens=None,
    )
