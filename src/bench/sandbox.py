"""Runs a sandbox for a benchmark, in a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]

# The sandbox's promise is two seconds.
_END_SECONDS = 30.0


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox: its process, the content of its ready file, and the file of what it prints."""

    process: "subprocess.Popen[bytes]"
    ready: dict[str, str]
    log: Path

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self.process.pid

    def kill_environments(self) -> None:
        """Make the next request a cold start."""
        while environments := psutil.Process(self.pid).children():
            for environment in environments:
                # Each leads a group of its own. macOS refuses to kill one in which only zombies are left.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(environment.pid, signal.SIGKILL)
            time.sleep(0.01)
        time.sleep(0.2)  # the sandbox's event loop hears of it somewhat later


@contextlib.contextmanager
def running(template: Path, directory: Path, *flags: str) -> Iterator[Sandbox]:
    """Run a sandbox with this template and these flags while the body runs; its files are in `directory`."""
    log, ready_file = directory / "sandbox.log", directory / "ready.json"
    command = (sys.executable, "-P", "-m", "sandbox")
    # Through a pipe: a limit on the size of the sandbox's files, as the soak sets one, leaves what it prints alone.
    # In process groups of their own: Ctrl-C on the terminal ends this program, which then ends them.
    with (
        log.open("wb") as output,
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=output, process_group=0) as printed,  # noqa: S607 - any
    ):
        process = subprocess.Popen(  # noqa: S603 - no shell reads the paths
            [*command, "--template", str(template), "--ready-file", str(ready_file), *flags],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdin=subprocess.DEVNULL,
            stdout=printed.stdin,
            stderr=printed.stdin,
            process_group=0,
        )
        assert printed.stdin is not None
        printed.stdin.close()  # it ends with the sandbox
        with process:
            try:
                while not ready_file.exists():
                    if process.poll() is not None:
                        printed.wait()
                        sys.exit(f"bench: a sandbox did not start:\n{log.read_text(errors='replace')}")
                    time.sleep(0.05)
                yield Sandbox(process, json.loads(ready_file.read_bytes()), log)
            finally:
                process.send_signal(signal.SIGINT)
                # Leaving the `with` waits, too, but after Ctrl-C only for a moment.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_END_SECONDS)
                process.kill()
                printed.wait()
