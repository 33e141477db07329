"""A trace in one line of the list: what GetTraceSummaries says of it, as words and numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

# How an outcome looks: its sign and its class. Everything else is a failure.
_GOOD, _CALLERS = ("✓", "look-good"), ("!", "look-warn")
_SIGNS = {"completed": _GOOD, "client_error": _CALLERS, "client_stalled": _CALLERS}
_FAILURE = ("✕", "look-bad")


@dataclass(frozen=True)
class Outcome:
    """How a response ended: a word, its sign, and the class of its colour."""

    word: str
    sign: str
    style: str


@dataclass(frozen=True)
class Summary:
    """One trace of the list. Times are milliseconds; None is a figure that there is not."""

    id: str
    start: datetime
    outcome: Outcome
    model: str
    ttft_ms: float | None
    duration_ms: float | None
    status: int | None
    notes: str


def summary(found: Mapping[str, Any]) -> Summary:
    """Return a summary of GetTraceSummaries in one line.

    https://docs.aws.amazon.com/xray/latest/api/API_TraceSummary.html
    """
    annotations = {name: _value(values) for name, values in found.get("Annotations", {}).items()}
    start = found.get("StartTime")
    seconds = found.get("ResponseTime", found.get("Duration"))
    status = found.get("Http", {}).get("HttpStatus")
    ttft = annotations.get("ttft_ms")
    notes = [str(annotations["error_type"])] if annotations.get("error_type") else []
    notes += ["cold start"] if annotations.get("cold_start") is True else []
    notes += ["throttled call"] if found.get("HasThrottle") and annotations.get("outcome") == "completed" else []
    notes += ["still coming in"] if found.get("IsPartial") else []
    return Summary(
        id=str(found["Id"]),
        start=start if isinstance(start, datetime) else datetime.fromtimestamp(int(str(found["Id"])[2:10], 16), UTC),
        outcome=outcome(annotations.get("outcome"), found),
        model=str(annotations.get("model", "")),
        ttft_ms=float(ttft) if isinstance(ttft, int | float) else None,
        duration_ms=None if seconds is None else seconds * 1000,
        status=int(status) if status is not None else None,
        notes=", ".join(notes),
    )


def outcome(annotation: object, flags: Mapping[str, Any]) -> Outcome:
    """Return how a response ended: what the function says, or else what X-Ray says of it.

    Args:
        annotation: the annotation `outcome`; None if there is none, as for a function that died.
        flags: HasFault, HasError and HasThrottle, as in a summary.
    """
    if annotation is not None:
        sign, style = _SIGNS.get(str(annotation), _FAILURE)
        return Outcome(str(annotation).replace("_", " "), sign, style)
    for flag, word in (("HasThrottle", "throttled"), ("HasFault", "fault"), ("HasError", "error")):
        if flags.get(flag):
            return Outcome(word, *_FAILURE)
    return Outcome("not recorded", "?", "look-note")


def _value(values: list[Mapping[str, Any]]) -> Any:
    """Return the last value of an annotation."""
    return next(iter(values[-1]["AnnotationValue"].values()), None) if values else None
