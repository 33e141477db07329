"""The console's process: it begins when somebody opens a page, ends with the sandbox, and comes back if it dies."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from console_client import Console
from disturbance import allowance_ms
from recorded import PATIENCE_SECONDS, until
from sandbox.console_process import Console as SandboxConsole
from sandbox_client import call
from sandbox_process import RunningSandbox, StartSandbox, alive, descendants
from tools import REPOSITORY

pytestmark = pytest.mark.timeout(180)

PROMPT = "the-prompt-of-this-test"


def consoles(parent: int) -> list[int]:
    """The console processes below a process."""
    return [pid for pid in descendants(parent) if b"-m\0console\0" in command_line(pid)]


def command_line(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def opened(running: RunningSandbox, path: str = "alarms") -> str:
    with urllib.request.urlopen(running.ready["console_url"] + path, timeout=PATIENCE_SECONDS) as page:
        text: str = page.read().decode()
        return text


def test_a_console_that_nobody_opens_never_starts(start_sandbox: StartSandbox) -> None:
    running = start_sandbox()
    for _ in range(5):
        assert call(running.ready, json.dumps({"prompt": "[[sandbox: gap=1 chunks=3]] go"})).status == 200
        assert consoles(running.process.pid) == []
    # Whoever calls another port does not open it.
    for name in ("aws_endpoint_url", "bedrock_url"):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(running.ready[name], timeout=PATIENCE_SECONDS)
    assert consoles(running.process.pid) == []
    opened(running)
    assert len(consoles(running.process.pid)) == 1
    running.stop()


def test_the_demo_never_starts_a_console(tmp_path: Path) -> None:
    with subprocess.Popen(
        [str(REPOSITORY / "scripts/sandbox.sh"), "--demo"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as demo:
        seen: set[bytes] = set()
        # It takes the better part of a second to import what a console needs.
        while demo.poll() is None:
            seen |= {command_line(pid) for pid in descendants(demo.pid)}
            time.sleep(0.02)
    assert demo.returncode == 0
    assert [line for line in seen if b"lambda_streaming" in line], "the function's process was seen"
    assert [line for line in seen if b"-m\0console\0" in line] == []


def test_a_sandbox_whose_page_is_open_takes_its_console_with_it(start_sandbox: StartSandbox) -> None:
    """`stop` fails if a process stays."""
    running = start_sandbox()
    opened(running)
    with Console(running.ready["console_url"]).stay() as kept:
        assert len(consoles(running.process.pid)) == 1
        running.stop()
        while kept.recv(1000):
            pass  # the connection ends


@pytest.mark.alone
def test_a_sandbox_with_an_open_page_stops_within_two_seconds(start_sandbox: StartSandbox) -> None:
    running = start_sandbox()
    opened(running)
    with Console(running.ready["console_url"]).stay():
        # The promise is two seconds; the machine may have other things to do as well.
        assert running.stop() * 1000 < allowance_ms(4000)


def test_a_console_ends_with_a_sandbox_that_was_killed(start_sandbox: StartSandbox) -> None:
    running = start_sandbox()
    opened(running)
    (console,) = consoles(running.process.pid)
    with Console(running.ready["console_url"]).stay():
        others = [pid for pid in descendants(running.process.pid) if pid != console]
        running.process.kill()
        running.process.wait()
        until(lambda: not alive(console))
    for pid in others:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def test_a_console_that_was_killed_starts_again_at_the_next_page(start_sandbox: StartSandbox) -> None:
    running = start_sandbox()
    opened(running)
    (first,) = consoles(running.process.pid)
    os.kill(first, signal.SIGKILL)
    assert "firstbyte" in opened(running), "at the same address, with the same token"
    (second,) = consoles(running.process.pid)
    assert first != second
    assert "the console ended with exit code -9; it starts again when a page is opened" in running.log()
    running.stop()


def test_no_key_token_or_prompt_is_in_a_log_or_a_process_list(start_sandbox: StartSandbox) -> None:
    running = start_sandbox()
    opened(running)
    body = json.dumps({"prompt": f"[[sandbox: gap=1 chunks=3]] {PROMPT}"})
    assert call(running.ready, body).status == 200
    console = Console(running.ready["console_url"])
    for path in ("alarms/no-such-alarm", "traces", "logs", "no-such-page", "traces?last=never"):
        assert console.send(f"/{console.token}/{path}").status < 500
    console.send(f"/{console.token}/", (("Host", "evil.example"),))
    console.send_raw(b"\x16\x03\x01 no HTTP\r\n\r\n")
    with Console(running.ready["console_url"]).stay():
        shown = b"\0".join(command_line(pid) for pid in descendants(running.process.pid)).decode()
    ready = running.ready
    secrets = {"secret": ready["secret_access_key"], "key": ready["access_key_id"], "prompt": PROMPT}
    for name, secret in {**secrets, "token": console.token}.items():
        assert secret not in shown, name
    told = [line for line in running.log().splitlines() if console.token in line and not line.startswith("Console ")]
    assert told == [], "the banner alone says where it is"
    for name, secret in secrets.items():
        assert secret not in running.log(), name
    running.stop()


def test_the_console_leaves_nothing_in_the_folder_where_it_starts(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start_sandbox(cwd=tmp_path)
    opened(running)
    running.stop()
    assert list(tmp_path.iterdir()) == []


async def test_a_console_that_cannot_start_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/python")
    console = SandboxConsole(tmp_path / "ready.json")
    async with console.waiting():
        parts = urlsplit(console.url)
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        said = ""
        while "\n" not in said:
            await asyncio.sleep(0.01)
            said += capsys.readouterr().err
        writer.close()
    assert said == "sandbox: the console cannot start: No such file or directory; the next page tries again\n"
