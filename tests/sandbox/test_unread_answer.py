"""A client that reads nothing, end to end: its answer is recorded, its environment goes on, and the books balance."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from recorded import Recorded, until
from sandbox_client import Call, call
from sandbox_process import RunningSandbox, StartSandbox
from stack_template import changed_template

MODEL = "amazon.nova-lite-v1:0"
# The least that the template takes. A second of it is kept back.
TIMEOUT = 5
# A line end that takes two bytes in the request and in bare text, and six in JSON. As JSON the answer is far more than
# the sockets on the way hold, so that a write blocks. They hold all of the bare text, so that nothing is left to write.
LINE_END = "\x85"
MUCH = (LINE_END * 30_000 + "x") * 90
NAME = {"FunctionName": "firstbyte-StreamingFunction"}
GROUP = "/aws/lambda/firstbyte-streaming"

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]


@pytest.fixture
def sandbox(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    limit = {'MAX_PROMPT_CHARS: "200000"': 'MAX_PROMPT_CHARS: "6000000"'}
    template = changed_template(tmp_path_factory.mktemp("stack"), limit)
    parameters = (f"TimeoutSeconds={TIMEOUT}", "ReservedConcurrency=1")
    running = start_sandbox("--template", str(template), "--parameter-overrides", *parameters)
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
    started = time.monotonic()
    stalled = Call(sandbox.ready, prompt("echo", MUCH), headers={"accept": accept})
    found = Recorded(sandbox.ready)
    until(lambda: reports(found))
    assert time.monotonic() - started < TIMEOUT + 2, "it was not killed"  # a cold start comes first
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
    for metric, sum_ in {"Invocations": 2, "Errors": 1, "UrlRequestCount": 2, "Url5xxCount": 0}.items():
        until(
            lambda metric=metric: found.metric(metric, "Sum", "AWS/Lambda", **NAME) or 0, lambda got, n=sum_: got == n
        )
    assert len(found.streams(GROUP)) == 1, "one environment"
    assert len(reports(found)) == 2
    assert not any("Status: timeout" in report for report in reports(found))
    assert "Task timed out" not in sandbox.log()
    until(lambda: len(found.trace_summaries('annotation.outcome = "client_stalled"')) == 1)
    assert "Traceback" not in sandbox.log()
    # The client of the first is told in the only way that is left: its stream is cut.
    assert not stalled.finish().complete
