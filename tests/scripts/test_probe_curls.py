"""The probe with a newer curl than this machine's: what holds for the one holds for the other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from newer_curl import VERSION, newer_curl
from probe_process import Probe
from scripted_server import ScriptedServer, answer
from tools import REPOSITORY

__all__ = ["newer_curl"]


def test_the_probe_takes_the_curl_that_is_first_on_the_path(probe: Probe, newer_curl: Path) -> None:
    environment = {**probe.environment, "PATH": f"{newer_curl}:{os.environ['PATH']}"}
    with ScriptedServer([(0.0, answer("hi"))]) as server:
        code, run = probe.run_json("--url", server.url, environment=environment)
    assert (code, run["outcome"]) == (0, "completed")
    assert server.exchanges[0].headers["user-agent"] == f"curl/{VERSION}"


@pytest.mark.parametrize("tests", ["request", "headers", "connection", "run", "load"])
def test_requests(tests: str, newer_curl: Path) -> None:
    run_tests(newer_curl, "not alone", tests)


@pytest.mark.alone
def test_figures(newer_curl: Path) -> None:
    run_tests(newer_curl, "alone", "connection", "run")


def run_tests(curl: Path, marker: str, *names: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", marker]
    files = [f"tests/scripts/test_probe_{name}.py" for name in names]
    environment = {**os.environ, "PATH": f"{curl}:{os.environ['PATH']}"}
    done = subprocess.run([*command, *files], cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
