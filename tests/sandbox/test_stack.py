"""This repository's own stack as curl sees it: every fault, the sample's command line, chunks as they are written."""

import gzip
import json
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from disturbance import allowance_ms
from sandbox_client import call, signed_headers, write_stack
from sandbox_process import RunningSandbox, StartSandbox
from stack_template import changed_template
from tools import REPOSITORY

SEPARATOR = "\x1e"
MAIN, FALLBACK = "amazon.nova-lite-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"


@pytest.fixture(scope="module")
def stack(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> RunningSandbox:
    """A model may be silent for a second, and has a fallback."""
    idle = {'MODEL_IDLE_TIMEOUT_SECONDS: "60"': 'MODEL_IDLE_TIMEOUT_SECONDS: "1"'}
    template = changed_template(tmp_path_factory.mktemp("stack"), idle)
    return start_sandbox("--template", str(template), "--parameter-overrides", f"FallbackModelId={FALLBACK}")


@pytest.fixture(scope="module")
def hasty_stack(start_sandbox: StartSandbox) -> RunningSandbox:
    """Its function has five seconds, less than a model may be silent."""
    return start_sandbox("--parameter-overrides", "TimeoutSeconds=5")


@dataclass
class Curl:
    """What a run of curl brought."""

    exit_code: int
    status: int
    headers: dict[str, str]
    body: str

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        frames = [frame.split("\n") for frame in self.body.split("\n\n") if frame]
        return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in frames]


def curl(stack: RunningSandbox, prompt: str, accept: str | None = None, *, keys: str = "", **fields: Any) -> Curl:
    """The sample's own command line; keys, if given, replace those of the sandbox."""
    ready = stack.ready
    user = keys or f"{ready['access_key_id']}:{ready['secret_access_key']}"
    command = ["curl", "--silent", "--request", "GET", ready["function_url"], "--user", user]
    command += ["--aws-sigv4", f"aws:amz:{ready['region']}:lambda", "-d", json.dumps({"prompt": prompt, **fields})]
    command += ["--write-out", SEPARATOR + "%{http_code} %{header_json}"]
    done = subprocess.run(
        [*command, *(["--header", f"accept: {accept}"] if accept else [])],
        capture_output=True,
        timeout=60,
        check=False,
    )
    body, _, written = done.stdout.decode().rpartition(SEPARATOR)
    status, _, headers = written.partition(" ")
    return Curl(done.returncode, int(status), {k: v[0] for k, v in json.loads(headers).items()}, body)


def test_the_samples_command_line_streams_text(stack: RunningSandbox) -> None:
    answer = curl(stack, '[[sandbox: echo ttft=0 gap=0]] Grüße, ☃ and "quotes"\nand lines')
    assert (answer.exit_code, answer.status) == (0, 200)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.body == ' Grüße, ☃ and "quotes"\nand lines'


@pytest.mark.parametrize("api", ["invoke", "converse"])
@pytest.mark.parametrize("model", [MAIN, FALLBACK])
def test_both_apis_and_formats_end_with_stop_reason_usage_and_timing(
    stack: RunningSandbox, api: str, model: str
) -> None:
    script = "ttft=200 gap=10 chunks=5 input=11 output=7 cache_read=3 cache_write=2 stop=stop_sequence"
    events = curl(stack, f"[[sandbox: {script}]]", "text/event-stream", api=api, model=model).events
    assert [name for name, _ in events] == ["start", *["delta"] * 5, "end"]
    assert events[0][1]["model"] == model
    end = events[-1][1]
    assert end["stop_reason"] == "stop_sequence"
    assert end["usage"] == {
        "input_tokens": 11,
        "output_tokens": 7,
        "cache_read_input_tokens": 3,
        "cache_write_input_tokens": 2,
    }
    assert 195 <= end["timing"]["ttft_ms"] <= end["timing"]["duration_ms"]


BEFORE = [
    ("throttling", 429, "throttled", True),
    ("validation", 400, "invalid_request", False),
    ("access_denied", 403, "access_denied", False),
    ("not_found", 502, "rejected", False),
    ("quota", 429, "throttled", True),
    ("model_not_ready", 503, "model_unavailable", True),
    ("model_timeout", 504, "model_timeout", True),
    ("model_error", 502, "model_error", True),
    ("internal", 502, "model_error", True),
    ("unavailable", 503, "model_unavailable", True),
    ("throttling:0", 429, "throttled", True),
    ("unavailable:0", 503, "model_unavailable", True),
    ("drop:0", 502, "model_error", True),
    ("silent", 504, "model_timeout", True),
    ("silent:0", 504, "model_timeout", True),
]


@pytest.mark.parametrize(("fault", "status", "error_type", "retryable"), BEFORE)
@pytest.mark.parametrize("accept", ["text/plain", "text/event-stream"])
def test_a_fault_before_the_first_byte_is_a_status(
    stack: RunningSandbox, fault: str, status: int, error_type: str, retryable: bool, accept: str
) -> None:
    answer = curl(stack, f"[[sandbox: ttft=5 gap=5 fault={fault}]]", accept)
    assert (answer.exit_code, answer.status) == (0, status)
    assert answer.headers["content-type"] == "application/json"
    document = json.loads(answer.body)
    assert (document["error"]["type"], document["error"]["retryable"]) == (error_type, retryable)
    assert document["request_id"] == answer.headers["x-request-id"] == answer.headers["x-amzn-requestid"]
    assert document["trace_id"] in answer.headers["x-amzn-trace-id"]
    assert ("retry-after" in answer.headers) == (status in (429, 503))
    assert_it_still_answers(stack)


IN_MID_STREAM = [
    ("throttling:3", "throttled"),
    ("validation:3", "invalid_request"),
    ("internal:3", "model_error"),
    ("unavailable:3", "model_unavailable"),
    ("model_stream_error:3", "model_error"),
    ("drop:3", "model_error"),
    ("silent:3", "model_timeout"),
]


@pytest.mark.parametrize(("fault", "error_type"), IN_MID_STREAM)
@pytest.mark.parametrize("api", ["invoke", "converse"])
def test_a_fault_in_mid_stream_is_one_error_event(stack: RunningSandbox, fault: str, error_type: str, api: str) -> None:
    answer = curl(stack, f"[[sandbox: ttft=5 gap=5 fault={fault}]]", "text/event-stream", api=api)
    assert (answer.exit_code, answer.status) == (0, 200)
    assert [name for name, _ in answer.events] == ["start", "delta", "delta", "delta", "error"]
    error = answer.events[-1][1]
    assert error["type"] == error_type
    assert set(error) == {"type", "message", "retryable", "partial_usage"}
    lines = curl(stack, f"[[sandbox: ttft=5 gap=5 fault={fault}]]", "application/x-ndjson", api=api).body.splitlines()
    types = [json.loads(line)["type"] for line in lines]
    assert types == ["start", "delta", "delta", "delta", "error"]
    assert json.loads(lines[-1])["error"]["type"] == error_type
    assert_it_still_answers(stack)


@pytest.mark.parametrize(("fault", "error_type"), IN_MID_STREAM)
def test_bare_text_is_cut_in_mid_stream(stack: RunningSandbox, fault: str, error_type: str) -> None:
    answer = curl(stack, f"[[sandbox: ttft=5 gap=5 fault={fault}]]")
    # 18: the transfer was closed with outstanding data; what came is kept.
    assert answer.exit_code == 18
    assert answer.body.startswith("A river begins")
    assert_it_still_answers(stack)


def test_the_deadline_is_an_error_event_or_a_status(hasty_stack: RunningSandbox) -> None:
    # Once it has imported what records a response, it has time for that on a busy machine, too.
    assert_it_still_answers(hasty_stack)
    late = curl(hasty_stack, "[[sandbox: ttft=5 gap=5 fault=silent:2]]", "text/event-stream")
    assert [name for name, _ in late.events] == ["start", "delta", "delta", "error"]
    assert late.events[-1][1]["type"] == "deadline_exceeded"
    early = curl(hasty_stack, "[[sandbox: fault=silent]]", "text/event-stream")
    assert (early.status, json.loads(early.body)["error"]["type"]) == (504, "deadline_exceeded")
    steady = curl(hasty_stack, "[[sandbox: ttft=5 gap=100 chunks=200]]", "text/event-stream")
    assert [name for name, _ in steady.events][-1] == "error"
    assert steady.events[-1][1]["type"] == "deadline_exceeded"
    assert "Task timed out" not in hasty_stack.log()
    assert_it_still_answers(hasty_stack)


@pytest.mark.parametrize(
    "fault",
    ["throttling", "unavailable", "model_error", "validation", "access_denied", "not_found", "throttling:0", "silent"],
)
def test_the_fallback_model_takes_over_while_nothing_was_sent(stack: RunningSandbox, fault: str) -> None:
    answer = curl(
        stack, f"[[sandbox: for=nova fault={fault}]] [[sandbox: for=claude ttft=5 gap=5]]", "text/event-stream"
    )
    assert answer.status == 200
    assert answer.events[0][1]["model"] == FALLBACK
    assert answer.events[-1][0] == "end"


def test_an_answer_without_text_is_whole(stack: RunningSandbox) -> None:
    empty = curl(stack, "[[sandbox: chunks=0]]", "text/event-stream")
    assert [name for name, _ in empty.events] == ["start", "end"]
    assert empty.events[-1][1]["timing"]["ttft_ms"] is None
    text = curl(stack, "[[sandbox: chunks=0]]")
    assert (text.exit_code, text.status, text.body) == (0, 200, "")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    tool = curl(stack, "[[sandbox: tool chunks=2 reasoning=3]]", "text/event-stream", model=FALLBACK)
    assert [name for name, _ in tool.events] == ["start", "delta", "delta", "end"]
    assert tool.events[-1][1]["stop_reason"] == "tool_use"
    assert tool.events[-1][1]["usage"]["output_tokens"] > 0


def assert_it_still_answers(stack: RunningSandbox) -> None:
    answer = curl(stack, "[[sandbox: echo ttft=0 gap=0]]still here")
    assert (answer.status, answer.body) == (200, "still here")


def test_a_compressed_body_is_refused_and_says_what_to_do(stack: RunningSandbox) -> None:
    body = gzip.compress(json.dumps({"prompt": "x"}).encode())
    answer = call(stack.ready, body, headers={"content-encoding": "gzip"})
    assert (answer.status, answer.json["error"]["field"]) == (415, "content-encoding")
    assert "without compression" in answer.json["error"]["message"]
    answer = call(stack.ready, body)
    assert (answer.status, answer.json["error"]["field"]) == (415, "body")


def test_a_refused_format_is_not_sent(stack: RunningSandbox) -> None:
    answer = call(stack.ready, json.dumps({"prompt": "x"}), headers={"accept": "text/plain;q=0, */*"})
    assert answer.header("content-type") == "text/event-stream; charset=utf-8"


def test_what_is_not_rightly_signed_is_forbidden(stack: RunningSandbox) -> None:
    ready, url = stack.ready, stack.ready["function_url"]
    body = json.dumps({"prompt": "[[sandbox: ttft=0 gap=0]] x"}).encode()
    assert curl(stack, "x", keys=f"{ready['access_key_id']}:wrong").status == 403
    assert call(ready, body).status == 200
    assert call(ready, body, sign=False).status == 403
    signed = signed_headers(ready, "POST", url, body, {"Content-Type": "application/json"})
    assert call(ready, body, sign=False, headers=signed).status == 200
    assert call(ready, body.replace(b"x", b"y"), sign=False, headers=signed).status == 403
    expired = {**signed, "X-Amz-Date": (datetime.now(UTC) - timedelta(minutes=6)).strftime("%Y%m%dT%H%M%SZ")}
    assert call(ready, body, sign=False, headers=expired).status == 403


def test_boto3_streams_the_function_through_the_lambda_api(stack: RunningSandbox) -> None:
    client = boto3.client(
        "lambda",
        endpoint_url=stack.ready["aws_endpoint_url"],
        region_name=stack.ready["region"],
        aws_access_key_id=stack.ready["access_key_id"],
        aws_secret_access_key=stack.ready["secret_access_key"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    event = {"body": json.dumps({"prompt": "[[sandbox: echo ttft=0 gap=0]]one two"})}
    answer = client.invoke_with_response_stream(
        FunctionName="firstbyte-StreamingFunction:live", Payload=json.dumps(event)
    )
    events = list(answer["EventStream"])
    payload = b"".join(part["PayloadChunk"]["Payload"] for part in events[:-1])
    prelude, _, body = payload.partition(b"\0" * 8)
    assert json.loads(prelude)["statusCode"] == 200
    assert body == b"one two"
    assert "ErrorCode" not in events[-1]["InvokeComplete"]
    client.close()


@pytest.mark.alone
def test_each_chunk_reaches_the_client_as_it_is_written(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    code = (
        "import time\nfrom lambda_streaming import streamify_response\n@streamify_response\n"
        "def handler(event, context, *, response_stream):\n"
        "    for number in range(20):\n"
        "        response_stream.write(f'{time.monotonic():.6f}')\n"
        "        time.sleep(0.05)\n"
    )
    wrapper = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/python/lambda_streaming/bootstrap"}
    template = write_stack(tmp_path, code, wrapper, Layers=[{"Ref": "Layer"}])
    shutil.copytree(REPOSITORY / "src/runtime/lambda_streaming", tmp_path / "layer/python/lambda_streaming")
    running = start_sandbox("--template", str(template))
    call(running.ready)
    answer = call(running.ready)
    assert len(answer.chunks) == 20
    # Both clocks are the machine's monotonic one. Of twenty, the slowest two are left out: the machine may be busy.
    delays = sorted(arrived - float(data) for arrived, data in answer.chunks)
    assert delays[10] * 1000 < allowance_ms(10)
    assert delays[17] * 1000 < allowance_ms(50)
    assert answer.chunks[-1][0] - answer.chunks[0][0] > 0.8
