"""The probe against the running sandbox: what the model's script says is what a client measures."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from disturbance import allowance_ms
from probe_process import Probe
from sandbox_client import aws_client, write_stack
from sandbox_process import RunningSandbox, StartSandbox


@pytest.fixture(scope="module")
def running(start_sandbox: StartSandbox) -> RunningSandbox:
    return start_sandbox()


def run(probe: Probe, running: RunningSandbox, prompt: str, *more: str) -> tuple[int, dict[str, Any]]:
    # No AWS key in the surroundings: the ready file is enough.
    environment = {"PATH": os.environ["PATH"]}
    arguments = ("--sandbox", "--ready-file", str(running.ready_file), "--prompt", prompt, *more)
    return probe.run_json(*arguments, environment=environment)


@pytest.mark.alone
def test_the_probe_measures_what_the_model_does(probe: Probe, running: RunningSandbox) -> None:
    run(probe, running, "[[sandbox: ttft=0 gap=0 chunks=1]] the first request pays for the cold start")
    code, found = run(probe, running, "[[sandbox: ttft=400 gap=60 chunks=10 stall=4:500 input=21 output=22]] hello")
    assert (code, found["outcome"], found["status"]) == (0, "completed", 200)
    # The function's share is some milliseconds. A gap is shorter by as much as its first text was late.
    late = allowance_ms(150)
    assert 400 <= found["ttft_ms"] <= 400 + late
    assert 560 - late <= found["max_gap_ms"] <= 560 + late, "the stall of 500 ms on top of one gap"
    assert 1440 <= found["total_ms"] <= 1440 + late
    assert len(found["gaps_ms"]) == 9
    assert (found["input_tokens"], found["output_tokens"]) == (21, 22)
    assert found["timing"]["ttft_ms"] == pytest.approx(found["ttft_ms"], abs=late)
    assert found["request_id"]
    assert found["trace_id"].startswith("1-")


@pytest.mark.parametrize(
    ("prompt", "code", "outcome", "status", "error"),
    [
        ("[[sandbox: fault=throttling]]", 1, "http_error", 429, "throttled"),
        ("[[sandbox: fault=access_denied]]", 1, "http_error", 403, "access_denied"),
        ("", 1, "http_error", 400, "invalid_request"),
        ("[[sandbox: ttft=0 gap=1 fault=model_stream_error:3]]", 4, "error", 200, "model_error"),
        ("[[sandbox: ttft=0 gap=1 fault=drop:3]]", 4, "error", 200, "model_error"),
    ],
)
def test_faults_are_told_apart(
    probe: Probe, running: RunningSandbox, prompt: str, code: int, outcome: str, status: int, error: str
) -> None:
    found_code, found = run(probe, running, prompt)
    assert (found_code, found["outcome"], found["status"], found["error"]["type"]) == (code, outcome, status, error)


def test_a_function_that_fails_is_looked_up_in_the_sandboxs_output(
    probe: Probe, start_sandbox: StartSandbox, tmp_path: Path
) -> None:
    broken = start_sandbox("--template", str(write_stack(tmp_path, "import no_such_module\n", {})))
    done = probe("--sandbox", "--ready-file", str(broken.ready_file))
    assert done.returncode == 1
    assert "http_502: Internal Server Error; the sandbox's output has the reason" in " ".join(done.stdout.split())


def test_wrong_keys_are_forbidden(probe: Probe, running: RunningSandbox, tmp_path: Path) -> None:
    forged = tmp_path / "ready.json"
    forged.write_text(json.dumps({**running.ready, "secret_access_key": "wrong"}))
    done = probe("--sandbox", "--ready-file", str(forged))
    assert done.returncode == 1
    assert "http_error 403" in done.stdout


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        ("text/plain", "text"),
        ("application/x-ndjson", "firstbyte-ndjson"),
        ("text/event-stream", "firstbyte-sse"),
        ("application/json", "json"),
    ],
)
def test_every_format_of_the_function(probe: Probe, running: RunningSandbox, accept: str, name: str) -> None:
    prompt = "[[sandbox: ttft=20 gap=20 chunks=5 output=6]] x"
    code, found = run(probe, running, prompt, "--header", f"accept: {accept}")
    assert (code, found["outcome"], found["format"]) == (0, "completed", name)
    assert (found["ttft_ms"] is None) == (name == "json")
    assert found["output_tokens"] == (6 if name.startswith("firstbyte") else None)
    assert len(found["gaps_ms"]) <= 4


def test_headers_of_ones_own_are_signed_as_the_function_url_wants(probe: Probe, running: RunningSandbox) -> None:
    own = ["x-tenant: a  b", "User-Agent: me/1", "x-amzn-trace-id: Root=1-67891233-abcdef012345678912345678", "a: 1"]
    arguments = [part for header in own for part in ("--header", header)]
    code, found = run(probe, running, "[[sandbox: ttft=20 gap=1 chunks=5]] x", *arguments)
    assert (code, found["outcome"], found["format"]) == (0, "completed", "firstbyte-sse")


def test_without_a_signature_the_function_url_refuses(probe: Probe, running: RunningSandbox) -> None:
    code, found = run(probe, running, "x", "--unsigned")
    assert (code, found["outcome"], found["status"]) == (1, "http_error", 403)


def test_a_nasty_prompt_comes_back_as_it_went(probe: Probe, running: RunningSandbox) -> None:
    prompt = "@\"quotes\" 'and' \\ back \u20ac \U0001f600 end"
    arguments = ("--sandbox", "--ready-file", str(running.ready_file))
    done = probe(*arguments, "--prompt", f"[[sandbox: echo ttft=0 gap=0]]{prompt}")
    assert done.returncode == 0
    assert done.stdout.startswith(f"{prompt}\n\n")


def test_several_runs(probe: Probe, running: RunningSandbox) -> None:
    arguments = ("--sandbox", "--ready-file", str(running.ready_file), "--runs", "3")
    done = probe(*arguments, "--prompt", "[[sandbox: ttft=20 gap=1 chunks=5]] x")
    assert done.returncode == 0
    assert re.search("^3 of 3 runs completed, ", done.stdout, re.MULTILINE)


def test_what_is_published_is_in_cloudwatch(probe: Probe, running: RunningSandbox) -> None:
    arguments = ("--sandbox", "--ready-file", str(running.ready_file), "--runs", "3", "--output", "json")
    done = probe(*arguments, "--prompt", "[[sandbox: ttft=20 gap=1 chunks=5]] x", "--publish", "--probe", "one & only")
    refused = probe(*arguments, "--prompt", "[[sandbox: fault=throttling]]", "--publish", "--probe", "one & only")
    assert (done.returncode, refused.returncode) == (0, 1)
    assert done.stderr == "published 30 values to Firstbyte as service=firstbyte, probe=one & only\n"
    runs = json.loads(done.stdout)["runs"]
    now, client = datetime.now(UTC), aws_client(running.ready, "cloudwatch")

    def values(name: str, *dimensions: tuple[str, str]) -> list[float]:
        points = client.get_metric_statistics(
            Namespace="Firstbyte",
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=60,
            Statistics=["SampleCount", "Sum", "Minimum", "Maximum"],
        )["Datapoints"]
        merge: dict[str, Any] = {"SampleCount": sum, "Sum": sum, "Minimum": min, "Maximum": max}
        return [merged(point[statistic] for point in points) for statistic, merged in merge.items()]

    for dimensions in ([("service", "firstbyte")], [("probe", "one & only"), ("service", "firstbyte")]):
        for name, key in (
            ("ClientTimeToFirstByte", "ttfb_ms"),
            ("ClientTimeToFirstToken", "ttft_ms"),
            ("ClientMaxInterChunkLatency", "max_gap_ms"),
            ("ClientResponseDuration", "total_ms"),
        ):
            measured = [run[key] for run in runs]
            expected = [3, sum(measured), min(measured), max(measured)]
            assert values(name, *dimensions) == pytest.approx(expected), name
        assert values("ProbeFailures", *dimensions) == [6, 3, 0, 1]
