"""The API's timestamps as the engine has them, in milliseconds since 1970, and back."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Return a moment in milliseconds, what is less left away."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(time_ms: int) -> datetime:
    """Return the moment, in UTC."""
    return _EPOCH + time_ms * _MILLISECOND
