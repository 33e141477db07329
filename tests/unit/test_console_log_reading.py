"""How the console reads logs, against the sandbox through the real boto3: tails, queries, an invocation's lines."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_endpoint import Endpoint, refusing, running_endpoint
from console.logs.query import Answer, query_results
from console.logs.tail import Tail
from console.source import Source
from console.time_range import TimeRange
from console.traces.trace_log import of_invocation, trace_log, trace_of_request
from sandbox.aws_api.contract import ApiError
from sandbox.logs.api import operations
from sandbox.logs.logs import Logs
from sandbox.store import Store
from sandbox_client import aws_client

GROUP = "/aws/lambda/a"
NOW_MS = 2_000_000


@pytest.fixture
def logs() -> Iterator[Logs]:
    store = Store()
    yield Logs(store)
    store.close()


@pytest.fixture
def endpoint(logs: Logs) -> Iterator[Endpoint]:
    with running_endpoint() as running:
        running.operations.update(operations(logs))
        yield running


@pytest.fixture
def client(endpoint: Endpoint) -> Any:
    return aws_client(endpoint.ready, "logs")


def read(tail: Tail, now_ms: int = NOW_MS) -> list[str]:
    return [event["message"] for event in tail.new_events(now_ms)]


def test_a_tail_shows_each_event_once_also_those_of_one_millisecond(logs: Logs, client: Any) -> None:
    logs.put(GROUP, "s", NOW_MS - 1, "before the start")
    tail = Tail(client, GROUP, "", NOW_MS)
    assert read(tail) == []
    seen = []
    for number in range(5):
        for twin in "ab":
            logs.put(GROUP, twin, NOW_MS, f"{number}{twin}")
        seen += read(tail)
    assert seen == [f"{number}{twin}" for number in range(5) for twin in "ab"]
    assert read(tail) == []


def test_an_event_that_comes_late_is_not_lost(logs: Logs, client: Any) -> None:
    tail = Tail(client, GROUP, "", NOW_MS)
    logs.put(GROUP, "s", NOW_MS + 60_000, "new")
    assert read(tail, NOW_MS + 60_000) == ["new"]
    logs.put(GROUP, "t", NOW_MS + 46_000, "14 seconds older")
    logs.put(GROUP, "s", NOW_MS + 60_000, "newer")
    assert read(tail, NOW_MS + 62_000) == ["14 seconds older", "newer"]


def test_the_start_moves_on(endpoint: Endpoint, logs: Logs, client: Any) -> None:
    starts = []
    answer = endpoint.operations["FilterLogEvents"]

    def noted(request: Any) -> dict[str, Any]:
        starts.append(request["startTime"])
        return answer(request)

    endpoint.operations["FilterLogEvents"] = noted
    logs.put(GROUP, "s", NOW_MS + 20_000, "x")
    tail = Tail(client, GROUP, "", NOW_MS)
    assert read(tail, NOW_MS + 20_000) == ["x"]
    assert read(tail, NOW_MS + 22_000) == []
    assert read(tail, NOW_MS + 400_000) == [], "nothing came for minutes"
    assert read(tail, NOW_MS + 402_000) == []
    assert starts == [NOW_MS, NOW_MS + 5_000, NOW_MS + 5_000, NOW_MS + 100_000]


def test_a_burst_is_read_to_its_end_though_not_at_once(logs: Logs, client: Any) -> None:
    for number in range(12_345):
        logs.put(GROUP, "s", NOW_MS, f"{number}")
    tail = Tail(client, GROUP, "", NOW_MS)
    first = read(tail)
    assert first == [f"{number}" for number in range(10_000)]
    logs.put(GROUP, "s", NOW_MS, "last")
    assert read(tail) == [*(f"{number}" for number in range(10_000, 12_345)), "last"]
    assert read(tail) == []


def test_an_error_on_the_way_loses_nothing(endpoint: Endpoint, logs: Logs, client: Any) -> None:
    for number in range(1_500):
        logs.put(GROUP, "s", NOW_MS + number, f"{number}")
    answer = endpoint.operations["FilterLogEvents"]

    def second_page_fails(request: Any) -> dict[str, Any]:
        if "nextToken" in request:
            raise ApiError("ThrottlingException", "Rate exceeded")
        return answer(request)

    endpoint.operations["FilterLogEvents"] = second_page_fails
    tail = Tail(client, GROUP, "", NOW_MS)
    with pytest.raises(ClientError, match="Rate exceeded"):
        read(tail)
    endpoint.operations["FilterLogEvents"] = answer
    assert read(tail) == [f"{number}" for number in range(1_500)]


def test_a_tail_has_a_pattern(logs: Logs, client: Any) -> None:
    for line in ('{"a": 1}', '{"a": 2}', "text"):
        logs.put(GROUP, "s", NOW_MS, line)
    assert read(Tail(client, GROUP, "{ $.a = 2 }", NOW_MS)) == ['{"a": 2}']
    with pytest.raises(ClientError, match="the filter pattern"):
        read(Tail(client, GROUP, "{ $.a", NOW_MS))


RANGE = TimeRange(datetime.fromtimestamp(0, UTC), datetime.fromtimestamp(NOW_MS / 1000, UTC))


def ask(client: Any, query: str, is_wanted: Callable[[], bool] = lambda: True) -> tuple[Answer | None, list[float]]:
    looks: list[float] = []
    answer = asyncio.run(
        query_results(
            client,
            [GROUP],
            query,
            RANGE,
            is_wanted,
            lambda answer: looks.append(answer["statistics"]["recordsScanned"]),
        )
    )
    return answer, looks


def test_a_query_is_asked_for_until_it_is_complete(endpoint: Endpoint, client: Any) -> None:
    answers = [
        {"status": status, "results": [], "statistics": {"recordsScanned": scanned}}
        for status, scanned in (("Scheduled", 0.0), ("Running", 10.0), ("Running", 20.0), ("Complete", 30.0))
    ]
    endpoint.offer("StartQuery", lambda: {"queryId": "q"})
    endpoint.offer("GetQueryResults", lambda: answers.pop(0))
    answer, looks = ask(client, "fields a")
    assert answer
    assert (answer["status"], looks) == ("Complete", [0.0, 10.0, 20.0])
    assert endpoint.asked[0] == {"logGroupNames": [GROUP], "queryString": "fields a", "startTime": 0, "endTime": 2_000}


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Timeout"])
def test_a_query_that_ends_otherwise_says_so(endpoint: Endpoint, client: Any, status: str) -> None:
    endpoint.offer("StartQuery", lambda: {"queryId": "q"})
    endpoint.offer("GetQueryResults", lambda: {"status": status, "results": [], "statistics": {}})
    answer, looks = ask(client, "fields a")
    assert answer
    assert (answer["status"], looks) == (status, [])


def test_nobody_has_to_wait(endpoint: Endpoint, client: Any) -> None:
    endpoint.offer("StartQuery", lambda: {"queryId": "q"})
    endpoint.offer(
        "GetQueryResults", lambda: {"status": "Running", "results": [], "statistics": {"recordsScanned": 1.0}}
    )
    wanted = [True, True, False]
    assert ask(client, "fields a", lambda: wanted.pop(0)) == (None, [1.0, 1.0])


def test_a_real_query_and_what_the_engine_does_not_know(logs: Logs, client: Any) -> None:
    logs.put(GROUP, "s", 1_000, json.dumps({"a": 5}))
    answer, _ = ask(client, "fields a")
    assert answer
    assert answer["results"][0][0] == {"field": "a", "value": "5"}
    with pytest.raises(ClientError, match="does not support the Logs Insights command dedup"):
        ask(client, "dedup a")


def test_an_error_of_the_service_is_passed_on(endpoint: Endpoint, client: Any) -> None:
    endpoint.offer("StartQuery", refusing(ApiError("LimitExceededException", "too many queries")))
    with pytest.raises(ClientError, match="too many queries"):
        ask(client, "fields a")


def invocation(request_id: str, *lines: str) -> list[str]:
    return [
        f"START RequestId: {request_id} Version: 1",
        *lines,
        f"END RequestId: {request_id}",
        f"REPORT RequestId: {request_id}\tx",
    ]


def test_the_lines_of_an_invocation_are_those_between_its_start_and_its_report() -> None:
    stream = [
        *("INIT_START", "imported", *invocation("a", "printed by a"), *invocation("b", "by b", "also by b")),
        *("between", *invocation("c", "by c")),
    ]
    events = [{"message": message} for message in stream]

    def lines(request_id: str) -> list[str]:
        return [event["message"] for event in of_invocation(events, request_id)]

    assert lines("a") == ["INIT_START", "imported", *invocation("a", "printed by a")]
    assert lines("b") == invocation("b", "by b", "also by b")
    assert lines("c") == ["between", *invocation("c", "by c")]
    assert lines("d") == []


def test_an_invocation_without_an_end_goes_on_to_the_next_one() -> None:
    events = [{"message": message} for message in ("START RequestId: a", "x", "y", *invocation("b", "z"))]
    assert [event["message"] for event in of_invocation(events, "a")] == ["START RequestId: a", "x", "y"]


TRACE_ID = "1-6b0ae68d-aef8609f01557d5265e378fb"


def test_the_log_of_a_trace_has_all_lines_of_its_invocations(logs: Logs, client: Any) -> None:
    invocations = (("x", "before", -100), ("x", "wanted", 0), ("y", "wanted too", 1), ("y", "after", 100))
    for stream, request_id, begin_ms in invocations:
        for number, line in enumerate(invocation(request_id, f"printed by {request_id}")):
            logs.put(GROUP, stream, NOW_MS + begin_ms + 10 * number, line)
    logs.put("/other", "z", NOW_MS, "names wanted and no other")
    logs.put(GROUP, "x", NOW_MS + 61_000, "wanted, but a minute later")
    source = Source("s", "eu-north-1", None, client, None, {}, None)
    found = trace_log(source, [GROUP, "/other"], ["wanted", "wanted too"], NOW_MS, NOW_MS + 100)
    assert not found.is_cut
    assert [event["message"] for event in found.events if event["logStreamName"] != "z"] == [
        *("START RequestId: wanted Version: 1", "START RequestId: wanted too Version: 1"),
        *("printed by wanted", "printed by wanted too"),
        *("END RequestId: wanted", "END RequestId: wanted too"),
        *("REPORT RequestId: wanted\tx", "REPORT RequestId: wanted too\tx"),
    ]
    assert "names wanted and no other" in [event["message"] for event in found.events]


def test_the_log_of_a_trace_ends_somewhere(logs: Logs, client: Any) -> None:
    for line in invocation("wanted", *("line",) * 600):
        logs.put(GROUP, "x", NOW_MS, line)
    found = trace_log(Source("s", "eu-north-1", None, client, None, {}, None), [GROUP], ["wanted"], NOW_MS, NOW_MS)
    assert (len(found.events), found.is_cut) == (500, True)


def test_the_log_names_the_trace_of_a_request(logs: Logs, client: Any) -> None:
    logs.create_group("/empty")
    logs.put(GROUP, "x", NOW_MS, "START RequestId: wanted")
    logs.put(GROUP, "x", NOW_MS, f"REPORT RequestId: other\nXRAY TraceId: {TRACE_ID[:-1]}0")
    logs.put(GROUP, "x", NOW_MS, f"REPORT RequestId: wanted\nXRAY TraceId: {TRACE_ID}")
    source = Source("s", "eu-north-1", None, client, None, {}, None)
    assert trace_of_request(source, ["/empty", GROUP], "wanted", NOW_MS, NOW_MS) == TRACE_ID
    assert trace_of_request(source, [GROUP], "wanted", NOW_MS + 1, NOW_MS + 2) is None
    assert trace_of_request(source, [GROUP], "unknown", NOW_MS, NOW_MS) is None
