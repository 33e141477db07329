"""The probe: any response of any server, any words of curl, and any file that it reads back."""

import contextlib
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mutations import CUTS, as_json, examples, in_pieces, spoiled, spoiled_bytes, spoiled_text
from probe.analysis.objectives import parse as parse_objectives
from probe.analysis.report import build
from probe.credentials import Credentials
from probe.curl import BODY, HEADER, Arrival, CurlFigures, parse_figures, without_figures
from probe.errors import UsageError
from probe.headers import read_headers
from probe.measurement import COMPLETED, EXIT_CODES, Run, measure
from probe.observation import Observer
from probe.output.document import document
from probe.output.saved import read
from probe.target import sandbox_stack
from probe_reports import a_report
from probe_runs import a_result, a_run, a_series
from stream_samples import (
    ANTHROPIC,
    ANTHROPIC_ERROR,
    ANTHROPIC_START,
    FIRSTBYTE_LINES,
    LINES_ERROR,
    OPENAI,
    OPENAI_AWKWARD,
    OPENAI_REASONING,
)

HEADS = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: r\r\nx-amzn-trace-id: Root=1-2-3\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/2 200\r\ncontent-type: application/x-ndjson\r\ncontent-encoding: gzip\r\n\r\n",
    b"HTTP/1.1 429 Too Many\r\ncontent-type: application/json\r\nx-amzn-errortype: A:b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-16\r\ncontent-encoding: deflate\r\n\r\n",
    b"HTTP/1.1 301 Moved\r\nlocation: http://a/?key=b\r\n\r\n",
)
EVENTS = (
    *("event: start\ndata: {}\n\n", 'event: error\ndata: {"type": "x", "message": "y", "retryable": 1}\n\n'),
    'event: end\ndata: {"usage": {"input_tokens": 1, "output_tokens": 2}, "timing": {"ttfb_ms": 1, "ttft_ms": 2, '
    '"duration_ms": 3}, "stop_reason": "end_turn"}\n\n',
)
DOCUMENT = (
    b'{"text": "Hello", "usage": {"input_tokens": 7, "output_tokens": 3}, "timing": {"ttft_ms": 1}, "model": "m"}'
)
BODIES = (
    b"".join(OPENAI),
    b"".join(OPENAI_AWKWARD),
    b"".join(OPENAI_REASONING),
    b"".join(ANTHROPIC),
    ANTHROPIC_START + ANTHROPIC_ERROR,
    b"".join(FIRSTBYTE_LINES),
    FIRSTBYTE_LINES[0] + LINES_ERROR,
    "".join(EVENTS).encode(),
    DOCUMENT,
    b'{"error": {"type": "throttled", "message": "later"}}',
)
CURL = CurlFigures(0, "", 1, 0.001, 0.002, 0.003, 0.004, 0.5, said_at=100.6)


def check(run: Run, buffered: bool = False) -> None:
    """Check a run: its figures are figures, and it can be reported, saved and read back."""
    assert run.outcome in EXIT_CODES
    assert (run.error is None) == (run.outcome == COMPLETED)
    times = [run.ttfb_ms, run.ttft_ms, run.first_chunk_ms, run.max_gap_ms, run.tpot_ms, run.total_ms, *run.gaps_ms]
    assert all(time is None or (math.isfinite(time) and time >= 0) for time in times)
    for count in (run.input_tokens, run.output_tokens, run.bytes):
        assert count is None or 0 <= count < 2**53
    written = document(
        build(a_result(a_series(run, buffered=buffered)), parse_objectives("ttft_p95=1s,failures=1%"), paired=False)
    )
    assert json.loads(written, parse_constant=pytest.fail)["runs"] == [json.loads(json.dumps(dataclasses.asdict(run)))]


@given(
    spoiled_bytes(*HEADS),
    spoiled_bytes(*BODIES),
    CUTS,
    st.booleans(),
    st.sampled_from((CURL, None, CurlFigures(18, "cut"))),
)
@examples(4)
def test_a_response(head: bytes, body: bytes, cuts: list[int], buffered: bool, curl: CurlFigures | None) -> None:
    observer = Observer()
    at = 100.005
    for source, data in ((HEADER, head), (BODY, body)):
        for piece in filter(None, in_pieces(data, cuts)):
            observer.take(Arrival(at, source, piece))
            at += 0.01
    if curl and curl.exit_code == 0:
        observer.end()
    run = measure(
        observer.observation,
        curl,
        number=1,
        warm_up=False,
        started_at="2026-11-22T16:00:00Z",
        uses_tls=True,
        buffered=buffered,
    )
    check(run, buffered)


SAMPLES: dict[str, Any] = {
    "openai": [json.loads(event[6:]) for event in OPENAI[:-1]],
    "anthropic": [json.loads(event.partition(b"data: ")[2]) for event in ANTHROPIC],
    "firstbyte": [json.loads(line) for line in (*FIRSTBYTE_LINES, LINES_ERROR)],
    "document": [json.loads(DOCUMENT)],
}
TYPES = {"openai": "text/event-stream", "anthropic": "text/event-stream", "firstbyte": "application/x-ndjson"}


@pytest.mark.parametrize("name", SAMPLES)
@given(data=st.data())
@examples(1)
def test_values_in_a_stream(name: str, data: st.DataObject) -> None:
    messages = data.draw(spoiled(SAMPLES[name]))
    observer = Observer()
    content_type = TYPES.get(name, "application/json")
    observer.take(Arrival(100.005, HEADER, f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n\r\n".encode()))
    for number, message in enumerate(messages if isinstance(messages, list) else [messages]):
        text = as_json(message)
        kind = message.get("type") if isinstance(message, dict) else None
        named = f"event: {kind}\n" if name == "anthropic" and isinstance(kind, str) and kind.isalpha() else ""
        sent = f"{named}data: {text}\n\n" if content_type == "text/event-stream" else f"{text}\n"
        observer.take(Arrival(100.01 + number / 1000, BODY, sent.encode(errors="replace")))
    observer.end()
    run = measure(
        observer.observation,
        CURL,
        number=1,
        warm_up=False,
        started_at="2026-11-22T16:00:00Z",
        uses_tls=True,
        buffered=name == "document",
    )
    check(run, name == "document")


@given(spoiled_text("\nfigures: 0 1 0.000100 0.000200 0.000300 0.000000 0.001000 0.002000 Failed to connect\n"))
@example("figures: " + "9" * 5000 + " 1 0.1 0.1 0.1 0.1 0.1 0.1 \n")
@example("figures: 0 1 " + "9" * 5000 + ".0 0.1 0.1 0.1 0.1 0.1 \n")
@example("figures: 0 1 0.1 0.1 0.1 0.1 0.1 ٣.٣ \n")
@examples(2)
def test_words_of_curl(said: str) -> None:
    parse_figures(said)
    assert "\n" not in without_figures(said, 1).message


SAVED: dict[str, Any] = json.loads(document(a_report(a_run(), a_run(number=2), slo="ttft_p50=1s")))


@given(spoiled(SAVED))
@example({**SAVED, "runs": [{**SAVED["runs"][0], "total_ms": "<4000 digits>"}]})
@example({**SAVED, "runs": [{**SAVED["runs"][0], "gaps_ms": ["<4000 digits>"]}]})
@example({**SAVED, "runs": [{**SAVED["runs"][0], "output_tokens": "<4000 digits>"}]})
@example({**SAVED, "runs": [{**SAVED["runs"][0], "timing": {"duration_ms": "<4000 digits>", "ttft_ms": 1}}]})
@example({**SAVED, "conditions": {**SAVED["conditions"], "think_seconds": "<4000 digits>"}})
@example({**SAVED, "runs": []})
@settings(examples(2), suppress_health_check=[*examples(2).suppress_health_check, HealthCheck.function_scoped_fixture])
def test_a_saved_result(tmp_path: Path, saved: Any) -> None:
    path = tmp_path / "saved.json"
    path.write_text(as_json(saved))
    try:
        result = read(path)
    except UsageError as error:
        assert len(str(error)) < 1000
        return
    # What is read back can be judged, and compared with another.
    report = build(result, parse_objectives("ttft_p95=1s,failures=1%"), paired=False)
    json.loads(document(report), parse_constant=pytest.fail)
    other = dataclasses.replace(a_series(a_run()), name="B")
    document(build(dataclasses.replace(result, against=other), [], paired=False))


@given(spoiled_bytes(json.dumps(SAVED).encode(), b'{"schema_version": 4, "runs": [{}], "summary": {}}'))
@settings(examples(1), suppress_health_check=[*examples(1).suppress_health_check, HealthCheck.function_scoped_fixture])
def test_bytes_of_a_saved_result(tmp_path: Path, saved: bytes) -> None:
    path = tmp_path / "saved.json"
    path.write_bytes(saved)
    with contextlib.suppress(UsageError):
        read(path)


READY = {
    "function_url": "http://127.0.0.1:1234/",
    "function_urls": {"F": "http://127.0.0.1:1234/"},
    "aws_endpoint_url": "http://127.0.0.1:1235",
    "region": "eu-west-1",
    "access_key_id": "AKIDEXAMPLE",
    "secret_access_key": "not-a-secret",
    "session_token": "token",
}


@given(spoiled(READY), spoiled_text("F", "http://127.0.0.1:1234/") | st.none())
@example({**READY, "function_url": "http://127.0.0.1:99999999/"}, None)
@example({**READY, "function_url": "http://[/"}, None)
@settings(examples(2), suppress_health_check=[*examples(2).suppress_health_check, HealthCheck.function_scoped_fixture])
def test_a_ready_file(tmp_path: Path, ready: Any, function: str | None) -> None:
    path = tmp_path / "ready.json"
    path.write_text(as_json(ready))
    try:
        stack = sandbox_stack(path, function)
        assert stack.function.is_local or stack.function.url.startswith("https://")
        assert isinstance(stack.credentials, Credentials)
        assert stack.cloudwatch.url
    except UsageError as error:
        assert "not-a-secret" not in str(error)


@given(spoiled_bytes(b"Authorization: Bearer abcdefgh\nx-a: b\r\n\ncookie: session=abcdefghijkl\n"))
@settings(examples(1), suppress_health_check=[*examples(1).suppress_health_check, HealthCheck.function_scoped_fixture])
def test_a_file_of_headers(tmp_path: Path, lines: bytes) -> None:
    path = tmp_path / "headers"
    path.write_bytes(lines)
    try:
        for header in read_headers([f"@{path}"], signed=False):
            assert not set("\r\n\0") & set(header.name + header.value)
    except UsageError as error:
        assert "abcdefgh" not in str(error).replace(str(path), "")
