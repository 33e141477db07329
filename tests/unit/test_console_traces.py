"""Traces in the console: what is asked of X-Ray, how far it searches, and what the list and the waterfall say."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from aws_endpoint import Endpoint, running_endpoint
from console.source import Source
from console.time_range import TimeRange, time_range
from console.traces.list_page import wanted_of
from console.traces.search import FAILED, MOST_TRACES, OUTCOMES, Wanted, filter_expression, functions_of, search
from console.traces.summary import summary
from console.traces.waterfall import GAP, waterfall
from firstbyte.meter import Outcome
from sandbox.xray.traces import Traces
from sandbox_client import aws_client
from trace_documents import START, TRACE_ID, nested, segment, segment_id
from trace_service import client, endpoint, traces

__all__ = ["client", "endpoint", "traces"]


def until(hours: float) -> TimeRange:
    """The hours before START."""
    end = datetime.fromtimestamp(START, UTC)
    return TimeRange(end - timedelta(hours=hours), end)


def put(traces: Traces, before: float, number: int = 0, name: str = "f", **fields: Any) -> str:
    """Put a trace that began so many seconds before START."""
    trace_id = f"1-{int(START - before):08x}-{number:024x}"
    traces.put(segment(1, START - before, START - before + 1, trace_id=trace_id, name=name, **fields))
    return trace_id


def ids(client: Any, shown: TimeRange, expression: str | None = None) -> list[str]:
    return [one["Id"] for one in search(client, shown, expression).summaries]


def test_the_outcomes_are_those_of_the_function() -> None:
    assert set(OUTCOMES) == {str(outcome) for outcome in Outcome}


@pytest.mark.parametrize("functions", [[], ["f"], ["other", "f"]])
def test_a_filter_finds_what_it_says(traces: Traces, client: Any, functions: list[str]) -> None:
    fast = {"model": 'a "b" \\', "outcome": "completed", "ttft_ms": 100.5}
    completed = put(traces, 10, annotations=fast)
    slow = put(traces, 20, annotations={**fast, "model": "m", "ttft_ms": 3000})
    cut = put(traces, 30, annotations={"model": "m", "outcome": "interrupted"})
    died = put(traces, 40, fault=True)
    refused = put(traces, 50, error=True)
    elsewhere = put(traces, 60, name="of another stack", annotations={**fast, "outcome": "interrupted"}, fault=True)

    def found(**wanted: Any) -> list[str]:
        return ids(client, until(1), filter_expression(Wanted(**wanted), functions))

    others = [] if functions else [elsewhere]
    assert found() == [completed, slow, cut, died, refused, *others]
    assert found(outcome="completed") == [completed, slow]
    assert found(outcome="interrupted") == [cut, *others]
    assert found(outcome=FAILED) == [cut, died, refused, *others]
    assert found(outcome=FAILED, model="m") == [cut]
    assert found(model='a "b" \\', outcome="completed") == [completed]
    assert found(slow_ms=100.5) == [slow]
    assert found(slow_ms=0.0, model="m") == [slow]


def test_without_a_filter_there_is_no_expression() -> None:
    assert filter_expression(Wanted(), []) is None


@pytest.mark.parametrize("slow", ["fast", "-1", "nan", "inf", "1e999"])
def test_a_time_that_is_none_is_refused_by_name(slow: str) -> None:
    with pytest.raises(ValueError, match=f"slow={slow} is not a time"):
        wanted_of({"slow": slow})


def test_an_empty_field_of_the_form_asks_for_nothing() -> None:
    assert wanted_of({"slow": "", "model": "", "outcome": ""}) == Wanted()
    assert wanted_of({"slow": "1.5", "outcome": FAILED}) == Wanted(FAILED, None, 1.5)


def test_a_search_has_the_newest_first_in_pieces_that_x_ray_takes(
    endpoint: Endpoint, traces: Traces, client: Any
) -> None:
    asked = []
    answer = endpoint.operations["GetTraceSummaries"]

    def noted(request: Any) -> dict[str, Any]:
        asked.append((request["StartTime"], request["EndTime"]))
        return answer(request)

    endpoint.operations["GetTraceSummaries"] = noted
    expected = [put(traces, seconds) for seconds in (0, 599, 601, 5_000, 30_000, 170_000)]
    put(traces, 49 * 3600)
    found = search(client, until(48), None)
    assert [one["Id"] for one in found.summaries] == expected
    assert found.since is None
    assert (asked[0][1], asked[-1][0]) == (until(48).end, until(48).start)
    assert all(after[1] == before[0] for before, after in pairwise(asked)), "no gaps"
    assert max(end - start for start, end in asked) == timedelta(hours=6)


def test_a_search_ends_when_it_has_enough(traces: Traces, client: Any) -> None:
    for number in range(MOST_TRACES):
        put(traces, 700, number)
    old = put(traces, 20_000)
    found = search(client, until(12), None)
    assert len(found.summaries) == MOST_TRACES
    assert found.since is not None
    assert found.since.timestamp() < START - 700
    assert ids(client, TimeRange(until(12).start, found.since)) == [old], "the rest is there for the next search"


def test_a_search_reads_every_page_of_a_piece(traces: Traces, client: Any) -> None:
    # X-Ray's pages have no order, so the newest may be on the last one.
    for number in range(2_100):
        put(traces, 100, number)
    wanted = put(traces, 400, annotations={"n": 1})
    assert ids(client, until(1), "annotation.n = 1") == [wanted]


def test_a_search_asks_no_more_than_it_may(endpoint: Endpoint, client: Any) -> None:
    page = {"TraceSummaries": [], "TracesProcessedCount": 0, "NextToken": "again"}
    endpoint.offer("GetTraceSummaries", lambda: page)
    found = search(client, until(48), None)
    assert (found.summaries, len(endpoint.asked)) == ([], 40)
    assert found.since == until(48).end, "of what it has not read to the end, it knows nothing"
    endpoint.asked.clear()
    del page["NextToken"]
    found = search(client, until(24 * 30), None)
    assert len(endpoint.asked) == 40
    assert found.since is not None
    assert timedelta(days=8) < found.since - until(24 * 30).start < timedelta(days=30)


def test_the_functions_of_a_deployed_stack_are_those_of_its_alarms() -> None:
    alarms: list[dict[str, Any]] = [
        {"Metrics": [{"Id": "e", "Expression": "a"}, {"Id": "a", "MetricStat": metric("FunctionName", "s-f-1X")}]},
        {"Dimensions": [{"Name": "FunctionName", "Value": "s-g"}], "MetricName": "Errors"},
        {"Metrics": [{"Id": "a", "MetricStat": metric("service", "firstbyte")}]},
    ]
    with running_endpoint() as endpoint:
        named = [{"AlarmName": "x", "StateValue": "OK", **alarm} for alarm in alarms]
        endpoint.offer("DescribeAlarms", lambda: {"MetricAlarms": named})
        cloudwatch = aws_client(endpoint.ready, "cloudwatch")

        def of(urls: dict[str, str]) -> Source:
            return Source("s", "eu-north-1", cloudwatch, None, None, urls, None)

        assert functions_of(of({})) == ["s-f-1X", "s-g"]
        assert endpoint.asked[0]["AlarmNamePrefix"] == "s-"
        assert functions_of(of({"F": "http://127.0.0.1:1/"})) == []
        assert len(endpoint.asked) == 1


def metric(dimension: str, value: str) -> dict[str, Any]:
    named = {"Namespace": "n", "MetricName": "m", "Dimensions": [{"Name": dimension, "Value": value}]}
    return {"Metric": named, "Period": 60, "Stat": "Sum"}


def of_annotations(**fields: Any) -> dict[str, Any]:
    kinds = {bool: "BooleanValue", str: "StringValue"}
    values = fields.pop("annotations", {})
    return {
        "Id": TRACE_ID,
        "Annotations": {
            name: [{"AnnotationValue": {kinds.get(type(value), "NumberValue"): value}}]
            for name, value in values.items()
        },
        **fields,
    }


def test_a_summary_says_what_the_function_says() -> None:
    annotations = {"outcome": "completed", "model": "m", "ttft_ms": 12.5, "cold_start": True}
    shown = summary(
        of_annotations(annotations=annotations, ResponseTime=1.5, HasThrottle=True, Http={"HttpStatus": 200})
    )
    assert (shown.outcome.word, shown.outcome.sign, shown.model) == ("completed", "✓", "m")
    assert (shown.ttft_ms, shown.duration_ms, shown.status) == (12.5, 1500, 200)
    assert shown.notes == "cold start, throttled call"
    assert shown.start == datetime.fromtimestamp(START, UTC)


@pytest.mark.parametrize(
    ("fields", "word", "sign"),
    [
        (
            {"annotations": {"outcome": "deadline_exceeded", "ttft_ms": "x"}, "HasFault": False},
            "deadline exceeded",
            "✕",
        ),
        ({"annotations": {"outcome": "client_error"}, "HasError": True}, "client error", "!"),
        ({"HasFault": True}, "fault", "✕"),
        ({"HasError": True}, "error", "✕"),
        ({"HasError": True, "HasThrottle": True}, "throttled", "✕"),
        ({}, "not recorded", "?"),
    ],
)
def test_an_outcome_has_a_word_and_a_sign(fields: dict[str, Any], word: str, sign: str) -> None:
    shown = summary(of_annotations(**fields))
    assert (shown.outcome.word, shown.outcome.sign) == (word, sign)
    assert (shown.ttft_ms, shown.duration_ms, shown.status) == (None, None, None)


def drawn(*documents: dict[str, Any]) -> list[tuple[int, str, float, float | None]]:
    return [
        (bar.depth, bar.name, round(bar.start_ms, 3), None if bar.duration_ms is None else round(bar.duration_ms, 3))
        for bar in waterfall(documents).bars
    ]


def test_segments_are_under_the_call_that_made_them_and_gaps_are_rows() -> None:
    handler = nested(3, START + 0.5, START + 3, name="## handler", subsegments=[
        nested(5, START + 1.5, START + 2, name="second", namespace="aws"),
        nested(4, START + 0.5, START + 1, name="first", namespace="aws"),
    ])  # fmt: skip
    parts = {"parent_id": segment_id(1), "origin": "AWS::Lambda::Function", "subsegments": [handler]}
    function = segment(2, START + 0.25, START + 4, name="f", **parts)
    inferred = segment(6, START + 1.5, START + 2, name="second", parent_id=segment_id(5), inferred=True)
    service = segment(1, START, START + 3, name="service", origin="AWS::Lambda")
    assert drawn(inferred, function, service) == [
        (0, "service", 0, 3000),
        (1, GAP, 0, 250),
        (1, "f", 250, 3750),
        (2, GAP, 250, 250),
        (2, "## handler", 500, 2500),
        (3, "first", 500, 500),
        (3, GAP, 1000, 500),
        (3, "second", 1500, 500),
        (3, GAP, 2000, 1000),
        (2, GAP, 3000, 1000),
    ]
    whole = waterfall([inferred, function, service])
    assert (whole.start, whole.length_ms) == (START, 4000)
    kinds = {bar.name: bar.kind for bar in whole.bars if bar.kind}
    assert kinds == {"service": "Lambda service", "f": "Lambda function", "first": "call", "second": "call"}


def test_a_bar_says_what_went_wrong() -> None:
    cause = {"exceptions": [{"type": "ValueError", "message": "no"}, {"message": "alone"}, 5], "paths": []}
    shown = waterfall(
        [
            segment(1, fault=True, cause=cause, http={"response": {"status": 502}}),
            segment(2, throttle=True, error=True, http={"response": {"status": 429}}),
            segment(3, error=True, cause="5a1f0e0c0a0b0c0d"),
            segment(4, http={"response": {"status": 200}}),
        ]
    ).bars
    assert [bar.failure for bar in shown] == ["fault 502", "throttle 429", "error", ""]
    assert shown[0].causes == ("ValueError: no", "alone")
    assert shown[2].causes == ()


def test_what_is_not_over_has_no_length() -> None:
    running = segment(1, in_progress=True, subsegments=[nested(2, START, START + 2)])
    del running["end_time"]
    assert drawn(running) == [(0, "s1", 0, None), (1, "s2", 0, 2000)]


@pytest.mark.parametrize(
    "documents",
    [
        [segment(1, parent_id=segment_id(2)), segment(2, parent_id=segment_id(1))],
        [segment(1, parent_id=segment_id(1)), segment(2, subsegments=None)],
        [segment(1, subsegments=[nested(2, parent_id=segment_id(2)), 5, {}])],
        [segment(1, inferred=True, parent_id="gone"), segment(2, parent_id="")],
    ],
)
def test_each_segment_is_drawn_once_whatever_it_says_of_its_parent(documents: list[dict[str, Any]]) -> None:
    assert sorted(name for _, name, _, _ in drawn(*documents)) == ["s1", "s2"]


def test_a_trace_without_length_can_be_drawn() -> None:
    shown = waterfall([segment(1, START, START)])
    assert shown.length_ms > 0
    assert shown.ticks_ms[0] == 0


@pytest.mark.parametrize("length", [0.5, 1, 7, 99, 1000, 1700, 4321, 9_999, 60_000, 900_000])
def test_the_axis_has_a_few_round_times(length: float) -> None:
    ticks = waterfall([segment(1, 0, length / 1000)]).ticks_ms
    assert 3 <= len(ticks) <= 6
    assert ticks[-1] <= length
    assert f"{ticks[1]:e}"[0] in "125"


def test_the_time_shown_is_in_the_address() -> None:
    assert time_range(until(2).query) == until(2)
