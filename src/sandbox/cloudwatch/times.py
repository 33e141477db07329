"""Timestamps of the API in milliseconds since 1970 and back, and the order in which a request wants them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Return a moment in milliseconds, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(time_ms: int) -> datetime:
    """Return the moment, in UTC."""
    return _EPOCH + time_ms * _MILLISECOND


def newest_first(request: Mapping[str, Any]) -> bool:
    """Tell whether a request's `ScanBy` asks for the newest items first, as it does by default."""
    return bool(request.get("ScanBy", "TimestampDescending") == "TimestampDescending")
