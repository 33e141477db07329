"""The time that a page shows, as its address says it: `last=3h`, or `from` and `to`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# What a page offers, as in the CloudWatch console.
CHOICES = ("5m", "15m", "1h", "3h", "12h", "3d", "7d", "30d")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class AddressError(ValueError):
    """An address asks for something that there is not; the message says what it may say.

    Args:
        message: a sentence or two for the reader.
        names: what is wrong in the query string.
    """

    def __init__(self, message: str, *names: str) -> None:
        super().__init__(message)
        self.names = names


@dataclass(frozen=True)
class TimeRange:
    """From `start` to `end`, both with a time zone; `last` is how it was said if it ends now, such as 3h."""

    start: datetime
    end: datetime
    last: str | None = None

    @property
    def query(self) -> dict[str, str]:
        """The query of an address that shows the same time."""
        return (
            {"last": self.last} if self.last else {"from": f"{self.start.isoformat()}", "to": f"{self.end.isoformat()}"}
        )


def duration(text: str) -> timedelta:
    """Return what a text such as `90m`, `3h` or `7d` means.

    Raises:
        ValueError: it is no such text, or longer than 15 months, for which CloudWatch keeps metrics; the text and the
            message are a sentence.
    """
    found = re.fullmatch(r"([1-9]\d{0,5})([mhdw])", text)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not found:
        raise ValueError("is not a time. Use 30m, 3h, 7d or 2w.")
    if seconds > 455 * 86_400:
        raise ValueError("is more than the 15 months that CloudWatch keeps metrics. Use 30m, 3h, 7d or 2w.")
    return timedelta(seconds=seconds)


def time_range(query: Mapping[str, str], default: str = "3h", now: datetime | None = None) -> TimeRange:
    """Return the time that an address asks for; without one, the time of length `default` that ends now.

    Raises:
        AddressError: the address names a time that makes no sense.
    """
    if "from" in query or "to" in query:
        if not (query.get("from") and query.get("to")):
            raise AddressError("This address needs both from and to, such as 2026-11-28T14:00:00Z.", "from", "to")
        start, end = moment(query, "from"), moment(query, "to")
        if start >= end:
            raise AddressError(f"to={query['to']} is not after from={query['from']}.", "from", "to")
        return TimeRange(start, end)
    last = query.get("last") or default
    end = now or datetime.now(UTC)
    try:
        return TimeRange(end - duration(last), end, last)
    except ValueError as error:
        raise AddressError(f"last={last} {error}", "last") from None


def moment(query: Mapping[str, str], name: str) -> datetime:
    """Return the moment that an address says in ISO 8601; it is UTC if the text has no time zone.

    Args:
        query: what the address says.
        name: which of it is the moment, such as `from`.

    Raises:
        AddressError: it names none, or one so long ago or so far ahead that nobody can compute with it.
    """
    text = query[name]
    try:
        named = datetime.fromisoformat(text)
    except ValueError:
        named = datetime.min
    if not 1970 <= named.year < 9999:
        wrong = ("from", "to") if name in ("from", "to") else (name,)
        raise AddressError(f"{name}={text} is not a time. Use one such as 2026-11-28T14:00:00Z.", *wrong)
    return named if named.tzinfo else named.replace(tzinfo=UTC)
