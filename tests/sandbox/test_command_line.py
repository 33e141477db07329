"""The command line: what it refuses and in which words, the ready file, and how it ends."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from disturbance import allowance_ms
from sandbox.ready_file import refuse_a_second_sandbox
from sandbox_client import Call, call, raw_stack, steps, write_stack
from sandbox_process import StartSandbox, alive
from tools import REPOSITORY


def run(*flags: str, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """A command line that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *flags],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--template", "/no/such.yaml"], 1, "cannot read the template /no/such.yaml"),
        (["--parameter-overrides", "Nonsense=1"], 2, "the template has no parameter Nonsense"),
        (["--parameter-overrides", "TimeoutSeconds=1"], 2, "must be at least 5"),
        (["--bedrock", "mars"], 2, "--bedrock takes sandbox, aws or a URL"),
        (["--bedrock", "http://127.0.0.1:1", "--model-script", "gap=1"], 2, "--model-script is for the sandbox's own"),
        (["--model-script", "nonsense=1"], 2, "nonsense"),
        (["--python", "/no/python"], 2, "--python /no/python is no program"),
        (["--python", "/bin/false"], 2, "--python /bin/false is no Python that runs"),
        (["--ready-file", "/proc/x/ready.json"], 1, "cannot write the ready file"),
        (["--data", "/proc/x"], 1, "cannot keep telemetry in /proc/x/telemetry.duckdb"),
        (["--data", str(REPOSITORY / "README.md")], 1, "cannot keep telemetry in"),
        (["--no-such-flag"], 2, "unrecognized arguments"),
    ],
)
def test_refuses_in_clear_words(tmp_path: Path, flags: list[str], code: int, words: str) -> None:
    flags = flags if "--ready-file" in flags else ["--ready-file", str(tmp_path / "ready.json"), *flags]
    ended = run(*flags)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "ready.json").exists()


def test_help_has_every_flag_and_examples() -> None:
    ended = run("--help")
    assert ended.returncode == 0
    assert "examples:" in ended.stdout
    for flag in (
        "template",
        "parameter-overrides",
        "bedrock",
        "model-script",
        "ready-file",
        "data",
    ):
        assert f"--{flag}" in ended.stdout


def test_the_ready_file_is_private_and_complete_and_the_secret_is_nowhere_else(start_sandbox: StartSandbox) -> None:
    running = start_sandbox("--region", "eu-north-1")
    assert stat.S_IMODE(running.ready_file.stat().st_mode) == 0o600
    assert set(running.ready) == {
        "function_url",
        "function_urls",
        "aws_endpoint_url",
        "bedrock_url",
        "console_url",
        "stack_name",
        "region",
        "access_key_id",
        "secret_access_key",
    }
    assert running.ready["region"] == "eu-north-1"
    assert running.ready["function_url"].endswith("/")
    assert running.ready["secret_access_key"] not in running.log()
    assert running.ready["secret_access_key"] not in Path(f"/proc/{running.process.pid}/cmdline").read_text()


def test_a_second_sandbox_is_refused(start_sandbox: StartSandbox) -> None:
    running = start_sandbox()
    second = run("--ready-file", str(running.ready_file))
    assert second.returncode == 1
    assert "a sandbox is running already" in second.stderr
    assert running.ready_file.exists()
    left_behind = running.ready_file.read_text()
    running.stop()

    # What a sandbox that was killed leaves behind stands in nobody's way.
    running.ready_file.write_text(left_behind)
    refuse_a_second_sandbox(running.ready_file)
    running.ready_file.write_text("{")
    refuse_a_second_sandbox(running.ready_file)


def test_a_directory_in_use_is_named(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start_sandbox("--data", str(tmp_path))
    second = run("--ready-file", str(tmp_path / "second.json"), "--data", str(tmp_path))
    assert second.returncode == 1
    assert f"cannot keep telemetry in {tmp_path / 'telemetry.duckdb'}" in second.stderr
    assert f"PID {running.process.pid}" in second.stderr


@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_everything_that_it_started(
    start_sandbox: StartSandbox, tmp_path: Path, number: int
) -> None:
    running = start_sandbox("--template", str(raw_stack(tmp_path, Timeout=600)))
    busy = Call(running.ready, steps(["head"], ["chunk", "some"], ["child"], ["sleep", 600]))
    waiting = Call(running.ready, steps(["sleep", 600]))
    idle = call(running.ready, steps(["child"], ["show", "environment"])).json["pid"]
    time.sleep(0.3)
    # The promise is two seconds; the machine may have other things to do as well.
    assert running.stop(number) * 1000 < allowance_ms(4000)
    assert not alive(idle)
    answer = busy.finish()
    assert (answer.body, answer.complete) == (b"some", False)
    assert waiting.finish().status in (0, 502)


def test_a_function_that_is_not_wrapped_runs_under_the_plain_runtime_client(
    start_sandbox: StartSandbox, tmp_path: Path
) -> None:
    code = """
import json, os, sys
def handler(event, context):
    print("for people")
    return {"statusCode": 201, "body": json.dumps([context.aws_request_id, os.environ["OWN"], sys.version_info[:2]])}
"""
    running = start_sandbox("--template", str(write_stack(tmp_path, code, {"OWN": "yes"})))
    answer = call(running.ready, "{}")
    assert (answer.status, answer.json) == (201, [answer.header("x-amzn-requestid"), "yes", list(sys.version_info[:2])])
    assert "for people" in running.log()


def test_an_import_error_is_502_and_in_the_log(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start_sandbox("--template", str(write_stack(tmp_path, "import no_such_module\n", {})))
    assert call(running.ready, "{}").status == 502
    assert "no_such_module" in running.log()


def test_an_open_url_asks_for_no_signature(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    url = {"AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"}
    running = start_sandbox("--template", str(raw_stack(tmp_path, FunctionUrlConfig=url)))
    answer = call(running.ready, steps(["show", "event"]), sign=False)
    assert "authorizer" not in answer.json["shown"]["requestContext"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://127.0.0.1:1/"])
def test_another_bedrock_is_passed_on(start_sandbox: StartSandbox, tmp_path: Path, url: str) -> None:
    running = start_sandbox("--template", str(raw_stack(tmp_path)), "--bedrock", url)
    environment = call(running.ready, steps(["show", "environment"])).json["shown"]
    assert environment["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] == running.ready["bedrock_url"] == "http://127.0.0.1:1"


def test_the_real_bedrock_gets_the_callers_keys(
    start_sandbox: StartSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("ACCESS_KEY_ID", "AKOWN"), ("SECRET_ACCESS_KEY", "own"), ("SESSION_TOKEN", "token")):
        monkeypatch.setenv(f"AWS_{name}", value)
    running = start_sandbox("--template", str(raw_stack(tmp_path)), "--bedrock", "aws")
    environment = call(running.ready, steps(["show", "environment"])).json["shown"]
    keys = [environment[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")]
    assert keys == ["AKOWN", "own", "token"]
    assert "AWS_ENDPOINT_URL_BEDROCK_RUNTIME" not in environment
    assert running.ready["bedrock_url"] == "https://bedrock-runtime.us-east-1.amazonaws.com"


def test_this_repositorys_stack_streams_through_all_of_it(sandbox: dict[str, str]) -> None:
    body = json.dumps({"prompt": "Hello [[sandbox: ttft=200 gap=100 chunks=6]]"})
    call(sandbox, body)
    answer = call(sandbox, body, headers={"Accept": "text/event-stream"})
    assert (answer.status, answer.complete) == (200, True)
    events = [line for line in answer.body.decode().splitlines() if line.startswith("event: ")]
    assert events == ["event: start", *["event: delta"] * 6, "event: end"]
    moments = [arrived for arrived, data in answer.chunks if data.startswith(b"event: delta")]
    # Six deltas 100 ms apart: not in one burst, whatever else the machine does.
    assert moments[-1] - moments[0] > 0.4
