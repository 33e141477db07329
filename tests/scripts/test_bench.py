"""The benchmark: that it compares what it says, with true statistics; no speed is looked at."""

import json
import subprocess
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from bench.client import Client
from bench.report import FIGURES, compare, table
from bench.stacks import running, without_telemetry
from tools import REPOSITORY


def bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(REPOSITORY / "scripts/bench.sh"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


def test_the_document_has_every_figure_of_both_sides() -> None:
    done = bench("--requests", "3", "--cold", "1", "--output", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["schema_version"], document["requests"]) == (1, {"warm": 3, "cold": 1})
    found = {(result["start"], result["figure"]): result for result in document["results"]}
    assert list(found) == [(start, figure) for start in ("warm", "cold") for figure in FIGURES]
    for result in found.values():
        for side in (result["with"], result["without"]):
            assert 0 < side["p10"] <= side["median"] <= side["p90"]
        medians = result["with"]["median"], result["without"]["median"]
        assert result["difference"]["median"] == medians[0] - medians[1]
        assert result["difference"]["low"] <= result["difference"]["high"]
        assert result["ratio"] == medians[0] / medians[1]
    for side in ("with", "without"):
        assert found["cold", "ttfb_ms"][side]["median"] > found["warm", "ttfb_ms"][side]["median"]
        assert found["warm", "ttfb_ms"][side]["median"] <= found["warm", "last_byte_ms"][side]["median"]
    assert done.stderr.splitlines()[-1] == "cold: 1 requests to each"


def test_the_copy_records_nothing_and_a_killed_environment_starts_anew(tmp_path: Path) -> None:
    with running(without_telemetry(tmp_path), tmp_path) as sandbox:
        client = Client(sandbox.ready)
        durations = [client.sample()["duration_ms"], client.sample()["duration_ms"]]
        sandbox.kill_environments()
        durations.append(client.sample()["duration_ms"])
        keys = {"aws_access_key_id": sandbox.ready["access_key_id"]}
        keys["aws_secret_access_key"] = sandbox.ready["secret_access_key"]
        place = {"region_name": sandbox.ready["region"], "endpoint_url": sandbox.ready["aws_endpoint_url"]}
        logs: Any = boto3.client("logs", **place, **keys)
        (group,) = logs.describe_log_groups()["logGroups"]
        events = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
        metrics: Any = boto3.client("cloudwatch", **place, **keys)
        own = metrics.list_metrics(Namespace="Firstbyte")["Metrics"]
    lines = [event["message"] for event in events]
    assert {line.split(" ")[0] for line in lines} == {"INIT_START", "START", "END", "REPORT"}
    assert own == []
    reports = [line for line in lines if line.startswith("REPORT")]
    assert ["Init Duration" in line for line in reports] == [True, False, True]
    for duration, line in zip(durations, reports, strict=True):
        assert f"\tDuration: {duration:.2f} ms\t" in line


def test_a_sandbox_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(SystemExit, match=r"did not start:\n.*missing\.yaml"),
        running(tmp_path / "missing.yaml", tmp_path),
    ):
        pass


def test_figures_are_percentiles_and_differences_are_of_medians() -> None:
    found = compare([float(value) for value in range(11, 22)], [float(value) for value in range(11)])
    assert found["with"] == {"p10": 12.0, "median": 16.0, "p90": 20.0}
    assert found["without"] == {"p10": 1.0, "median": 5.0, "p90": 9.0}
    assert found["ratio"] == 16 / 5
    # Every pair is 11 apart, and so is every resample of pairs.
    assert found["difference"] == {"median": 11.0, "low": 11.0, "high": 11.0}


def test_the_interval_holds_the_true_difference_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    held = 0
    for _ in range(60):
        # Medians of exponential distributions are ln 2 times their scale.
        found = compare((random.exponential(30, 60) + 3).tolist(), random.exponential(20, 60).tolist())
        held += found["difference"]["low"] <= 3 + 10 * np.log(2) <= found["difference"]["high"]
    # 57 are to be expected; with these seeds the number is always the same.
    assert 53 <= held <= 59


def test_the_table_is_for_people() -> None:
    series = [10.0, 20.0, 30.0]
    results = [{"start": "warm", "figure": "ttfb_ms", **compare([value + 1 for value in series], series)}]
    lines = table({"warm": 3, "cold": 0}, results, emphasis=False).splitlines()
    assert lines[0] == "medians in ms, with telemetry and without, 3 warm requests each"
    expected = "warm TTFB 21.00 13.00 - 29.00 20.00 12.00 - 28.00 +1.00 +1.00 .. +1.00 1.050"
    assert lines[3].split() == expected.split()
    assert len({len(line) for line in lines[2:]}) == 1, "the columns stand below their titles"
    assert "\x1b[1m" in table({"warm": 3}, results, emphasis=True)


@pytest.mark.parametrize("arguments", [["--requests", "-1"], ["--cold", "x"], ["--output", "xml"], ["more"]])
def test_wrong_use(arguments: list[str]) -> None:
    done = bench(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: scripts/bench.sh" in done.stderr


def test_help_shows_examples() -> None:
    done = bench("--help")
    assert done.returncode == 0
    assert "scripts/bench.sh --requests 1000 --cold 0" in done.stdout
