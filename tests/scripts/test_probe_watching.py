"""What is seen while runs are made: the real scripts/probe.sh in pipes and on a terminal, and what it leaves there."""

import json
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping

import pytest

from probe_process import PATIENCE_SECONDS, Probe
from pseudo_terminal import PseudoTerminal
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

HEADER = "  Run  TTFB ms  TTFT ms Max gap ms Total ms Tokens Start Conn   Outcome"

# The part of the progress bar that is done.
GREEN_BAR, RED_BAR = "\x1b[32m━", "\x1b[31m━"


@pytest.fixture
def terminal() -> Iterator[PseudoTerminal]:
    made = PseudoTerminal()
    yield made
    made.close()


def start(
    probe: Probe,
    terminal: PseudoTerminal,
    *arguments: str,
    stdout: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> "subprocess.Popen[bytes]":
    command = [str(REPOSITORY / "scripts/probe.sh"), *arguments]
    return terminal.start(command, {**probe.environment, "TERM": "xterm", **(environment or {})}, stdout=stdout)


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
    assert rest.startswith(b" you\n\nOutcome  completed\n")
    assert re.search(r"^TTFB .* Tokens +12 in, 34 out$", rest.decode(), re.MULTILINE)
    assert b"\x1b" not in rest


def test_a_long_wait_says_what_it_waits_for(probe: Probe, terminal: PseudoTerminal) -> None:
    release = threading.Event()
    with ScriptedServer([(release, answer("Hello"))]) as server:
        process = start(probe, terminal, "--url", server.url)
        try:
            terminal.read_until(r"^waiting for the answer to begin, 3 s$")
            # It is drawn anew while nothing happens.
            terminal.read_until(r"^waiting for the answer to begin, 4 s$")
        finally:
            release.set()
            assert terminal.finish(process) == 0
    assert terminal.screen[0] == "Hello", "nothing is left of it"
    assert terminal.written.rindex("\x1b[?25h") > terminal.written.rindex("\x1b[?25l"), "the cursor is back"


def test_a_wait_is_over_when_the_run_fails(probe: Probe, terminal: PseudoTerminal) -> None:
    release = threading.Event()
    with ScriptedServer([(release, plain(403, b"{}", "application/json"))]) as server:
        process = start(probe, terminal, "--url", server.url)
        try:
            terminal.read_until(r"^waiting for the answer to begin, \d s$")
        finally:
            release.set()
            assert terminal.finish(process) == 1
    assert terminal.screen[0].startswith("Outcome  http_error 403")


@pytest.mark.alone
def test_a_quick_answer_is_not_disturbed(probe: Probe, terminal: PseudoTerminal) -> None:
    with ScriptedServer([(0.0, answer("Hello"))]) as server:
        assert terminal.finish(start(probe, terminal, "--url", server.url)) == 0
    assert "waiting" not in terminal.written
    assert terminal.written.startswith("Hello")


def test_an_answer_that_ends_its_last_line_leaves_one_empty_line(probe: Probe) -> None:
    with ScriptedServer([(0.0, answer("a\n"))], [(0.0, answer())]) as server:
        assert probe("--url", server.url).stdout.startswith("a\n\nOutcome  ")
        assert probe("--url", server.url).stdout.startswith("Outcome  ")


def test_control_characters_from_the_server_are_made_harmless(probe: Probe) -> None:
    nasty = "a\u202e\x1b]0;title\x07\x9b31m\r\n\tb\x7f\u20ac\ud800"
    error = event("error", type="model_\x1b[1merror", message="first\nsecond\x1b[2J", retryable=False)
    script: Script = [(0.0, STREAM_HEAD + START + event("delta", text=nasty) + error + LAST_CHUNK)]
    with ScriptedServer(script) as server:
        one = probe("--url", server.url)
        several = probe("--url", server.url, "--runs", "2")
    assert one.stdout.startswith("a]0;title31m\n\tb\u20ac?\n\n")
    for done in (one, several):
        assert done.returncode == 4
        assert "error: model_[1merror" in done.stdout
        assert "first second[2J" in done.stdout
        assert "\x1b" not in done.stdout


def test_in_a_pipe_several_runs_are_a_line_each(probe: Probe) -> None:
    cut: Script = [(0.0, STREAM_HEAD + START)]
    scripts: list[Script] = [[(0.0, answer("a"))], [(0.0, answer("a", "b"))], cut, [(0.0, answer("a", "b"))]]
    with ScriptedServer(*scripts) as server:
        environment = {**probe.environment, "FORCE_COLOR": "1"}
        done = probe("--url", server.url, "--runs", "3", "--warm-up", "1", environment=environment)
    assert (done.returncode, done.stderr) == (4, "")
    header, *rows = done.stdout.splitlines()[:5]
    assert header == HEADER
    cells = [row.split() for row in rows]
    assert [row[0] for row in cells] == ["w1", "1", "2", "3"]
    assert [row[5:9] for row in cells] == [
        ["34", "-", "new", "completed"],
        ["34", "-", "new", "completed"],
        ["-", "-", "new", "cut:"],
        ["34", "-", "new", "completed"],
    ]
    assert "\x1b" not in done.stdout, "a pipe gets no colour, whatever is said"
    assert done.stdout.splitlines()[5] == ""
    assert done.stdout.splitlines()[6] == ("2 of 3 runs completed, after 1 to warm up that do not count, firstbyte-sse")


def test_one_run_after_a_warm_up_is_shown_in_full_below_the_rows(probe: Probe) -> None:
    with ScriptedServer([(0.0, answer("a"))]) as server:
        lines = probe("--url", server.url, "--warm-up", "1").stdout.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["Run", "w1", "1"]
    assert lines[3] == ""
    assert lines[4].startswith("Outcome  ")


def test_the_runs_of_two_sides_have_their_letters(probe: Probe) -> None:
    whole = plain(200, json.dumps({"text": "a"}).encode(), "application/json")
    with ScriptedServer([(0.0, answer("a"))]) as streamed, ScriptedServer([(0.0, answer("b"))]) as other:
        done = probe("--url", streamed.url, "--runs", "2", "--against", other.url)
    with ScriptedServer([(0.0, answer("a"))], [(0.0, whole)], [(0.0, whole)], [(0.0, answer("a"))]) as server:
        buffered = probe("--url", server.url, "--runs", "2", "--against", "buffered")
    for found in (done, buffered):
        assert (found.returncode, found.stderr) == (0, "")
        assert [line.split()[0] for line in found.stdout.splitlines()[1:5]] == ["A1", "B1", "B2", "A2"]
    assert f"\nB  {other.url} (eu-west-1), streamed, from 20" in done.stdout
    assert f"\nB  {server.url} (eu-west-1), in one piece, from 20" in buffered.stdout


def test_the_live_display(probe: Probe, terminal: PseudoTerminal) -> None:
    release = threading.Event()
    slow: Script = [(release, answer("a"))]
    refused: Script = [(0.0, plain(403, b"{}", "application/json"))]
    # The warm-up is far slower than what counts.
    with ScriptedServer([(1.0, answer("a"))], [(0.0, answer("a"))], refused, slow, [(0.0, answer("a"))]) as server:
        process = start(probe, terminal, "--url", server.url, "--runs", "4", "--warm-up", "1")
        try:
            terminal.read_until("3 of 5 runs are over: 2 completed, 1 failed", r"under way: 3 \(", "TTFT p50 ")
            during = terminal.screen
            assert RED_BAR in terminal.written
            # It is drawn anew while nothing happens.
            terminal.read_until(r"under way: 3 \([1-9]")
        finally:
            release.set()
            code = terminal.finish(process)
    assert code == 1
    [first] = [line.split() for line in during if line.startswith("    1 ")]
    [times] = [line for line in during if line.startswith("TTFT p50")]
    assert times == f"TTFT p50 {first[2]} ms", "one run has no p95"
    assert any("http_error 403" in line for line in during)
    left = terminal.screen
    assert left[0] == HEADER
    assert [line.split()[0] for line in left[1:6]] == ["w1", "1", "2", "3", "4"]
    assert left[2].split() == first
    assert [line.startswith("\x1b[31m") for line in terminal.written.split("\r\n") if " new    " in line][-5:] == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert left[6] == ""
    assert "3 of 4 runs completed, after 1 to warm up that do not count, firstbyte-sse" in left
    assert "under way" not in "\n".join(left)
    assert terminal.written.endswith("\n")
    assert terminal.written.rindex("\x1b[?25h") > terminal.written.rindex("\x1b[?25l"), "the cursor is back"


def test_the_live_display_shows_the_last_runs_that_fit(probe: Probe) -> None:
    hang: Script = [(0.0, Hang)]
    long: Script = [(0.0, plain(500, b"x" * 150, "text/plain"))]
    for lines, fit in ((10, 4), (40, 15)):
        terminal = PseudoTerminal(columns=69, lines=lines)
        try:
            with ScriptedServer(*[long] * 18, hang) as server:
                process = start(probe, terminal, "--url", server.url, "--runs", "19")
                try:
                    terminal.read_until("18 of 19 runs are over")
                    during = [line for line in terminal.screen if line.endswith("new    http_")]
                    assert max(map(len, terminal.screen)) <= 69, "a line that wraps is not erased"
                finally:
                    process.send_signal(signal.SIGINT)
                    code = terminal.finish(process)
        finally:
            terminal.close()
        assert code == 130
        assert "19 of 19" not in terminal.written, "a run that was stopped is not over"
        assert [int(line.split()[0]) for line in during] == list(range(19 - fit, 19))
        rows = [line for line in terminal.screen if line.endswith("http_error 500: http_500")]
        assert [int(row.split()[0]) for row in rows] == list(range(1, 19)), "what is left is whole"


def test_a_terminal_without_colour(probe: Probe, terminal: PseudoTerminal) -> None:
    with ScriptedServer([(0.0, answer("a"))], [(0.0, plain(403, b"{}", "application/json"))]) as server:
        process = start(probe, terminal, "--url", server.url, "--runs", "2", environment={"NO_COLOR": "1"})
        assert terminal.finish(process) == 1
    assert "\x1b[2K" in terminal.written, "it is drawn all the same"
    assert not re.findall(r"\x1b\[[\d;]*m", terminal.written), "neither colour nor bold"
    assert [line.split()[0] for line in terminal.screen[:3]] == ["Run", "1", "2"]


def test_a_terminal_that_nothing_can_be_drawn_on(probe: Probe, terminal: PseudoTerminal) -> None:
    release = threading.Event()
    with ScriptedServer([(0.0, answer("a"))], [(release, answer("a"))]) as server:
        process = start(probe, terminal, "--url", server.url, "--runs", "2", environment={"TERM": "dumb"})
        try:
            terminal.read_until("^    1 .* completed")
        finally:
            release.set()
            assert terminal.finish(process) == 0
    assert "\x1b" not in terminal.written
    assert [line.split()[0] for line in terminal.screen[:3]] == ["Run", "1", "2"]


def test_the_progress_of_a_document_is_on_standard_error(probe: Probe, terminal: PseudoTerminal) -> None:
    release = threading.Event()
    with ScriptedServer([(0.0, answer("a"))], [(release, answer("a"))]) as server:
        arguments = ("--url", server.url, "--runs", "2", "--output", "json")
        process = start(probe, terminal, *arguments, stdout=subprocess.PIPE)
        try:
            terminal.read_until("1 of 2 runs are over: 1 completed, 0 failed", r"under way: 2 \(")
            assert GREEN_BAR in terminal.written
            assert RED_BAR not in terminal.written, "nothing is red while all is well"
        finally:
            release.set()
            assert process.stdout is not None
            document = process.stdout.read()
            code = terminal.finish(process)
            process.stdout.close()
        quiet = probe(*arguments)
    assert code == 0
    assert len(json.loads(document)["runs"]) == 2
    assert not any(terminal.screen), "nothing is left of it"
    assert (quiet.returncode, quiet.stderr) == (0, "")


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
    assert [line.split()[0] for line in lines[:3]] == ["Run", "1", "2"]
    assert "interrupted" in lines[2]
    assert "TTFT" in {line.split()[0] for line in lines[3:] if line}
    assert lines[4] == "1 of 1 runs completed (3 were asked for), firstbyte-sse"


def test_a_reader_that_leaves_ends_the_probe_and_curl(probe: Probe) -> None:
    release = threading.Event()
    script: Script = [
        (0.0, STREAM_HEAD + START + event("delta", text="a")),
        (release, event("delta", text="b")),
        (0.0, Hang),
    ]
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


def test_a_reader_that_leaves_before_the_figures_is_no_error(probe: Probe) -> None:
    with ScriptedServer([(0.0, answer("a" * 5))], [(0.0, answer("a"))]) as server:
        process = probe.start("--url", server.url, "--runs", "2")
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE_SECONDS) == 141
        assert process.stderr.read() == b""
        process.stderr.close()
