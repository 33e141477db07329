"""A peer's process: starts it as Lambda starts a runtime, and knows its CPU time and memory."""

import ctypes
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.peers.runtime_api import PeerError

# The functions of all peers.
PROGRAMS = Path(__file__).with_name("programs")

_LOG_CHARACTERS = 2_000


@dataclass(frozen=True)
class PeerProcess:
    """A running peer: what it is called in messages, its process, and the file of what it prints."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def check(self) -> None:
        """Raise `PeerError` if it has ended."""
        if (code := self.process.poll()) is not None:
            raise PeerError(f"{self.name} ended with exit code {code}:\n{self.printed()}")

    def printed(self) -> str:
        """Return the end of what it printed."""
        return self.log.read_text(errors="replace").strip()[-_LOG_CHARACTERS:]

    def cpu_seconds(self) -> float:
        """Return the CPU time, user and system, that it and its children took so far."""
        return sum(map(_cpu_seconds, self._all()))

    def rss_mb(self) -> float:
        """Return the memory that it and its children have, in megabytes."""
        return sum(each.memory_info().rss for each in self._all()) / 1e6

    def _all(self) -> list[psutil.Process]:
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]


def _cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time of a process and its threads: to the nanosecond where the system tells, as Linux does."""
    # psutil tells hundredths of a second: of 100,000 chunks, that is a tenth of a microsecond each.
    clock = ctypes.c_int()
    get_clock = getattr(ctypes.CDLL(None), "clock_getcpuclockid", None)
    if get_clock is None or get_clock(process.pid, ctypes.byref(clock)):
        times = process.cpu_times()
        return times.user + times.system
    return time.clock_gettime(clock.value)


@contextmanager
def running(name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Iterator[PeerProcess]:
    """Run a peer while the body runs; what it prints goes to a file in `folder`."""
    log = folder / f"{name}.log"
    # In a process group of its own: Ctrl-C on the terminal ends this program, which then ends it.
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - no shell reads the paths
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
        ) as process,
    ):
        try:
            yield PeerProcess(name, process, log)
        finally:
            process.kill()


def lambda_environment(address: str, handler: str, task_root: Path) -> dict[str, str]:
    """Return the variables of a Lambda runtime.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime

    Args:
        address: `HOST:PORT` of the Runtime API.
        handler: such as `app.handler`.
        task_root: the folder of the function's code.
    """
    return {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_RUNTIME_API": address,
        "_HANDLER": handler,
        "LAMBDA_TASK_ROOT": str(task_root),
        "AWS_LAMBDA_FUNCTION_NAME": "peer",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/peer",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[1]peer",
    }
