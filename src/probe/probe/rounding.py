"""Rounds times: to microseconds, and never to a negative zero."""


def milliseconds(value: float) -> float:
    """Milliseconds with three decimals."""
    return round(value, 3) + 0.0  # -0.0 + 0.0 is 0.0
