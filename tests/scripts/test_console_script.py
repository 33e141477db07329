"""scripts/console.sh: what it says if there is nothing to show, or if it is called wrongly, and how it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aws_endpoint import running_endpoint
from console_process import console_of
from sandbox_process import RunningSandbox, StartSandbox
from tools import REPOSITORY

pytestmark = pytest.mark.timeout(120)

SECRET = "a+secret/key=that'must\\never\"show"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1"}
EXPIRED = {"__type": "ExpiredToken", "message": "The security token included in the request is expired"}


class Console:
    """Runs scripts/console.sh in an environment that holds nothing but a PATH, a home and what the test gives."""

    def __init__(self, home: Path) -> None:
        self.home = home
        # Nobody looks for the credentials of a machine in EC2.
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true"}

    def start(self, *arguments: str, environment: Mapping[str, str]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [str(REPOSITORY / "scripts/console.sh"), *arguments],
            env={**self.environment, **environment},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, environment: Mapping[str, str] = KEYS) -> tuple[int, str]:
        """Return the exit code and what it says to standard error; nothing may stand on standard output."""
        with self.start(*arguments, environment=environment) as process:
            try:
                out, said = process.communicate(timeout=100)
            finally:
                process.kill()
        assert out == ""
        assert SECRET not in said
        return process.returncode, said


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path)


def at(running: RunningSandbox) -> dict[str, str]:
    """Surroundings in which the sandbox is AWS, as `scripts/env.sh` makes them."""
    ready = running.ready
    return {
        "AWS_ENDPOINT_URL": ready["aws_endpoint_url"],
        "AWS_REGION": ready["region"],
        "AWS_ACCESS_KEY_ID": ready["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": ready["secret_access_key"],
    }


@pytest.fixture(scope="module")
def running(start_sandbox: StartSandbox) -> RunningSandbox:
    return start_sandbox()


@pytest.fixture
def expired() -> Iterator[str]:
    """The address of an AWS that finds every token expired."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(403)
            self.send_header("content-type", "application/x-amz-json-1.0")
            body = json.dumps(EXPIRED).encode()
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ({"AWS_PROFILE": "nope"}, "The config profile (nope) could not be found"),
        ({**KEYS, "AWS_REGION": ""}, "no region: give --region, or set AWS_REGION"),
        ({**KEYS, "AWS_REGION": "eu west"}, "Provided region_name 'eu west' doesn't match a supported format."),
        ({**KEYS, "AWS_ENDPOINT_URL": "nonsense"}, "Invalid endpoint: nonsense"),
        (
            {**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
            'Could not connect to the endpoint URL: "http://127.0.0.1:9/',
        ),
        ({"AWS_ACCESS_KEY_ID": "AKID", "AWS_REGION": "eu-west-1"}, "Partial credentials found in env"),
    ],
    ids=["no credentials", "profile", "no region", "region", "endpoint", "nobody there", "half a key"],
)
def test_what_is_missing_is_said_in_one_line(console: Console, environment: dict[str, str], said: str) -> None:
    code, line = console("--stack", "firstbyte", environment=environment)
    assert code == 2, line
    assert line.startswith(f"console: {said}"), line
    assert line.count("\n") == 1


def test_an_expired_token_is_said_in_one_line(console: Console, expired: str) -> None:
    environment = {**KEYS, "AWS_SESSION_TOKEN": SECRET, "AWS_ENDPOINT_URL": expired}
    code, line = console("--stack", "firstbyte", environment=environment)
    assert (code, line) == (
        2,
        "console: ListDashboards: ExpiredToken: The security token included in the request is expired\n",
    )


def test_a_stack_that_is_not_there_is_said_in_one_line(console: Console, running: RunningSandbox) -> None:
    code, line = console("--stack", "no-such-stack", environment=at(running))
    assert (code, line) == (
        2,
        f"console: {running.ready['region']} has no dashboard of a stack no-such-stack: is it deployed there?\n",
    )


def test_a_sandbox_that_does_not_run_is_said_in_one_line(console: Console, tmp_path: Path) -> None:
    code, line = console("--sandbox", "--ready-file", str(tmp_path / "ready.json"))
    assert code == 2
    assert line.startswith("console: no sandbox is running")
    assert line.endswith("start one with scripts/sandbox.sh\n")
    (tmp_path / "ready.json").write_text('{"region": 1}')
    code, line = console("--sandbox", "--ready-file", str(tmp_path / "ready.json"))
    assert (code, line) == (2, f"console: {tmp_path}/ready.json is not the ready file of a sandbox\n")


@pytest.mark.parametrize("port", ["abc", "-1", "65536", "8080.5", ""])
def test_a_port_that_is_none_is_wrong_use(console: Console, port: str) -> None:
    code, said = console("--sandbox", f"--port={port}")
    assert code == 2
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("scripts/console.sh: error: argument --port: ")


def test_a_port_that_is_taken_is_said_in_one_line(console: Console, running: RunningSandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, line = console("--sandbox", "--ready-file", str(running.ready_file), "--port", str(port))
    assert (code, line) == (1, f"console: port {port} cannot be used: Address already in use\n")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        *(("--stack", "a", "--sandbox"), ("--stack",), ("--stac", "a"), ("--stack", "")),
        # What would be ignored.
        *(("--sandbox", "--region", "eu-west-1"), ("--stack", "a", "--ready-file", "b"), ("--sandbox", "--last", "3h")),
        ("--sandbox", "--export", "a", "--port", "8000"),
    ],
)
def test_wrong_use_ends_with_two(console: Console, arguments: tuple[str, ...]) -> None:
    code, said = console(*arguments)
    assert code == 2
    assert "error: " in said.splitlines()[-1]


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", ["--sandbox", "--stack"])
def test_it_serves_until_a_signal_and_ends_without_a_word(
    console: Console, running: RunningSandbox, where: str, signal_number: int
) -> None:
    sandbox, stack = ("--sandbox", "--ready-file", str(running.ready_file)), ("--stack", running.ready["stack_name"])
    arguments, environment = (stack, at(running)) if where == "--stack" else (sandbox, {})
    with console.start(*arguments, environment=environment) as process:
        try:
            assert process.stderr
            said = re.fullmatch(r"console: (http://\S+/)  \(Ctrl-C stops it\)\n", process.stderr.readline())
            assert said
            with urllib.request.urlopen(said[1] + "alarms", timeout=60) as page:
                assert page.status == 200
            arguments_shown = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
            process.send_signal(signal_number)
            out, rest = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out, rest) == (0, "", "")
    assert said[1].rstrip("/").rpartition("/")[2] not in arguments_shown
    assert running.ready["secret_access_key"] not in arguments_shown


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("page", ["", "alarms", "traces"])
def test_it_ends_while_aws_does_not_answer(tmp_path: Path, page: str, signal_number: int) -> None:
    asked, ended = threading.Event(), threading.Event()

    def hang() -> dict[str, object]:
        asked.set()
        assert ended.wait(300)
        return {}

    body = json.dumps({"widgets": [{"type": "metric", "properties": {"metrics": [["N", "M"]]}}]})
    with running_endpoint() as endpoint:
        endpoint.offer("ListDashboards", lambda: {"DashboardEntries": [{"DashboardName": "d"}]})
        endpoint.offer("GetDashboard", lambda: {"DashboardName": "d", "DashboardBody": body})
        for operation in ("GetMetricData", "DescribeAlarms", "GetTraceSummaries"):
            endpoint.offer(operation, hang)
        with console_of(endpoint, tmp_path) as (url, process):
            with urllib.request.urlopen(f"{url}/{page}", timeout=60) as answer:
                assert answer.status == 200
            assert asked.wait(60)
            process.send_signal(signal_number)
            try:
                assert process.wait(60) == 0
            finally:
                ended.set()


def test_an_export_that_is_stopped_is_not_done(console: Console, tmp_path: Path) -> None:
    asked, ended = threading.Event(), threading.Event()

    def hang() -> dict[str, object]:
        asked.set()
        assert ended.wait(300)
        return {}

    with running_endpoint() as endpoint:
        endpoint.offer("ListDashboards", hang)
        surroundings = {
            "AWS_ACCESS_KEY_ID": endpoint.ready["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": endpoint.ready["secret_access_key"],
            "AWS_ENDPOINT_URL": endpoint.ready["aws_endpoint_url"],
            "AWS_REGION": endpoint.ready["region"],
        }
        arguments = ("--stack", "s", "--export", str(tmp_path / "out"))
        with console.start(*arguments, environment=surroundings) as process:
            try:
                assert asked.wait(100)
                process.send_signal(signal.SIGINT)
                assert process.wait(100) == 130
                assert process.stderr
                assert process.stderr.read() == ""
            finally:
                ended.set()
                process.kill()
