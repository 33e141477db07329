"""The benchmark beside others: that it times, counts and shows truly, and says what failed; no speed is looked at."""

import contextlib
import io
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest
from rich.console import Console

from bench import command, peers
from bench.peers import events, layer, lengths, names
from bench.peers.document import document
from bench.peers.grid import notes, number
from bench.peers.page import page
from bench.peers.peer_process import running
from bench.peers.plan import QUICK, in_turn
from bench.peers.runtime_api import PeerError, RuntimeApi
from bench.peers.table import markdown, table
from tools import REPOSITORY

MACHINE = {"date": "2026-01-01 00:00 UTC", "processor": "a <b>fast</b> one", "cores": "2"}
EVERY_PEER = {
    "response": ("ttfb_p50_ms", "ttfb_p99_ms"),
    "busy": ("ttfb_p50_ms", "ttfb_p99_ms"),
    "chunks": ("chunks_per_second", "cpu_us_per_chunk"),
}
# What each part measures in full: peers, cases, figures.
MEASURED = {
    "layer": [
        *(
            (peer, case, figure)
            for peer in ("floor", "firstbyte", "node", "fastapi")
            for case, figures in {**EVERY_PEER, "memory": ("rss_mb",)}.items()
            for figure in figures
        ),
        ("node", "gathered", "chunks_per_second"),
        ("node", "gathered", "cpu_us_per_chunk"),
    ],
    "start": [
        ("floor", "interpreter", "next_ms"),
        ("node", "interpreter", "next_ms"),
        *((peer, "bare", "next_ms") for peer in ("firstbyte", "awslambdaric", "node")),
        ("firstbyte", "bare without .pyc", "next_ms"),
        *(
            (peer, "bedrock", figure)
            for peer in ("firstbyte", "node", "fastapi")
            for figure in ("next_ms", "first_byte_ms")
        ),
        ("firstbyte", "bedrock without .pyc", "next_ms"),
        ("firstbyte", "bedrock without .pyc", "first_byte_ms"),
    ],
    "events": [
        ("floor", "flat out", "cpu_us_per_event"),
        ("floor", "1 stream", "cpu_us_per_event"),
        *((peer, case.name, "cpu_us_per_event") for case in events.cases(peers.FULL) for peer in ("firstbyte", "node")),
    ],
    "lengths": [
        (way, f"{texts} texts", figure)
        for texts in lengths.LENGTHS
        for way in ("streaming", "buffered")
        for figure in ("first_text_ms", "last_byte_ms")
    ],
}
Send = Callable[[bytes], None]
PRELUDE = b'{"statusCode":200}' + b"\0" * 8


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def post(path: str, fields: str) -> bytes:
    return f"POST /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n".encode()


STREAMED = "Content-Type: application/vnd.awslambda.http-integration-response\r\nTransfer-Encoding: chunked"


class FakeRuntime(threading.Thread):
    """A runtime that answers each invocation with what `answer` sends, for its id and its body."""

    def __init__(self, address: str, answer: Callable[[Send, str, bytes], None]) -> None:
        super().__init__(daemon=True)
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._answer = answer
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError), self._socket:
            while True:
                self._socket.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
                head, _, body = self._socket.recv(65536).partition(b"\r\n\r\n")
                if not head:
                    return
                request_id = head.partition(b"Request-Id: ")[2].partition(b"\r\n")[0].decode()
                self._answer(self._socket.sendall, request_id, body)
                assert b" 202 " in self._socket.recv(65536)


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    with RuntimeApi() as api:
        yield api


def test_times_bytes_and_chunks_are_what_the_runtime_sent(api: RuntimeApi) -> None:
    def answer(send: Send, request_id: str, _body: bytes) -> None:
        send(post(f"invocation/{request_id}/response", STREAMED))
        send(chunk(PRELUDE[:5]))  # as Node.js does, whose prelude is two chunks
        send(chunk(PRELUDE[5:]))
        time.sleep(0.03)
        send(chunk(b"a" * 10)[:6])  # no whole chunk, but the first byte
        time.sleep(0.02)
        send(chunk(b"a" * 10)[6:] + chunk(b"\r\n0\r\n\r\n"))  # what looks like the end is none
        time.sleep(0.02)
        send(chunk(b"b" * 1000) + b"0\r\n")
        send(b"\r\n")

    began = time.monotonic()
    address = api.listen()
    FakeRuntime(address, answer)
    asked_at = api.asked_at(address)
    responses = api.invoke({address: "{}"}, times=20)[address]
    ended = time.monotonic()
    assert [(each.bytes, each.chunks) for each in responses] == [(1017, 3)] * 20
    before = asked_at
    assert began < asked_at
    for each in responses:
        assert before < each.given_at
        assert each.first_byte_at - each.given_at >= 0.03
        assert each.last_byte_at - each.given_at >= 0.07
        assert 0 <= each.server_cpu_seconds <= each.last_byte_at - each.given_at + 0.05
        before = each.last_byte_at
    assert before < ended
    # A server that is kept waiting for its processor sees the first byte late, but not every time.
    assert max(each.last_byte_at - each.first_byte_at for each in responses) >= 0.03


def test_a_response_in_one_piece_is_timed_too(api: RuntimeApi) -> None:
    def answer(send: Send, request_id: str, body: bytes) -> None:
        send(post(f"invocation/{request_id}/response", f"Content-Length: {len(body)}"))
        time.sleep(0.03)
        send(body)

    address = api.listen()
    FakeRuntime(address, answer)
    (response,) = api.invoke({address: "0123456789"})[address]
    assert (response.bytes, response.chunks) == (10, 1)
    assert response.first_byte_at - response.given_at >= 0.03


def test_fifty_runtimes_at_once_each_get_their_own_event(api: RuntimeApi) -> None:
    barrier = threading.Barrier(50)

    def answer(send: Send, request_id: str, body: bytes) -> None:
        barrier.wait(60)  # they are all under way
        send(post(f"invocation/{request_id}/response", STREAMED) + chunk(PRELUDE) + chunk(body) + b"0\r\n\r\n")

    events = {api.listen(): "x" * (number + 1) for number in range(50)}
    for address in events:
        FakeRuntime(address, answer)
    responses = api.invoke(events, times=2)
    assert {address: [each.bytes for each in found] for address, found in responses.items()} == {
        address: [len(event)] * 2 for address, event in events.items()
    }


def test_a_server_that_is_asked_is_timed_by_the_same_rules(api: RuntimeApi) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        accepted, _ = listener.accept()
        with accepted:
            while accepted.recv(65536):
                accepted.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                time.sleep(0.03)
                accepted.sendall(chunk(b"one") + chunk(b"more") + b"0\r\n\r\n")

    threading.Thread(target=serve, daemon=True).start()
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    responses = api.invoke({address: "{}"}, times=2)[address]
    listener.close()
    assert [(each.bytes, each.chunks) for each in responses] == [(7, 2)] * 2
    assert all(each.first_byte_at - each.given_at >= 0.03 for each in responses)


def trailers(send: Send, request_id: str, _body: bytes) -> None:
    send(post(f"invocation/{request_id}/response", STREAMED) + chunk(PRELUDE) + chunk(b"x"))
    send(b"0\r\nLambda-Runtime-Function-Error-Type: KeyError\r\n\r\n")


def error(send: Send, request_id: str, _body: bytes) -> None:
    content = b'{"errorType": "KeyError"}'
    send(post(f"invocation/{request_id}/error", f"Content-Length: {len(content)}") + content)


def cut(send: Send, request_id: str, _body: bytes) -> None:
    send(post(f"invocation/{request_id}/response", STREAMED) + chunk(PRELUDE) + chunk(b"x"))
    raise OSError


@pytest.mark.parametrize(
    ("answer", "said"),
    [(trailers, "ended its response with an error: .*KeyError"), (error, "KeyError"), (cut, "hung up")],
)
def test_a_response_that_fails_is_no_figure(api: RuntimeApi, answer: Any, said: str) -> None:
    address = api.listen()
    FakeRuntime(address, answer)
    with pytest.raises(PeerError, match=said):
        api.invoke({address: "{}"})


def test_a_runtime_that_says_nothing_is_given_up(api: RuntimeApi) -> None:
    with pytest.raises(PeerError, match=r"did not answer within 0 s"):
        api.asked_at(api.listen(), patience_seconds=0.2)


def test_a_server_in_front_that_has_ended_is_said(api: RuntimeApi) -> None:
    api._process.kill()
    api._process.wait()
    with pytest.raises(PeerError, match="has ended"):
        api.listen()


def test_a_process_has_its_own_cpu_time_and_says_why_it_ended(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass\nprint('that was all')\ninput()"
    # Standard input is empty, so it ends by itself, with an error.
    with running("busy", [sys.executable, "-c", busy], {}, tmp_path) as process:
        before = time.monotonic()
        while process.process.poll() is None and process.cpu_seconds() < 0.25:
            assert time.monotonic() < before + 60
        process.process.wait(60)
        with pytest.raises(PeerError, match=r"(?s)busy ended with exit code 1:\n.*that was all"):
            process.check()


@pytest.mark.parametrize("peers", ["ab", "abc", "abcd", "abcdefghij"])
def test_each_peer_is_first_in_turn_and_none_always_comes_after_the_same_one(peers: str) -> None:
    rounds = [in_turn(list(peers), number) for number in range(2 * len(peers))]
    assert {tuple(sorted(each)) for each in rounds} == {tuple(peers)}
    assert {each[0] for each in rounds} == set(peers)
    pairs = {pair for each in rounds for pair in itertools.pairwise(each)}
    assert all(len({before for before, peer in pairs if peer == name}) == min(2, len(peers) - 1) for name in peers)


def test_the_next_invocation_comes_after_the_pause_or_at_once(api: RuntimeApi) -> None:
    def answer(send: Send, request_id: str, body: bytes) -> None:
        send(post(f"invocation/{request_id}/response", f"Content-Length: {len(body)}") + body)

    address = api.listen()
    FakeRuntime(address, answer)
    gaps = []
    for pause_seconds in (0.03, 0.0):
        responses = api.invoke({address: "x"}, times=20, pause_seconds=pause_seconds)[address]
        gaps.append(min(after.given_at - each.last_byte_at for each, after in itertools.pairwise(responses)))
    assert gaps[0] >= 0.03 > gaps[1] > 0


def bench(
    *arguments: str, stdout: int | IO[str] = subprocess.PIPE, **variables: str
) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'src'}:{REPOSITORY / 'src/probe'}", **variables}
    return subprocess.run(
        [sys.executable, "-P", "-m", "bench", *arguments],
        env=environment,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.mark.timeout(960)
def test_the_short_form_has_every_part_and_figure_and_writes_the_page(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    done = bench("peers", "--quick", "--output", "json", "--page", str(file))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["schema_version"], found["subject"], found["quick"], found["rounds"]) == (
        1,
        "peers",
        True,
        QUICK.rounds,
    )
    assert list(dict.fromkeys(sample["part"] for sample in found["samples"])) == list(peers.PARTS)
    for sample in found["samples"]:
        assert sample["low"] == min(sample["values"]) <= sample["median"] <= max(sample["values"]) == sample["high"]
    of_layer = {
        (each["case"], each["figure"], each["peer"]): each for each in found["samples"] if each["part"] == "layer"
    }
    for peer in ("floor", "firstbyte", "node", "fastapi"):
        for case, figures in EVERY_PEER.items():
            assert all(len(of_layer[case, figure, peer]["values"]) == QUICK.rounds for figure in figures)
        assert of_layer["response", "ttfb_p50_ms", peer]["low"] > 0
        assert of_layer["chunks", "chunks_per_second", peer]["low"] > 0
        assert of_layer["memory", "rss_mb", peer]["low"] > 1
        assert 0 < of_layer["chunks", "server_share", peer]["low"] < 1.5
    assert {peer for case, _, peer in of_layer if case == "gathered"} == {"node"}
    machine = found["machine"]
    assert machine["Python"].split()[1] == ".".join(map(str, sys.version_info[:3]))
    assert "aws-lambda-ric 4.0.2" in machine["npm packages"]
    written = file.read_text()
    assert all(value in written for value in (machine["date"], machine["kernel"], machine["Node.js"]))
    assert [part for part in peers.PARTS if f'id="table-{part}"' not in written] == []
    for part in peers.PARTS:
        assert any(line.startswith(f"{part}: ") for line in done.stderr.splitlines()), done.stderr


def test_what_is_missing_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    done = bench("peers", "--quick", PATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("bench: AWS's Node.js client needs")
    assert done.stderr.splitlines()[-1].endswith(": nodejs")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["missing/page.html", ""])
def test_a_page_that_cannot_be_written_is_said_before_anything_is_measured(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    done = bench("peers", "--page", str(file))
    assert done.returncode == 1
    assert done.stderr == f"bench: {file} cannot be written: it is a folder, or its folder is missing or read-only\n"


def test_a_full_disk_is_one_line_and_a_page_that_does_not_fit_leaves_the_table() -> None:
    quick = ("peers", "--quick", "--parts", "lengths")
    done = bench(*quick, "--page", "/dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "bench: /dev/full cannot be written: No space left on device"
    assert "Last byte, ms" in done.stdout
    with Path("/dev/full").open("w") as full:
        done = bench(*quick, stdout=full, PYTHONUNBUFFERED="1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "bench: the result cannot be written: No space left on device"
    assert "Traceback" not in done.stderr


def test_a_part_that_there_is_not_is_wrong_use() -> None:
    done = bench("peers", "--parts", "layer,moon")
    assert (done.returncode, done.stderr.splitlines()[-1].partition("error: ")[2]) == (
        2,
        f"argument --parts: 'moon' is not one of {', '.join(peers.PARTS)}",
    )


def test_a_peer_that_fails_ends_the_command_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap = tmp_path / "src/runtime/lambda_streaming/bootstrap"
    bootstrap.parent.mkdir(parents=True)
    bootstrap.write_text("#!/bin/sh\necho no layer here\nexit 3\n")
    bootstrap.chmod(0o755)
    monkeypatch.setitem(peers.PARTS, "layer", partial(layer.measure, root=tmp_path))
    with pytest.raises(SystemExit) as ended:
        command.main(["peers", "--quick", "--parts", "layer"])
    assert ended.value.code == "bench: firstbyte ended with exit code 3:\nno layer here"
    assert capsys.readouterr().out == ""


def samples(share: float = 0.5) -> list[peers.Sample]:
    made = [
        peers.Sample("layer", case, peer, figure, values)
        for peer, factor in (("node", 3.0), ("firstbyte", 1.0), ("new", 2.0))
        for case, figure, values in (
            ("response", "ttfb_p50_ms", (0.05 * factor, 0.06 * factor, 0.04 * factor)),
            ("chunks", "chunks_per_second", (91_234.0, 100_000.0 * factor, 99_000.0)),
        )
    ]
    made.append(peers.Sample("layer", "chunks", "node", "server_share", (share, share, 0.0)))
    made += [peers.Sample("events", case, "firstbyte", "cpu_us_per_event", (30.0, 31.0)) for case in ("1 stream", "50")]
    return made


def shown(made: list[peers.Sample]) -> list[str]:
    written = io.StringIO()
    Console(file=written, width=120).print(table(made, MACHINE))
    return written.getvalue().splitlines()


def test_the_table_has_medians_and_spreads_in_80_columns() -> None:
    lines = [line.rstrip() for line in shown(samples())]
    head, case, first, second = lines[:4]
    assert (head.split()[-3:], case) == (["Firstbyte", "Node.js", "new"], "One chunk")
    assert first.split() == ["TTFB", "p50,", "ms", "0.050", "0.15", "0.10"]
    assert second.split() == ["0.040-0.060", "0.12-0.18", "0.080-0.12"]
    one_figure = lines.index("CPU per model event, us")
    assert lines[one_figure + 1].split() == ["1", "stream", "30.5"], "a figure alone is said once"
    assert [line for line in shown(samples(0.95)) if len(line.rstrip()) > 80] == []


def test_the_markdown_has_the_rows_that_people_compare() -> None:
    assert markdown(samples()).splitlines() == [
        "| A response through the layer | Firstbyte | Node.js | new |",
        "|---|---:|---:|---:|",
        "| TTFB p50, ms | 0.050 (0.040-0.060) | 0.15 (0.12-0.18) | 0.10 (0.080-0.12) |",
        "| Chunks per second, each sent at once | 99 k (91-100 k) | 99 k (91-300 k) | 99 k (91-200 k) |",
        "",
        "| CPU of the whole function | Firstbyte |",
        "|---|---:|",
        "| CPU per model event, 1 stream, us | 30.5 (30.0-31.0) |",
        "| CPU per model event, 50, us | 30.5 (30.0-31.0) |",
    ]
    started = peers.Sample("start", "bedrock without .pyc", "firstbyte", "next_ms", (100.0,))
    assert "| Start to `/next` with a Bedrock client, no `.pyc`, ms | 100 (100-100) |" in markdown([started])


README = (REPOSITORY / "src/bench/README.md").read_text().partition("## What the layer costs beside others\n")[2]


@pytest.mark.parametrize("part", peers.PARTS)
def test_the_tables_in_the_readme_are_those_that_are_printed(part: str) -> None:
    """Heads and rows, that is: figures are of one machine and day."""
    head = f"| {names.PARTS[part]} |"
    shown = README.partition("\n## ")[0].partition(head)[2].partition("\n\n")[0].splitlines()
    of_part = [peers.Sample(part, case, peer, figure, (1.0,)) for peer, case, figure in MEASURED[part]]
    printed = [line.rpartition(head)[2] for line in markdown(of_part).splitlines()]
    assert [re.sub(r"[\d.,]+( k)? \([^)]*\)", "1.00 (1.00-1.00)", line) for line in shown] == printed


@pytest.mark.parametrize(("value", "shown"), [(-38.26, "-38.3"), (-0.05, "-0.050"), (0.0, "0.000"), (12_345.0, "12 k")])
def test_a_number_has_two_or_three_digits_that_count(value: float, shown: str) -> None:
    assert number(value) == shown


def test_a_server_in_front_without_time_to_spare_is_named_as_the_bottleneck() -> None:
    assert notes(samples(0.89)) == []
    (said,) = notes(samples(0.93))
    assert said.startswith("Node.js, many chunks, each sent at once: the server in front took 93 % of a core.")
    assert document(samples(0.93), MACHINE, QUICK)["notes"] == [said]
    assert said in " ".join(" ".join(shown(samples(0.93))).split())
    assert said in page(samples(0.93), MACHINE)


def test_the_page_has_a_chart_of_every_figure_and_escapes_what_it_shows() -> None:
    written = page(samples(), MACHINE)
    charts = json.loads(written.partition('<script type="application/json" id="charts">')[2].partition("</script>")[0])
    assert sorted(charts) == ["chart-events-0", "chart-layer-0", "chart-layer-1"]
    assert all(f'id="{name}"' in written for name in charts)
    assert charts["chart-layer-0"]["yAxis"][0]["data"] == ["Firstbyte", "Node.js", "new"]
    assert [bar["value"] for bar in charts["chart-layer-0"]["series"][0]["data"]] == [0.05, pytest.approx(0.15), 0.1]
    ends = [[end["coord"][0] for end in line] for line in charts["chart-layer-0"]["series"][0]["markLine"]["data"]]
    assert ends == [[0.04, 0.06], [pytest.approx(0.12), pytest.approx(0.18)], [0.08, 0.12]]
    assert len(charts["chart-layer-0"]["series"][1]["data"]) == 9, "a dot for each round"
    assert charts["chart-layer-1"]["series"][0]["data"][0]["value"] == 99.0, "in thousands, as its title says"
    assert "Chunks per second, thousands" in written
    assert charts["chart-events-0"]["yAxis"][0]["data"] == ["Firstbyte\n1 stream", "Firstbyte\n50"]
    assert "All figures: median of 3 rounds" in written
    assert "CPU per model event, us: median of 2 rounds" in written
    assert "a &lt;b&gt;fast&lt;/b&gt; one" in written
