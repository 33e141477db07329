"""Lambda's segments in a trace, and the function's own below them."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from recorded import Recorded, fields, until
from sandbox_client import Answer, Call, aws_client, call, raw_stack, steps, write_stack
from sandbox_process import RunningSandbox, StartSandbox

NAME = "firstbyte-Raw"
GROUP = f"/aws/lambda/{NAME}"
ROOT = f"1-{int(time.time()):08x}-bd862e3fe1be46a994272793"  # an old one is not kept
CALLER = "53995c3f42cd8ad8"


@pytest.fixture(scope="module")
def raw(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> RunningSandbox:
    template = raw_stack(
        tmp_path_factory.mktemp("raw"),
        Timeout=2,
        Tracing="Active",
        AutoPublishAlias="live",
        ReservedConcurrentExecutions=1,
    )
    return start_sandbox("--template", str(template))


@pytest.fixture(scope="module")
def recorded(raw: RunningSandbox) -> Recorded:
    return Recorded(raw.ready)


def header(answer: Answer) -> dict[str, str]:
    """The fields of a response's trace header."""
    text = answer.header("x-amzn-trace-id")
    assert text
    return dict(part.split("=") for part in text.split(";"))


def segments(recorded: Recorded, answer: Answer, count: int = 2) -> list[dict[str, Any]]:
    return until(lambda: recorded.segments(header(answer)["Root"]), lambda found: len(found) == count)


def flags(document: dict[str, Any]) -> set[str]:
    return {name for name in ("error", "throttle", "fault") if document.get(name)}


def test_an_invocation_is_two_connected_segments(raw: RunningSandbox, recorded: Recorded) -> None:
    call(raw.ready, steps(["exit", 1]))
    before = time.time()
    program = steps(["sleep", 0.2], ["head"], ["chunk", "x"], ["end"], ["sleep", 0.3])
    answer = call(raw.ready, program, headers={"X-Amzn-Trace-Id": f"Root={ROOT};Parent={CALLER};Sampled=1"})
    assert header(answer)["Root"] == ROOT
    service, function = segments(recorded, answer)
    assert (service["origin"], service["parent_id"], service["name"]) == ("AWS::Lambda", CALLER, NAME)
    assert service["resource_arn"] == f"arn:aws:lambda:us-east-1:123456789012:function:{NAME}:live"
    assert service["aws"]["request_id"] == answer.header("x-amzn-requestid")
    assert service["http"] == {"response": {"status": 200}}
    assert before <= service["start_time"] <= service["end_time"] - 0.2
    assert (function["origin"], function["parent_id"]) == ("AWS::Lambda::Function", service["id"])
    assert function["id"] == header(answer)["Parent"], "what the function sends hangs below its own segment"
    init, invocation = function["subsegments"]
    assert (init["name"], invocation["name"]) == ("Initialization", "Invocation")
    assert service["start_time"] <= init["start_time"] < init["end_time"] <= invocation["start_time"]
    report = recorded.report(GROUP, service["aws"]["request_id"])
    assert invocation["end_time"] - invocation["start_time"] == pytest.approx(
        fields(report)["Duration"] / 1000, abs=1e-4
    )
    assert invocation["end_time"] - invocation["start_time"] >= 0.5
    assert f"\nXRAY TraceId: {ROOT}\tSegmentId: {function['id']}\tSampled: true\t" in report
    assert flags(service) == flags(function) == set()


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ([["error", "ValueError", "no"]], 502),
        ([["head"], ["chunk", "x"], ["reconnect"]], 200),
        ([["exit", 1]], 502),
        ([["sleep", 600]], 502),
    ],
)
def test_a_function_error_is_a_fault(raw: RunningSandbox, recorded: Recorded, program: list[Any], status: int) -> None:
    answer = call(raw.ready, steps(*program))
    service, function = segments(recorded, answer)
    assert service["http"]["response"]["status"] == answer.status == status
    assert flags(service) == flags(function) == flags(function["subsegments"][-1]) == {"fault"}


def test_error_trailers_are_a_success(raw: RunningSandbox, recorded: Recorded) -> None:
    answer = call(raw.ready, steps(["head"], ["chunk", "x"], ["end", "ValueError", "e30="]))
    assert (answer.status, answer.complete) == (200, False)
    service, function = segments(recorded, answer)
    assert flags(service) == flags(function) == flags(function["subsegments"][-1]) == set()
    report = recorded.report(GROUP, service["aws"]["request_id"])
    assert "Status" not in report
    assert "Error" not in report


def test_a_throttled_request_has_one_segment(raw: RunningSandbox, recorded: Recorded) -> None:
    at_url, at_api = (f"1-{int(time.time()):08x}-{digit * 24}" for digit in "67")
    client = aws_client(raw.ready, "lambda")

    def add_trace(params: dict[str, Any], **_: object) -> None:
        params["headers"]["X-Amzn-Trace-Id"] = f"Root={at_api}"

    client.meta.events.register("before-call.lambda", add_trace)
    busy = Call(raw.ready, steps(["head"], ["chunk", "x"], ["sleep", 1.2], ["end"]))
    time.sleep(0.3)
    assert call(raw.ready, "[]", headers={"X-Amzn-Trace-Id": f"Root={at_url}"}).status == 429
    with pytest.raises(client.exceptions.TooManyRequestsException):
        client.invoke_with_response_stream(FunctionName=NAME)
    assert busy.finish().complete
    for trace_id in (at_url, at_api):
        (service,) = until(partial(recorded.segments, trace_id), bool)
        assert service["http"] == {"response": {"status": 429}}
        assert flags(service) == {"error", "throttle"}


def test_what_the_caller_does_not_sample_is_not_traced(raw: RunningSandbox, recorded: Recorded) -> None:
    given = {"X-Amzn-Trace-Id": f"Root=1-{int(time.time()):08x}-{'8' * 24};Sampled=0"}
    answer = call(raw.ready, steps(["show", "head"]), headers=given)
    assert answer.json["shown"]["lambda-runtime-trace-id"].endswith(";Sampled=0")
    assert "XRAY" not in recorded.report(GROUP, answer.header("x-amzn-requestid") or "")
    assert recorded.segments(header(answer)["Root"]) == []


def test_without_active_tracing_the_caller_decides(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start_sandbox("--template", str(raw_stack(tmp_path)))
    recorded = Recorded(running.ready)
    plain = call(running.ready, steps(["show", "head"]))
    assert plain.json["shown"]["lambda-runtime-trace-id"].endswith(";Sampled=0")
    given = {"X-Amzn-Trace-Id": f"Root=1-{int(time.time()):08x}-{'9' * 24};Parent={CALLER};Sampled=1"}
    traced = call(running.ready, steps(["show", "head"]), headers=given)
    assert traced.json["shown"]["lambda-runtime-trace-id"].endswith(";Sampled=1")
    assert [document["origin"] for document in segments(recorded, traced)] == ["AWS::Lambda", "AWS::Lambda::Function"]
    assert recorded.segments(header(plain)["Root"]) == []
    running.stop()


def test_the_api_is_traced_as_well(raw: RunningSandbox, recorded: Recorded) -> None:
    reply = aws_client(raw.ready, "lambda").invoke_with_response_stream(
        FunctionName=NAME, Payload=json.dumps({"body": steps(["error", "ValueError", "no"])})
    )
    list(reply["EventStream"])
    trace_id = reply["ResponseMetadata"]["HTTPHeaders"]["x-amzn-trace-id"].split(";")[0].removeprefix("Root=")
    service, function = until(lambda: recorded.segments(trace_id), lambda found: len(found) == 2)
    assert service["http"] == {"response": {"status": 200}}
    assert service["resource_arn"] == f"arn:aws:lambda:us-east-1:123456789012:function:{NAME}"
    assert flags(service) == flags(function) == {"fault"}


SENDER = """\
import json, os, socket

def handler(event, context):
    fields = dict(part.split("=") for part in os.environ["_X_AMZN_TRACE_ID"].split(";"))
    document = {
        "type": "subsegment", "id": "1" * 16, "trace_id": fields["Root"], "parent_id": fields["Parent"],
        "name": "own work", "start_time": 1.0, "end_time": 2.0,
    }
    host, _, port = os.environ["AWS_XRAY_DAEMON_ADDRESS"].partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b'{"format": "json", "version": 1}\\n' + json.dumps(document).encode(), (host, int(port)))
    return os.environ["AWS_XRAY_CONTEXT_MISSING"]
"""


def test_the_functions_own_subsegments_hang_below_its_segment(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start_sandbox("--template", str(write_stack(tmp_path, SENDER, {}, Tracing="Active")))
    answer = call(running.ready, "{}")
    assert answer.json == "LOG_ERROR"
    recorded = Recorded(running.ready)

    def own_work() -> list[dict[str, Any]]:
        found = recorded.segments(header(answer)["Root"])
        functions = [document for document in found if document["origin"] == "AWS::Lambda::Function"]
        return [one for document in functions for one in document["subsegments"] if one["name"] == "own work"]

    assert [one["id"] for one in until(own_work, bool)] == ["1" * 16]
    running.stop()
