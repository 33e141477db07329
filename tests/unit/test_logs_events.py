"""FilterLogEvents: order, ranges, pages that together are everything once; parameters that are not supported."""

import math
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logs_calls import GROUP, LogsCalls
from sandbox.store import Store

UNKNOWN_GROUP = ("ResourceNotFoundException", "The log group /other does not exist.")


@pytest.fixture
def logs() -> LogsCalls:
    return LogsCalls()


@pytest.fixture(scope="module")
def many() -> LogsCalls:
    """One store for all examples, each of which has a group of its own."""
    return LogsCalls()


def messages(page: dict[str, Any]) -> list[str]:
    return [event["message"] for event in page["events"]]


def test_events_are_in_the_order_of_time_and_of_arrival(logs: LogsCalls) -> None:
    before = int(time.time() * 1000)
    logs.put("third", "fourth", time_ms=2_000)
    logs.put("first", "second\tü 👍 \x00", time_ms=1_000)
    page = logs("FilterLogEvents", logGroupName=GROUP)
    assert messages(page) == ["first", "second\tü 👍 \x00", "third", "fourth"]
    assert all(before <= event["ingestionTime"] <= time.time() * 1000 for event in page["events"])


def test_the_range_is_in_milliseconds_both_inside(logs: LogsCalls) -> None:
    logs.put(*"abcde", time_ms=10, step_ms=10)
    assert messages(logs("FilterLogEvents", logGroupName=GROUP, startTime=20, endTime=40)) == ["b", "c", "d"]
    assert messages(logs("FilterLogEvents", logGroupName=GROUP, startTime=21, endTime=39)) == ["c"]


def test_without_a_pattern_there_are_the_events_of_all_streams(logs: LogsCalls) -> None:
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


def test_the_events_are_those_of_some_streams(logs: LogsCalls) -> None:
    for stream in "abc":
        logs.put(f"in {stream}", stream=stream)
    page = logs("FilterLogEvents", logGroupName=GROUP, logStreamNames=["a", "c", "none"])
    assert messages(page) == ["in a", "in c"]


@settings(max_examples=40)
@given(
    events=st.lists(st.tuples(st.integers(0, 4), st.sampled_from("st"), st.booleans()), max_size=15),
    limit=st.integers(1, 6),
)
def test_the_pages_are_all_matches_once(many: LogsCalls, events: list[tuple[int, str, bool]], limit: int) -> None:
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


def test_a_follower_gets_every_event_once(logs: LogsCalls) -> None:
    """As `aws logs tail --follow` does it: again from the last event's time on, without what it has had."""
    seen: dict[str, str] = {}
    start = 1_000
    for round_ in range(4):
        logs.put(*(f"{round_}.{number}" for number in range(5)), time_ms=1_000 + round_)
        request = {"logGroupName": GROUP, "interleaved": True, "startTime": start, "filterPattern": "", "limit": 3}
        for page in logs.pages("FilterLogEvents", **request):
            for event in page["events"]:
                seen.setdefault(event["eventId"], event["message"])
                start = event["timestamp"]
    assert list(seen.values()) == [f"{round_}.{number}" for round_ in range(4) for number in range(5)]


@pytest.mark.parametrize("token", ["x", "1", "1/2/3", "1/99999999999999999999", "-1/2", "1/2\n"])
def test_a_token_that_was_not_given_is_an_error(logs: LogsCalls, token: str) -> None:
    logs.put("x")
    expected = ("InvalidParameterException", "The specified nextToken is invalid.")
    assert logs.refusal("FilterLogEvents", logGroupName=GROUP, nextToken=token) == expected


def test_a_group_is_there_from_its_creation_or_its_first_event_on(logs: LogsCalls) -> None:
    assert logs.refusal("FilterLogEvents", logGroupName="/other") == UNKNOWN_GROUP
    query = {"logGroupNames": [GROUP, "/other"], "queryString": "fields a", "startTime": 0, "endTime": 1}
    logs.put("x")
    assert logs.refusal("StartQuery", **query) == UNKNOWN_GROUP
    logs.logs.create_group("/other")
    logs.logs.create_group("/other")
    assert logs("FilterLogEvents", logGroupName="/other")["events"] == []
    assert logs("StartQuery", **query)["queryId"]


@pytest.mark.parametrize(
    ("operation", "parameters", "named"),
    [
        ("FilterLogEvents", {"logGroupName": GROUP, "startFromHead": False}, "startFromHead"),
        ("DescribeLogGroups", {"logGroupNamePattern": "x"}, "logGroupNamePattern"),
        ("FilterLogEvents", {"logGroupName": GROUP, "logStreamNamePrefix": "s"}, "logStreamNamePrefix"),
        ("FilterLogEvents", {"logGroupIdentifier": GROUP}, "logGroupIdentifier"),
        ("StartQuery", {"logGroupName": GROUP}, "logGroupName"),
        ("StartQuery", {"logGroupNames": [GROUP], "limit": 5}, "limit"),
        ("StartQuery", {"logGroupNames": [GROUP], "queryLanguage": "SQL"}, "queryLanguage"),
        ("GetQueryResults", {"queryId": "x", "maxItems": 5}, "maxItems"),
    ],
)
def test_a_parameter_that_is_not_supported_is_refused_by_its_name(
    logs: LogsCalls, operation: str, parameters: dict[str, Any], named: str
) -> None:
    logs.put("x")
    query = {"queryString": "fields a", "startTime": 0, "endTime": 1} if operation == "StartQuery" else {}
    refused = logs.refusal(operation, **parameters, **query)
    assert refused == ("NotImplementedException", f"the sandbox does not support {operation} with {named}")


def test_a_group_is_needed(logs: LogsCalls) -> None:
    expected = ("InvalidParameterException", "FilterLogEvents needs logGroupName.")
    assert logs.refusal("FilterLogEvents", filterPattern="x") == expected
    code, message = logs.refusal("StartQuery", logGroupNames=[], queryString="fields a", startTime=0, endTime=1)
    assert (code, message) == ("InvalidParameterException", "StartQuery needs logGroupNames.")


def test_the_events_of_a_file_are_there_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "telemetry.duckdb"
    now = int(time.time() * 1000)  # old ones are not kept
    first = LogsCalls(Store(file))
    first.put("one", "two", time_ms=now)
    first.logs.store.close()
    second = LogsCalls(Store(file))
    second.put("three", time_ms=now)
    assert second.filter("") == ["one", "two", "three"]
    second.logs.store.close()


@pytest.mark.parametrize(
    ("operation", "given", "longest"),
    [
        ("FilterLogEvents", {"logGroupName": GROUP, "filterPattern": "a " * 513}, "filterPattern is longer than 1024"),
        (
            "StartQuery",
            {"logGroupNames": [GROUP], "startTime": 0, "endTime": 1, "queryString": "fields a" + ",a" * 5000},
            "queryString is longer than 10000",
        ),
    ],
)
def test_a_text_that_is_longer_than_the_api_allows_is_refused(
    operation: str, given: dict[str, Any], longest: str
) -> None:
    logs = LogsCalls()
    logs.put("line")
    code, message = logs.refusal(operation, **given)
    assert (code, message) == ("InvalidParameterException", f"{longest} characters.")
