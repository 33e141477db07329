"""The README as tests use it: its parts, and its commands run as a reader would run them."""

import contextlib
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox_process import alive, descendants
from tools import REPOSITORY, without_aws

README = (REPOSITORY / "README.md").read_text()
READY = REPOSITORY / ".sandbox/ready.json"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines()]


# Two shells: the sandbox, and what makes one of its alarms go off.
(ALARM_SANDBOX,) = (line for line in commands() if "--alarm-minute 1" in line)
(ALARM_FAULT,) = (line for line in commands() if "fault=" in line)
# The sandbox with the stack's own probe, and how its figures are looked up.
(STACK_PROBE_SANDBOX,) = (line for line in commands() if "ProbeEveryMinutes" in line)
(STACK_PROBE_LOOKUP,) = (line for line in commands() if "Value=schedule" in line)
# Where the sandbox is, for the AWS CLI.
(AWS_SANDBOX,) = (line for line in commands() if "export AWS_ENDPOINT_URL" in line)


def section(heading: str) -> str:
    return README.split(f"{heading}\n")[1].split("\n## ")[0]


@contextlib.contextmanager
def in_the_foreground(command: str, log: Path) -> Iterator[None]:
    """What the README says: the sandbox in one shell, ended with Ctrl-C."""
    if READY.exists():
        pytest.fail(f"a sandbox of yours is running, or was killed: stop it, or remove {READY}")
    with log.open("wb") as output:
        process = subprocess.Popen(shlex.split(command), cwd=REPOSITORY, stdout=output, stderr=output)
    until = time.monotonic() + 60
    while not READY.exists():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)
    try:
        yield
    finally:
        children = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        code = process.wait(20)
    assert code == 0
    assert not [pid for pid in children if alive(pid)]
    assert not READY.exists()


def shell(script: str, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = without_aws()
    environment["PATH"] = f"{path}:{environment['PATH']}"
    return subprocess.run(
        ["bash", "-c", script],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
