"""The probe against any server: scripts/probe.sh and the real curl, every format, and times that the server knows."""

import gzip
import itertools
import json
import os
import re
import zlib
from pathlib import Path
from typing import Any

import pytest

from probe_process import Probe
from put_metric_data import values_of
from scripted_server import (
    LAST_CHUNK,
    Reset,
    Script,
    ScriptedServer,
    allowance,
    answer,
    chunk,
    plain,
    response_head,
)
from stream_samples import (
    ANTHROPIC,
    ANTHROPIC_ERROR,
    ANTHROPIC_START,
    ANTHROPIC_STOP,
    FIRSTBYTE_LINES,
    LINES_END,
    LINES_ERROR,
    LINES_START,
    OPENAI,
    OPENAI_AWKWARD,
    OPENAI_DONE,
    OPENAI_ERROR,
    data,
    line,
)


def head(content_type: str, **more: str) -> bytes:
    """The head of a chunked response."""
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return response_head(200, {"Content-Type": content_type, "Transfer-Encoding": "chunked", **named})


def sent(content_type: str, *pieces: bytes, end: bytes = LAST_CHUNK, **headers: str) -> Script:
    """An answer in these pieces, 100 ms apart, and its end with the last of them."""
    timed = [(0.1 * number, chunk(piece)) for number, piece in enumerate(pieces, 1)]
    return [(0.0, head(content_type, **headers)), *timed, (0.1 * len(pieces), end)]


def halves(data: bytes) -> list[bytes]:
    """Bytes cut in the middle."""
    return [data[: len(data) // 2], data[len(data) // 2 :]]


SSE, NDJSON, TEXT, BYTES = "text/event-stream", "application/x-ndjson", "text/plain; charset=utf-8", "application/x-own"

# Of each: the format, which pieces are chunks (from 0), whether the first of them is a first token, and other fields.
Truth = tuple[Script, str, list[int], bool, dict[str, Any]]
TIMED: dict[str, Truth] = {
    "this function's lines": (
        *(sent(NDJSON, *FIRSTBYTE_LINES), "firstbyte-ndjson", [1, 2], True),
        {"input_tokens": 3, "output_tokens": 5, "model": "m", "cold_start": True, "stop_reason": "end_turn"},
    ),
    "openai": (
        *(sent(SSE, *OPENAI), "openai", [1, 2], True),
        {"input_tokens": 19, "output_tokens": 10, "model": "gpt-x-2026-01-01", "stop_reason": "stop"},
    ),
    "openai, awkward": (
        *(sent(SSE, *OPENAI_AWKWARD), "openai", [2, 4], True),
        {"input_tokens": None, "output_tokens": None, "stop_reason": "length", "usage": None},
    ),
    "anthropic": (
        *(sent(SSE, *ANTHROPIC), "anthropic", [7, 8], True),
        {
            "input_tokens": 25,
            "output_tokens": 89,
            "model": "claude-x-1",
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 25, "cache_read_input_tokens": 7, "output_tokens": 89},
        },
    ),
    "anthropic, an event in two reads": (
        *(sent(SSE, ANTHROPIC_START, *halves(ANTHROPIC[7]), ANTHROPIC_STOP), "anthropic", [2], True),
        {"output_tokens": None},
    ),
    "events of nobody's": (
        *(sent(SSE, b": hello\n\n", data("a"), data("b", "x"), b": ping\n\n", data("c")), "sse", [1, 2, 4], False),
        {"tpot_ms": None, "model": None},
    ),
    "lines of nobody's": (
        *(sent(NDJSON, line(a=1), b'{"a": ', b"2}\n\n", b"last"), "ndjson", [0, 2, 3], False),
        {"tpot_ms": None},
    ),
    "text": (sent(TEXT, b"one ", b"\xe2\x82", b"\xac", b" three"), "text", [0, 2, 3], True, {"tpot_ms": None}),
    "a page": (sent("text/html", b"<p>", b"</p>"), "text", [0, 1], True, {}),
    "a document": (sent("application/json", b'{"text": ', b'"a"}'), "json", [1], False, {"delivery": None}),
    "bytes": (sent(BYTES, b"\x00", b"\xff\xfe", b"data: x\n\n"), "bytes", [0, 1, 2], False, {"delivery": "streamed"}),
}


@pytest.mark.alone
@pytest.mark.parametrize(("script", "name", "pieces", "has_token", "fields"), TIMED.values(), ids=TIMED)
def test_every_format_is_timed(
    probe: Probe, script: Script, name: str, pieces: list[int], has_token: bool, fields: dict[str, Any]
) -> None:
    with ScriptedServer(script) as server:
        code, run = probe.run_json("--url", server.url, "--unsigned")
    assert (code, run["outcome"], run["format"], run["error"]) == (0, "completed", name, None)
    [exchange] = server.exchanges
    moments = [(at - exchange.accepted_at) * 1000 for at in exchange.sent_at]
    chunks = [moments[1 + piece] for piece in pieces]
    body = [piece.partition(b"\r\n")[2] for _, piece in script[1:-1] if isinstance(piece, bytes)]
    first = [name in ("sse", "openai") and piece.startswith(b":") for piece in body].index(False)
    assert run["ttfb_ms"] == pytest.approx(moments[1 + first], abs=allowance())
    assert run["first_chunk_ms"] == pytest.approx(chunks[0], abs=allowance())
    assert run["ttft_ms"] == (run["first_chunk_ms"] if has_token else None)
    gaps = [later - sooner for sooner, later in itertools.pairwise(chunks)]
    assert run["gaps_ms"] == pytest.approx(gaps, abs=allowance())
    assert run["total_ms"] == pytest.approx(moments[-1], abs=allowance())
    assert run["bytes"] == sum(
        len(what.split(b"\r\n", 1)[1]) - 2 for _, what in script[1:-1] if isinstance(what, bytes)
    )
    assert {field: run[field] for field in fields} == fields


@pytest.mark.alone
def test_tokens_are_timed_where_a_service_counts_them(probe: Probe) -> None:
    with ScriptedServer(sent(SSE, *OPENAI)) as server:
        _, run = probe.run_json("--url", server.url, "--unsigned")
    assert run["tpot_ms"] == pytest.approx((run["total_ms"] - run["ttft_ms"]) / 9, abs=0.01)
    assert run["delivery"] is None, "of two pieces nothing can be told"


ENDINGS: dict[str, tuple[Script, int, str, str | None]] = {
    "openai without [DONE]": (sent(SSE, *OPENAI[:-1]), 4, "cut", "no_end_event"),
    "openai, cut": (sent(SSE, *OPENAI[:3], end=b""), 4, "cut", "curl_18"),
    "openai, cut after its end": (sent(SSE, *OPENAI, end=b""), 4, "cut", "curl_18"),
    "openai, an error": (sent(SSE, *OPENAI[:2], data(OPENAI_ERROR), OPENAI_DONE), 4, "error", "server_error"),
    "anthropic without message_stop": (sent(SSE, *ANTHROPIC[:-1]), 4, "cut", "no_end_event"),
    "anthropic, an error": (sent(SSE, ANTHROPIC_START, ANTHROPIC_ERROR), 4, "error", "overloaded_error"),
    "lines without an end": (sent(NDJSON, *FIRSTBYTE_LINES[:-1]), 4, "cut", "no_end_event"),
    "a last line that is not whole": (sent(NDJSON, LINES_START, LINES_END[:-5], end=b""), 4, "cut", "curl_18"),
    "a line with an error": (sent(NDJSON, LINES_START, LINES_ERROR), 4, "error", "throttled"),
    "events of nobody's, cut": (sent(SSE, data("a"), end=b""), 4, "cut", "curl_18"),
    "lines of nobody's, cut": (sent(NDJSON, line(a=1), end=b""), 4, "cut", "curl_18"),
    "text, cut": (sent(TEXT, b"a", end=b""), 4, "cut", "curl_18"),
    "text, reset": ([*sent(TEXT, b"a", end=b""), (0.3, Reset)], 4, "cut", "curl_56"),
    "text with a length, cut": ([(0.0, plain(200, b"abc", "text/plain")[:-1])], 4, "cut", "curl_18"),
    "bytes, cut": (sent(BYTES, b"a", end=b""), 4, "cut", "curl_18"),
    "a document, cut": (sent("application/json", b"{", end=b""), 4, "cut", "curl_18"),
    "text up to the connection's end": (
        [(0.0, response_head(200, {"Content-Type": TEXT}) + b"a")],
        0,
        "completed",
        None,
    ),
    "no text": ([(0.0, plain(200, b"", "text/plain"))], 4, "cut", "no_answer"),
    "no bytes": (sent(BYTES), 4, "cut", "no_answer"),
    "no content": ([(0.0, response_head(204, {}))], 4, "cut", "no_answer"),
    "a redirect": (
        [(0.0, plain(307, b"", "text/plain", Location="https://b.example/login"))],
        *(1, "http_error", "redirect"),
    ),
    "an error in events": ([(0.0, plain(500, data(OPENAI_ERROR), SSE))], 1, "http_error", "http_500"),
}


@pytest.mark.parametrize(("script", "code", "outcome", "error"), ENDINGS.values(), ids=ENDINGS)
def test_how_every_format_ends(probe: Probe, script: Script, code: int, outcome: str, error: str | None) -> None:
    with ScriptedServer(script) as server:
        found, run = probe.run_json("--url", server.url, "--unsigned")
    assert (found, run["outcome"], run["error"] and run["error"]["type"]) == (code, outcome, error)


def test_what_was_counted_until_an_answer_broke_off(probe: Probe) -> None:
    with ScriptedServer(sent(SSE, *ANTHROPIC[:9])) as server:
        _, run = probe.run_json("--url", server.url, "--unsigned")
    assert (run["input_tokens"], run["output_tokens"]) == (25, None), "one token is not the answer's count"
    assert run["error"]["message"] == "the stream ended without a message_stop event, after 9 events"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_named_and_not_followed(probe: Probe, status: int) -> None:
    with ScriptedServer([(0.0, answer("a"))]) as other:
        target = f"{other.url}x?y=\x1b[2J\t1"
        with ScriptedServer([(0.0, plain(status, b"moved", "text/html", Location=target))]) as server:
            code, run = probe.run_json("--url", server.url)
            shown = probe("--url", server.url).stdout
            assert not other.exchanges
    assert (code, run["outcome"], run["error"]["type"]) == (1, "http_error", "redirect")
    assert run["error"]["message"].startswith(f"the server redirects to {other.url}x?y=")
    assert f"http_error {status}: redirect: the server redirects to {other.url}x?y=[2J 1:" in " ".join(shown.split())
    assert "\x1b" not in shown


def gzipped(*pieces: bytes) -> list[bytes]:
    """The pieces, compressed and flushed one by one."""
    compressor = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    packed = [compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return [*packed[:-1], packed[-1] + compressor.flush()]


@pytest.mark.alone
def test_a_compressed_stream_is_read_piece_by_piece(probe: Probe) -> None:
    pieces = gzipped(*OPENAI)
    with ScriptedServer(sent(SSE, *pieces, Content_Encoding="GZip")) as server:
        code, run = probe.run_json("--url", server.url, "--unsigned")
        shown = probe("--url", server.url, "--unsigned").stdout
    assert (code, run["outcome"], run["format"], run["content_encoding"]) == (0, "completed", "openai", "gzip")
    [exchange, _] = server.exchanges
    assert run["ttft_ms"] == pytest.approx((exchange.sent_at[2] - exchange.accepted_at) * 1000, abs=allowance())
    assert run["gaps_ms"] == pytest.approx([(exchange.sent_at[3] - exchange.sent_at[2]) * 1000], abs=allowance())
    assert run["bytes"] == sum(map(len, pieces)), "as they were on the wire"
    assert "accept-encoding" not in exchange.headers
    assert "Format   openai, compressed with gzip, new connection\n" in shown


@pytest.mark.alone
def test_compression_that_holds_the_text_back_is_a_burst(probe: Probe) -> None:
    texts = b"".join(
        data({"object": "chat.completion.chunk", "choices": [{"delta": {"content": "a"}}]}) for _ in range(9)
    )
    body = gzip.compress(texts + OPENAI_DONE, mtime=0)
    with ScriptedServer([(0.6, plain(200, body, SSE, Content_Encoding="gzip"))]) as server:
        done = probe("--url", server.url, "--unsigned")
    assert done.returncode == 0
    assert "1 of 1 answers came in one burst" in done.stdout


@pytest.mark.parametrize("content_type", [TEXT, BYTES])
def test_a_read_that_grows_is_one_chunk(probe: Probe, content_type: str) -> None:
    body = gzip.compress(bytes(1_000_000), mtime=0)
    with ScriptedServer([(0.0, plain(200, body, content_type, Content_Encoding="gzip"))]) as server:
        code, run = probe.run_json("--url", server.url, "--unsigned")
    assert (code, run["bytes"], run["gaps_ms"]) == (0, len(body), [])


CODINGS: dict[str, tuple[bytes, int, str, str]] = {
    "br": (
        b"\x0b\x02\x80",
        1,
        "unsupported_content_encoding",
        "has Content-Encoding br, which the probe cannot decode",
    ),
    "zstd": (b"\x28\xb5\x2f\xfd", 1, "unsupported_content_encoding", "Content-Encoding zstd"),
    "gzip, br": (b"x", 1, "unsupported_content_encoding", "Content-Encoding gzip, br"),
    "gzip": (b"hello", 4, "bad_content_encoding", "the body is not gzip"),
    "x-gzip": (gzip.compress(b"hello", mtime=0)[:-3], 4, "bad_content_encoding", "its end is missing"),
    "deflate": (gzip.compress(bytes(9_000_000), mtime=0), 4, "too_long", "is longer than 8388608 bytes"),
}


@pytest.mark.parametrize(("coding", "told"), CODINGS.items(), ids=CODINGS)
def test_a_coding_that_cannot_be_undone(probe: Probe, coding: str, told: tuple[bytes, int, str, str]) -> None:
    body, code, kind, words = told
    for status in (200, 500):
        with ScriptedServer([(0.0, plain(status, body, TEXT, Content_Encoding=coding))]) as server:
            found, run = probe.run_json("--url", server.url)
        if status == 200:
            assert (found, run["error"]["type"]) == (code, kind)
            assert words in run["error"]["message"]
        else:
            assert (found, run["error"]["type"]) == (1, "http_500")
            assert (words in run["error"]["message"]) == kind.startswith("unsupported")


def test_an_error_in_gzip_is_read(probe: Probe) -> None:
    body = gzip.compress(b'{"error": {"type": "throttled", "message": "later"}}', mtime=0)
    with ScriptedServer([(0.0, plain(429, body, "application/json", Content_Encoding="gzip"))]) as server:
        _, run = probe.run_json("--url", server.url)
    assert (run["error"]["type"], run["error"]["message"]) == ("throttled", "later")


def test_a_body_without_an_end_marker_may_be_long(probe: Probe) -> None:
    large = os.urandom(9_000_000)
    for content_type in (BYTES, "text/csv", "application/json"):
        with ScriptedServer([(0.0, plain(200, large, content_type))]) as server:
            found, run = probe.run_json("--url", server.url)
        assert (found, run["bytes"], run["error"]) == (0, len(large), None)
    for content_type in (SSE, NDJSON):
        with ScriptedServer([(0.0, plain(200, b"x" * 9_000_000, content_type))]) as server:
            found, run = probe.run_json("--url", server.url)
        assert (found, run["bytes"], run["error"]["type"]) == (4, 9_000_000, "too_long")


@pytest.mark.parametrize(
    ("expected", "script", "code", "error"),
    [
        ("firstbyte-sse", [(0.0, answer("a"))], 0, None),
        ("text", sent(TEXT, b"a"), 0, None),
        ("firstbyte-sse", sent("text/html", b"<p>Log in</p>"), 1, "unexpected_format"),
        ("openai", sent(SSE, data("hello")), 1, "unexpected_format"),
        ("openai", sent(SSE, *OPENAI[:2]), 4, "no_end_event"),
    ],
)
def test_a_format_can_be_expected(probe: Probe, expected: str, script: Script, code: int, error: str | None) -> None:
    with ScriptedServer(script) as server:
        found, run = probe.run_json("--url", server.url, "--expect", expected)
    assert (found, run["error"] and run["error"]["type"]) == (code, error)


def test_every_output_names_the_format(probe: Probe) -> None:
    words = {
        "table": "2 of 2 runs completed, bytes (timed by chunks as they come; no token is known)",
        "json": '"format": "bytes"',
        "jsonl": '"format": "bytes"',
        "csv": ",bytes,",
        "junit": 'name="formats" value="bytes"',
        "prometheus": 'firstbyte_probe_formats{buffered="false",format="bytes",series="measured"',
        "html": "format: bytes (timed by chunks as they come; no token is known)",
    }
    for output, expected in words.items():
        with ScriptedServer(sent(BYTES, b"a", b"b")) as server:
            done = probe("--url", server.url, "--runs", "2", "--unsigned", "--output", output)
        assert done.returncode == 0
        assert expected in done.stdout


def test_an_objective_that_nothing_answers_is_unproven_with_the_reason(probe: Probe) -> None:
    slo = "ttft_p50=9s,tpot_p50=9s,ttfb_p50=9s,gap_max=9s,failures=0%"
    why = "tokens cannot be seen in the format bytes (1 of 1)"
    with ScriptedServer(sent(BYTES, b"a", b"b")) as server:
        done = probe("--url", server.url, "--slo", slo, "--output", "json")
        table = probe("--url", server.url, "--slo", slo)
    assert (done.returncode, table.returncode) == (6, 6)
    assert done.stderr.splitlines() == [
        f"probe: objective unproven: ttft_p50=9s, {why}",
        f"probe: objective unproven: tpot_p50=9s, {why}",
    ]
    assert [item["met"] for item in json.loads(done.stdout)["objectives"]] == [False, False, True, True, True]
    assert "unproven  tokens cannot be seen in the format bytes (1 of 1)" in table.stdout


def test_one_run_of_bytes_as_people_see_it(probe: Probe) -> None:
    with ScriptedServer(sent(BYTES, b"a", b"b", b"c")) as server:
        shown = probe("--url", server.url, "--unsigned").stdout
    assert re.search(r"^TTFT +- ", shown, re.MULTILINE)
    assert "Format   bytes (timed by chunks as they come; no token is known), new connection\n" in shown
    assert [line.split()[1] for line in shown.splitlines() if line.startswith("Chunks ")] == ["3"]
    assert re.search(r"^Headers to first chunk +\d", shown, re.MULTILINE)


def test_one_run_of_text_as_people_see_it(probe: Probe) -> None:
    with ScriptedServer(sent(TEXT, b"one ", b"two\n")) as server:
        shown = probe("--url", server.url, "--unsigned").stdout
    assert shown.startswith("one two\n\nOutcome  completed\n")
    assert "Server (estimate)" in shown
    assert "Bedrock" not in shown


def test_only_what_is_known_is_published(probe: Probe) -> None:
    taken = plain(200, b"<PutMetricDataResponse/>", "text/xml")
    with ScriptedServer(sent(BYTES, b"a", b"b")) as server, ScriptedServer([(0.0, taken)]) as cloudwatch:
        environment = {**probe.environment, "AWS_ENDPOINT_URL": cloudwatch.url}
        done = probe("--url", server.url, "--unsigned", "--publish", environment=environment)
    assert (done.returncode, done.stderr[:19]) == (0, "published 8 values ")
    values = values_of(exchange.body for exchange in cloudwatch.exchanges)
    names = {name for name, *_ in values}
    assert names == {"ClientTimeToFirstByte", "ClientMaxInterChunkLatency", "ClientResponseDuration", "ProbeFailures"}
    assert "authorization" not in server.exchanges[0].headers
    assert cloudwatch.exchanges[0].headers["authorization"].startswith("AWS4-HMAC-SHA256 ")


def test_another_format_is_said_when_results_are_compared(probe: Probe, tmp_path: Path) -> None:
    for name, script in (("before", sent(TEXT, b"a")), ("after", sent(BYTES, b"a"))):
        with ScriptedServer(script) as server:
            done = probe("--url", server.url, "--output", "json")
            (tmp_path / f"{name}.json").write_text(done.stdout)
    done = probe("--compare", str(tmp_path / "before.json"), str(tmp_path / "after.json"))
    assert done.returncode == 0
    assert done.stderr == "probe: the two were not made alike: the formats were text, then bytes\n"
    assert "TTFT" not in done.stdout.partition("p50, ms")[2]


def test_two_servers_of_different_formats_in_turn(probe: Probe) -> None:
    with ScriptedServer(sent(TEXT, b"a")) as text, ScriptedServer([(0.0, answer("a"))]) as events:
        done = probe("--url", text.url, "--against", events.url, "--unsigned", "--runs", "2")
    assert done.returncode == 0
    assert "A: 2 of 2 runs completed, text (timed by chunks as they come)" in done.stdout
    assert "B: 2 of 2 runs completed, firstbyte-sse" in done.stdout


def test_a_request_of_ones_own_reaches_a_server_of_ones_own(probe: Probe) -> None:
    """As the README has it: an OpenAI-compatible endpoint, with its path, its body and its key."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Grüße"}], "stream": True}
    (probe.home / "chat.jsonl").write_text(json.dumps(body))
    (probe.home / "key.txt").write_text("authorization: Bearer sk-12345")
    with ScriptedServer(sent(SSE, *OPENAI)) as server:
        code, _ = probe.run_json(
            *("--url", f"{server.url}v1/chat/completions", "--unsigned"),
            *("--header", "@key.txt", "--prompts", "chat.jsonl", "--expect", "openai"),
        )
    [exchange] = server.exchanges
    assert (code, json.loads(exchange.body)) == (0, body)
    assert exchange.request_line == "POST /v1/chat/completions HTTP/1.1"


def test_one_of_the_sandboxs_functions_is_asked(probe: Probe) -> None:
    keys = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "secret", "region": "eu-west-1"}
    with ScriptedServer([(0.0, answer("a"))]) as first, ScriptedServer(sent(TEXT, b"a")) as second:
        urls = {"Chat": first.url, "Second": second.url}
        ready = {**keys, "function_url": first.url, "function_urls": urls, "aws_endpoint_url": first.url}
        (probe.home / "ready.json").write_text(json.dumps(ready))
        arguments = ("--sandbox", "--ready-file", "ready.json")
        _, default = probe.run_json(*arguments)
        _, chosen = probe.run_json(*arguments, "--function", "Second")
        refused = probe(*arguments, "--function", "Third")
    assert (default["format"], chosen["format"]) == ("firstbyte-sse", "text")
    assert (refused.returncode, refused.stderr) == (
        2,
        "probe: --function: the sandbox has no 'Third' with a streaming URL; it has Chat, Second\n",
    )


def test_the_scheduled_probe_takes_nothing_but_this_functions_events(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from probe.scheduled import handler

    taken = plain(200, b"<PutMetricDataResponse/>", "text/xml")
    page = sent("text/html", b"<p>Log in</p>")
    with ScriptedServer([(0.0, answer("a"))], page) as server, ScriptedServer([(0.0, taken)]) as cloudwatch:
        settings = {"FUNCTION_URL": server.url, "SERVICE": "s", "PROBE": "p", "MAX_OUTPUT_TOKENS": "99"}
        for name, value in {**probe.environment, **settings, "AWS_ENDPOINT_URL": cloudwatch.url}.items():
            monkeypatch.setenv(name, value)
        for _ in range(2):
            handler({}, None)
    runs = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [(run["outcome"], run["error"] and run["error"]["type"]) for run in runs] == [
        ("completed", None),
        ("http_error", "unexpected_format"),
    ]
