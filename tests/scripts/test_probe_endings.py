"""How the probe ends when what is around it goes wrong: it is stopped twice, or nobody takes its result."""

import json
import select
import signal
import subprocess
import time
from html import escape
from pathlib import Path

import pytest

from probe_process import PATIENCE_SECONDS, Probe
from scripted_server import STREAM_HEAD, Hang, Script, ScriptedServer, answer, plain
from tools import REPOSITORY

TAKEN = plain(200, b"<PutMetricDataResponse/>", "text/xml")


@pytest.mark.parametrize("output", ["table", "json", "html"])
def test_stopping_again_and_again_loses_nothing(probe: Probe, output: str) -> None:
    silent: Script = [(0.0, STREAM_HEAD), (0.0, Hang)]
    with ScriptedServer([(0.0, answer("a"))], silent) as server:
        process = probe.start("--url", server.url, "--runs", "3", "--output", output)
        server.wait_for_request(2)
        # Until it is gone: some of them come while the report is made.
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
            if output != "table" and select_readable(process):
                break
        out, error = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, error) == (130, b"")
    whole = {"table": b"1 of 1 runs completed (3 were asked for)", "json": b'"slowest"', "html": b"</html>"}
    assert whole[output] in out


def select_readable(process: "subprocess.Popen[bytes]") -> bool:
    """The report has begun to come out; a pipe that nobody reads would hold up the rest of it."""
    assert process.stdout is not None
    return bool(select.select([process.stdout], [], [], 0)[0])


@pytest.mark.parametrize("output", ["table", "json", "jsonl", "csv", "html"])
def test_a_full_disk_is_said_and_does_not_keep_the_figures_from_cloudwatch(probe: Probe, output: str) -> None:
    with ScriptedServer([(0.0, answer("a"))]) as function, ScriptedServer([(0.0, TAKEN)]) as cloudwatch:
        arguments = ("--url", function.url, "--output", output, "--publish")
        environment = {**probe.environment, "AWS_ENDPOINT_URL": cloudwatch.url}
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [str(REPOSITORY / "scripts/probe.sh"), *arguments],
                env=environment,
                stdout=full,
                stderr=subprocess.PIPE,
                timeout=PATIENCE_SECONDS,
            )
        published = len(cloudwatch.exchanges)
    said = "probe: the result cannot be written: No space left on device"
    assert (done.returncode, done.stderr.decode().splitlines()[-1]) == (5, said)
    # What is shown while runs are made stops them when it cannot be shown.
    assert published == (0 if output in ("table", "jsonl") else 1)


def test_a_closed_output_is_said_before_anything_is_asked(probe: Probe) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{REPOSITORY}/scripts/probe.sh --url http://127.0.0.1:9/ >&-"],
        env=probe.environment,
        stderr=subprocess.PIPE,
        timeout=PATIENCE_SECONDS,
    )
    said = b"probe: standard output is closed, and that is where the result goes\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_secrets_that_a_server_sends_back_are_not_shown(probe: Probe) -> None:
    secret = json.dumps({"message": f"x-amz-security-token:a-token; {probe.environment['AWS_SECRET_ACCESS_KEY']}"})
    refusal = plain(403, secret.encode(), "application/json")
    environment = {**probe.environment, "AWS_SESSION_TOKEN": "a-token"}
    for output in ("table", "jsonl", "html"):
        with ScriptedServer([(0.0, refusal)]) as server:
            done = probe("--url", server.url, "--output", output, environment=environment)
        assert done.returncode == 1
        assert "x-amz-security-token:***; ***" in done.stdout
    # A message is shortened, and a secret at its end is hidden all the same.
    long = plain(403, ("x" * 195 + environment["AWS_SECRET_ACCESS_KEY"]).encode(), "text/plain")
    with ScriptedServer([(0.0, long)]) as server, ScriptedServer([(0.0, long)]) as cloudwatch:
        environment["AWS_ENDPOINT_URL"] = cloudwatch.url
        done = probe("--url", server.url, "--publish", environment=environment)
    assert (done.stdout + done.stderr).replace("\n", " ").count("x***") == 2
    message = escape(probe.environment["AWS_SECRET_ACCESS_KEY"])
    escaped = plain(403, f"<Code>No</Code><Message>{message}</Message>".encode(), "text/xml")
    with ScriptedServer([(0.0, answer("a"))]) as server, ScriptedServer([(0.0, escaped)]) as cloudwatch:
        environment["AWS_ENDPOINT_URL"] = cloudwatch.url
        done = probe("--url", server.url, "--publish", environment=environment)
    assert done.stderr.endswith("HTTP 403: No: ***\n")
    with ScriptedServer([(0.0, answer("a"))]) as server, ScriptedServer([(0.0, refusal)]) as cloudwatch:
        environment["AWS_ENDPOINT_URL"] = cloudwatch.url
        done = probe("--url", server.url, "--publish", environment=environment)
    assert done.returncode == 5
    assert "x-amz-security-token:***; ***" in done.stderr
