"""A console as a process of its own, of a sandbox or a stack that a test makes up."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aws_endpoint import Endpoint
from tools import REPOSITORY, without_aws


@contextmanager
def console_process(*flags: str, **variables: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A console with these flags and environment variables; gives its address and its process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "console", *flags],
        env={**without_aws(), "PYTHONPATH": str(REPOSITORY / "src"), **variables},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr
        yield process.stderr.readline().split()[1].rstrip("/"), process
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextmanager
def console_of(endpoint: Endpoint, folder: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The console of a sandbox with this endpoint; gives its address and its process."""
    urls = {"function_urls": {"F": "http://127.0.0.1:1/"}, "console_url": "http://127.0.0.1/token/"}
    ready_file = folder / "ready.json"
    ready_file.write_text(json.dumps({**endpoint.ready, **urls, "stack_name": "s"}))
    with console_process("--sandbox", "--ready-file", str(ready_file)) as started:
        yield started
