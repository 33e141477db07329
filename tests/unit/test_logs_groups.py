"""Log groups and streams: which there are, in which order, page by page, and what is said of those that are not."""

import time
from typing import Any

import pytest

from logs_calls import ARN, GROUP, REGION, LogsCalls
from sandbox.store import Store

UNKNOWN_GROUP = ("ResourceNotFoundException", "The specified log group does not exist.")


@pytest.fixture
def logs() -> LogsCalls:
    return LogsCalls()


def test_a_group_is_described_by_what_was_put_into_it(logs: LogsCalls) -> None:
    before = int(time.time() * 1000)
    logs.put("abc", "dé")
    [group] = logs("DescribeLogGroups")["logGroups"]
    assert before <= group.pop("creationTime") <= time.time() * 1000
    assert group == {
        "logGroupName": GROUP,
        "arn": f"{ARN}:*",
        "logGroupArn": ARN,
        "logGroupClass": "STANDARD",
        "metricFilterCount": 0,
        "storedBytes": 6,
    }


def test_a_group_that_was_created_is_there_before_its_first_event(logs: LogsCalls) -> None:
    logs.logs.create_group(GROUP)
    logs.logs.create_group(GROUP)
    [created] = logs("DescribeLogGroups")["logGroups"]
    assert created["storedBytes"] == 0
    assert logs("FilterLogEvents", logGroupName=GROUP)["events"] == []
    assert logs("DescribeLogStreams", logGroupName=GROUP) == {"logStreams": []}
    time.sleep(0.002)
    logs.put("abc")
    [filled] = logs("DescribeLogGroups")["logGroups"]
    assert filled == {**created, "storedBytes": 3}


def test_groups_are_in_the_order_of_their_names_and_come_page_by_page(logs: LogsCalls) -> None:
    names = [f"/b/{number:02}" for number in range(7)]
    for name in ["/c/b/1", "/a", *reversed(names)]:
        logs.put("x", group=name)
    pages = logs.pages("DescribeLogGroups", logGroupNamePrefix="/b/", limit=3)
    assert [[group["logGroupName"] for group in page["logGroups"]] for page in pages] == [
        names[:3],
        names[3:6],
        names[6:],
    ]
    assert [group["logGroupName"] for group in logs("DescribeLogGroups")["logGroups"]] == ["/a", *names, "/c/b/1"]


def test_a_last_page_that_is_full_has_no_token(logs: LogsCalls) -> None:
    for name in ("a", "b"):
        logs.put("x", group=name)
    assert "nextToken" not in logs("DescribeLogGroups", limit=2)


def test_streams_are_described_by_their_events(logs: LogsCalls) -> None:
    before = int(time.time() * 1000)
    logs.put("late", stream="2026/11/22/[$LATEST]a", time_ms=9_000)
    logs.put("early", stream="2026/11/22/[$LATEST]a", time_ms=7_000)
    logs.put("other group", stream="b", group="/other")
    [stream] = logs("DescribeLogStreams", logGroupIdentifier=ARN)["logStreams"]
    assert before <= stream.pop("creationTime") <= stream.pop("lastIngestionTime") <= time.time() * 1000
    assert stream == {
        "logStreamName": "2026/11/22/[$LATEST]a",
        "firstEventTimestamp": 7_000,
        "lastEventTimestamp": 9_000,
        "arn": f"{ARN}:log-stream:2026/11/22/[$LATEST]a",
        "storedBytes": 0,
    }


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({}, "abcde"),
        ({"orderBy": "LogStreamName", "descending": True}, "edcba"),
        ({"orderBy": "LastEventTime"}, "ebcda"),
        ({"orderBy": "LastEventTime", "descending": True}, "adcbe"),
    ],
)
def test_streams_are_ordered_by_name_or_time_and_come_page_by_page(
    logs: LogsCalls, order: dict[str, Any], expected: str
) -> None:
    # Of one time, `c` and `d` are told apart by their names.
    for name, time_ms in zip("abcde", (20_000, 3_000, 9_000, 9_000, 1_000), strict=True):
        logs.put("x", stream=name, time_ms=time_ms)
    pages = logs.pages("DescribeLogStreams", logGroupName=GROUP, limit=2, **order)
    found = [[stream["logStreamName"] for stream in page["logStreams"]] for page in pages]
    assert found == [list(expected[:2]), list(expected[2:4]), list(expected[4:])]


def test_streams_that_come_in_between_two_pages_make_no_other_appear_twice(logs: LogsCalls) -> None:
    for name in "bd":
        logs.put("x", stream=name)
    first = logs("DescribeLogStreams", logGroupName=GROUP, limit=1)
    for name in "ac":
        logs.put("x", stream=name)
    second = logs("DescribeLogStreams", logGroupName=GROUP, nextToken=first["nextToken"])
    assert [stream["logStreamName"] for stream in second["logStreams"]] == ["c", "d"]


def test_streams_are_found_by_prefix(logs: LogsCalls) -> None:
    for name in ("2026/11/21/a", "2026/11/22/a", "2026/11/22/b"):
        logs.put("x", stream=name)
    found = logs("DescribeLogStreams", logGroupName=GROUP, logStreamNamePrefix="2026/11/22/")["logStreams"]
    assert [stream["logStreamName"] for stream in found] == ["2026/11/22/a", "2026/11/22/b"]
    code, message = logs.refusal(
        "DescribeLogStreams", logGroupName=GROUP, logStreamNamePrefix="2026", orderBy="LastEventTime"
    )
    assert code == "InvalidParameterException"
    assert "logStreamNamePrefix" in message


@pytest.mark.parametrize("identifier", [GROUP, ARN, f"{ARN}:*"])
def test_a_group_is_named_or_identified(logs: LogsCalls, identifier: str) -> None:
    logs.put("x")
    assert logs("FilterLogEvents", logGroupIdentifier=identifier)["events"]


@pytest.mark.parametrize(
    "identifier", ["/aws/lambda/other", ARN.replace(REGION, "us-west-2"), ARN.replace("123456789012", "210987654321")]
)
def test_a_group_that_is_not_there_is_an_error(logs: LogsCalls, identifier: str) -> None:
    logs.put("x")
    for operation in ("DescribeLogStreams", "FilterLogEvents"):
        assert logs.refusal(operation, logGroupIdentifier=identifier) == UNKNOWN_GROUP
    assert logs.refusal("GetLogEvents", logGroupIdentifier=identifier, logStreamName="s") == UNKNOWN_GROUP
    query = {"queryString": "fields a", "startTime": 0, "endTime": 1}
    assert logs.refusal("StartQuery", logGroupIdentifiers=[ARN, identifier], **query) == UNKNOWN_GROUP


@pytest.mark.parametrize("groups", [{}, {"logGroupName": GROUP, "logGroupIdentifier": GROUP}])
def test_one_group_is_needed(logs: LogsCalls, groups: dict[str, str]) -> None:
    logs.put("x")
    code, message = logs.refusal("DescribeLogStreams", **groups)
    assert code == "InvalidParameterException"
    assert "logGroupName and logGroupIdentifier" in message


@pytest.mark.parametrize(
    ("operation", "parameters", "named"),
    [
        ("DescribeLogGroups", {"logGroupNamePattern": "x"}, "DescribeLogGroups with logGroupNamePattern"),
        ("DescribeLogGroups", {"includeLinkedAccounts": True}, "includeLinkedAccounts"),
        ("GetLogEvents", {"logGroupName": GROUP, "logStreamName": "s", "unmask": True}, "unmask"),
        ("FilterLogEvents", {"logGroupName": GROUP, "startFromHead": False}, "startFromHead"),
        ("GetQueryResults", {"queryId": "x", "maxItems": 0}, "maxItems"),
    ],
)
def test_a_parameter_that_is_not_supported_is_refused_by_its_name(
    logs: LogsCalls, operation: str, parameters: dict[str, Any], named: str
) -> None:
    logs.put("x")
    code, message = logs.refusal(operation, **parameters)
    assert code == "NotImplementedException"
    assert named in message


def test_a_flag_that_is_not_set_is_no_obstacle(logs: LogsCalls) -> None:
    assert logs("DescribeLogGroups", includeLinkedAccounts=False) == {"logGroups": []}


@pytest.mark.parametrize(("operation", "most"), [("DescribeLogGroups", 50), ("FilterLogEvents", 10_000)])
def test_a_limit_has_its_bounds(logs: LogsCalls, operation: str, most: int) -> None:
    logs.put("x")
    group = {"logGroupName": GROUP} if operation == "FilterLogEvents" else {}
    assert logs(operation, limit=most, **group)
    code, message = logs.refusal(operation, limit=most + 1, **group)
    assert code == "InvalidParameterException"
    assert message == f"limit must be from 1 to {most}, not {most + 1}"


def test_the_events_of_a_file_are_there_after_a_restart(tmp_path: Any) -> None:
    file = tmp_path / "telemetry.duckdb"
    first = LogsCalls(Store(file))
    first.put("one", "two")
    first.logs.store.close()
    second = LogsCalls(Store(file))
    second.put("three")
    assert second.filter("") == ["one", "two", "three"]
    second.logs.store.close()
