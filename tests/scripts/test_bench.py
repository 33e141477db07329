"""The benchmark: that it compares what it says, with true statistics; no speed is looked at."""

import io
import itertools
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from rich.console import Console

import readme
from bench import probing, telemetry
from bench.probing.bare_curl import ask
from bench.progress import progress
from bench.report import compare, table
from bench.sandbox import running
from bench.soak import disturber, plans
from bench.telemetry.client import Client
from bench.telemetry.stacks import without_telemetry
from probe.credentials import Credentials
from probe.load import Side
from probe.target import parse_url
from pseudo_terminal import PseudoTerminal
from recorded import LOG_GROUP
from tools import REPOSITORY


def duration_ms_of(client: Client) -> float:
    sample = client.sample()
    assert sample
    return sample["duration_ms"]


def bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(REPOSITORY / "scripts/bench.sh"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


def check(results: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Look whether each result is one of two sides; return them by case and figure."""
    for result in results:
        for side in (result["with"], result["without"]):
            assert side["p10"] <= side["median"] <= side["p90"]
        medians = result["with"]["median"], result["without"]["median"]
        assert result["difference"]["median"] == medians[0] - medians[1]
        assert result["difference"]["low"] <= result["difference"]["high"]
        assert result["ratio"] == medians[0] / medians[1]
    return {(result["case"], result["figure"]): result for result in results}


def test_the_document_on_telemetry_has_every_figure_of_both_sides() -> None:
    done = bench("telemetry", "--requests", "3", "--cold", "1", "--output", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["schema_version"], document["subject"]) == (3, "telemetry")
    assert document["requests"] == {"warm": 3, "cold": 1}
    found = check(document["results"])
    assert list(found) == [(start, figure) for start in ("warm", "cold") for figure in telemetry.FIGURES]
    for side in ("with", "without"):
        assert found["warm", "ttfb_ms"][side]["p10"] > 0
        assert found["cold", "ttfb_ms"][side]["median"] > found["warm", "ttfb_ms"][side]["median"]
        assert found["warm", "ttfb_ms"][side]["median"] <= found["warm", "last_byte_ms"][side]["median"]
    stages = ["starting two sandboxes", "warm-up: 0 of 20", "warm: 0 of 3", "cold: 0 of 1"]
    assert [line for line in done.stderr.splitlines() if line in stages] == stages


def test_the_document_on_the_probe_has_every_figure_of_both_sides() -> None:
    done = bench("probe", "--requests", "10", "--output", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["schema_version"], document["subject"]) == (3, "probe")
    cases = ("five texts", "500 texts", "eight at a time")
    assert document["requests"] == dict.fromkeys(cases, 10)
    found = check(document["results"])
    assert list(found) == [(case, figure) for case in cases for figure in probing.FIGURES]
    for case in cases:
        for side in ("with", "without"):
            # The server waits 100 ms before the first text, and no client can have it earlier.
            assert found[case, "wire_ms"][side]["p10"] >= 100
            assert found[case, "gap_ms"][side]["p10"] >= 0
        assert found[case, "late_ms"]["without"]["p10"] > 0


def test_a_request_is_held_against_when_its_texts_were_sent() -> None:
    account = {"request_id": "1", "accepted_at": 50.0, "sent_at": [50.25, 50.5, 51.0]}
    found = probing.sample(account, [50_260.0, 50_505.0, 51_020.0])
    assert found == {"wire_ms": 250.0, "late_ms": 10.0, "gap_ms": 15.0}


def test_the_server_says_truly_when_it_sent_what() -> None:
    case = probing.Case(probing.Schedule(wait_seconds=0.3, gap_seconds=0.1, chunks=4), at_a_time=3, in_a_turn=7)
    with probing.Server() as server:
        side = Side(parse_url(server.url, "us-east-1", {}), Credentials("AKIDEXAMPLE", "secret", None), buffered=False)
        begun = time.monotonic()
        heard = ask(side, case.body, 7, case.at_a_time)
        ended = time.monotonic()
        accounts = server.accounts(7)
    assert sorted(each.request_id for each in heard) == sorted(accounts)
    for each in heard:
        account = accounts[each.request_id]
        sent = account["sent_at"]
        assert begun < account["accepted_at"]
        # On a busy machine the server may be late, but it never sends early.
        assert all(at >= account["accepted_at"] + 0.3 + 0.1 * number for number, at in enumerate(sent))
        assert len(sent) == len(each.texts_at) == 4
        assert all(at > sent_at for at, sent_at in zip(each.texts_at, sent, strict=True))
        assert each.texts_at[-1] < ended
    overlaps = [
        sum(a["accepted_at"] <= b["accepted_at"] < a["sent_at"][-1] for a in accounts.values())
        for b in accounts.values()
    ]
    assert max(overlaps) == 3, "so many at a time, and no more"


def test_the_copy_records_nothing_and_a_killed_environment_starts_anew(tmp_path: Path) -> None:
    with running(without_telemetry(tmp_path), tmp_path) as sandbox:
        client = Client(sandbox.ready)
        durations = [duration_ms_of(client), duration_ms_of(client)]
        sandbox.kill_environments()
        durations.append(duration_ms_of(client))
        keys = {"aws_access_key_id": sandbox.ready["access_key_id"]}
        keys["aws_secret_access_key"] = sandbox.ready["secret_access_key"]
        place = {"region_name": sandbox.ready["region"], "endpoint_url": sandbox.ready["aws_endpoint_url"]}
        logs: Any = boto3.client("logs", **place, **keys)
        events = logs.filter_log_events(logGroupName=LOG_GROUP)["events"]
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


def compared(first: Sequence[float], second: Sequence[float]) -> dict[str, Any]:
    (found,) = compare(
        "warm", {"ttfb_ms": "TTFB"}, *([{"ttfb_ms": value} for value in side] for side in (first, second))
    )
    return found


def test_figures_are_percentiles_and_differences_are_of_medians() -> None:
    found = compared([float(value) for value in range(11, 22)], [float(value) for value in range(11)])
    assert found["with"] == {"p10": 12.0, "median": 16.0, "p90": 20.0}
    assert found["without"] == {"p10": 1.0, "median": 5.0, "p90": 9.0}
    assert found["ratio"] == 16 / 5
    # Every pair is 11 apart, and so is every resample of pairs.
    assert found["difference"] == {"median": 11.0, "low": 11.0, "high": 11.0}


def test_the_table_is_for_people() -> None:
    series = [10.0, 20.0, 30.0]
    results = [compared([value + 1 for value in series], series)]
    lines = table(telemetry.SIDES, {"warm": 3, "cold": 0}, results, emphasis=False).splitlines()
    assert lines[0].split() == ["medians", "in", "ms", "with", "without", "difference", "95", "%", "interval"]
    assert lines[1] == "warm, 3 requests each"
    assert lines[2].split() == ["TTFB", "21.00", "20.00", "+1.00", "+1.00", "to", "+1.00"]
    assert len(lines[0]) == len(lines[2]), "the columns stand below their titles"
    assert "\x1b[1m" in table(telemetry.SIDES, {"warm": 3}, results, emphasis=True)
    assert " 0.00 " in table(telemetry.SIDES, {"warm": 3}, [compared(series, series)], emphasis=False)


@pytest.mark.parametrize(("cases", "subject"), [(("warm", "cold"), telemetry), (probing.CASES, probing)])
def test_the_table_fits_into_80_columns_whatever_the_figures_are(cases: Sequence[str], subject: Any) -> None:
    slow, quick = [dict.fromkeys(subject.FIGURES, value) for value in (98_765.43, 1.0)]
    results = [each for case in cases for each in compare(case, subject.FIGURES, [slow, quick], [quick, slow])]
    text = table(subject.SIDES, dict.fromkeys(cases, 10_000), results, emphasis=False)
    assert "-98764.43 to +98764.43" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_readme_has_the_names_of_the_output() -> None:
    for heading, cases, subject in (
        ("## What telemetry costs", ("warm", "cold"), telemetry),
        ("## What the probe costs", probing.CASES, probing),
    ):
        names = {f"{case}: {figure}" for case in cases for figure in subject.FIGURES.values()}
        assert {row[0] for row in readme.table("src/bench", heading)} <= names
        assert f"| | {' | '.join(subject.SIDES)} | difference | 95 % interval |" in readme.section("src/bench", heading)
    disturbances = (disturber.KILLED, disturber.STOPPED, disturber.FULL_DISK)
    faults = [fault for fault in plans.faults_of(plans.plans(10_000, 1)) if fault != plans.NOTHING]
    assert [row[0] for row in readme.table("src/bench", "## What the stack endures")] == [*faults, *disturbances]


def test_help_has_the_names_of_the_output() -> None:
    for name, cases, subject in (("telemetry", ("warm", "cold"), telemetry), ("probe", probing.CASES, probing)):
        text = bench(name, "--help").stdout
        for words in (*cases, *subject.FIGURES.values()):
            assert f"\n  {words}  " in text


def told(shown_on: Console, clock: Callable[[], float]) -> None:
    """A stage of a hundred requests, each of which takes a second, after one that counts nothing."""
    with progress(shown_on, clock) as tell:
        tell("starting", 0, 0)
        for number in range(100):
            tell("warm", number, 100)


def test_progress_is_a_line_now_and_then() -> None:
    paper, seconds = io.StringIO(), itertools.count()
    told(Console(file=paper), lambda: float(next(seconds)))
    lines = paper.getvalue().splitlines()
    assert lines[:2] == ["starting", "warm: 0 of 100"]
    assert 4 < len(lines) < 20


def test_progress_on_a_terminal_is_one_line_that_changes_and_goes() -> None:
    terminal = PseudoTerminal(columns=80)
    command = [str(REPOSITORY / "scripts/bench.sh"), "probe", "--requests", "3"]
    process = terminal.start(command, {**os.environ, "TERM": "xterm", "COLUMNS": "80"})
    terminal.read_until(r"^five texts .* 0/3 ")
    terminal.read_until(r"^eight at a time .* 0/3 ")
    assert sum(bool(line) for line in terminal.screen) == 1
    assert terminal.finish(process) == 0
    assert "\x1b[31m" not in terminal.written
    assert [line for line in terminal.screen if "0/3" in line] == []
    terminal.close()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["telemetry", "--requests", "-1"],
        ["telemetry", "--cold", "x"],
        ["probe", "--cold", "1"],
        ["probe", "--output", "xml"],
        ["soak", "--requests", "99"],
        ["soak", "--requests", "14001"],
        ["soak", "--seed", "x"],
        ["more"],
    ],
)
def test_wrong_use(arguments: list[str]) -> None:
    done = bench(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: scripts/bench.sh" in done.stderr


def test_help_shows_examples() -> None:
    done = bench("--help")
    assert done.returncode == 0
    assert "scripts/bench.sh telemetry --requests 1000 --cold 0" in done.stdout


# A request takes half a second; the first and the fourth go through the probe, the two between are bare curl's.
@pytest.mark.parametrize("seconds", [0.25, 0.75, 1.75])
def test_ctrl_c_ends_the_benchmark_of_the_probe(seconds: float) -> None:
    with subprocess.Popen(
        [str(REPOSITORY / "scripts/bench.sh"), "probe", "--requests", "1000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == b"five texts: 0 of 1000\n"
            time.sleep(seconds)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
            assert process.wait(30) == 130
            assert process.stderr.read() == b""
        finally:
            process.kill()
