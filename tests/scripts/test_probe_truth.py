"""The probe's figures against the wire: the same runs seen by the kernel, in a packet capture, and by the probe.

Every test prints how far the figures were off; `scripts/test.sh tests/scripts/test_probe_truth.py -s` shows it.
"""

import itertools
import json
import ssl
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from certificates import self_signed
from disturbance import allowance_ms
from packet_capture import Conversation, PacketCapture
from probe_process import Probe
from scripted_server import END, LAST_CHUNK, START, STREAM_HEAD, Exchange, Keep, Script, ScriptedServer, event

pytestmark = pytest.mark.alone

RUNS = 20
# Moments that must not be mixed up are so far apart.
STEP_SECONDS = 0.08
# What is allowed on an idle machine, for the figures of a single run and for the median of all.
WORST_MS, MEDIAN_MS = 60.0, 8.0


def halves(piece: bytes) -> tuple[bytes, bytes]:
    return piece[: len(piece) // 2], piece[len(piece) // 2 :]


def delta(text: str) -> bytes:
    return event("delta", text=text)


# What goes out at once, a step after the other. Headers come long before the body, the body before the first text,
# events in two packets, two in one; none of the marked moments is another one's neighbour by chance.
PACKETS: Mapping[str, bytes] = {
    "hints": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
    "headers": STREAM_HEAD,
    "body": halves(START)[0],
    "start": halves(START)[1],
    "no text": delta(""),
    "half of one": halves(delta("one"))[0],
    "one": halves(delta("one"))[1],
    "two and three": delta("two") + delta("three"),
    "half of four": halves(delta("four"))[0],
    "four and half of five": halves(delta("four"))[1] + halves(delta("five"))[0],
    "five": halves(delta("five"))[1],
    "end": END,
    "last": LAST_CHUNK,
}
TEXTS = ["one", "two and three", "two and three", "four and half of five", "five"]


def script(number: int) -> Script:
    """The packets for one request, which its headers name; the connection stays."""
    named = {**PACKETS, "headers": STREAM_HEAD.replace(b"request-1", b"%02d" % number)}
    return [*((STEP_SECONDS * (step + 1), piece) for step, piece in enumerate(named.values())), (0.0, Keep)]


@dataclass
class Truth:
    """When everything of one run happened, in seconds of one clock; `connect_seconds` is of a new connection only."""

    zero: float
    at: Mapping[str, float]
    connect_seconds: float | None = None

    def figures(self) -> dict[str, float | list[float]]:
        """What the run's figures should be, in milliseconds."""
        texts = [self.at[name] * 1000 for name in TEXTS]
        gaps = [later - earlier for earlier, later in itertools.pairwise(texts)]
        since_zero = {name: (at - self.zero) * 1000 for name, at in self.at.items()}
        figures: dict[str, float | list[float]] = {
            "headers_ms": since_zero["hints"],
            "ttfb_ms": since_zero["body"],
            "ttft_ms": since_zero["one"],
            "gaps_ms": gaps,
            "max_gap_ms": max(gaps),
            "tpot_ms": (since_zero["last"] - since_zero["one"]) / 33,  # END counts 34 tokens
            "total_ms": since_zero["last"],
        }
        return figures if self.connect_seconds is None else {**figures, "connect_ms": self.connect_seconds * 1000}


@dataclass
class Errors:
    """By how many milliseconds each figure was too late or too large."""

    of: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, found: Mapping[str, Any], truth: Mapping[str, float | list[float]]) -> None:
        for name, value in truth.items():
            self.of[name] += np.subtract(found[name], value).reshape(-1).tolist()

    def check(self) -> None:
        """Every figure agrees with the truth."""
        # The few new connections of runs that keep them begin all at once, when the machine is busiest.
        median = {name: statistics.median(errors) for name, errors in self.of.items() if len(errors) >= RUNS}
        worst = {name: max(errors, key=abs) for name, errors in self.of.items()}
        for name in median:
            print(
                f"\n{name:16}{len(self.of[name]):4}: median {median[name]:+.3f} ms, worst {worst[name]:+.3f} ms", end=""
            )
        assert all(abs(error) < allowance_ms(MEDIAN_MS) for error in median.values()), median
        assert all(abs(error) < allowance_ms(WORST_MS) for error in worst.values()), worst


def on_the_wire(conversation: Conversation, turn: int, script: Script) -> Truth:
    """The truth about a connection's answer number `turn`, from 0; all of them have the same length."""
    lengths = [len(piece) for _, piece in script if isinstance(piece, bytes)]
    length = sum(lengths)
    _, *ends = itertools.accumulate(lengths, initial=turn * length)
    at = {name: conversation.server.when(end) for name, end in zip(PACKETS, ends, strict=True)}
    if turn == 0:
        return Truth(conversation.syn_at, at, conversation.syn_ack_at - conversation.syn_at)
    before = conversation.server.when(turn * length)
    return Truth(next(sent for sent, _ in conversation.client.arrivals if sent > before), at)


def runs_by_request(probe: Probe, *arguments: str, environment: Mapping[str, str] | None = None) -> list[Any]:
    done = probe(*arguments, "--runs", str(RUNS), "--output", "json", environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    runs = sorted(json.loads(done.stdout)["runs"], key=lambda run: str(run["request_id"]))
    assert [run["request_id"] for run in runs] == [f"{number:02}" for number in range(RUNS)]
    return runs


def on_the_captures_clock(exchange: Exchange) -> dict[str, float]:
    """When the server sent each packet by its own account, in seconds since the epoch."""
    epoch = time.time() - time.monotonic()
    return {name: at + epoch for name, at in zip(PACKETS, exchange.sent_at, strict=True)}


@pytest.mark.parametrize(
    ("arguments", "connections"),
    [([], RUNS), (["--concurrency", "4"], RUNS), (["--concurrency", "4", "--reuse"], 4)],
    ids=["one at a time", "four at a time", "over kept connections"],
)
def test_figures_agree_with_the_packets(probe: Probe, arguments: list[str], connections: int) -> None:
    errors, turns = Errors(), Counter[int]()
    with ScriptedServer(*map(script, range(RUNS))) as server, PacketCapture(server.url) as capture:
        runs = runs_by_request(probe, "--url", server.url, *arguments)
        conversations = capture.conversations()
    assert len(conversations) == connections
    for number, (run, exchange) in enumerate(zip(runs, server.exchanges, strict=True)):
        turn = turns[exchange.connection]
        turns[exchange.connection] += 1
        truth = on_the_wire(conversations[exchange.connection - 1], turn, script(number))
        assert run["connection"] == ("new" if turn == 0 else "reused")
        assert (run["connect_ms"] is None) == (turn > 0)
        errors.add(run, truth.figures())
        # The two truths agree, and neither knows of the other.
        seen, sent = (list(at.values()) for at in (truth.at, on_the_captures_clock(exchange)))
        errors.add({"packets": np.multiply(seen, 1000)}, {"packets": np.multiply(sent, 1000).tolist()})
    errors.check()


class LateHandshake(ssl.SSLContext):
    """A server's side of TLS that lets the client wait for the handshake."""

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        time.sleep(STEP_SECONDS)
        return super().wrap_socket(*arguments, **options)


def test_figures_agree_with_the_servers_clock_where_packets_cannot_be_read(probe: Probe, tmp_path: Path) -> None:
    context = LateHandshake(ssl.PROTOCOL_TLS_SERVER)
    trusting = {**probe.environment, "CURL_CA_BUNDLE": str(self_signed(tmp_path, context))}
    errors = Errors()
    with ScriptedServer(*map(script, range(RUNS)), tls=context) as server, PacketCapture(server.url) as capture:
        runs = runs_by_request(probe, "--url", server.url, "--concurrency", "4", environment=trusting)
        conversations = capture.conversations()
    for run, exchange, conversation in zip(runs, server.exchanges, conversations, strict=True):
        connect = conversation.syn_ack_at - conversation.syn_at
        truth = Truth(conversation.syn_at, on_the_captures_clock(exchange), connect).figures()
        # The client's second flight ends the handshake. https://www.rfc-editor.org/rfc/rfc8446#section-2
        finished, _ = conversation.client.arrivals[1]
        errors.add(run, truth | {"tls_ms": (finished - conversation.syn_ack_at) * 1000})
    errors.check()
