"""X-Ray's operations, as the real boto3 sees them."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

from sandbox.store import Store
from sandbox.xray.api import operations
from sandbox.xray.traces import Traces
from trace_documents import START, TRACE_ID, in_progress, nested, segment, segment_id, subsegment

LATER = 1_000_000_000
ARN = "arn:aws:lambda:eu-north-1:123456789012:function:chat"


def put_lambda_trace(traces: Traces) -> None:
    """As Lambda and a function record one invocation; the client has its last byte a second before the end."""
    handler = {
        "annotations": {"cold_start": True, "tokens": 42, "model": "nova", "ignored": [1]},
        "subsegments": [nested(4, START + 0.5, START + 1, name="bedrock", namespace="aws", throttle=True)],
    }
    traces.put(subsegment(3, 2, START + 0.25, START + 3, name="## handler", **handler))
    own = {"origin": "AWS::Lambda::Function", "aws": {"account_id": "123456789012"}, "user": 7}
    traces.put(segment(2, START + 0.25, START + 3.25, name="chat", parent_id=segment_id(1), **own))
    http = {"request": {"method": "POST", "url": "https://x.test/"}, "response": {"status": 200}}
    traces.put(
        segment(1, START, START + 2.25, name="chat", origin="AWS::Lambda", http=http, resource_arn=ARN, user="u")
    )


def summaries(client: Any, **parameters: Any) -> list[dict[str, Any]]:
    pages = client.get_paginator("get_trace_summaries").paginate(
        **{"StartTime": START - 100, "EndTime": START + 100, **parameters}
    )
    return [summary for page in pages for summary in page["TraceSummaries"]]


def test_a_summary_says_all_that_the_documents_say(traces: Traces, client: Any) -> None:
    put_lambda_trace(traces)
    (summary,) = summaries(client)
    facade = {"Name": "chat", "Names": ["chat"], "Type": "AWS::Lambda"}
    function = {"Name": "chat", "Names": ["chat"], "AccountId": "123456789012", "Type": "AWS::Lambda::Function"}

    def annotation(**value: Any) -> list[dict[str, Any]]:
        return [{"AnnotationValue": value, "ServiceIds": [function]}]

    assert summary == {
        "Id": TRACE_ID,
        "StartTime": datetime.fromtimestamp(START, UTC),
        "Duration": 3.25,
        "ResponseTime": 2.25,
        "HasError": False,
        "HasFault": False,
        "HasThrottle": True,
        "IsPartial": False,
        "Http": {"HttpURL": "https://x.test/", "HttpStatus": 200, "HttpMethod": "POST"},
        "Annotations": {
            "cold_start": annotation(BooleanValue=True),
            "tokens": annotation(NumberValue=42),
            "model": annotation(StringValue="nova"),
        },
        "Users": [{"UserName": "u", "ServiceIds": [facade]}],
        "ServiceIds": [facade, function, {"Name": "bedrock", "Names": ["bedrock"]}],
        "EntryPoint": facade,
        "ResourceARNs": [{"ARN": ARN}],
    }


def test_an_annotation_has_each_value_once_with_the_services_that_gave_it(traces: Traces, client: Any) -> None:
    inner = [nested(3, annotations={"a": True}), nested(4, annotations={"a": 1})]
    traces.put(segment(1, annotations={"a": 1}, subsegments=inner))
    traces.put(segment(2, START + 1, annotations={"a": 1}))
    (summary,) = summaries(client)
    found = [
        (one["AnnotationValue"], [service["Name"] for service in one["ServiceIds"]])
        for one in summary["Annotations"]["a"]
    ]
    assert found == [({"NumberValue": 1}, ["s1", "s2"]), ({"BooleanValue": True}, ["s1"])]


def test_what_is_not_known_yet_is_left_out(traces: Traces, client: Any) -> None:
    traces.put(in_progress(segment(1)))
    (summary,) = summaries(client)
    assert summary["IsPartial"]
    assert not {"Duration", "ResponseTime"} & set(summary)
    (trace,) = client.batch_get_traces(TraceIds=[TRACE_ID])["Traces"]
    assert "Duration" not in trace


def test_results_are_in_the_shapes_of_the_service_model(traces: Traces, client: Any) -> None:
    put_lambda_trace(traces)
    traces.put(in_progress(segment(1, trace_id="1-6a000000-0000000000000000000000ff")))
    start, end = (datetime.fromtimestamp(time, UTC) for time in (0, 4 * LATER))
    for name, request in (
        ("GetTraceSummaries", {"StartTime": start, "EndTime": end, "TimeRangeType": "Event"}),
        ("BatchGetTraces", {"TraceIds": [TRACE_ID, "1-6a000000-0000000000000000000000ff"]}),
    ):
        result = operations(traces)[name](request)
        validate_parameters(result, client.meta.service_model.operation_model(name).output_shape)


def test_of_a_document_that_comes_twice_the_later_counts(traces: Traces, client: Any) -> None:
    for number in range(100):
        traces.put(segment(1, name=f"number {number}"))
        if number % 7 == 0:
            summaries(client)
    (summary,) = summaries(client)
    assert summary["EntryPoint"]["Name"] == "number 99"


def test_whole_traces_come_back_in_the_order_that_was_asked_for(traces: Traces, client: Any) -> None:
    put_lambda_trace(traces)
    other, absent = "1-6a000000-0000000000000000000000ff", "1-6a000000-0000000000000000000000fe"
    traces.put(segment(9, trace_id=other))
    answer = client.batch_get_traces(TraceIds=[TRACE_ID, absent, other, TRACE_ID])
    assert answer["UnprocessedTraceIds"] == [absent]
    first, second = answer["Traces"]
    assert (first["Id"], first["Duration"], first["LimitExceeded"]) == (TRACE_ID, 3.25, False)
    documents = [json.loads(one["Document"]) for one in first["Segments"]]
    assert [one["Id"] for one in first["Segments"]] == [one["id"] for one in documents]
    facade, function, bedrock = documents
    assert facade["resource_arn"] == ARN
    assert function["subsegments"][0]["subsegments"][0]["id"] == bedrock["parent_id"] == segment_id(4)
    assert second == {
        "Id": other,
        "Duration": 1.0,
        "LimitExceeded": False,
        "Segments": [{"Id": segment_id(9), "Document": json.dumps(segment(9, trace_id=other), separators=(",", ":"))}],
    }


def test_a_filter_chooses_traces(traces: Traces, client: Any) -> None:
    for number in range(10):
        traces.put(segment(1, trace_id=f"1-6a000000-{number:024x}", annotations={"n": number}, fault=number > 7))
    for expression, expected in (("annotation.n >= 6 AND !fault", [7, 6]), ("service() { fault }", [9, 8])):
        found = summaries(client, FilterExpression=expression)
        assert [summary["Annotations"]["n"][0]["AnnotationValue"]["NumberValue"] for summary in found] == expected


def test_pages_hold_every_trace_once_the_latest_first(traces: Traces, client: Any) -> None:
    ids = [f"1-{START + number // 2:08x}-{number:024x}" for number in range(2300)]
    for number, trace_id in enumerate(ids):
        traces.put(segment(1, trace_id=trace_id, annotations={"odd": number % 2 == 1}))
    times = {"StartTime": START, "EndTime": START + 5000}
    pages = list(client.get_paginator("get_trace_summaries").paginate(**times, FilterExpression="annotation.odd"))
    assert [summary["Id"] for page in pages for summary in page["TraceSummaries"]] == ids[:0:-2]
    assert [page["TracesProcessedCount"] for page in pages] == [1000, 1000, 300]
    # A page goes back to its last trace, the last one to the start of the range.
    starts = [START + 1300 // 2, START + 300 // 2, START]
    assert [page["ApproximateTime"] for page in pages] == [datetime.fromtimestamp(start, UTC) for start in starts]


def test_traces_that_came_in_between_are_on_no_later_page(traces: Traces) -> None:
    get = operations(traces)["GetTraceSummaries"]
    for number in range(1001):
        traces.put(segment(1, trace_id=f"1-6a000000-{number:024x}"))
    times = {"StartTime": datetime.fromtimestamp(START, UTC), "EndTime": datetime.fromtimestamp(START + 100, UTC)}
    token = get(times)["NextToken"]
    traces.put(segment(1, trace_id="1-6a000001-000000000000000000000000"))
    (summary,) = get({**times, "NextToken": token})["TraceSummaries"]
    assert summary["Id"] == "1-6a000000-000000000000000000000000"


@pytest.mark.parametrize(
    ("time_range", "first", "last", "found"),
    [
        ("TraceId", START, START, True),
        ("TraceId", START - 10, START - 1, False),
        ("TraceId", START + 1, START + 10, False),
        (None, START, START, True),
        (None, START + 1, LATER * 4, False),
        ("Service", START + 3, START + 3, True),
        ("Service", START - 10, START + 1, False),
        ("Service", START + 4, START + 10, False),
        ("Event", START, START + 10, False),
    ],
)
def test_a_time_range_is_of_trace_ids_or_of_segment_ends(
    traces: Traces, client: Any, time_range: str | None, first: int, last: int, found: bool
) -> None:
    """The trace's id is of the first second, its segments end in the third and fourth, a subsegment in the sixth."""
    put_lambda_trace(traces)
    traces.put(subsegment(5, 2, START, START + 5.5))
    kind = {"TimeRangeType": time_range} if time_range else {}
    assert bool(summaries(client, StartTime=first, EndTime=last, **kind)) is found


def test_a_time_range_of_events_is_of_arrivals(traces: Traces, client: Any) -> None:
    before = time.time()
    traces.put(segment(1))
    after = time.time()
    (summary,) = summaries(client, StartTime=before, EndTime=after, TimeRangeType="Event")
    assert before - 0.001 <= summary["MatchedEventTime"].timestamp() <= after
    assert not summaries(client, StartTime=before - 100, EndTime=before - 10, TimeRangeType="Event")


def asking(**parameters: Any) -> Callable[[Any], Any]:
    times = {"StartTime": START, "EndTime": START}
    return lambda client: client.get_trace_summaries(**{**times, **parameters})


@pytest.mark.parametrize(
    ("ask", "code", "complaint"),
    [
        (asking(Sampling=True), "NotImplementedException", "does not support Sampling"),
        (asking(SamplingStrategy={"Name": "PartialScan"}), "NotImplementedException", "SamplingStrategy"),
        (asking(TimeRangeType="Trace"), "InvalidRequestException", "TraceId, Event, Service, not Trace"),
        (asking(NextToken="x"), "InvalidRequestException", "NextToken is not one that GetTraceSummaries has returned"),
        (asking(StartTime=START + 1), "InvalidRequestException", "StartTime is after EndTime"),
        (asking(FilterExpression="edge()"), "InvalidRequestException", "filter keyword edge is not supported"),
        (asking(FilterExpression=""), "InvalidRequestException", "cannot be understood at: its end"),
        (
            lambda client: client.batch_get_traces(TraceIds=[f"1-6a000000-{number:024x}" for number in range(6)]),
            "InvalidRequestException",
            "TraceIds has more than 5 ids",
        ),
        (
            lambda client: client.batch_get_traces(TraceIds=[TRACE_ID], NextToken="x"),
            "InvalidRequestException",
            "NextToken is not supported",
        ),
        (lambda client: client.get_groups(), "NotImplementedException", "GetGroups"),
        (
            lambda client: client.get_service_graph(StartTime=START, EndTime=START),
            "NotImplementedException",
            "GetServiceGraph",
        ),
    ],
)
def test_what_is_wrong_or_not_supported_is_refused_by_name(
    client: Any, ask: Callable[[Any], Any], code: str, complaint: str
) -> None:
    with pytest.raises(ClientError) as refused:
        ask(client)
    assert refused.value.response["Error"]["Code"] == code
    assert complaint in refused.value.response["Error"]["Message"]


def test_no_sampling_may_be_asked_for(traces: Traces, client: Any) -> None:
    traces.put(segment(1))
    assert summaries(client, Sampling=False)


def test_subsegments_of_each_other_are_in_no_answer(traces: Traces, client: Any) -> None:
    traces.put(subsegment(1, 2))
    traces.put(subsegment(2, 1))
    assert summaries(client) == []
    assert client.batch_get_traces(TraceIds=[TRACE_ID])["UnprocessedTraceIds"] == [TRACE_ID]


def test_traces_outlive_the_process(tmp_path: Path) -> None:
    for number in (1, 2):
        store = Store(tmp_path / "telemetry")
        traces = Traces(store)
        traces.put(segment(number))
        found = traces.get([TRACE_ID])[TRACE_ID].segments
        store.close()
        assert found == [segment(one) for one in range(1, number + 1)]


def test_thousands_of_traces_are_summarised_in_a_moment(traces: Traces, client: Any) -> None:
    for number in range(5000):
        trace_id = f"1-6a000000-{number:024x}"
        traces.put(segment(1, trace_id=trace_id, subsegments=[nested(2, annotations={"n": number})]))
        traces.put(subsegment(3, 2, trace_id=trace_id, metadata={"x": "y" * 500}))
    began = time.monotonic()
    assert len(summaries(client)) == 5000
    # It is a second on a laptop.
    assert time.monotonic() - began < 20
