"""A JSON object out of text that a stranger wrote."""

import json
import math
from typing import Any


def parse_object(text: str | bytes | bytearray) -> dict[str, Any] | None:
    """The JSON object in `text`, or None when it is none.

    NaN and numbers beyond a float's range are no JSON here. A whole number beyond it is null: one absurd count must not
    cost the answer, and no arithmetic takes it.
    """
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_whole)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _whole(text: str) -> int | None:
    value = int(text)  # thousands of digits are an error here
    return value if math.isfinite(float(text)) else None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value
