"""The probe's figures and outcomes: scripts/probe.sh and the real curl against a loopback server with a script."""

import itertools
import socket
import ssl
from pathlib import Path

import pytest

from certificates import self_signed
from probe_process import Probe
from scripted_server import (
    END,
    LAST_CHUNK,
    START,
    STREAM_HEAD,
    Hang,
    Reset,
    Script,
    ScriptedServer,
    allowance,
    answer,
    chunk,
    event,
    plain,
)


@pytest.mark.alone
def test_figures_follow_the_servers_schedule(probe: Probe) -> None:
    deltas = [(0.5 + 0.05 * number, event("delta", text=f"word{number} ")) for number in range(10)]
    script: Script = [
        (0.05, b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
        (0.1, STREAM_HEAD),
        (0.2, START),
        *deltas,
        (1.1, END),
        (1.1, LAST_CHUNK),
    ]
    with ScriptedServer(script) as server:
        code, run = probe.run_json("--url", server.url)
        exchange = server.exchanges[0]
    assert (code, run["outcome"], run["status"], run["error"]) == (0, "completed", 200, None)
    # curl's zero is a moment before the server accepted; on loopback that is far less than the allowance.
    sent = [(at - exchange.accepted_at) * 1000 for at in exchange.sent_at]
    hints, _, start, *delta_times, end = sent[:-1]
    figures = {
        "headers_ms": hints,
        "ttfb_ms": start,
        "ttft_ms": delta_times[0],
        "total_ms": end,
        "dns_ms": 0.0,
        "connect_ms": 0.0,
    }
    for name, expected in figures.items():
        assert run[name] == pytest.approx(expected, abs=allowance()), name
    gaps = [later - earlier for earlier, later in itertools.pairwise(delta_times)]
    assert run["gaps_ms"] == pytest.approx(gaps, abs=allowance())
    assert run["max_gap_ms"] == max(run["gaps_ms"])
    assert run["tls_ms"] == 0.0
    assert run["bytes"] == sum(len(piece.split(b"\r\n", 1)[1]) - 2 for piece in [START, *(d for _, d in deltas), END])
    assert (run["input_tokens"], run["output_tokens"], run["model"]) == (12, 34, "maker.model-v1:0")
    assert run["timing"] == {"ttfb_ms": 1.5, "ttft_ms": 2.5, "duration_ms": 3.5}
    assert (run["request_id"], run["trace_id"]) == ("request-1", "1-67891233-abcdef012345678912345678")


def test_tls_is_measured(probe: Probe, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = self_signed(tmp_path, context)
    with ScriptedServer([(0.0, answer("hi"))], tls=context) as server:
        untrusted = probe.run_json("--url", server.url)
        trusting = {**probe.environment, "CURL_CA_BUNDLE": str(certificate)}
        code, run = probe.run_json("--url", server.url, environment=trusting)
    assert (code, run["outcome"]) == (0, "completed")
    assert 0.0 < run["tls_ms"] < run["headers_ms"]
    assert (untrusted[0], untrusted[1]["error"]["type"]) == (3, "curl_60")


MISBEHAVIOUR: dict[str, tuple[Script, int, str, int | None, str]] = {
    "error event": (
        [(0.0, STREAM_HEAD + START + event("error", type="model_error", message="oh", retryable=True) + LAST_CHUNK)],
        *(4, "error", 200, "model_error"),
    ),
    "no end event": ([(0.0, STREAM_HEAD + START + LAST_CHUNK)], 4, "cut", 200, "no_end_event"),
    "closes in the stream": ([(0.0, STREAM_HEAD + START)], 4, "cut", 200, "curl_18"),
    "closes in an event": ([(0.0, STREAM_HEAD + START + chunk(b"event: delta\nda"))], 4, "cut", 200, "curl_18"),
    "resets in the stream": ([(0.0, STREAM_HEAD + START), (0.3, Reset)], 4, "cut", 200, "curl_56"),
    "closes after the end event": ([(0.0, STREAM_HEAD + START + END)], 4, "cut", 200, "curl_18"),
    "garbage in the stream": (
        [(0.0, STREAM_HEAD + chunk(bytes(range(256)) * 40) + LAST_CHUNK)],
        *(4, "cut", 200, "no_answer"),
    ),
    "garbage for chunks": ([(0.0, STREAM_HEAD + b"these are no chunks\r\n")], 4, "cut", 200, "curl_56"),
    "garbage for a response": ([(0.0, b"\x00\x01\x02 hello\r\n\r\n")], 3, "transport", None, "curl_1"),
    "says nothing": ([], 3, "transport", None, "curl_52"),
    "resets at once": ([(0.0, Reset)], 3, "transport", None, "curl_56"),
    "forbidden": (
        [(0.0, plain(403, b'{"Message":"Forbidden"}', "application/json"))],
        *(1, "http_error", 403, "http_403"),
    ),
    "throttled": (
        [(0.0, plain(429, b'{"error": {"type": "throttled", "message": "m", "retryable": true}}', "application/json"))],
        *(1, "http_error", 429, "throttled"),
    ),
    "bad gateway": ([(0.0, plain(502, b"Internal Server Error", "text/plain"))], 1, "http_error", 502, "http_502"),
    "redirect": ([(0.0, plain(302, b"", "text/plain", Location="/x"))], 1, "http_error", 302, "redirect"),
}  # fmt: skip


@pytest.mark.parametrize(("script", "code", "outcome", "status", "error"), MISBEHAVIOUR.values(), ids=MISBEHAVIOUR)
def test_misbehaving_servers(
    probe: Probe, script: Script, code: int, outcome: str, status: int | None, error: str
) -> None:
    with ScriptedServer(script) as server:
        found, run = probe.run_json("--url", server.url)
    assert (found, run["outcome"], run["status"], run["error"]["type"]) == (code, outcome, status, error)
    assert run["error"]["message"]
    assert run["total_ms"] > 0.0


@pytest.mark.alone
@pytest.mark.parametrize("script", [[(0.0, Hang)], [(0.0, STREAM_HEAD + START), (0.0, Hang)]], ids=["at once", "later"])
def test_a_silent_server_ends_with_the_timeout(probe: Probe, script: Script) -> None:
    with ScriptedServer(script) as server:
        code, run = probe.run_json("--url", server.url, "--timeout", "0.5")
    assert (code, run["outcome"], run["error"]["type"]) == (3, "transport", "curl_28")
    assert run["total_ms"] == pytest.approx(500, abs=allowance())


@pytest.mark.alone
def test_an_endless_stream_ends_with_the_timeout(probe: Probe) -> None:
    """One that never pauses, so that there is always something to read."""
    flood = [(0.0, event("delta", text="more " * 10_000))] * 100_000
    with ScriptedServer([(0.0, STREAM_HEAD + START), *flood]) as server:
        code, run = probe.run_json("--url", server.url, "--timeout", "1")
    assert (code, run["outcome"], run["error"]["type"]) == (3, "transport", "curl_28")
    assert run["ttft_ms"] < run["total_ms"] - 500 + allowance()
    assert run["total_ms"] > 950


def test_a_head_without_an_end_is_no_response(probe: Probe) -> None:
    """To curl that is a whole response without a body."""
    with ScriptedServer([(0.0, STREAM_HEAD[:40])]) as server:
        code, run = probe.run_json("--url", server.url)
    assert (code, run["outcome"], run["status"], run["curl_exit_code"]) == (3, "transport", None, 0)
    assert run["error"]["message"]


KEEP_ALIVE = chunk(b": keep-alive\n\n")


@pytest.mark.alone
def test_comments_that_keep_the_connection_alive_change_no_figure(probe: Probe) -> None:
    script: Script = [
        (0.1, STREAM_HEAD + KEEP_ALIVE),
        (0.2, chunk(b": keep-")),
        (0.3, chunk(b"alive\n\n") + KEEP_ALIVE),
        (0.5, START),
        (0.7, event("delta", text="one")),
        (0.9, KEEP_ALIVE),
        (1.1, event("delta", text="two")),
        (1.2, KEEP_ALIVE),
        (1.3, END + LAST_CHUNK),
    ]
    with ScriptedServer(script) as server:
        code, run = probe.run_json("--url", server.url)
        sent = [(at - server.exchanges[0].accepted_at) * 1000 for at in server.exchanges[0].sent_at]
    assert (code, run["outcome"], run["format"]) == (0, "completed", "firstbyte-sse")
    figures = {"headers_ms": sent[0], "ttfb_ms": sent[3], "ttft_ms": sent[4], "total_ms": sent[8]}
    for name, expected in figures.items():
        assert run[name] == pytest.approx(expected, abs=allowance()), name
    assert run["gaps_ms"] == pytest.approx([sent[6] - sent[4]], abs=allowance())


def test_an_error_after_a_status_that_went_out_with_comments(probe: Probe) -> None:
    error = event("error", type="throttled", message="too many requests", retryable=True, partial_usage={})
    script: Script = [(0.0, STREAM_HEAD + KEEP_ALIVE), (0.1, KEEP_ALIVE), (0.2, error + LAST_CHUNK)]
    with ScriptedServer(script) as server:
        code, run = probe.run_json("--url", server.url)
        shown = probe("--url", server.url).stdout
    assert (code, run["outcome"], run["status"], run["ttft_ms"]) == (4, "error", 200, None)
    assert run["error"] == {"type": "throttled", "message": "too many requests", "retryable": True}
    assert "First token" not in shown
    assert "throttled" in shown


@pytest.mark.alone
def test_headers_that_come_slowly_count_from_their_first_byte(probe: Probe) -> None:
    pieces: Script = [
        (0.1 + 0.1 * number, line + b"\r\n") for number, line in enumerate(STREAM_HEAD[:-4].split(b"\r\n"))
    ]
    at = 0.1 * len(pieces) + 0.1
    with ScriptedServer([*pieces, (at, b"\r\n" + START), (at, END + LAST_CHUNK)]) as server:
        code, run = probe.run_json("--url", server.url)
    assert (code, run["outcome"], run["ttft_ms"]) == (0, "completed", None)
    [exchange] = server.exchanges
    sent = [(moment - exchange.accepted_at) * 1000 for moment in exchange.sent_at]
    assert run["headers_ms"] == pytest.approx(sent[0], abs=allowance())
    assert run["ttfb_ms"] == pytest.approx(sent[-2], abs=allowance())


def test_a_refused_connection(probe: Probe) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    code, run = probe.run_json("--url", f"http://127.0.0.1:{port}/")
    assert (code, run["outcome"], run["error"]["type"], run["connect_ms"]) == (3, "transport", "curl_7", None)


def test_trailers_are_no_part_of_the_body(probe: Probe) -> None:
    head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nTrailer: X-Late\r\n\r\n")
    with ScriptedServer([(0.0, head + START + END + b"0\r\nX-Late: event: error\r\n\r\n")]) as server:
        code, run = probe.run_json("--url", server.url)
    assert (code, run["outcome"]) == (0, "completed")
