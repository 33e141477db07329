"""When events arrive: on the schedule that the script sets, one write each, with no drift."""

import json
import re
import socket
import time
from typing import Any

import pytest

from bedrock_service import CLAUDE, NOVA, Service, body_for, converse_body, decode
from disturbance import allowance_ms

pytestmark = pytest.mark.alone

# A timer of asyncio may fire this much early: the resolution of its clock, plus rounding.
EARLY_MS = 2.0
# How late a delta may be on an idle machine; it is about 2 ms.
LATE_MS = 50.0


def arrivals(client: Any, text: str) -> tuple[list[float], float]:
    """Arrival of every content delta, and of the end, in milliseconds since the request was sent."""
    sent = time.perf_counter()
    stream = client.converse_stream(modelId=NOVA, **converse_body(text))["stream"]
    times = [(next(iter(event)), (time.perf_counter() - sent) * 1000) for event in stream]
    return [at for name, at in times if name == "contentBlockDelta"], times[-1][1]


def test_deltas_arrive_on_schedule(client: Any) -> None:
    arrived, end = arrivals(client, "[[sandbox: ttft=150 gap=25 chunks=12 stall=4:200 stall=12:100]]")
    due = [150 + 25 * k + (200 if k >= 4 else 0) for k in range(12)]
    assert all(-EARLY_MS <= at - on <= allowance_ms(LATE_MS) for at, on in zip(arrived, due, strict=True)), arrived
    assert -EARLY_MS <= end - (due[-1] + 100) <= allowance_ms(LATE_MS)


def test_lateness_does_not_add_up(client: Any) -> None:
    arrived, _ = arrivals(client, "[[sandbox: ttft=20 gap=2 chunks=400]]")
    late = [at - (20 + 2 * k) for k, at in enumerate(arrived)]
    # The least late of many: load delays some deltas, drift delays all of them. A pause that is counted from the last
    # delta in place of the first loses at least the time of a write and a wake-up, some 0.1 ms, each of 400 times.
    assert min(late[-50:]) - min(late[:50]) < 20


def test_nothing_is_sent_before_the_first_event(bedrock: Service) -> None:
    """The status comes when the model begins: a failure can still be an HTTP error until then."""
    before = time.perf_counter()
    with _request(bedrock, "[[sandbox: ttft=400 chunks=1]]") as connection:
        assert connection.recv(1)
        assert (time.perf_counter() - before) * 1000 >= 400 - EARLY_MS


def test_every_event_is_one_write(bedrock: Service) -> None:
    with _request(bedrock, "[[sandbox: reasoning=2 chunks=3 tool]]") as connection:
        data = b""
        while not data.endswith(b"\r\n0\r\n\r\n"):
            data += connection.recv(65536)
    _, _, body = data.partition(b"\r\n\r\n")
    sizes = []
    while (match := re.match(rb"([0-9a-fA-F]+)\r\n", body)) and (size := int(match[1], 16)):
        assert len(decode(body[match.end() : match.end() + size])) == 1
        sizes.append(size)
        body = body[match.end() + size + 2 :]
    # messageStart, 2 reasoning, signature, stop, 3 text, stop, tool start, 2 input, stop, messageStop, metadata
    assert len(sizes) == 15


def test_bedrocks_own_latencies_are_measured(client: Any) -> None:
    body = json.dumps(body_for(CLAUDE, "[[sandbox: ttft=120 gap=40 chunks=4]]"))
    sent = time.perf_counter()
    response = client.invoke_model_with_response_stream(modelId=CLAUDE, body=body)
    metrics = [json.loads(event["chunk"]["bytes"]) for event in response["body"]][-1][
        "amazon-bedrock-invocationMetrics"
    ]
    whole = (time.perf_counter() - sent) * 1000
    assert 120 - EARLY_MS <= metrics["firstByteLatency"] <= 120 + allowance_ms(LATE_MS)
    assert 240 - EARLY_MS <= metrics["invocationLatency"] <= whole + 1


def _request(bedrock: Service, text: str) -> socket.socket:
    body = json.dumps(converse_body(text)).encode()
    connection = socket.create_connection(("127.0.0.1", bedrock.port), timeout=10)
    head = (
        f"POST /model/{NOVA}/converse-stream HTTP/1.1\r\nhost: 127.0.0.1:{bedrock.port}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection
