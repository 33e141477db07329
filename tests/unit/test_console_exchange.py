"""Requests to a function, with a server that does as a test says: their signature, and when each piece is seen."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
from botocore.credentials import Credentials

from console.source import Source
from console.try_it.exchange import Exchange
from console.try_it.reading import Ending, Reading
from scripted_server import END, LAST_CHUNK, START, STREAM_HEAD, Hang, Reset, ScriptedServer, When, answer, event, plain
from signatures import expected_signature, given_signature

SOURCE = cast(Source, type("Source", (), {"credentials": Credentials("key", "secret"), "region": "eu-west-1"}))
STREAM = "text/event-stream"


def until(so: Callable[[], Any]) -> None:
    limit = time.monotonic() + 60
    while not so():
        assert time.monotonic() < limit
        time.sleep(0.005)


def sent(url: str, *accepts: str) -> Exchange:
    exchange = Exchange(SOURCE, url, {"prompt": "hi"}, accepts or (STREAM,))
    exchange.start()
    return exchange


def ended(url: str, *accepts: str) -> list[Reading]:
    exchange = sent(url, *accepts)
    until(lambda: not exchange.is_running)
    return exchange.readings


def test_it_is_signed_and_asks_for_each_format() -> None:
    with ScriptedServer([(0, answer("a"))]) as server:
        readings = ended(server.url, STREAM, "application/json")
        assert [reading.texts for reading in readings] == [["a"], ["a"]]
        assert {exchange.headers["accept"] for exchange in server.exchanges} == {STREAM, "application/json"}
        for exchange in server.exchanges:
            assert exchange.body == b'{"prompt": "hi"}'
            assert given_signature(exchange) == expected_signature(exchange, "secret")


def test_each_piece_is_there_before_the_next_is_sent() -> None:
    gates = [threading.Event() for _ in range(4)]
    pieces = [STREAM_HEAD, START + event("delta", text="a"), event("delta", text="b"), END + LAST_CHUNK]
    script: list[tuple[When, bytes]] = list(zip(gates, pieces, strict=True))
    with ScriptedServer(script) as server:
        exchange = sent(server.url)
        (reading,) = exchange.readings
        server.wait_for_request(1)
        assert reading.status is None
        gates[0].set()
        until(lambda: reading.status == 200)
        assert reading.first_byte_ms is None
        gates[1].set()
        until(lambda: reading.texts == ["a"])
        gates[2].set()
        until(lambda: reading.texts == ["a", "b"])
        assert reading.ending is None
        gates[3].set()
        until(lambda: reading.ending is Ending.WHOLE)


def test_a_stopped_one_says_so() -> None:
    with ScriptedServer([(0, STREAM_HEAD + START + event("delta", text="a")), (0, Hang)]) as server:
        exchange = sent(server.url)
        (reading,) = exchange.readings
        until(lambda: reading.texts)
        exchange.stop()
        until(lambda: not exchange.is_running)
        assert (reading.ending, reading.texts) == (Ending.STOPPED, ["a"])
        exchange.stop()  # of one that has ended, it does nothing


def test_one_that_is_stopped_at_once_ends() -> None:
    with ScriptedServer([(0, Hang)]) as server:
        exchange = sent(server.url)
        exchange.stop()
        until(lambda: not exchange.is_running)
        assert exchange.readings[0].ending is Ending.STOPPED


def test_a_connection_that_breaks() -> None:
    with ScriptedServer([(0, STREAM_HEAD + START + event("delta", text="a")), (0.3, Reset)]) as server:
        (reading,) = ended(server.url)
        assert (reading.ending, reading.texts) == (Ending.CUT, ["a"])
        assert (reading.problem or "").startswith("The transfer was cut: ")


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    (reading,) = ended(url)
    assert (reading.ending, reading.status) == (Ending.CUT, None)
    assert (reading.problem or "").startswith("No response: ")


def test_what_is_no_http() -> None:
    with ScriptedServer([(0, b"220 mail\r\n\r\n")]) as server:
        (reading,) = ended(server.url)
        assert reading.ending is Ending.CUT


def test_a_body_that_is_not_compressed_as_it_says() -> None:
    with ScriptedServer([(0, plain(200, b"text", "text/plain", Content_Encoding="gzip"))]) as server:
        (reading,) = ended(server.url)
        assert reading.ending is Ending.CUT


def test_a_proxy_of_the_surroundings_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with ScriptedServer([(0, answer("a"))]) as server:
        assert ended(server.url)[0].texts == ["a"]
