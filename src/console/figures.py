"""Numbers as a reader sees them."""

import math


def figure(value: float) -> str:
    """Return a number with four significant digits, from 1,000 on as a whole number: 1,234 or 0.01234."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if value == 0 or abs(value) < 1e-9:
        return f"{value:.3g}"
    places = max(0, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded(value: float) -> float:
    """Return a number to draw: six digits are more than any screen has pixels."""
    return float(f"{value:.6g}")


def unit_of(axis: str) -> str:
    """Return what an axis's label says of the unit of its values: `ms`, or nothing if it says more than a unit."""
    if axis.startswith("%"):
        return "%"
    return axis if len(axis) <= 20 else ""
