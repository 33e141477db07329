"""The function's own account of its times, as far as it can be one: it comes from a stranger, and may hold anything."""

from collections.abc import Mapping
from typing import Any

_DAY_MS = 86_400_000.0


def milliseconds(timing: Mapping[str, Any] | None, name: str) -> float | None:
    """A time in milliseconds, or None if there is none of that name or it is none: no number, negative, over a day."""
    value = timing.get(name) if timing else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _DAY_MS:
        return None
    return float(value)
