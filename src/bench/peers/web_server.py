"""FastAPI on uvicorn: starts an application of the benchmark's, and knows when it listens."""

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.peers.peer_process import PROGRAMS, PeerProcess, running
from bench.peers.runtime_api import PeerError

_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.001


@dataclass(frozen=True)
class WebServer:
    """A server that listens: its process, `HOST:PORT`, and when it took its first connection (`time.monotonic()`)."""

    process: PeerProcess
    address: str
    listens_at: float


@contextmanager
def serving(application: str, python: str, environment: Mapping[str, str], folder: Path) -> Iterator[WebServer]:
    """Serve an application while the body runs.

    Args:
        application: in the folder of programs, such as `fastapi_app:app`.
        python: the interpreter, which has FastAPI and uvicorn.
        environment: the process's variables.
        folder: takes what it prints.

    Raises:
        PeerError: it ended, or does not listen.
    """
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    # Its line for each request costs time, and few people want it.
    options = ("--port", str(port), "--no-access-log", "--app-dir", str(PROGRAMS))
    with running("fastapi", [python, "-P", "-m", "uvicorn", *options, application], environment, folder) as process:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not _listens(port):
            process.check()
            if time.monotonic() > until:
                raise PeerError(f"fastapi did not listen within {_PATIENCE_SECONDS:.0f} s")
            time.sleep(_LOOK_SECONDS)
        yield WebServer(process, f"127.0.0.1:{port}", time.monotonic())


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True
