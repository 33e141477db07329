"""The probe as tests use it: the real scripts/probe.sh in a process and in surroundings of its own."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox_process import descendants
from tools import REPOSITORY

SECRET = "a+secret/key=that\"must\\never'show"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1"}

# A probe that hangs is a failure; a loaded machine is not.
PATIENCE_SECONDS = 60


class Probe:
    """Runs scripts/probe.sh in an environment that holds nothing but a PATH, a home and what the test gives."""

    def __init__(self, home: Path) -> None:
        self.home = home
        # What a probe that a test kills leaves behind goes with the test's own files.
        own = {"HOME": str(home), "TMPDIR": str(home)}
        self.environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **own, **KEYS}

    def start(self, *arguments: str, environment: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [str(REPOSITORY / "scripts/probe.sh"), *arguments],
            env=self.environment if environment is None else dict(environment),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __call__(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        with self.start(*arguments, environment=environment) as process:
            try:
                out, error = process.communicate(timeout=PATIENCE_SECONDS)
            finally:
                process.kill()
        assert SECRET not in out.decode() + error.decode()
        return subprocess.CompletedProcess(arguments, process.returncode, out.decode(), error.decode())

    def run_json(self, *arguments: str, environment: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        """The exit code and the first run of a probe with `--output json`; nothing may stand on standard error."""
        done = self(*arguments, "--output", "json", environment=environment)
        assert done.stderr == ""
        run: dict[str, Any] = json.loads(done.stdout)["runs"][0]
        return done.returncode, run


def shown_by(process: "subprocess.Popen[bytes]") -> tuple[bytes, list[bytes]]:
    """Every command line on this machine, and the environments of the probe's curls."""
    commands = b"\0\0".join(_read_proc(path) for path in Path("/proc").glob("[0-9]*/cmdline"))
    curls = [pid for pid in descendants(process.pid) if b"curl" in _read_proc(Path(f"/proc/{pid}/cmdline"))]
    return commands, [_read_proc(Path(f"/proc/{pid}/environ")) for pid in curls]


def _read_proc(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
