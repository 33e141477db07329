"""A terminal or pipe that nobody reads: the sandbox serves and ends as ever, and says later what it could not show."""

import json
import os
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from disturbance import allowance_ms
from sandbox_client import call, write_stack
from sandbox_process import START_SECONDS, alive, descendants
from tools import REPOSITORY

CODE = """
def handler(event, context):
    print(f"line {event['body']} " + 300 * "-")
    return {"statusCode": 200, "body": "ok"}
"""
REQUESTS = 300
# Some 15 MB.
LINES = 200_000


@dataclass
class Written:
    """A sandbox's standard error: the end that it writes to, and what reads all that comes out of the other."""

    descriptor: int
    reader: int

    def stop(self) -> None:
        """Take nothing more, as after Ctrl-S or in a pager."""

    def read(self) -> str:
        """Read until the other side has closed."""
        os.close(self.descriptor)
        os.set_blocking(self.reader, True)
        said = b""
        while data := self._some():
            said += data
        return said.decode()

    def _some(self) -> bytes:
        try:
            return os.read(self.reader, 65_536)
        except OSError:  # how a pseudo-terminal ends
            return b""


class Stopped(Written):
    """A pseudo-terminal on which somebody has pressed Ctrl-S."""

    def stop(self) -> None:
        termios.tcflow(self.descriptor, termios.TCOOFF)


def pipe() -> Written:
    reader, writer = os.pipe()
    return Written(writer, reader)


def terminal() -> Written:
    reader, writer = os.openpty()
    return Written(writer, reader)


def stopped_terminal() -> Written:
    reader, writer = os.openpty()
    return Stopped(writer, reader)


@contextmanager
def running(directory: Path, written: Written) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    """The real command line with this standard error, and its ready file."""
    ready_file = directory / "ready.json"
    flags = ("--ready-file", str(ready_file), "--template", str(write_stack(directory, CODE, {})))
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", *flags],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "TMPDIR": str(directory)},
        stdin=subprocess.DEVNULL,
        stderr=written.descriptor,
    )
    try:
        limit = time.monotonic() + START_SECONDS
        while not ready_file.exists():
            assert process.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.02)
        yield process, json.loads(ready_file.read_text())
    finally:
        process.kill()
        process.wait()


@pytest.mark.alone
@pytest.mark.parametrize("made", [pipe, terminal, stopped_terminal])
def test_serves_and_ends_though_nobody_reads(tmp_path: Path, made: Callable[[], Written]) -> None:
    written = made()
    with running(tmp_path, written) as (process, ready):
        written.stop()
        for number in range(REQUESTS):
            assert call(ready, str(number)).body == b"ok"
        children = descendants(process.pid)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(START_SECONDS) == 0
        # The promise is two seconds; the machine may have other things to do as well.
        assert (time.monotonic() - began) * 1000 < allowance_ms(2000)
        assert not any(map(alive, children))
    os.close(written.reader)
    os.close(written.descriptor)


@pytest.mark.parametrize("made", [pipe, terminal])
def test_shows_every_line_in_its_order_to_who_reads(tmp_path: Path, made: Callable[[], Written]) -> None:
    written = made()
    with ExitStack() as stack:
        process, ready = stack.enter_context(running(tmp_path, written))
        for number in range(20):
            call(ready, str(number))
        call(ready, "unsigned", sign=False)  # a line by `logging`, and the last one
        process.send_signal(signal.SIGTERM)
        said = written.read().replace("\r\n", "\n")
        assert process.wait() == 0
    assert "Stop with Ctrl-C." in said
    assert re.findall(r"line (\d+) ", said) == [str(number) for number in range(20)]
    assert said.endswith("sandbox: POST / refused: it has no Authorization header\n")
    os.close(written.reader)


def writer(prepared: str = "") -> "subprocess.Popen[bytes]":
    """A process that writes more than may wait; it says `written` when it has, and writes `last` when told to go on."""
    code = f"""
import os, sys
from sandbox.terminal import unblocked_stderr

{prepared}
with unblocked_stderr():
    for number in range({LINES}):
        sys.stderr.write(f"{{number}} {{70 * '-'}}\\n")
    sys.stdout.write("written\\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stderr.write("last\\n")
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    return process


@pytest.mark.parametrize("prepared", ["", "os.set_blocking(2, False)"], ids=["blocking", "non-blocking"])
def test_says_how_much_was_not_shown(prepared: str) -> None:
    process = writer(prepared)
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline() == b"written\n"
    lines = [process.stderr.readline()]
    while b"not shown" not in lines[-1]:
        lines.append(process.stderr.readline())
    *shown, notice = (line.decode() for line in lines)
    assert [int(line.partition(" ")[0]) for line in shown] == list(range(len(shown)))
    assert notice == f"sandbox: {LINES - len(shown)} lines were not shown: nobody read on\n"
    assert process.communicate(b"\n")[1] == b"last\n"


def test_goes_on_when_the_reader_has_left() -> None:
    process = writer()
    assert process.stdout
    assert process.stderr
    process.stderr.close()
    assert process.stdout.readline() == b"written\n"
    process.stderr = None
    process.communicate(b"\n")
    assert process.returncode == 0
