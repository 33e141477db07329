"""Reading events: order, ranges, streams, and pages that together are everything once, in both directions."""

import math
import time
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logs_calls import GROUP, LogsCalls

UNKNOWN_STREAM = ("ResourceNotFoundException", "The specified log stream does not exist.")


@pytest.fixture
def logs() -> LogsCalls:
    return LogsCalls()


@pytest.fixture(scope="module")
def many() -> LogsCalls:
    """One store for all examples, each of which has a group of its own."""
    return LogsCalls()


def messages(page: dict[str, Any]) -> list[str]:
    return [event["message"] for event in page["events"]]


def stream_events(logs: LogsCalls, **parameters: Any) -> dict[str, Any]:
    return logs("GetLogEvents", logGroupName=GROUP, logStreamName="s", **parameters)


def test_a_stream_is_read_in_the_order_of_time_and_of_arrival(logs: LogsCalls) -> None:
    before = int(time.time() * 1000)
    logs.put("third", "fourth", time_ms=2_000)
    logs.put("first", "second\tü 👍 \x00", time_ms=1_000)
    logs.put("elsewhere", stream="t")
    page = stream_events(logs)
    assert messages(page) == ["first", "second\tü 👍 \x00", "third", "fourth"]
    assert [event["timestamp"] for event in page["events"]] == [1_000, 1_000, 2_000, 2_000]
    assert all(before <= event["ingestionTime"] <= time.time() * 1000 for event in page["events"])


def test_the_latest_events_are_given_unless_the_first_are_asked_for(logs: LogsCalls) -> None:
    logs.put(*"abcde", step_ms=10)
    assert messages(stream_events(logs, limit=2)) == ["d", "e"]
    assert messages(stream_events(logs, limit=2, startFromHead=True)) == ["a", "b"]


def test_a_stream_s_end_time_is_outside_and_a_filter_s_is_inside(logs: LogsCalls) -> None:
    logs.put(*"abcd", time_ms=10, step_ms=10)
    assert messages(stream_events(logs, startTime=20, endTime=40)) == ["b", "c"]
    filtered = logs("FilterLogEvents", logGroupName=GROUP, startTime=20, endTime=40)
    assert messages(filtered) == ["b", "c", "d"]


@settings(max_examples=40)
@given(times=st.lists(st.integers(0, 5), max_size=12), limit=st.integers(1, 5), head=st.booleans())
def test_the_pages_of_a_stream_are_all_events_once(many: LogsCalls, times: list[int], limit: int, head: bool) -> None:
    group = str(uuid.uuid4())
    many.put("elsewhere", stream="t", group=group)
    many.put("the first", time_ms=0, group=group)
    for number, time_ms in enumerate(times):
        many.put(str(number), time_ms=time_ms, group=group)
    expected = ["the first", *(str(number) for _, number in sorted((time_ms, n) for n, time_ms in enumerate(times)))]
    request = {"logGroupName": group, "logStreamName": "s", "limit": limit, "startFromHead": head}
    token = "nextForwardToken" if head else "nextBackwardToken"
    pages = [many("GetLogEvents", **request)]
    while len(pages) == 1 or pages[-1][token] != pages[-2][token]:
        pages.append(many("GetLogEvents", **request, nextToken=pages[-1][token]))
    assert pages[-1]["events"] == []
    assert [message for page in (pages if head else reversed(pages)) for message in messages(page)] == expected


def test_from_each_page_one_can_turn_back(logs: LogsCalls) -> None:
    logs.put(*"abcdef")
    first = stream_events(logs, limit=2, startFromHead=True)
    second = stream_events(logs, limit=2, nextToken=first["nextForwardToken"])
    end = stream_events(logs, nextToken=stream_events(logs, nextToken=second["nextForwardToken"])["nextForwardToken"])
    assert messages(second) == ["c", "d"]
    assert messages(stream_events(logs, limit=2, nextToken=second["nextBackwardToken"])) == ["a", "b"]
    assert end["events"] == []
    assert messages(stream_events(logs, limit=2, nextToken=end["nextBackwardToken"])) == ["e", "f"]
    beginning = stream_events(logs, nextToken=first["nextBackwardToken"])
    assert beginning["events"] == []
    assert messages(stream_events(logs, limit=2, nextToken=beginning["nextForwardToken"])) == ["a", "b"]


@pytest.mark.parametrize("head", [True, False])
def test_a_reader_at_the_end_gets_what_comes_later(logs: LogsCalls, head: bool) -> None:
    logs.put("before the range", time_ms=1)
    empty = stream_events(logs, startFromHead=head, startTime=1_000)
    assert empty["events"] == []
    logs.put("one", "two")
    page = stream_events(logs, startFromHead=True, startTime=1_000, nextToken=empty["nextForwardToken"])
    assert messages(page) == ["one", "two"]
    logs.put("three")
    assert messages(stream_events(logs, nextToken=page["nextForwardToken"])) == ["three"]


def test_a_filter_without_a_pattern_gives_the_events_of_all_streams(logs: LogsCalls) -> None:
    logs.put("b", stream="s2", time_ms=2)
    logs.put("a", "c", stream="s1", time_ms=1, step_ms=2)
    logs.put("elsewhere", group="/other")
    page = logs("FilterLogEvents", logGroupName=GROUP, interleaved=True)
    assert page["searchedLogStreams"] == []
    assert "nextToken" not in page
    assert [(event["logStreamName"], event["timestamp"], event["message"]) for event in page["events"]] == [
        ("s1", 1, "a"),
        ("s2", 2, "b"),
        ("s1", 3, "c"),
    ]
    assert len({event["eventId"] for event in page["events"]}) == 3


def test_a_filter_chooses_streams_by_name_or_prefix(logs: LogsCalls) -> None:
    for name in ("2026/a", "2026/b", "2025/a", "1/2026/"):
        logs.put(name, stream=name)
    assert messages(logs("FilterLogEvents", logGroupName=GROUP, logStreamNames=["2026/b", "2025/a"])) == [
        "2026/b",
        "2025/a",
    ]
    assert messages(logs("FilterLogEvents", logGroupName=GROUP, logStreamNamePrefix="2026/")) == ["2026/a", "2026/b"]


@settings(max_examples=40)
@given(
    events=st.lists(st.tuples(st.integers(0, 4), st.sampled_from("st"), st.booleans()), max_size=15),
    limit=st.integers(1, 6),
)
def test_the_pages_of_a_filter_are_all_matches_once(
    many: LogsCalls, events: list[tuple[int, str, bool]], limit: int
) -> None:
    group = str(uuid.uuid4())
    many.put("no match", time_ms=0, group=group)
    for number, (time_ms, stream, hit) in enumerate(events):
        many.put(f"{'hit' if hit else 'miss'} {number}", stream=stream, time_ms=time_ms, group=group)
    order = sorted((time_ms, number) for number, (time_ms, _, hit) in enumerate(events) if hit)
    pages = many.pages("FilterLogEvents", logGroupName=group, filterPattern="hit", limit=limit)
    assert [message for page in pages for message in messages(page)] == [f"hit {number}" for _, number in order]
    assert all(len(page["events"]) == limit for page in pages[:-1])
    assert len(pages) == max(1, math.ceil(len(order) / limit))


def test_thousands_of_lines_are_given_up_to_ten_thousand_at_a_time(logs: LogsCalls) -> None:
    logs.put(*(f"line {number}" for number in range(10_003)))
    pages = logs.pages("FilterLogEvents", logGroupName=GROUP)
    assert [len(page["events"]) for page in pages] == [10_000, 3]
    assert messages(pages[1]) == ["line 10000", "line 10001", "line 10002"]
    assert len(stream_events(logs)["events"]) == 10_000


def test_a_follower_gets_every_event_once(logs: LogsCalls) -> None:
    """As `aws logs tail --follow` does it: again from the last event's time on, without what it has had."""
    seen: dict[str, str] = {}
    start = 1_000
    for round_ in range(4):
        logs.put(*(f"{round_}.{number}" for number in range(5)), time_ms=1_000 + round_)
        for page in logs.pages(
            "FilterLogEvents", logGroupName=GROUP, interleaved=True, startTime=start, filterPattern="", limit=3
        ):
            for event in page["events"]:
                seen.setdefault(event["eventId"], event["message"])
                start = event["timestamp"]
    assert list(seen.values()) == [f"{round_}.{number}" for round_ in range(4) for number in range(5)]


@pytest.mark.parametrize(
    "token", ["x", "f/1", "f/1/2/3", "f/1/9999999999999999999", "f/9999999999999999999/1", "f/-1/2", "b/1/2", "f/1/2\n"]
)
def test_a_token_that_was_not_given_is_an_error(logs: LogsCalls, token: str) -> None:
    logs.put("x")
    expected = ("InvalidParameterException", "The specified nextToken is invalid.")
    assert logs.refusal("FilterLogEvents", logGroupName=GROUP, nextToken=token) == expected
    if not token.startswith("b"):
        assert logs.refusal("GetLogEvents", logGroupName=GROUP, logStreamName="s", nextToken=token) == expected


def test_a_stream_that_is_not_there_is_an_error(logs: LogsCalls) -> None:
    logs.put("x")
    logs.put("x", group="/other", stream="t")
    assert logs.refusal("GetLogEvents", logGroupName=GROUP, logStreamName="t") == UNKNOWN_STREAM
    assert logs.refusal("FilterLogEvents", logGroupName=GROUP, logStreamNames=["s", "t"]) == UNKNOWN_STREAM


def test_streams_are_chosen_in_one_way(logs: LogsCalls) -> None:
    logs.put("x")
    code, message = logs.refusal("FilterLogEvents", logGroupName=GROUP, logStreamNames=["s"], logStreamNamePrefix="s")
    assert code == "InvalidParameterException"
    assert "logStreamNames and logStreamNamePrefix" in message
