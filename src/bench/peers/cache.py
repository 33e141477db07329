"""What is installed once and kept for later runs, in the user's cache: a folder, its lock, Python environments."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.peers.runtime_api import PeerError

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "firstbyte"

_INSTALL_SECONDS = 300


def uv(*arguments: str) -> list[str]:
    """Return the command line for a call of uv, which the development environment brings along or the machine has."""
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if not found:
        raise PeerError("uv is not installed. scripts/bench.sh and scripts/test.sh bring it along.")
    return [found, *arguments]


def environment(*requirements: str, python: str = sys.executable) -> Path:
    """Return the interpreter of an environment with these packages, apart from the development environment.

    Args:
        requirements: what `uv pip install` takes, such as `anthropic==2.14.0` or `--requirements`, `FILE`.
        python: the interpreter that it is made from.

    Raises:
        subprocess.CalledProcessError: uv cannot make it. It has said why on standard error.
    """
    files = [Path(each).read_text() for each in requirements if Path(each).is_file()]
    key = hashlib.sha256("\n".join((sys.version, python, *requirements, *files)).encode()).hexdigest()[:16]
    folder = CACHE / f"environment-{key}"
    interpreter = folder / "bin/python"
    with locked(folder.with_suffix(".lock")):
        if not (folder / "complete").exists():
            for command in (
                uv("venv", "--quiet", "--clear", "--python", python, str(folder)),
                uv("pip", "install", "--quiet", "--compile-bytecode", "--python", str(interpreter), *requirements),
            ):
                subprocess.run(command, check=True, timeout=_INSTALL_SECONDS)  # noqa: S603 - no shell reads the paths
            (folder / "complete").touch()
    return interpreter


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of the folder while the body runs. It is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
