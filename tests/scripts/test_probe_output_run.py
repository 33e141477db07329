"""The formats for programs out of the real probe: its files as a user gets them, read by what reads such files."""

import csv
import io
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from junitparser import JUnitXml
from prometheus_client.parser import text_string_to_metric_families

from probe_process import Probe
from scripted_server import END, LAST_CHUNK, START, STREAM_HEAD, ScriptedServer, answer, event, plain
from tools import REPOSITORY

SCHEMA = json.loads((REPOSITORY / "src/probe/probe/output/result.schema.json").read_text())
DENIED = b'{"message": "\\u001b[2J</script>, not for you \\u20ac"}'


def two_runs(probe: Probe, output: str, *more: str) -> str:
    """What the probe says of a completed run and a denied one."""
    with ScriptedServer([(0.0, answer("a", "b"))], [(0.0, plain(403, DENIED, "application/json"))]) as server:
        done = probe("--url", server.url, "--runs", "2", "--output", output, *more)
    assert (done.returncode, done.stderr) == (1, "")
    assert "\x1b" not in done.stdout
    return done.stdout


def test_json_fits_the_schema(probe: Probe) -> None:
    document = json.loads(two_runs(probe, "json", "--slo", "failures=50%"))
    Draft202012Validator(SCHEMA).validate(document)
    assert [run["outcome"] for run in document["runs"]] == ["completed", "http_error"]
    assert document["objectives"] == [{"name": "failures", "limit": 50.0, "value": 50.0, "met": True}]


def test_jsonl_is_a_line_for_each_run(probe: Probe) -> None:
    lines = [json.loads(line) for line in two_runs(probe, "jsonl").splitlines()]
    validator = Draft202012Validator({"$ref": "#/$defs/line", "$defs": SCHEMA["$defs"]})
    assert [line["outcome"] for line in lines] == ["completed", "http_error"]
    assert all(map(validator.is_valid, lines))


def test_csv_is_a_row_for_each_run(probe: Probe) -> None:
    rows = list(csv.DictReader(io.StringIO(two_runs(probe, "csv")), strict=True))
    assert [(row["number"], row["outcome"], row["status"]) for row in rows] == [
        ("1", "completed", "200"),
        ("2", "http_error", "403"),
    ]
    assert rows[1]["error_message"] == "[2J</script>, not for you \u20ac"


def test_junit_is_a_case_for_each_run_and_objective(probe: Probe) -> None:
    (suite,) = JUnitXml.fromstring(two_runs(probe, "junit", "--slo", "total_p50=10s").encode())
    assert [(case.name, case.is_passed) for case in suite] == [
        ("run 1", True),
        ("run 2", False),
        ("total_p50 <= 10s", True),
    ]


def test_prometheus_counts_each_run(probe: Probe) -> None:
    families = {family.name: family for family in text_string_to_metric_families(two_runs(probe, "prometheus"))}
    runs = {sample.labels["outcome"]: sample.value for sample in families["firstbyte_probe_runs"].samples}
    assert runs == {"completed": 1.0, "http_error": 1.0}


def test_html_is_a_page(probe: Probe) -> None:
    page = two_runs(probe, "html")
    assert page.startswith("<!DOCTYPE html>")
    assert "[2J&lt;/script&gt;, not for you \u20ac" in page


@pytest.mark.parametrize("output", ["json", "jsonl", "csv", "junit", "prometheus", "html"])
def test_answers_are_in_no_format_and_prompts_in_the_page_alone(probe: Probe, output: str) -> None:
    words = answer("an answer that nobody shall read")
    with ScriptedServer([(0.0, words)]) as server:
        done = probe("--url", server.url, "--prompt", "a prompt for readers of the page", "--output", output)
    assert done.returncode == 0
    assert "nobody shall read" not in done.stdout
    assert ("for readers of the page" in done.stdout) == (output == "html")


def test_a_page_of_saved_results_has_no_prompt(probe: Probe, tmp_path: Path) -> None:
    with ScriptedServer([(0.0, answer("a"))]) as server:
        (tmp_path / "saved").write_text(probe("--url", server.url, "--prompt", "why?", "--output", "json").stdout)
    done = probe("--compare", str(tmp_path / "saved"), str(tmp_path / "saved"), "--output", "html")
    assert (done.returncode, done.stderr) == (0, "")
    assert "<h1" in done.stdout
    assert "why?" not in done.stdout


def test_two_saved_results_are_compared(probe: Probe, tmp_path: Path) -> None:
    slow = START + event("delta", text="a")
    for name, wait in (("before", 0.4), ("after", 0.0)):
        with ScriptedServer([(wait, STREAM_HEAD + slow + END + LAST_CHUNK)]) as server:
            done = probe("--url", server.url, "--output", "json")
        (tmp_path / name).write_text(done.stdout)
    done = probe("--compare", str(tmp_path / "before"), str(tmp_path / "after"), "--output", "json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    Draft202012Validator(SCHEMA).validate(document)
    before, after = (json.loads((tmp_path / name).read_text()) for name in ("before", "after"))
    assert (document["runs"], document["against"]["runs"]) == (after["runs"], before["runs"])
    assert document["differences"]["ttft"]["median"] < 0.0
    (tmp_path / "both").write_text(done.stdout)
    done = probe("--compare", str(tmp_path / "both"), str(tmp_path / "after"))
    assert (done.returncode, done.stdout) == (2, "")
    words = "is a comparison itself; give a file with the runs of one series"
    assert done.stderr == f"probe: {tmp_path / 'both'} {words}\n"


def test_results_that_were_not_made_alike_are_compared_with_a_warning(probe: Probe, tmp_path: Path) -> None:
    conditions = {"before": ("--prompt", "a", "--max-tokens", "7"), "after": ("--prompt", "b", "--runs", "2")}
    for name, options in conditions.items():
        with ScriptedServer([(0.0, answer("a"))]) as server:
            (tmp_path / name).write_text(probe("--url", server.url, *options, "--output", "json").stdout)
    done = probe("--compare", str(tmp_path / "before"), str(tmp_path / "after"))
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "probe: the two were not made alike: --max-tokens was 7, then None",
        "probe: the two were not made alike: the requests were others",
    ]
    assert "after's first text came" in done.stdout


@pytest.mark.parametrize("output", ["jsonl", "csv", "html"])
def test_a_missed_objective_is_said_where_people_read(probe: Probe, output: str) -> None:
    with ScriptedServer([(0.0, answer("a"))]) as server:
        done = probe("--url", server.url, "--slo", "failures=0%,bursts=0%", "--output", output)
    why = "the answers were too short or too quick to tell"
    assert (done.returncode, done.stderr) == (6, f"probe: objective unproven: bursts=0%, {why}\n")


def test_an_objective_that_so_few_runs_cannot_prove_is_refused_before_any_request(probe: Probe, tmp_path: Path) -> None:
    with ScriptedServer([(0.0, answer("a"))]) as server:
        done = probe("--url", server.url, "--runs", "19", "--slo", "ttft_p95=1s")
        (tmp_path / "saved").write_text(probe("--url", server.url, "--output", "json").stdout)
        assert len(server.exchanges) == 1
    saved = probe("--compare", str(tmp_path / "saved"), str(tmp_path / "saved"), "--slo", "ttft_p95=1s")
    for refused, said in ((done, "--runs is 19"), (saved, "AFTER has 1")):
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr == (
            f"probe: --slo: ttft_p95 takes 20 runs or more, and {said}: of fewer, not one is expected beyond the p95; "
            "make more, or give a limit for ttft_max\n"
        )


def test_an_objective_that_was_planned_with_enough_runs_is_unproven_when_too_few_have_the_figure(probe: Probe) -> None:
    silent = plain(200, b'{"text": "a"}', "application/json")
    scripts = [[(0.0, silent)], *[[(0.0, answer("a", "b"))]] * 9]
    with ScriptedServer(*scripts) as server:
        done = probe("--url", server.url, "--runs", "10", "--slo", "max_gap_p90=9s", "--output", "junit")
    why = "a p90 takes 10 completed runs with a Max gap, and there are 9"
    assert (done.returncode, done.stderr) == (6, f"probe: objective unproven: max_gap_p90=9s, {why}\n")
    (suite,) = JUnitXml.fromstring(done.stdout.encode())
    assert [case.result[0].message for case in suite if case.is_failure] == [f"unproven: {why}"]


def test_saved_results_keep_their_own_conditions_and_failures_their_exit_code(probe: Probe, tmp_path: Path) -> None:
    denied = plain(403, DENIED, "application/json")
    for name, runs, response in (("before", "1", answer("a")), ("after", "2", denied)):
        with ScriptedServer([(0.0, response)]) as server:
            (tmp_path / name).write_text(probe("--url", server.url, "--runs", runs, "--output", "json").stdout)
    done = probe("--compare", str(tmp_path / "before"), str(tmp_path / "after"))
    assert (done.returncode, done.stderr) == (1, "")
    assert "\nafter: 0 of 2 runs completed\nbefore: 1 of 1 runs completed, firstbyte-sse\n" in done.stdout
    assert "There is no figure that both of them have." in done.stdout
