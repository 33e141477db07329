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
from trace_documents import START, TRACE_ID, nested, segment, segment_id, subsegment

ARN = "arn:aws:lambda:eu-north-1:123456789012:function:chat"


def put_lambda_trace(traces: Traces) -> None:
    """As Lambda and a function record one invocation; the client has its last byte a second before the end."""
    handler = {
        "annotations": {"cold_start": True, "tokens": 42, "model": "nova", "ignored": [1]},
        "subsegments": [nested(4, START + 0.5, START + 1, name="bedrock", namespace="aws", throttle=True)],
    }
    traces.put(subsegment(3, 2, START + 0.25, START + 3, name="## handler", **handler))
    own = {"origin": "AWS::Lambda::Function", "aws": {"account_id": "123456789012"}}
    traces.put(segment(2, START + 0.25, START + 3.25, name="chat", parent_id=segment_id(1), **own))
    status = {"http": {"response": {"status": 200}}}
    traces.put(segment(1, START, START + 2.25, name="chat", origin="AWS::Lambda", resource_arn=ARN, **status))


def summaries(client: Any, **parameters: Any) -> list[dict[str, Any]]:
    answer = client.get_trace_summaries(**{"StartTime": START - 100, "EndTime": START + 100, **parameters})
    found: list[dict[str, Any]] = answer["TraceSummaries"]
    return found


def test_a_summary(traces: Traces, client: Any) -> None:
    put_lambda_trace(traces)
    assert summaries(client) == [
        {
            "Id": TRACE_ID,
            "StartTime": datetime.fromtimestamp(START, UTC),
            "Duration": 3.25,
            "ResponseTime": 2.25,
            "HasError": False,
            "HasFault": False,
            "HasThrottle": True,
            "IsPartial": False,
            "Http": {"HttpStatus": 200},
            "Annotations": {
                "cold_start": [{"AnnotationValue": {"BooleanValue": True}}],
                "tokens": [{"AnnotationValue": {"NumberValue": 42}}],
                "model": [{"AnnotationValue": {"StringValue": "nova"}}],
            },
        }
    ]


def test_results_are_in_the_shapes_of_the_service_model(traces: Traces, client: Any) -> None:
    put_lambda_trace(traces)
    start, end = (datetime.fromtimestamp(time, UTC) for time in (START, START + 1))
    for name, request in (
        ("GetTraceSummaries", {"StartTime": start, "EndTime": end}),
        ("BatchGetTraces", {"TraceIds": [TRACE_ID, "1-6a000000-0000000000000000000000ff"]}),
    ):
        result = operations(traces)[name](request)
        validate_parameters(result, client.meta.service_model.operation_model(name).output_shape)


def test_of_a_document_that_comes_twice_the_later_counts(traces: Traces, client: Any) -> None:
    for number in range(100):
        traces.put(segment(1, name=f"number {number}"))
        if number % 7 == 0:
            summaries(client)
    (found,) = traces.get([TRACE_ID])[TRACE_ID].segments
    assert found["name"] == "number 99"


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
    for expression, expected in (("annotation.n >= 6 AND ok", [7, 6]), ("fault OR annotation.n = 0", [9, 8, 0])):
        found = summaries(client, FilterExpression=expression)
        assert [summary["Annotations"]["n"][0]["AnnotationValue"]["NumberValue"] for summary in found] == expected


def test_thousands_of_traces_are_on_pages_the_latest_first(traces: Traces, client: Any) -> None:
    ids = [f"1-{START + number // 2:08x}-{number:024x}" for number in range(2300)]
    for number, trace_id in enumerate(ids):
        traces.put(segment(1, trace_id=trace_id, annotations={"odd": number % 2 == 1, "first": number == 0}))
    times = {"StartTime": START, "EndTime": START + 5000}
    pager = client.get_paginator("get_trace_summaries")
    pages = list(pager.paginate(**times, FilterExpression="annotation.odd = true"))
    assert [summary["Id"] for page in pages for summary in page["TraceSummaries"]] == ids[:0:-2]
    assert [page["TracesProcessedCount"] for page in pages] == [1000, 1000, 300]
    assert pages[0]["ApproximateTime"] == datetime.fromtimestamp(START, UTC)
    # A page may have nothing on it, and another one after it.
    pages = list(pager.paginate(**times, FilterExpression="annotation.first = true"))
    assert [[summary["Id"] for summary in page["TraceSummaries"]] for page in pages] == [[], [], ids[:1]]


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (START, START, True),
        (START - 10, START, True),
        (START - 10, START - 1, False),
        (START + 1, START + 10, False),
        (START, START + 21600, True),
        # Far beyond what a trace's id can say.
        (10**11, 10**11, False),
    ],
)
def test_a_time_range_is_of_trace_ids(traces: Traces, client: Any, first: int, last: int, found: bool) -> None:
    """The trace's id is of the first second, its segments end later."""
    put_lambda_trace(traces)
    assert bool(summaries(client, StartTime=first, EndTime=last)) is found


def asking(**parameters: Any) -> Callable[[Any], Any]:
    times = {"StartTime": START, "EndTime": START}
    return lambda client: client.get_trace_summaries(**{**times, **parameters})


@pytest.mark.parametrize(
    ("ask", "code", "complaint"),
    [
        (asking(Sampling=True), "NotImplementedException", "GetTraceSummaries with Sampling"),
        (asking(SamplingStrategy={"Name": "PartialScan"}), "NotImplementedException", "with SamplingStrategy"),
        (asking(TimeRangeType="Event"), "NotImplementedException", "with TimeRangeType"),
        (asking(EndTime=START + 21601), "InvalidRequestException", "Time range cannot be longer than 6 hours"),
        (asking(FilterExpression="edge()"), "NotImplementedException", "filter expression: edge()"),
        (asking(FilterExpression=""), "InvalidRequestException", "Not understood in the filter expression: its end"),
        (asking(FilterExpression=f"ok{' ' * 1999}"), "InvalidRequestException", "is longer than 2000 characters"),
        (
            lambda client: client.batch_get_traces(TraceIds=[f"1-6a000000-{number:024x}" for number in range(6)]),
            "InvalidRequestException",
            "TraceIds has more than 5 ids",
        ),
        (
            lambda client: client.batch_get_traces(TraceIds=[TRACE_ID], NextToken="x"),
            "NotImplementedException",
            "BatchGetTraces with NextToken",
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


def test_subsegments_of_each_other_are_in_no_answer(traces: Traces, client: Any) -> None:
    traces.put(subsegment(1, 2))
    traces.put(subsegment(2, 1))
    assert summaries(client) == []
    assert client.batch_get_traces(TraceIds=[TRACE_ID])["UnprocessedTraceIds"] == [TRACE_ID]


def test_traces_outlive_the_process(tmp_path: Path) -> None:
    trace_id = f"1-{int(time.time()):08x}-0123456789abcdef01234567"  # an old one is not kept
    for number in (1, 2):
        store = Store(tmp_path / "telemetry")
        traces = Traces(store)
        traces.put(segment(number, trace_id=trace_id))
        found = traces.get([trace_id])[trace_id].segments
        store.close()
        assert found == [segment(one, trace_id=trace_id) for one in range(1, number + 1)]
