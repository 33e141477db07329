"""A client that reads nothing, end to end: its answer is recorded, its environment goes on, and the books balance."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recorded import Recorded, until
from sandbox_client import Call, call
from sandbox_process import RunningSandbox, StartSandbox
from stack_template import changed_template

MODEL = "amazon.nova-lite-v1:0"
# A second of it is kept back. It is long enough for a busy machine to make the answer and to start another environment.
TIMEOUT = 12
# A line end that takes two bytes in the request and in bare text, and six in JSON. As JSON the answer is far more than
# the sockets on the way hold, so that a write blocks. They hold all of the bare text, so that nothing is left to write.
# It is nearly all that a request can hold: with less, the client's socket may hold all of the text, and the sandbox is
# rid of it.
LINE_END = "\x85"
MUCH = (LINE_END * 30_000 + "x") * 102
NAME = {"FunctionName": "firstbyte-StreamingFunction"}
GROUP = "/aws/lambda/firstbyte-streaming"

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]


def start(start_sandbox: StartSandbox, folder: Path, *, concurrency: int) -> RunningSandbox:
    limit = {'MAX_PROMPT_CHARS: "200000"': 'MAX_PROMPT_CHARS: "6000000"'}
    parameters = (f"TimeoutSeconds={TIMEOUT}", f"ReservedConcurrency={concurrency}")
    return start_sandbox("--template", str(changed_template(folder, limit)), "--parameter-overrides", *parameters)


@pytest.fixture
def sandbox(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    running = start(start_sandbox, tmp_path_factory.mktemp("stack"), concurrency=1)
    yield running
    running.stop()


def prompt(directive: str, text: str = "") -> str:
    return json.dumps({"prompt": f"[[sandbox: ttft=1 gap=0 {directive}]] {text}"}, ensure_ascii=False)


def finished(found: Recorded) -> list[dict[str, Any]]:
    return list(found.log_lines('{ $.message = "response finished" }'))


def reports(found: Recorded) -> list[str]:
    return [text for stream in found.streams(GROUP).values() for text in stream if text.startswith("REPORT")]


@pytest.mark.parametrize("accept", ["text/event-stream", "application/x-ndjson", "text/plain", "application/json"])
def test_it_is_recorded_and_its_environment_serves_the_next(sandbox: RunningSandbox, accept: str) -> None:
    stalled = Call(sandbox.ready, prompt("echo", MUCH), headers={"accept": accept})
    found = Recorded(sandbox.ready)
    until(lambda: reports(found))
    # One environment is all there is, and it is the same one: the next answer is a warm one.
    answer = call(sandbox.ready, prompt("chunks=3"), headers={"accept": "text/event-stream"})
    assert (answer.status, answer.complete) == (200, True)
    assert b'"cold_start":false' in answer.body

    found.wait_for_requests(2)
    (line, _) = until(lambda: sorted(finished(found), key=lambda one: str(one["outcome"])), lambda all_: len(all_) == 2)
    assert (line["outcome"], line["error_type"], line["model"]) == ("client_stalled", "client_stalled", MODEL)
    written = {"text/plain": len(MUCH.encode()) + 1, "application/json": 0}.get(accept)
    assert line["response_bytes"] == written or (written is None and 0 < line["response_bytes"] < 6 * len(MUCH))
    for metric, sum_ in {"Requests": 2, "ClientErrors": 1, "Completed": 1, "InternalErrors": 0, "ColdStart": 1}.items():
        assert found.metric(metric, "Sum") == sum_, metric
    counted = {"Invocations": 2, "Errors": 1, "UrlRequestCount": 2, "Url5xxCount": 0}
    until(
        lambda: {name: found.metric(name, "Sum", "AWS/Lambda", **NAME) for name in counted},
        lambda sums: sums == counted,
    )
    assert len(found.streams(GROUP)) == 1, "one environment"
    assert len(reports(found)) == 2
    assert not any("Status: timeout" in report for report in reports(found))
    assert "Task timed out" not in sandbox.log()
    until(lambda: len(found.trace_summaries('annotation.outcome = "client_stalled"')) == 1)
    assert "Traceback" not in sandbox.log()
    # The client of the first is told in the only way that is left: its stream is cut.
    assert not stalled.finish().complete


def test_other_responses_do_not_wait_for_it(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start(start_sandbox, tmp_path, concurrency=8)
    found = Recorded(running.ready)
    stalled = Call(running.ready, prompt("echo", MUCH), headers={"accept": "text/event-stream"})
    assert stalled.socket.recv(1), "it is being answered"
    others = [call(running.ready, prompt("chunks=3")) for _ in range(3)]
    assert [(one.status, one.complete) for one in others] == [(200, True)] * 3
    # In the order in which they ended: the first one waited for its client while the others came and went.
    lines = until(lambda: finished(found), lambda all_: len(all_) == 4)
    assert [line["outcome"] for line in sorted(lines, key=lambda one: str(one["timestamp"]))] == [
        *["completed"] * 3,
        "client_stalled",
    ]
    stalled.leave()
    running.stop()
