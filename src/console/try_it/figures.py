"""The figures of a response: what was measured here, and beside it what the function recorded."""

import math
from collections.abc import Mapping
from typing import Any

from console.try_it.reading import Ending, Reading

NONE = "-"


# What only this repository's function tells, in its events and in its log line.
_TOLD = {"Tokens in", "Tokens out", "Tokens/s", "Cost"}


def measured(reading: Reading) -> list[tuple[str, str]]:
    """Return name and measured figure, as texts, of a response of which its function records nothing."""
    return [(name, here) for name, here, _ in rows(reading, {}) if name not in _TOLD]


def rows(reading: Reading, record: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return name, measured figure and recorded figure, as texts.

    Args:
        reading: what has come so far.
        record: the fields of the function's log line; empty until it is there.
    """
    gap = reading.longest_gap
    used = reading.usage
    tokens = (used.get("input_tokens"), used.get("output_tokens"))
    chunks = len(reading.ticks)
    return [
        ("TTFB", ms(reading.first_byte_ms), ms(record.get("ttfb_ms"))),
        ("TTFT", ms(reading.first_text_ms), ms(record.get("ttft_ms"))),
        ("Max gap", ms(gap[1] - gap[0] if gap else None), ms(record.get("max_inter_chunk_ms"))),
        ("Duration", ms(reading.ended_ms), ms(record.get("duration_ms"))),
        ("Chunks", count(chunks if chunks or reading.ending else None), NONE),
        ("Tokens in", count(tokens[0]), count(record.get("input_tokens"))),
        ("Tokens out", count(tokens[1]), count(record.get("output_tokens"))),
        ("Tokens/s", NONE, rate(record.get("output_tokens_per_second"))),
        ("Cost", NONE, _cost(record)),
        ("Bytes", count(reading.bytes or None), count(record.get("response_bytes"))),
        ("Outcome", _ended(reading), str(record.get("outcome", NONE))),
    ]


def _cost(record: Mapping[str, Any]) -> str:
    if "output_tokens" in record and "estimated_cost_usd" not in record:
        return "no price"
    return dollars(record.get("estimated_cost_usd"))


_ENDINGS = {
    Ending.WHOLE: "whole",
    Ending.REFUSED: "error status",
    Ending.FAILED: "error event",
    Ending.CUT: "cut",
    Ending.STOPPED: "stopped",
}


def _ended(reading: Reading) -> str:
    if reading.ending is Ending.WHOLE and reading.limited:
        return "not whole"
    return _ENDINGS[reading.ending] if reading.ending else NONE


def ms(value: float | None) -> str:
    """Return milliseconds with one digit after the point."""
    return NONE if value is None else f"{value:,.1f} ms"


def count(value: float | None) -> str:
    """Return a whole number."""
    return NONE if value is None else f"{value:,.0f}"


def rate(value: float | None) -> str:
    """Return a number with one digit after the point."""
    return NONE if value is None else f"{value:,.1f}"


def dollars(value: float | None) -> str:
    """Return US dollars, of small amounts the first three digits."""
    if value is None:
        return NONE
    digits = 2 if value == 0 or value >= 1 else 2 - math.floor(math.log10(value))
    return f"${value:,.{digits}f}"


def seconds(ms_: float) -> str:
    """Return milliseconds as seconds, in the words of a sentence."""
    return f"{ms_ / 1000:.2f} s" if abs(ms_) >= 100 else f"{ms_:.0f} ms"
