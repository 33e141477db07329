"""What an address says of the time that a page shows, and what a reader is told of a wrong one."""

from datetime import UTC, datetime

import pytest

from console.time_range import AddressError, moment, time_range

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_a_time_is_said_by_its_length_or_its_ends() -> None:
    lately = time_range({"last": "90m"}, now=NOON)
    assert (lately.start, lately.end, lately.query) == (NOON.replace(hour=10, minute=30), NOON, {"last": "90m"})
    assert time_range({}, default="1h", now=NOON).last == "1h"
    ends = time_range({"from": "2026-11-28T11:00", "to": "2026-11-28T12:00Z", "last": "never"})
    assert (ends.start, ends.end) == (NOON.replace(hour=11), NOON)


@pytest.mark.parametrize(
    ("query", "message", "names"),
    [
        ({"last": "xyz"}, "last=xyz is not a time. Use 30m, 3h, 7d or 2w.", ("last",)),
        ({"last": "0h"}, "last=0h is not a time. Use 30m, 3h, 7d or 2w.", ("last",)),
        (
            {"last": "900d"},
            "last=900d is more than the 15 months that CloudWatch keeps metrics. Use 30m, 3h, 7d or 2w.",
            ("last",),
        ),
        (
            {"from": "2026-11-28T12:00Z"},
            "This address needs both from and to, such as 2026-11-28T14:00:00Z.",
            ("from", "to"),
        ),
        (
            {"from": "x", "to": "2026-11-28T12:00Z"},
            "from=x is not a time. Use one such as 2026-11-28T14:00:00Z.",
            ("from", "to"),
        ),
        ({"from": "2026-11-28", "to": "2026-11-27"}, "to=2026-11-27 is not after from=2026-11-28.", ("from", "to")),
    ],
    ids=["no time", "nothing", "too long", "one end", "no end", "turned round"],
)
def test_a_wrong_time_is_said_with_what_to_leave_out(query: dict[str, str], message: str, names: tuple[str]) -> None:
    with pytest.raises(AddressError) as caught:
        time_range(query)
    assert (str(caught.value), caught.value.names) == (message, names)


def test_a_wrong_moment_is_left_out_alone() -> None:
    with pytest.raises(AddressError) as caught:
        moment({"before": "0001-01-01"}, "before")
    assert caught.value.names == ("before",)
