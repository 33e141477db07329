"""Fields as a dict, without those that have no value: how requests, answers and records say that there is none."""

from typing import Any


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}
