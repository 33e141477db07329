"""Everyday events, each a line that says what happened: a full disk, a broken profile, odd files, odd bytes, Ctrl-C."""

import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox_client import Call
from sandbox_process import START_SECONDS, RunningSandbox, StartSandbox
from tools import REPOSITORY, without_aws

FULL, CLOSED, READER_GONE = "a full disk", "closed standard output", "a reader that has left"
NOT_WRITTEN = "the result cannot be written: "
NO_SPACE, NO_OUTPUT = "No space left on device", "standard output is closed"


def surroundings(**more: str) -> dict[str, str]:
    """A user's environment: Python's output is buffered, and AWS has no settings."""
    plain = {name: value for name, value in without_aws().items() if not name.startswith("PYTHON")}
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**plain, **nothing, "AWS_EC2_METADATA_DISABLED": "true", **more}


@contextlib.contextmanager
def output(event: str) -> Iterator[int]:
    """Standard output as the event has it."""
    if event == READER_GONE:
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open("/dev/full" if event == FULL else os.devnull, os.O_WRONLY)
    try:
        yield writer
    finally:
        os.close(writer)


def run(command: list[str], event: str, **variables: str) -> tuple[int, str]:
    """The exit code of a script, and what it says on standard error."""
    script = [str(REPOSITORY / "scripts" / command[0]), *command[1:]]
    if event == CLOSED:
        script = ["bash", "-c", 'exec "$@" >&-', "bash", *script]
    with output(event) as stdout:
        done = subprocess.run(
            script,
            env=surroundings(**variables),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
        )
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def ready_file(start_sandbox: StartSandbox) -> str:
    return str(start_sandbox("--model-script", "ttft=1 gap=1 chunks=3").ready_file)


# READY and FOLDER are filled in; what a command says before its result is not looked at.
RESULTS = [
    (["dashboard.sh"], "dashboard: "),
    (["env.sh", "--ready-file", "READY"], "env: "),
    (["bom.sh", str(REPOSITORY / "src/template")], "bom: "),
    (["verify.sh", "--sandbox", "--ready-file", "READY", "--wait", "0"], "verify: "),
    (["verify.sh", "--sandbox", "--ready-file", "READY", "--wait", "0", "--output", "json"], "verify: "),
    (["bench.sh", "probe", "--requests", "1"], "bench: "),
]


@pytest.mark.parametrize(
    ("event", "reason", "code"), [(FULL, NO_SPACE, 1), (CLOSED, NO_OUTPUT, 1), (READER_GONE, None, 141)]
)
@pytest.mark.parametrize(("command", "name"), RESULTS, ids=lambda value: " ".join(value[:2]) if value else "")
def test_a_result_that_cannot_be_written(
    ready_file: str, command: list[str], name: str, event: str, reason: str | None, code: int
) -> None:
    found, said = run([ready_file if word == "READY" else word for word in command], event)
    assert found == code, said
    lines = [line for line in said.splitlines() if NOT_WRITTEN in line]
    assert lines == ([f"{name}{NOT_WRITTEN}{reason}"] if reason else [])


def without_pythons(said: str) -> list[str]:
    """What the building of the layer says, without the lines on the Pythons that it was compiled for."""
    return [line for line in said.splitlines() if not re.match(r"layer: (not )?compiled for Python 3\.", line)]


# bash is ended by the signal, which the shell that waits for it reports as 141.
@pytest.mark.parametrize(("event", "code"), [(FULL, 1), (CLOSED, 1), (READER_GONE, -signal.SIGPIPE)])
def test_the_command_that_publishes_the_layer_cannot_be_written(tmp_path: Path, event: str, code: int) -> None:
    found, said = run(["layer.sh", "--output", str(tmp_path / "layer.zip")], event)
    assert found == code
    words = "layer: the zip is there, but the command cannot be written to standard output"
    _, *others = without_pythons(said)
    assert others == ([] if event == READER_GONE else [words])
    assert (tmp_path / "layer.zip").exists()


def test_the_layer_on_a_full_disk() -> None:
    found, said = run(["layer.sh", "--output", "/dev/full"], "")
    assert (found, without_pythons(said)) == (1, [f"layer: /dev/full cannot be written: {NO_SPACE}"])


# The probe's own exit code.
@pytest.mark.parametrize(("event", "code"), [(FULL, 5), (READER_GONE, 141)])
def test_the_demo_on_a_full_disk(event: str, code: int) -> None:
    found, said = run(["sandbox.sh", "--demo", "--model-script", "ttft=1 gap=1 chunks=3"], event)
    assert found == code, said


HELPS = ["sandbox", "console", "probe", "dashboard", "env", "layer", "bom", "bench", "verify", "test"]


@pytest.mark.parametrize(("event", "code", "words"), [(FULL, 1, NO_SPACE), (READER_GONE, 141, None)])
@pytest.mark.parametrize("script", HELPS)
def test_a_help_that_cannot_be_written(script: str, event: str, code: int, words: str | None) -> None:
    found, said = run([f"{script}.sh", "--help"], event)
    assert found == (5 if (script, event) == ("probe", FULL) else code)
    assert len(said.splitlines()) == (1 if words else 0)
    assert (words or "") in said


@pytest.mark.parametrize("script", HELPS)
def test_a_help_fits_into_80_columns(script: str) -> None:
    subjects = ([], ["telemetry"], ["probe"], ["soak"], ["peers"]) if script == "bench" else ([],)
    for subject in subjects:
        done = subprocess.run(
            [str(REPOSITORY / f"scripts/{script}.sh"), *subject, "--help"],
            env={**surroundings(), "COLUMNS": "80"},
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )
        assert [line for line in done.stdout.splitlines() if len(line) > 80] == []


def program(folder: Path, prints: str, code: int = 0) -> str:
    """A program that a profile names for its credentials."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\nprintf '{prints}'\nprintf 'sign in first' >&2\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


def printing(text: str, code: int) -> Callable[[Path], bytes]:
    """A profile that names such a program."""
    return lambda folder: f"[default]\ncredential_process = {program(folder, text, code)}\n".encode()


ROLE = b"[default]\nrole_arn = arn:aws:iam::123456789012:role/one\n"
SIGN_ON = b"""[default]
sso_start_url = https://a.example/
sso_region = us-east-1
sso_account_id = 1
sso_role_name = a
"""
EXPIRED = {"AccessKeyId": "A", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": "2001-01-01T00:00:00Z"}
# A profile that is wrong, and what is said of it.
PROFILES: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "not YAML nor INI": (lambda folder: b"[default\nx", "Unable to parse config file"),
    "no UTF-8": (lambda folder: b"\xff\xfe\0", "Unable to parse config file"),
    "half a key": (lambda folder: b"[default]\naws_access_key_id = A\n", "missing: aws_secret_access_key"),
    "a source that is not there": (
        lambda folder: ROLE + b"source_profile = gone\n",
        'source_profile "gone"',
    ),
    "a token that is not there": (
        lambda folder: ROLE + b"web_identity_token_file = /no/token\n",
        "No such file or directory: '/no/token'",
    ),
    "nobody signed in": (
        lambda folder: SIGN_ON,
        "Error loading SSO Token",
    ),
    "no program": (lambda folder: b"[default]\ncredential_process = /no/program\n", "No such file or directory"),
    **{
        f"a program that prints {name}": (printing(prints, code), words)
        for name, prints, code, words in (
            ("nothing and fails", "", 1, "sign in first"),
            ("words", "hello", 0, "Expecting value"),
            ("a list", "[1]", 0, "'list' object"),
            ("no UTF-8", "\\377\\376", 0, "'utf-8' codec"),
            ("expired keys", json.dumps({"Version": 1, **EXPIRED}), 0, "expired"),
        )
    },
}


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        # The sandbox first says which Python runs the functions.
        (["sandbox.sh", "--bedrock", "aws", "--ready-file", "READY"], 2),
        (["verify.sh", "--stack", "firstbyte", "--region", "eu-west-1"], 1),
    ],
    ids=["sandbox", "verify"],
)
@pytest.mark.parametrize("profile", [None, *PROFILES])
def test_a_broken_profile(tmp_path: Path, command: list[str], lines: int, profile: str | None) -> None:
    command = [str(tmp_path / "ready.json") if word == "READY" else word for word in command]
    if profile is None:
        found, said = run(command, "", AWS_PROFILE="nope")
        words = "The config profile (nope) could not be found"
    else:
        content, words = PROFILES[profile]
        (tmp_path / "config").write_bytes(content(tmp_path))
        found, said = run(command, "", AWS_CONFIG_FILE=str(tmp_path / "config"))
    assert found == 2
    assert len(said.splitlines()) == lines, said
    assert words in said.splitlines()[-1]


def test_a_broken_profile_where_none_is_needed() -> None:
    found, said = run(["bench.sh", "telemetry", "--requests", "1", "--cold", "0"], "", AWS_PROFILE="nope")
    assert (found, said.splitlines()[-1]) == (1, "bench: The config profile (nope) could not be found")


def written(folder: Path, content: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(content)
    return path


DIRECTORY = "a directory"  # which is what bom.sh reads
FILES: dict[str, Callable[[Path], Path]] = {
    DIRECTORY: lambda folder: folder,
    "nothing": lambda folder: written(folder, b""),
    "no UTF-8": lambda folder: written(folder, b"\xff\xfe\0"),
    "another document": lambda folder: written(folder, b'["sandbox"]'),
    "another type": lambda folder: written(folder, b'{"function_url": 1, "function_urls": 2, "region": {}}'),
    "no address": lambda folder: written(folder, b'{"function_url": "http://[::1", "function_urls": {}}'),
    "endless brackets": lambda folder: written(folder, b"[" * 200_000),
}


READERS = [
    (["env.sh", "--ready-file"], 1),
    (["verify.sh", "--sandbox", "--ready-file"], 2),
    (["console.sh", "--sandbox", "--ready-file"], 2),
    (["sandbox.sh", "--ready-file", "READY", "--template"], 1),
    (["bom.sh"], 1),
]


@pytest.mark.parametrize(
    ("command", "code", "file"),
    [(*reader, file) for reader in READERS for file in FILES if (reader[0][0], file) != ("bom.sh", DIRECTORY)],
    ids=lambda value: value[0] if isinstance(value, list) else value if isinstance(value, str) else "",
)
def test_a_file_that_is_none_of_its_kind(tmp_path: Path, command: list[str], code: int, file: str) -> None:
    (tmp_path / "there").mkdir()
    path = FILES[file](tmp_path / "there")
    words = [str(tmp_path / "ready.json") if word == "READY" else word for word in command]
    found, said = run([*words, str(path)], "")
    assert found == code, said
    assert len(said.splitlines()) == 1, said
    assert str(path) in said


def test_what_a_program_prints_may_be_no_utf_8(tmp_path: Path, ready_file: str) -> None:
    """A wrapper of git or of Python may print anything."""
    odd = tmp_path / "git"
    odd.write_text("#!/bin/sh\nprintf '\\377\\376'\n")
    odd.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    found, said = run(["verify.sh", "--sandbox", "--ready-file", ready_file, "--wait", "0"], "", PATH=path)
    assert found in (0, 1)  # not everything is recorded at once
    assert "verify: " in said
    flags = ["--ready-file", str(tmp_path / "ready.json"), "--template", "/no/template"]
    found, said = run(["sandbox.sh", *flags, "--python", str(odd)], "")
    assert (found, len(said.splitlines())) == (1, 1)


def interrupted(command: list[str], library: str) -> tuple[int, str]:
    """Press Ctrl-C when a command has loaded this native library: while it imports what it needs, or soon after."""
    script = [str(REPOSITORY / "scripts" / command[0]), *command[1:]]
    with subprocess.Popen(
        script, env=surroundings(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        limit = time.monotonic() + START_SECONDS
        while process.poll() is None and library not in maps(process.pid):
            assert time.monotonic() < limit
            time.sleep(0.002)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
        said = process.communicate(timeout=START_SECONDS)[1]
    return process.returncode, said


def maps(pid: int) -> str:
    """The files that a process has mapped."""
    try:
        return Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return ""


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux says what a process has loaded")
@pytest.mark.parametrize(
    ("command", "library", "codes"),
    [
        (["dashboard.sh"], "_json", {-signal.SIGINT, 130, 0}),
        (["sandbox.sh", "--ready-file", "READY"], "_ssl", {-signal.SIGINT, 0}),
        (["bench.sh", "telemetry"], "_ssl", {-signal.SIGINT, 130}),
        (["bench.sh", "soak"], "_multiarray_umath", {-signal.SIGINT, 130}),
        (["verify.sh", "--stack", "firstbyte", "--region", "eu-west-1"], "_ssl", {-signal.SIGINT, 130, 2}),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_ctrl_c_while_it_starts(tmp_path: Path, command: list[str], library: str, codes: set[int]) -> None:
    command = [str(tmp_path / "ready.json") if word == "READY" else word for word in command]
    found, said = interrupted(command, library)
    assert found in codes
    assert "Traceback" not in said


@pytest.mark.parametrize("command", [["bom.sh", str(REPOSITORY / "src/template")], ["layer.sh", "--output", "OUTPUT"]])
@pytest.mark.parametrize("seconds", [0.3, 0.6, 1.0])
def test_ctrl_c_while_it_builds(tmp_path: Path, command: list[str], seconds: float) -> None:
    script = [str(tmp_path / "layer.zip") if word == "OUTPUT" else word for word in command]
    with subprocess.Popen(
        [str(REPOSITORY / "scripts" / script[0]), *script[1:]],
        env=surroundings(TMPDIR=str(tmp_path)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=START_SECONDS)[1]
    assert process.returncode in (0, 130, -signal.SIGINT), said
    assert "Traceback" not in said
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_ctrl_c_while_a_request_comes_in(tmp_path: Path) -> None:
    """The request of the last moment starts no environment, whose function would find the models gone."""
    sandbox = RunningSandbox((), tmp_path)
    sandbox.wait_until_ready()
    call = Call(sandbox.ready, json.dumps({"prompt": "Hello"}))
    sandbox.stop()
    call.leave()
    assert "Traceback" not in sandbox.log()


# What somebody sends who means something else, and what the sandbox says of it; nothing of it is quoted.
SENT = {
    "a long header": (
        b"GET / HTTP/1.1\r\nHost: HOST\r\nX-Token: " + b"secret" * 2048 + b"\r\n\r\n",
        "a request was answered 400: its first line or one of its headers is longer than 8190 bytes",
    ),
    "a long path": (
        b"GET /" + b"secret" * 2048 + b" HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "a request was answered 400: its first line or one of its headers is longer than 8190 bytes",
    ),
    "HTTP/2": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
        "a request was answered 400: it is HTTP/2, and the sandbox speaks HTTP/1.1",
    ),
    "TLS": (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        "a request was answered 400: it is TLS: call http://, not https://",
    ),
    "words": (b"secret\r\n\r\n", "a request was answered 400: Invalid method encountered"),
}


@pytest.fixture(scope="module")
def running(start_sandbox: StartSandbox) -> RunningSandbox:
    return start_sandbox("--model-script", "ttft=100 gap=100 chunks=10")


def said_after(running: RunningSandbox, seen: int, words: str) -> str:
    """What the sandbox says after this many characters, once these words are among it."""
    limit = time.monotonic() + START_SECONDS
    while words not in (said := running.log()[seen:]):
        assert time.monotonic() < limit, said
        time.sleep(0.02)
    return said


@pytest.mark.parametrize("port", ["function_url", "aws_endpoint_url", "bedrock_url"])
@pytest.mark.parametrize("what", SENT)
def test_what_is_no_request_is_a_line(running: RunningSandbox, port: str, what: str) -> None:
    sent, words = SENT[what]
    host = running.ready[port].split("/")[2]
    seen = len(running.log())
    with socket.create_connection(tuple(host.split(":")), timeout=30) as connection:  # type: ignore[arg-type]
        connection.sendall(sent.replace(b"HOST", host.encode()))
        assert connection.recv(100).startswith(b"HTTP/1.0 400 Bad Request\r\n")
    said = said_after(running, seen, words)
    assert said == f"sandbox: {words}\n"


@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
def test_a_client_that_leaves_is_a_line(running: RunningSandbox, reset: bool) -> None:
    seen = len(running.log())
    call = Call(running.ready, json.dumps({"prompt": "Hello"}))
    call.socket.recv(1)
    if reset:
        call.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    call.leave()
    said = said_after(running, seen, "response finished")
    assert "sandbox: POST /: the client left before the response was complete\n" in said
    assert "Traceback" not in said
