"""What the probe's user sees: the answer, tables, the document, emphasis, help; and how a run is stopped."""

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from probe_process import PATIENCE_SECONDS, Probe
from sandbox_process import alive, descendants
from scripted_server import (
    END,
    LAST_CHUNK,
    START,
    STREAM_HEAD,
    Hang,
    Script,
    ScriptedServer,
    answer,
    event,
    plain,
)
from tools import REPOSITORY


def test_the_document(probe: Probe) -> None:
    with ScriptedServer([(0.0, answer("a", "b"))], [(0.0, plain(403, b"{}", "application/json"))]) as server:
        done = probe("--url", server.url, "--runs", "2", "--output", "json")
    document: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == 1
    assert list(document) == ["schema_version", "url", "region", "started_at", "runs"]
    assert (document["schema_version"], document["url"], document["region"]) == (1, server.url, "eu-west-1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["started_at"])
    first, second = document["runs"]
    assert document["started_at"] <= first["started_at"] <= second["started_at"]
    assert list(first) == list(second)
    assert (first["number"], first["outcome"], first["gaps_ms"]) == (
        1,
        "completed",
        [pytest.approx(0.0, abs=60)],
    )
    assert (second["number"], second["outcome"], second["ttft_ms"]) == (2, "http_error", None)


def test_the_answer_shows_while_it_arrives(probe: Probe) -> None:
    release = threading.Event()
    script: Script = [
        (0.0, STREAM_HEAD + START + event("delta", text="Hello")),
        (release, event("delta", text=" you") + END + LAST_CHUNK),
    ]
    with ScriptedServer(script) as server:
        process = probe.start("--url", server.url)
        assert process.stdout is not None
        try:
            # The server does not go on before this has been read: a probe that waits for the end never gets there.
            seen = process.stdout.read(5)
        finally:
            release.set()
            rest, error = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, seen, error) == (0, b"Hello", b"")
    text, _, table = rest.decode().partition("\n\n")
    assert text == " you"
    labels = [line.split()[0] for line in table.splitlines()]
    assert labels == [
        "DNS",
        "Connect",
        "TLS",
        "Headers",
        "TTFB",
        "TTFT",
        "Max",
        "Total",
        "Tokens",
        "Outcome",
        "Request",
        "Trace",
    ]
    assert "12 in, 34 out" in table
    assert "\x1b" not in table, "no emphasis where there is no terminal"


def test_control_characters_from_the_server_are_made_harmless(probe: Probe) -> None:
    nasty = "a\x1b]0;title\x07\x9b31m\r\n\tb\x7f\u20ac\ud800"
    error = event("error", type="model_\x1b[1merror", message="first\nsecond\x1b[2J", retryable=False)
    with ScriptedServer([(0.0, STREAM_HEAD + START + event("delta", text=nasty) + error + LAST_CHUNK)]) as server:
        table = probe("--url", server.url)
        _, run = probe.run_json("--url", server.url)
    assert table.returncode == 4
    assert table.stdout.startswith("a]0;title31m\n\tb\u20ac?\n\n")
    assert "error: model_[1merror: first second[2J" in table.stdout
    assert "\x1b" not in table.stdout
    assert run["error"]["message"] == "first\nsecond\x1b[2J", "the document is for programs, and escapes"


def test_several_runs_are_a_line_each_and_a_summary(probe: Probe) -> None:
    cut: Script = [(0.0, STREAM_HEAD + START)]
    with ScriptedServer([(0.0, answer("a", "b"))], cut, [(0.0, answer("a", "b"))]) as server:
        done = probe("--url", server.url, "--runs", "3")
    assert done.returncode == 4
    header, *rows, low, middle, high, last = done.stdout.splitlines()
    assert header.split() == ["run", "TTFB", "ms", "TTFT", "ms", "max", "gap", "ms", "total", "ms", "tokens", "outcome"]
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]
    assert [row.split()[6] for row in rows] == ["completed", "cut:", "completed"]
    assert [line.split()[0] for line in (low, middle, high)] == ["min", "med", "max"]
    totals = sorted(float(row.split()[4]) for row in (rows[0], rows[2]))
    assert [float(line.split()[4]) for line in (low, high)] == totals
    assert float(middle.split()[4]) == pytest.approx(sum(totals) / 2, abs=0.11)
    assert last == "2 of 3 runs completed"


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_stopping_ends_curl_and_reports_what_was_measured(probe: Probe, stop: signal.Signals) -> None:
    silent: Script = [(0.0, STREAM_HEAD + START + event("delta", text="a")), (0.0, Hang)]
    with ScriptedServer([(0.0, answer("a"))], silent) as server:
        process = probe.start("--url", server.url, "--runs", "3")
        server.wait_for_request(2)
        children = descendants(process.pid)
        process.send_signal(stop)
        out, error = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, error) == (130, b"")
    assert len(children) == 1
    assert not [pid for pid in children if alive(pid)]
    lines = out.decode().splitlines()
    assert lines[-1] == "1 of 1 runs completed (3 were asked for)"
    assert [line.split()[0] for line in lines] == ["run", "1", "2", "min", "med", "max", "1"]
    assert "interrupted" in lines[2]


def test_a_reader_that_leaves_ends_the_probe_and_curl(probe: Probe) -> None:
    release = threading.Event()
    script: Script = [(0.0, STREAM_HEAD + event("delta", text="a")), (release, event("delta", text="b")), (0.0, Hang)]
    with ScriptedServer(script) as server:
        process = probe.start("--url", server.url)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        children = descendants(process.pid)
        process.stdout.close()
        release.set()
        assert process.wait(PATIENCE_SECONDS) == 141
        assert process.stderr.read() == b""
        process.stderr.close()
    assert len(children) == 1
    assert not [pid for pid in children if alive(pid)]


def test_emphasis_is_for_terminals_that_want_it(probe: Probe) -> None:
    with ScriptedServer([(0.0, answer("hi"))]) as server:
        shown = {
            name: on_a_terminal(probe, server.url, more)
            for name, more in {"plain": {}, "none": {"NO_COLOR": "1"}}.items()
        }
    assert "\x1b[1m" in shown["plain"]
    assert "\x1b" not in shown["none"]
    assert "TTFT" in shown["none"]


def on_a_terminal(probe: Probe, url: str, environment: Mapping[str, str]) -> str:
    master, slave = os.openpty()
    try:
        command = [str(REPOSITORY / "scripts/probe.sh"), "--url", url]
        surroundings = {**probe.environment, "TERM": "xterm", **environment}
        done = subprocess.run(
            command, env=surroundings, stdout=slave, stderr=slave, stdin=slave, timeout=PATIENCE_SECONDS
        )
        assert done.returncode == 0
        return os.read(master, 65_536).decode()
    finally:
        os.close(slave)
        os.close(master)


def test_help_shows_examples_and_every_exit_code(probe: Probe) -> None:
    done = probe("--help", environment={"PATH": os.environ["PATH"]})
    assert done.returncode == 0
    assert "scripts/probe.sh --sandbox" in done.stdout
    codes = re.findall(r"^  (\d+) ", done.stdout.partition("exit codes:")[2], re.MULTILINE)
    assert codes == ["0", "1", "2", "3", "4", "5", "130"]


def test_wrong_use_is_one_line_on_standard_error(probe: Probe) -> None:
    done = probe("--url", "http://a.example/")
    assert (done.returncode, done.stdout) == (2, "")
    words = "would send the prompt in the clear: use https:// (http is for this machine only)"
    assert done.stderr == f"probe: 'http://a.example/' {words}\n"


def test_a_missing_or_old_python_is_named(probe: Probe, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "env", "dirname"):
        (folder / name).symlink_to(str(shutil.which(name)))
    assert "Python 3.9 or newer" in probe("--help", environment={"PATH": str(folder)}).stderr
    (folder / "python3").write_text("#!/bin/sh\nexit 1\n")
    (folder / "python3").chmod(0o700)
    done = probe("--help", environment={"PATH": str(folder)})
    assert (done.returncode, done.stderr) == (2, "probe: Python 3.9 or newer is needed as python3 on PATH\n")


@pytest.mark.parametrize("path", sorted((REPOSITORY / "scripts/probe").glob("*.py")), ids=lambda path: path.name)
def test_the_probe_keeps_to_the_syntax_of_python_3_9(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 9))
