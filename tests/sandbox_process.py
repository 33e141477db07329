"""The sandbox as tests use it: the real command line in a process, and a check that it leaves nothing behind.

A `conftest.py` that wants it imports the two fixtures: `from sandbox_process import sandbox, start_sandbox`.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools import REPOSITORY

# A cold interpreter that imports aiohttp and botocore takes about a second; a loaded machine takes many times that.
START_SECONDS = 60
# The promise is two seconds on an idle machine.
STOP_SECONDS = 60
# Words of the banner's last line.
BANNER_ENDS = "Stop with Ctrl-C."


class RunningSandbox:
    """One sandbox process; `ready` is what its ready file said."""

    def __init__(self, flags: tuple[str, ...], directory: Path, cwd: Path = REPOSITORY) -> None:
        self.ready_file = directory / "ready.json"
        self._log = directory / "log.txt"
        # What a sandbox that a test kills leaves behind goes with the test's own files.
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "TMPDIR": str(directory)}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sandbox", "--ready-file", str(self.ready_file), *flags],
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.ready: dict[str, str] = {}

    def wait_until_ready(self) -> None:
        """Read the ready file when it is there, and the banner, which comes next, in the log as well.

        Fails with the sandbox's own words if they never come.
        """
        limit = time.monotonic() + START_SECONDS
        while not self.ready_file.exists() or BANNER_ENDS not in self.log():
            if self.process.poll() is not None or time.monotonic() > limit:
                self.process.kill()
                self.process.wait()
                pytest.fail(f"the sandbox did not start:\n{self.log()}")
            time.sleep(0.02)
        self.ready = json.loads(self.ready_file.read_text())

    def log(self) -> str:
        """Everything the sandbox has printed so far, the function's own lines among it."""
        return self._log.read_text(errors="replace")

    def stop(self, with_signal: int = signal.SIGINT) -> float:
        """End the sandbox; return how many seconds that took. Fails if it, or a process that it started, stays."""
        if self.process.poll() is not None:
            return 0.0
        children = descendants(self.process.pid)
        started = time.monotonic()
        self.process.send_signal(with_signal)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            pytest.fail(f"the sandbox did not stop on signal {with_signal}:\n{self.log()}")
        took = time.monotonic() - started
        orphans = [pid for pid in children if alive(pid)]
        assert code == 0, f"exit code {code}:\n{self.log()}"
        assert not orphans, f"processes left behind: {orphans}\n{self.log()}"
        assert not self.ready_file.exists(), "the ready file was left behind"
        return took


def descendants(pid: int) -> list[int]:
    """The process ids below `pid`, from /proc (nothing where there is no /proc)."""
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, children.read_text().split()):
                found += [child, *descendants(child)]
    return found


def kill_environments(sandbox: int, function: str) -> None:
    """Kill the processes below a sandbox's that run the function of this name."""
    for pid in descendants(sandbox):
        with contextlib.suppress(OSError):  # it may be gone
            if f"AWS_LAMBDA_FUNCTION_NAME={function}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes():
                os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie that its new parent has not reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


StartSandbox = Callable[..., RunningSandbox]


@pytest.fixture(scope="session")
def start_sandbox() -> Iterator[StartSandbox]:
    """A factory: `start_sandbox("--alarm-minute", "1")` starts the real command line with these flags, and waits."""
    started: list[RunningSandbox] = []
    with tempfile.TemporaryDirectory() as parent:

        def start(*flags: str, cwd: Path = REPOSITORY) -> RunningSandbox:
            running = RunningSandbox(flags, Path(tempfile.mkdtemp(dir=parent)), cwd)
            started.append(running)
            running.wait_until_ready()
            return running

        try:
            yield start
        finally:
            problems = []
            for running in started:
                try:
                    running.stop()
                except (AssertionError, pytest.fail.Exception) as problem:
                    problems.append(problem)
            if problems:
                raise problems[0]


@pytest.fixture(scope="session")
def sandbox(start_sandbox: StartSandbox) -> dict[str, str]:
    """What the ready file of a sandbox with default flags (this repository's template) says; one for all tests."""
    return start_sandbox().ready
