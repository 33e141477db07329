"""Times as people read them."""


def milliseconds(value: float | None) -> str:
    """Return a time in milliseconds, or in seconds if it is long; nothing for None."""
    if value is None:
        return ""
    if value >= 10_000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"
