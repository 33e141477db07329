"""Lambda's two segments."""

import re
from typing import Any

import pytest

from platform_runs import ARN, CALLER, FUNCTION, RECEIVED, REQUEST_ID, SERVICE, SPEC, TRACE_ID, invocation, run
from sandbox.invocation import FunctionError
from sandbox.records.segments import function_segment, service_segment

ERROR = FunctionError("ValueError", "no")


def flags(document: dict[str, Any]) -> set[str]:
    return {name for name in ("error", "throttle", "fault") if document.get(name)}


def test_the_service_segment_is_the_request() -> None:
    assert service_segment(SPEC, invocation(), RECEIVED + 2, 200) == {
        "id": SERVICE,
        "trace_id": TRACE_ID,
        "parent_id": CALLER,
        "name": "talk",
        "start_time": RECEIVED,
        "end_time": RECEIVED + 2,
        "origin": "AWS::Lambda",
        "resource_arn": f"{ARN}:live",
        "http": {"response": {"status": 200}},
        "aws": {"request_id": REQUEST_ID},
    }
    assert "parent_id" not in service_segment(SPEC, invocation(parent=None), RECEIVED, 200)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, set()),
        (399, set()),
        (400, {"error"}),
        (429, {"error", "throttle"}),
        (499, {"error"}),
        (500, {"fault"}),
        (502, {"fault"}),
    ],
)
def test_the_status_sets_the_service_segments_flags(status: int, expected: set[str]) -> None:
    assert flags(service_segment(SPEC, invocation(), RECEIVED, status)) == expected


def test_a_function_error_is_a_fault_even_after_a_good_status() -> None:
    failed = invocation()
    failed.end(ERROR)
    assert flags(service_segment(SPEC, failed, RECEIVED, 200)) == {"fault"}
    assert flags(function_segment(SPEC, run(failed))) == {"fault"}
    assert flags(function_segment(SPEC, run(failed))["subsegments"][0]) == {"fault"}


def test_error_trailers_are_no_fault() -> None:
    trailed = invocation()
    trailed.end(ERROR, in_trailers=True)
    assert flags(service_segment(SPEC, trailed, RECEIVED, 200)) == set()
    assert flags(function_segment(SPEC, run(trailed))) == set()


def without_ids(document: dict[str, Any]) -> dict[str, Any]:
    subsegments = document.get("subsegments", ())
    ids = [subsegment.pop("id") for subsegment in subsegments]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[0-9a-f]{16}", id_) for id_ in ids)
    return document


def test_the_function_segment_of_a_cold_start() -> None:
    start = RECEIVED + 0.5
    assert without_ids(function_segment(SPEC, run(invocation(), init=0.25, invoke=1.0))) == {
        "id": FUNCTION,
        "trace_id": TRACE_ID,
        "parent_id": SERVICE,
        "name": "talk",
        "start_time": start,
        "end_time": start + 1.25,
        "origin": "AWS::Lambda::Function",
        "aws": {"account_id": "123456789012", "function_arn": ARN, "resource_names": ["talk"]},
        "subsegments": [
            {"name": "Initialization", "start_time": start, "end_time": start + 0.25},
            {"name": "Invocation", "start_time": start + 0.25, "end_time": start + 1.25},
        ],
    }


def test_the_function_segment_of_a_warm_environment() -> None:
    document = function_segment(SPEC, run(invocation(), invoke=1.0))
    assert (document["start_time"], document["end_time"]) == (RECEIVED + 0.5, RECEIVED + 1.5)
    assert [subsegment["name"] for subsegment in document["subsegments"]] == ["Invocation"]


def test_only_the_phase_that_failed_is_a_fault() -> None:
    document = function_segment(SPEC, run(invocation(), init=0.25, invoke=None, failure=ERROR))
    assert flags(document) == {"fault"}
    assert [(subsegment["name"], flags(subsegment)) for subsegment in document["subsegments"]] == [
        ("Initialization", {"fault"})
    ]
    document = function_segment(SPEC, run(invocation(), init=0.25, failure=ERROR))
    assert [flags(subsegment) for subsegment in document["subsegments"]] == [set(), {"fault"}]
