"""Trace documents as a test wants them: what X-Ray requires is there, the rest is what the test says."""

from typing import Any

# The time in it, 0x6a000000, is May 2026.
START = 0x6A000000
TRACE_ID = "1-6a000000-0123456789abcdef01234567"


def segment_id(number: int) -> str:
    return f"{number:016x}"


def segment(number: int, start: float = START, end: float = START + 1, **fields: Any) -> dict[str, Any]:
    document = {"name": f"s{number}", "id": segment_id(number), "start_time": start, "end_time": end}
    return {**document, "trace_id": TRACE_ID, **fields}


def subsegment(number: int, parent: int, start: float = START, end: float = START + 1, **fields: Any) -> dict[str, Any]:
    """One that is sent alone."""
    return segment(number, start, end, type="subsegment", parent_id=segment_id(parent), **fields)


def nested(number: int, start: float = START, end: float = START + 1, **fields: Any) -> dict[str, Any]:
    """One as it stands in its parent."""
    document = segment(number, start, end, **fields)
    del document["trace_id"]
    return document
