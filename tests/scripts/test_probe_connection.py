"""A kept connection: one curl and one TCP connection for many requests, and what happens when either breaks."""

import contextlib
import fcntl
import json
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from probe.connection import Connection
from probe.credentials import Credentials
from probe.curl import BODY, CurlFigures, configuration
from probe.target import parse_url
from probe_process import PATIENCE_SECONDS, SECRET, Probe
from sandbox_process import alive, descendants
from scripted_server import (
    END,
    LAST_CHUNK,
    START,
    STREAM_HEAD,
    Hang,
    Keep,
    Reset,
    Script,
    ScriptedServer,
    allowance,
    answer,
    chunk,
    event,
    plain,
)
from signatures import expected_signature, given_signature

KEPT_ANSWER: Script = [(0.1, answer("hi")), (0.1, Keep)]
ENVIRONMENT = {"PATH": os.environ["PATH"]}


@pytest.mark.alone
def test_one_connection_serves_all_runs(probe: Probe) -> None:
    with ScriptedServer(KEPT_ANSWER) as server:
        done = probe("--url", server.url, "--runs", "4", "--reuse", "--think", "0.1", "--output", "json")
    runs = json.loads(done.stdout)["runs"]
    assert (done.returncode, [run["outcome"] for run in runs]) == (0, ["completed"] * 4)
    assert [exchange.connection for exchange in server.exchanges] == [1] * 4
    assert [run["connection"] for run in runs] == ["new"] + ["reused"] * 3
    assert [run["connect_ms"] is None for run in runs] == [False] + [True] * 3
    for run, exchange in zip(runs, server.exchanges, strict=True):
        # Each by itself: neither the pause nor the runs before are in it.
        sent = (exchange.sent_at[0] - exchange.accepted_at) * 1000
        for name in ("headers_ms", "ttfb_ms", "ttft_ms", "total_ms"):
            assert run[name] == pytest.approx(sent, abs=allowance()), name


def _descriptors() -> set[str]:
    """What this process has open, pipes and sockets by their inodes. What other tests left may be closed any time."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of the listing itself
            found.add(str(link.readlink()))
    return found


def test_nothing_is_left_of_a_connection_whose_configuration_cannot_be_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ctrl-C would end it then; here the configuration has a character that no encoding has."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before, open_before = descendants(os.getpid()), _descriptors()
    with pytest.raises(UnicodeEncodeError):
        Connection('url = "http://127.0.0.1:1/\udcff"\n', [b"{}"], ENVIRONMENT)
    assert descendants(os.getpid()) == before
    assert _descriptors() - open_before == set()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.alone
def test_a_pause_between_headers_and_body_is_seen_on_a_kept_connection(probe: Probe) -> None:
    script: Script = [
        *((0.1, STREAM_HEAD), (0.3, START), (0.5, event("delta", text="a")), (0.7, event("delta", text="b"))),
        *((0.7, END), (0.7, LAST_CHUNK), (0.7, Keep)),
    ]
    with ScriptedServer(script) as server:
        done = probe("--url", server.url, "--runs", "3", "--reuse", "--output", "json")
    chunks = [START, event("delta", text="a"), event("delta", text="b"), END]
    for run, exchange in zip(json.loads(done.stdout)["runs"], server.exchanges, strict=True):
        headers, start, first, second, *_ = ((at - exchange.accepted_at) * 1000 for at in exchange.sent_at)
        assert run["headers_ms"] == pytest.approx(headers, abs=allowance())
        assert run["ttfb_ms"] == pytest.approx(start, abs=allowance())
        assert run["ttft_ms"] == pytest.approx(first, abs=allowance())
        assert run["gaps_ms"] == pytest.approx([second - first], abs=allowance())
        assert run["bytes"] == sum(len(chunk.split(b"\r\n", 1)[1]) - 2 for chunk in chunks)


def test_every_request_is_signed_by_itself(probe: Probe) -> None:
    token = "FwoGZXIvYXdz//token+=="
    with ScriptedServer(KEPT_ANSWER) as server:
        # The signature names the second in which it was made.
        probe(
            *("--url", server.url, "--runs", "3", "--reuse", "--think", "1.1", "--prompt", "@/etc/passwd " * 9_000),
            environment={**probe.environment, "AWS_SESSION_TOKEN": token},
        )
    assert len({exchange.headers["x-amz-date"] for exchange in server.exchanges}) == 3
    for exchange in server.exchanges:
        assert exchange.headers["x-amz-security-token"] == token
        assert given_signature(exchange) == expected_signature(exchange, SECRET)
        assert json.loads(exchange.body) == {"prompt": "@/etc/passwd " * 9_000}


def test_an_http_error_ends_neither_the_connection_nor_the_runs(probe: Probe) -> None:
    throttled: Script = [(0.0, plain(429, b'{"error": {"type": "throttled"}}', "application/json")), (0.0, Keep)]
    with ScriptedServer(KEPT_ANSWER, throttled, KEPT_ANSWER) as server:
        done = probe("--url", server.url, "--runs", "3", "--reuse", "--output", "json")
    runs = json.loads(done.stdout)["runs"]
    assert (done.returncode, [run["outcome"] for run in runs]) == (1, ["completed", "http_error", "completed"])
    assert [exchange.connection for exchange in server.exchanges] == [1, 1, 1]
    assert runs[1]["error"]["type"] == "throttled"


BREAKS: dict[str, tuple[Script, str, str]] = {
    "resets in the stream": ([(0.0, STREAM_HEAD + START), (0.3, Reset)], "cut", "curl_56"),
    "closes in the stream": ([(0.0, STREAM_HEAD + START)], "cut", "curl_18"),
    "garbage for chunks": ([(0.0, STREAM_HEAD + b"no chunks\r\n")], "cut", "curl_56"),
    "falls silent": ([(0.0, STREAM_HEAD + START), (0.0, Hang)], "transport", "curl_28"),
    "never answers": ([(0.0, Hang)], "transport", "curl_28"),
}


@pytest.mark.parametrize(("script", "outcome", "error"), BREAKS.values(), ids=BREAKS)
def test_after_a_broken_run_there_is_another_connection(probe: Probe, script: Script, outcome: str, error: str) -> None:
    with ScriptedServer(KEPT_ANSWER, script, KEPT_ANSWER) as server:
        done = probe("--url", server.url, "--runs", "4", "--reuse", "--timeout", "1", "--output", "json")
    runs = json.loads(done.stdout)["runs"]
    assert [run["outcome"] for run in runs] == ["completed", outcome, "completed", "completed"]
    assert runs[1]["error"]["type"] == error
    assert runs[1]["error"]["message"]
    assert [exchange.connection for exchange in server.exchanges] == [1, 1, 2, 2]
    assert [runs[number]["connection"] for number in (0, 2, 3)] == ["new", "new", "reused"]


@pytest.mark.parametrize("after_seconds", [0.1, 0.4])
def test_a_connection_that_the_server_closes_between_runs_is_made_again(probe: Probe, after_seconds: float) -> None:
    closing: Script = [(0.1, answer("hi")), (after_seconds, b"")]
    with ScriptedServer(closing, KEPT_ANSWER) as server:
        done = probe("--url", server.url, "--runs", "3", "--reuse", "--think", "0.8", "--output", "json")
    runs = json.loads(done.stdout)["runs"]
    assert [(run["outcome"], run["connection"]) for run in runs] == [
        ("completed", "new"),
        ("completed", "new"),
        ("completed", "reused"),
    ]
    assert [exchange.connection for exchange in server.exchanges] == [1, 2, 2]
    assert runs[1]["connect_ms"] is not None


@pytest.mark.alone
def test_what_curl_asks_again_counts_from_the_first_time(probe: Probe) -> None:
    """A kept connection that dies before an answer makes curl send the request again: the client has waited twice."""
    with ScriptedServer(KEPT_ANSWER, [(0.3, Reset)], KEPT_ANSWER) as server:
        done = probe("--url", server.url, "--runs", "2", "--reuse", "--output", "json")
    run = json.loads(done.stdout)["runs"][1]
    assert (run["outcome"], run["connection"]) == ("completed", "new")
    _, first, second = server.exchanges
    waited = (second.sent_at[0] - first.accepted_at) * 1000
    assert waited > 400
    for name in ("headers_ms", "ttfb_ms", "ttft_ms", "total_ms"):
        assert run[name] == pytest.approx(waited, abs=allowance()), name
    assert run["connect_ms"] < waited - 300 + allowance()


def test_a_probe_that_is_killed_makes_no_more_requests(probe: Probe) -> None:
    with ScriptedServer(KEPT_ANSWER) as server:
        process = probe.start("--url", server.url, "--runs", "9", "--reuse", "--concurrency", "2", "--think", "60")
        server.wait_for_request(2)
        _wait_until(lambda: all(exchange.sent_at for exchange in server.exchanges))
        curls = descendants(process.pid)
        assert len(curls) == 2
        process.kill()
        process.communicate()
        _wait_until(lambda: not any(map(alive, curls)))
    assert len(server.exchanges) == 2


def test_a_probe_that_is_killed_in_mid_stream_makes_no_more_requests(probe: Probe) -> None:
    pieces: Script = [(0.05 * number, chunk(b": %d\n\n" % number)) for number in range(1, 1_000)]
    with ScriptedServer([(0.0, STREAM_HEAD), *pieces]) as server:
        process = probe.start("--url", server.url, "--runs", "9", "--reuse")
        server.wait_for_request(1)
        _wait_until(lambda: len(server.exchanges[0].sent_at) > 3)
        curls = descendants(process.pid)
        process.kill()
        process.communicate()
        _wait_until(lambda: not any(map(alive, curls)))
    assert len(server.exchanges) == 1


def test_curl_does_not_outlive_a_probe_that_is_killed_while_curl_starts(probe: Probe, tmp_path: Path) -> None:
    """Nobody opens the gate for it, and nobody reads what it writes."""
    spy = tmp_path / "curl"
    spy.write_text(f'#!/bin/sh\n[ "$1" = -q ] && sleep 1\nexec "{shutil.which("curl")}" "$@"\n')
    spy.chmod(0o700)
    surroundings = {**probe.environment, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with ScriptedServer(KEPT_ANSWER) as server:
        process = probe.start("--url", server.url, environment=surroundings)
        _wait_until(lambda: bool(descendants(process.pid)))
        _wait_until(lambda: any(b"-K" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in descendants(process.pid)))
        curls = descendants(process.pid)
        process.kill()
        process.communicate()
        _wait_until(lambda: not any(map(alive, curls)))
    assert server.exchanges == []


def test_a_curl_that_is_killed_is_a_transport_error(probe: Probe) -> None:
    with ScriptedServer(KEPT_ANSWER, [(0.0, Hang)], KEPT_ANSWER) as server:
        process = probe.start("--url", server.url, "--runs", "3", "--reuse", "--output", "json")
        server.wait_for_request(2)
        for pid in descendants(process.pid):
            os.kill(pid, signal.SIGKILL)
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    runs = json.loads(out)["runs"]
    assert [run["outcome"] for run in runs] == ["completed", "transport", "completed"]
    assert runs[1]["error"] == {"type": "curl_-9", "message": "curl ended with code -9", "retryable": None}
    assert process.returncode == 3


def test_a_curl_that_dies_between_runs_is_a_transport_error() -> None:
    with (
        ScriptedServer(KEPT_ANSWER) as server,
        Connection(_config(server), [b"{}"] * 2, ENVIRONMENT) as connection,
    ):
        list(connection.exchange())
        assert connection.lasts
        [curl] = [pid for pid in descendants(os.getpid()) if _is_curl(pid)]
        os.kill(curl, signal.SIGKILL)
        _wait_until(lambda: not alive(curl))
        assert list(connection.exchange()) == []
        assert connection.figures == CurlFigures(-9, "curl ended with code -9")
        assert not connection.lasts


def test_equal_bodies_are_one_file() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    try:
        with (
            ScriptedServer([(0.0, answer("hi")), (0.0, Keep)]) as server,
            Connection(_config(server), [b"1", b"2"] * 500, ENVIRONMENT) as connection,
        ):
            for _ in range(3):
                list(connection.exchange())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert [exchange.body for exchange in server.exchanges] == [b"1", b"2", b"1"]


def test_nothing_is_lost_of_an_answer_that_fills_the_pipe() -> None:
    """A reader that is slow: curl must wait, and its figures must not overtake the body.

    The pipe is as large as on systems with large memory pages: more is in it than one read takes.
    """
    large = bytes(range(256)) * 40_000
    body = plain(200, large, "application/octet-stream")
    with (
        ScriptedServer([(0.0, body), (0.0, Keep)]) as server,
        Connection(_config(server), [b"1", b"2"], ENVIRONMENT) as connection,
    ):
        fcntl.fcntl(connection._body, fcntl.F_SETPIPE_SZ, 1024 * 1024)
        for _ in range(2):
            received = b""
            for arrival in connection.exchange():
                received += arrival.data if arrival.source == BODY else b""
                time.sleep(0.001)
            assert received == large
            assert connection.figures is not None
            assert connection.figures.exit_code == 0


def _config(server: ScriptedServer) -> str:
    keys = Credentials("AKIDEXAMPLE", SECRET, None)
    return configuration(parse_url(server.url, "eu-west-1", {}), keys, "lambda", {}, 60.0)


def _is_curl(pid: int) -> bool:
    return b"curl" in Path(f"/proc/{pid}/cmdline").read_bytes()


def _wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)
