"""One trace for each request, connected from Lambda's own segment to the model's tokens; and responses without one."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from function_calls import parse_sse
from probe_process import Probe
from recorded import LOG_GROUP, Recorded, until
from sandbox_client import Answer, call
from sandbox_process import RunningSandbox, StartSandbox
from tools import REPOSITORY

SSE = {"accept": "text/event-stream"}
# The model's text is its prompt: whoever asks the same gets the same.
BODY = json.dumps({"prompt": "[[sandbox: echo ttft=50 gap=5]] the same answer every time"})


@pytest.fixture(scope="module")
def stack(start_sandbox: StartSandbox) -> RunningSandbox:
    return start_sandbox()


@pytest.fixture(scope="module")
def recorded(stack: RunningSandbox) -> Recorded:
    return Recorded(stack.ready)


def trace_id_of(answer: Answer) -> str:
    value = answer.header("x-amzn-trace-id")
    assert value
    return dict(part.split("=", 1) for part in value.split(";"))["Root"]


def line_of(recorded: Recorded, trace_id: str) -> dict[str, Any]:
    """The log line of a response, by its trace id."""
    pattern = f'{{ $.message = "response finished" && $.trace_id = "{trace_id}" }}'
    (line,) = until(lambda: list(recorded.log_lines(pattern)))
    return line


def summary_of(recorded: Recorded, trace_id: str, expression: str) -> dict[str, Any]:
    """The summary of a trace, once the expression lets it through."""
    (summary,) = until(lambda: [found for found in recorded.trace_summaries(expression) if found["Id"] == trace_id])
    return summary


def path_names(recorded: Recorded, trace_id: str) -> list[list[str]]:
    """The names from every root of a trace down to its leaves; segments are joined where their ids say so."""
    documents = recorded.segments(trace_id)
    by_id: dict[str, dict[str, Any]] = {}

    def collect(document: dict[str, Any], parent: str | None) -> None:
        by_id[document["id"]] = {**document, "parent_id": document.get("parent_id", parent)}
        for child in document.get("subsegments", []):
            collect(child, document["id"])

    for document in documents:
        collect(document, None)
    parents = {document["parent_id"] for document in by_id.values()}

    def upwards(document: dict[str, Any]) -> list[str]:
        above = by_id.get(document["parent_id"] or "")
        name = document.get("origin") or document["name"]
        return [*(upwards(above) if above else []), name]

    return sorted(upwards(document) for identity, document in by_id.items() if identity not in parents)


def test_the_trace_is_connected_and_its_id_is_everywhere(stack: RunningSandbox, recorded: Recorded) -> None:
    answer = call(stack.ready, BODY, headers=SSE)
    trace_id = trace_id_of(answer)
    events = dict(parse_sse(answer.body))
    assert events["start"]["trace_id"] == trace_id
    line = line_of(recorded, trace_id)
    assert line["request_id"] == events["start"]["request_id"]
    summary_of(recorded, trace_id, 'annotation.outcome = "completed"')
    lambdas = ["AWS::Lambda", "AWS::Lambda::Function"]
    bedrock = [*lambdas, "## handler", "bedrock"]
    paths = path_names(recorded, trace_id)
    assert [*bedrock, "first token"] in paths
    assert [*bedrock, "remaining tokens"] in paths
    assert all(path[: len(lambdas)] == lambdas for path in paths), paths
    assert {path[2] for path in paths if len(path) > 3} == {"## handler"}


def test_times_in_the_trace_are_those_of_the_schedule(stack: RunningSandbox, recorded: Recorded) -> None:
    answer = call(stack.ready, json.dumps({"prompt": "[[sandbox: ttft=300 gap=50 chunks=5]]"}), headers=SSE)
    trace_id = trace_id_of(answer)
    assert summary_of(recorded, trace_id, "annotation.ttft_ms >= 300")["Duration"] >= 0.5
    spans: dict[str, tuple[float, float]] = {}

    def collect(document: dict[str, Any]) -> None:
        spans[document["name"]] = (document["start_time"], document["end_time"])
        for child in document.get("subsegments", []):
            collect(child)

    for document in recorded.segments(trace_id):
        collect(document)
    first, rest = spans["first token"], spans["remaining tokens"]
    # Never earlier than the schedule; a fifth of a second is for the machine.
    assert 0.298 <= first[1] - first[0] <= 0.5
    assert rest[1] - rest[0] == pytest.approx(0.2, abs=0.2)
    assert first[1] == pytest.approx(rest[0], abs=0.001)
    for inner, outer in (("first token", "bedrock"), ("remaining tokens", "bedrock"), ("bedrock", "## handler")):
        assert spans[outer][0] <= spans[inner][0] + 0.001
        assert spans[inner][1] <= spans[outer][1] + 0.001


@pytest.mark.parametrize(
    ("script", "flag", "expression"),
    [
        ("fault=throttling", "HasThrottle", 'annotation.outcome = "throttled"'),
        ("fault=validation", "HasError", 'error = true AND annotation.outcome = "rejected"'),
        ("fault=internal", "HasFault", 'fault = true AND annotation.outcome = "model_error"'),
    ],
)
def test_failures_are_found_by_their_kind(
    stack: RunningSandbox, recorded: Recorded, script: str, flag: str, expression: str
) -> None:
    answer = call(stack.ready, json.dumps({"prompt": f"[[sandbox: {script}]]"}), headers=SSE)
    trace_id = trace_id_of(answer)
    assert summary_of(recorded, trace_id, expression)[flag]


def test_a_stream_that_broke_off_is_a_fault_of_the_handler_though_its_status_was_200(
    stack: RunningSandbox, recorded: Recorded
) -> None:
    """A summary's `HasFault` is that of the status; what finds these is the annotation."""
    answer = call(stack.ready, json.dumps({"prompt": "[[sandbox: chunks=9 fault=drop:3]]"}), headers=SSE)
    (function,) = until(
        lambda: [
            segment
            for segment in recorded.segments(trace_id_of(answer))
            if segment.get("origin") == "AWS::Lambda::Function"
        ]
    )
    summary = summary_of(recorded, trace_id_of(answer), 'annotation.outcome = "interrupted"')
    assert (answer.status, summary["HasFault"]) == (200, False)
    (handler,) = (document for document in function["subsegments"] if document["name"] == "## handler")
    assert handler["fault"] is True
    assert handler["subsegments"][0]["fault"] is True
    first, rest = handler["subsegments"][0]["subsegments"]
    assert ("fault" not in first, rest["fault"]) == (True, True)


def test_the_callers_trace_goes_on(stack: RunningSandbox, recorded: Recorded) -> None:
    """Two requests of one trace, one after the other in one environment: each hangs under a segment of its own."""
    root = f"1-{int(time.time()):08x}-00000000000000000000abcd"
    headers = {**SSE, "x-amzn-trace-id": f"Root={root};Parent=0123456789abcdef;Sampled=1"}
    for _ in range(2):
        assert trace_id_of(call(stack.ready, BODY, headers=headers)) == root

    def ends() -> list[list[str]]:
        return [path for path in path_names(recorded, root) if path[-1] == "remaining tokens"]

    until(lambda: len(ends()) == 2)
    assert [path[0] for path in ends()] == ["AWS::Lambda"] * 2


def test_the_probe_prints_the_same_id(stack: RunningSandbox, recorded: Recorded, tmp_path: Path) -> None:
    code, run = Probe(tmp_path).run_json("--sandbox", "--ready-file", str(stack.ready_file))
    assert code == 0
    assert line_of(recorded, run["trace_id"])["request_id"] == run["request_id"]
    assert recorded.segments(run["trace_id"])


def client_sees(answer: Answer) -> tuple[Any, ...]:
    """All of an answer but what differs from one to the next: ids and times."""
    names = sorted(name for name, _ in answer.headers)
    return answer.status, names, answer.body, answer.complete


def test_without_a_sample_nothing_is_traced_and_the_client_sees_no_difference(
    stack: RunningSandbox, recorded: Recorded
) -> None:
    traced = call(stack.ready, BODY)
    root = f"1-{int(time.time()):08x}-0000000000000000000ffff0"
    headers = {"x-amzn-trace-id": f"Root={root};Parent=0123456789abcdef;Sampled=0"}
    untraced = call(stack.ready, BODY, headers=headers)
    assert client_sees(untraced) == client_sees(traced)
    assert untraced.header("x-amzn-trace-id")
    assert line_of(recorded, root)["outcome"] == "completed"
    assert until(lambda: recorded.segments(trace_id_of(traced)))
    assert recorded.segments(root) == []


@pytest.mark.parametrize(
    "change",
    [
        ("Tracing: Active", "Tracing: PassThrough"),
        ("Variables:\n", "Variables:\n          POWERTOOLS_TRACE_DISABLED: 'true'\n"),
        ("Variables:\n", "Variables:\n          AWS_XRAY_DAEMON_ADDRESS: 127.0.0.1:9\n"),
    ],
    ids=["tracing off in the template", "tracing off in the function", "no daemon"],
)
def test_tracing_that_is_off_or_broken_changes_nothing_for_the_client(
    stack: RunningSandbox, start_sandbox: StartSandbox, tmp_path: Path, change: tuple[str, str]
) -> None:
    template = (REPOSITORY / "template.yaml").read_text()
    assert change[0] in template
    text = template.replace(*change, 1).replace("Uri: src/", f"Uri: {REPOSITORY}/src/")
    (tmp_path / "template.yaml").write_text(text)
    changed = start_sandbox("--template", str(tmp_path / "template.yaml"))
    answers = [call(running.ready, BODY) for running in (changed, changed, stack)]
    assert client_sees(answers[0]) == client_sees(answers[1]) == client_sees(answers[2])
    found = Recorded(changed.ready)
    found.wait_for_requests(2)
    assert found.metric("Completed", "Sum") == 2
    handlers = [
        path for answer in answers[:2] for path in path_names(found, trace_id_of(answer)) if "## handler" in path
    ]
    assert handlers == []
    events = found.logs.filter_log_events(logGroupName=LOG_GROUP, filterPattern="Traceback")["events"]
    assert events == []
