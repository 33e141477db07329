"""The layer under AWS's own Runtime Interface Emulator: the real Runtime API on the other side."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from layer_zip import unpack_layer
from tools import REPOSITORY, runtime_interface_emulator

SOURCE = """
import time
from lambda_streaming import streamify_response

@streamify_response
def handler(event, context, *, response_stream):
    if event.get("fail") == "early":
        raise ValueError("before the first byte")
    response_stream.start(status_code=201, headers={"a": "b"}, cookies=["c=d"])
    for number in range(event.get("chunks", 0)):
        response_stream.write(f"chunk {number} ")
    if event.get("fail") == "late":
        raise ValueError("x" * 100_000)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Emulator:
    def __init__(self, port: int) -> None:
        self.port = port

    def invoke(self, event: object) -> tuple[bytes, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/2015-03-31/functions/function/invocations", json.dumps(event))
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return body, response.headers["Content-Type"]


@pytest.fixture(scope="module", params=["sources", "zip"])
def emulator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One that runs the layer from its sources, with the client of the development environment, or from its zip."""
    folder = tmp_path_factory.mktemp("emulator")
    layer = unpack_layer(folder / "opt") if request.param == "zip" else REPOSITORY / "src/runtime"
    (folder / "app.py").write_text(SOURCE)
    port, runtime_port = free_port(), free_port()
    command = [
        str(runtime_interface_emulator()),
        f"--runtime-interface-emulator-address=127.0.0.1:{port}",
        f"--runtime-api-address=127.0.0.1:{runtime_port}",
        str(layer / "lambda_streaming/bootstrap"),
        sys.executable,
        "app.handler",
    ]
    environment = {"PATH": os.environ["PATH"], "LAMBDA_TASK_ROOT": str(folder)}
    with Path(folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield Emulator(port)
    process.terminate()
    process.wait(20)


PRELUDE = b'{"statusCode":201,"headers":{"a":"b"},"cookies":["c=d"]}' + b"\0" * 8


def test_a_streamed_answer_arrives_whole(emulator: Emulator) -> None:
    body, content_type = emulator.invoke({"chunks": 3})
    assert body == PRELUDE + b"chunk 0 chunk 1 chunk 2 "
    assert content_type == "application/octet-stream"  # the emulator passes the prelude through unread


def test_an_empty_answer_keeps_its_prelude(emulator: Emulator) -> None:
    assert emulator.invoke({})[0] == PRELUDE


def test_an_early_error_is_an_invocation_error(emulator: Emulator) -> None:
    error = json.loads(emulator.invoke({"fail": "early"})[0])
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "before the first byte")


def test_a_late_error_with_a_long_message_is_accepted_and_the_next_invocation_works(emulator: Emulator) -> None:
    # With trailers over 4 KiB the emulator aborts the invocation with Runtime.ExitError.
    assert emulator.invoke({"chunks": 1, "fail": "late"})[0] == PRELUDE + b"chunk 0 "
    assert emulator.invoke({"chunks": 1})[0] == PRELUDE + b"chunk 0 "


def test_many_in_a_row(emulator: Emulator) -> None:
    for number in range(50):
        assert emulator.invoke({"chunks": number})[0].count(b"chunk") == number
