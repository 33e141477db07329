"""The parts of `scripts/bench.sh peers` that need Bedrock: the stand-in, what is deployed, how figures are made."""

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import psutil
import pytest
from botocore.config import Config
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError

from bench.peers import bedrock_stub, events, lengths, node, start
from bench.peers.deployed import Deployed, deployed, stack_environment
from bench.peers.events import Case, Fleet, fleet, seconds_per_event
from bench.peers.grid import notes
from bench.peers.plan import Plan
from bench.peers.runtime_api import PeerError, RuntimeApi
from tools import REPOSITORY

QUICK = Plan(rounds=1, is_quick=True)


def untold(stage: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def bedrock() -> Iterator[str]:
    with bedrock_stub.running() as address:
        yield address


@pytest.fixture(scope="module")
def stack() -> Deployed:
    return deployed(REPOSITORY)


@pytest.fixture(scope="module")
def client(bedrock: str) -> Any:
    return botocore.session.get_session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=bedrock,
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
        config=Config(retries={"total_max_attempts": 1}),
    )


def play(client: Any, prompt: str) -> Iterator[dict[str, Any]]:
    body = json.dumps({"messages": [{"role": "user", "content": prompt}]})
    response = client.invoke_model_with_response_stream(modelId="anthropic.claude-3-haiku-20240307-v1:0", body=body)
    for event in response["body"]:
        yield json.loads(event["chunk"]["bytes"])


def ask(bedrock: str, prompt: str) -> socket.socket:
    host, _, port = bedrock.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.sendall(
        b"POST /model/m/invoke HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(prompt), prompt.encode())
    )
    return connection


@pytest.mark.parametrize("texts", [1, 2, 3000])
def test_the_stand_in_plays_as_many_texts_as_are_asked_for(client: Any, texts: int) -> None:
    events = list(play(client, bedrock_stub.prompt(texts, 0)))
    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * texts,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert {event["delta"]["text"] for event in events[2:-3]} == {bedrock_stub.TEXT}
    assert events[-2]["delta"]["stop_reason"] == "end_turn"
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == texts


def test_the_stand_in_keeps_the_pace(client: Any) -> None:
    # A busy machine makes texts late, but nothing makes one early.
    asked_at = time.monotonic()
    deltas = (event for event in play(client, bedrock_stub.prompt(6, 40)) if event["type"] == "content_block_delta")
    late = [time.monotonic() - asked_at - 0.04 * number for number, _ in enumerate(deltas)]
    assert len(late) == 6
    assert min(late) >= 0


def test_the_stand_in_sends_each_event_in_an_http_chunk_of_its_own(bedrock: str) -> None:
    with ask(bedrock, bedrock_stub.prompt(70, 0)) as connection:
        received = b""
        while not received.endswith(b"\r\n0\r\n\r\n"):
            received += connection.recv(65536)
    head, _, rest = received.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    chunks = []
    while (size := int(rest.partition(b"\r\n")[0], 16)) > 0:
        begin = rest.index(b"\r\n") + 2
        chunks.append(rest[begin : begin + size])
        rest = rest[begin + size + 2 :]
    assert len(chunks) == 75
    for chunk in chunks:
        frames = EventStreamBuffer()
        frames.add_data(chunk)
        assert len(list(frames)) == 1
    # Bedrock pads events: those of equal texts differ in length.
    assert len({len(chunk) for chunk in chunks[2:-3]}) == 60


def test_the_stand_in_plays_fifty_answers_at_once(bedrock: str) -> None:
    asked_at = time.monotonic()
    with contextlib.ExitStack() as connections:
        for connection in [connections.enter_context(ask(bedrock, bedrock_stub.prompt(300, 100))) for _ in range(50)]:
            received = b""
            while received.count(b":event-type") < 3:
                received += connection.recv(65536)
    assert time.monotonic() < asked_at + 29.9, "the first answer was not over when all others had begun"


def test_the_stand_in_says_what_it_wants(client: Any) -> None:
    with pytest.raises(ClientError, match="9 texts, one every 10 ms"):
        list(play(client, "Hello"))


def test_the_stand_in_ends_with_whoever_started_it() -> None:
    with bedrock_stub.running() as address:
        ask(address, bedrock_stub.prompt(100, 1000)).close()
    host, _, port = address.removeprefix("http://").partition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


# A runtime that takes CPU time as it is told: a half of it in the response, a half when the response is over.
BURNING = """
import http.client, json, os, re, time

def burn(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    response = api.getresponse()
    texts = int(re.search(rb"([0-9]+) texts", response.read())[1])
    burn(0.02 + texts * 0.001)
    path = "/2018-06-01/runtime/invocation/" + response.headers["Lambda-Runtime-Aws-Request-Id"] + "/response"
    api.request("POST", path, b"x")
    api.getresponse().read()
    burn(0.02 + texts * 0.001)
"""


@contextlib.contextmanager
def burning(folder: Path, size: int, source: str = BURNING) -> Iterator[Fleet]:
    (folder / "burning.py").write_text(source)

    def environment(address: str) -> dict[str, str]:
        return {"AWS_LAMBDA_RUNTIME_API": address}

    command = [sys.executable, "-I", str(folder / "burning.py")]
    with RuntimeApi() as api, fleet("burning", command, environment, api, folder, size) as processes:
        yield processes


@pytest.mark.parametrize("streams", [1, 3])
def test_what_an_event_costs_is_the_cpu_time_that_it_takes(tmp_path: Path, streams: int) -> None:
    with burning(tmp_path, streams) as processes:
        found = seconds_per_event(processes, Case("burning", streams, 0, 100))
    # Python makes a clock call or two more than it should, and the requests are not equal to the microsecond.
    assert 0.0019 < found < 0.0026


def test_a_process_that_has_ended_says_what_it_printed(tmp_path: Path) -> None:
    source = BURNING.replace("    texts =", "    print('no more', flush=True); os._exit(3)\n    texts =")
    with burning(tmp_path, 1, source) as processes, pytest.raises(PeerError, match=r"(?s)burning-0 .*code 3.*no more"):
        seconds_per_event(processes, Case("burning", 1, 0, 100))


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


def test_one_form_has_no_bytecode_and_the_other_only_such_as_is_not_checked(stack: Deployed) -> None:
    tag = sys.implementation.cache_tag
    for folder in (stack.without_pyc.task_root, stack.without_pyc.layer):
        assert list(folder.rglob("*.py"))
        assert not list(folder.rglob("*.pyc"))
    for folder, needed in (
        (stack.with_pyc.task_root, ("__pycache__/app", "firstbyte/__pycache__/bedrock")),
        (
            stack.with_pyc.layer / "python",
            ("lambda_streaming/__pycache__/client", "awslambdaric/__pycache__/bootstrap"),
        ),
    ):
        assert all((folder / f"{each}.{tag}.pyc").exists() for each in needed)
        # https://docs.python.org/3/library/py_compile.html#py_compile.PycInvalidationMode and PEP 552: the second word.
        assert {path.read_bytes()[4:8] for path in folder.rglob("*.pyc")} == {b"\1\0\0\0"}


@pytest.mark.parametrize("form", ["with_pyc", "without_pyc"])
def test_a_start_and_an_answer_write_nothing_into_what_is_deployed(
    stack: Deployed, bedrock: str, tmp_path: Path, form: str
) -> None:
    used = getattr(stack, form)
    folders = (used.task_root, used.layer)
    before = [files(folder) for folder in folders]
    assert not [path for found in before for path in found if path.stat().st_mode & 0o222]
    with (
        RuntimeApi() as api,
        fleet(
            form, used.command, lambda address: stack_environment(used, address, bedrock), api, tmp_path, 1
        ) as processes,
    ):
        processes.ask(5, 0, 2)
        processes.cpu_seconds()  # waits for what it does after the response
    assert [files(folder) for folder in folders] == before


def test_the_image_has_boto3_and_nothing_of_the_development_environment(stack: Deployed) -> None:
    code = "import importlib.util as it, boto3; print([it.find_spec(name) for name in ('fastapi', 'pytest', 'moto')])"
    done = subprocess.run([stack.with_pyc.python, "-c", code], env={}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[None, None, None]"


@pytest.mark.parametrize(("there", "missing"), [((), "nodejs"), (("node", "make", "xz"), "npm, cmake, g++")])
def test_nodes_client_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], missing: str
) -> None:
    for program in there:
        found = shutil.which(program)
        assert found
        (tmp_path / program).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(node, "CACHE", tmp_path)
    said = f"needs programs that are not here. Install (as Debian calls it): {missing}"
    with pytest.raises(PeerError, match=re.escape(said) + "$"):
        node._installed.__wrapped__()  # another test may have called it


def test_a_text_is_there_before_the_answer_is_whole_and_only_when_it_is_streamed() -> None:
    samples = {(each.case, each.peer, each.figure): each.values[0] for each in lengths.measure(QUICK, untold)}
    assert len(samples) == 8
    for texts in (5, 20):
        streaming, buffered = ((f"{texts} texts", way) for way in ("streaming", "buffered"))
        assert samples[*streaming, "first_text_ms"] < samples[*streaming, "last_byte_ms"]
        assert samples[*buffered, "first_text_ms"] == samples[*buffered, "last_byte_ms"]
        assert samples[*buffered, "first_text_ms"] >= 10 * (texts - 1)
        assert samples[*streaming, "last_byte_ms"] >= 10 * (texts - 1)


@pytest.mark.timeout(960)  # the first time, it installs Node's packages
def test_all_peers_start_and_answer() -> None:
    samples = {(each.case, each.peer, each.figure): each.values[0] for each in start.measure(QUICK, untold)}
    assert {key[:2] for key in samples} == {
        ("interpreter", "floor"),
        ("interpreter", "node"),
        ("bare", "firstbyte"),
        ("bare", "awslambdaric"),
        ("bare without .pyc", "firstbyte"),
        ("bare", "node"),
        ("bedrock", "firstbyte"),
        ("bedrock without .pyc", "firstbyte"),
        ("bedrock", "node"),
        ("bedrock", "fastapi"),
    }
    for case, peer, figure in samples:
        if figure == "first_byte_ms":
            assert case.startswith("bedrock")
            assert samples[case, peer, "next_ms"] < samples[case, peer, "first_byte_ms"]


@pytest.mark.timeout(960)
def test_what_an_event_costs_is_measured_for_all_peers_in_all_cases() -> None:
    samples = events.measure(QUICK, untold)
    assert {(each.case, each.peer) for each in samples} == {
        ("flat out", "firstbyte"),
        ("flat out", "node"),
        ("flat out", "floor"),
        ("4 streams", "firstbyte"),
        ("4 streams", "node"),
    }
    assert {each.figure for each in samples} == {"cpu_us_per_event"}


@pytest.mark.timeout(960)
def test_what_there_is_too_little_memory_for_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    free = psutil.virtual_memory().available
    monkeypatch.setattr(events, "_ENVIRONMENT_BYTES", {"firstbyte": 1, "node": free // 2})
    samples = events.measure(QUICK, untold)
    assert {each.peer for each in samples if each.case == "4 streams"} == {"firstbyte"}
    assert "Node.js, 4 streams: left out, because it needs more memory than was free." in notes(samples)
