"""Fixtures that run the layer as a process, the way Lambda does, against the strict Runtime API."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools import REPOSITORY
from wire.strict_runtime_api import StrictRuntimeApi

# What a streaming handler of these tests begins with.
HEADER = """
import time
from lambda_streaming import ResponseStream, streamify_response

"""
BOOTSTRAP = REPOSITORY / "src/runtime/lambda_streaming/bootstrap"


@pytest.fixture
def api() -> Iterator[StrictRuntimeApi]:
    server = StrictRuntimeApi()
    yield server
    server.close()


class Runtime:
    """A runtime process; its working directory is `folder`, and what it prints goes to a file there."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.folder = log.parent
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def run_function(api: StrictRuntimeApi, tmp_path: Path) -> Iterator[Callable[..., Runtime]]:
    """Starts a function from its source text under the layer, or under `command`."""
    started: list[Runtime] = []

    def run(
        source: str,
        *,
        interpreter: str = sys.executable,
        bootstrap: Path = BOOTSTRAP,
        environment: dict[str, str] | None = None,
        streaming: bool = True,
    ) -> Runtime:
        (tmp_path / "app.py").write_text(source)
        command = [str(bootstrap), interpreter] if streaming else [interpreter, "-m", "awslambdaric", "app.handler"]
        env = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "_HANDLER": "app.handler",
            "LAMBDA_TASK_ROOT": str(tmp_path),
            "AWS_REGION": "us-east-1",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
            **(environment or {}),
        }
        log = tmp_path / f"runtime-{len(started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=output, stderr=subprocess.STDOUT)
        started.append(Runtime(process, log))
        return started[-1]

    yield run
    for runtime in started:
        runtime.stop()


def streaming(body: str) -> str:
    """The source of a streaming handler with this body."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f"{HEADER}@streamify_response\ndef handler(event, context, *, response_stream: ResponseStream):\n{lines}\n"
