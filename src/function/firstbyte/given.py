"""Makes dicts without the fields that have no value; requests, answers and records leave those out."""

from typing import Any


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}
