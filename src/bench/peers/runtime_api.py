"""The Runtime API in front of all runtimes: starts it, tells it what to invoke, and returns what it saw.

The server itself is runtime_api_server.py, in a process of its own: whoever waits here takes no time from it.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SERVER = Path(__file__).with_name("runtime_api_server.py")
_LOOK_SECONDS = 0.1
# A runtime that waits for its next invocation has gone to sleep by then, as on Lambda.
PAUSE_SECONDS = 0.002
_ENDED = "the Runtime API in front has ended"


class PeerError(Exception):
    """A peer failed: it cannot be made, ended, reported an error, cut its response, or did not answer in time."""


@dataclass(frozen=True)
class Response:
    """What the server saw of one response. All times are `time.monotonic()`, which all processes of a machine share.

    Attributes:
        given_at: right before the server gave the invocation to the runtime.
        first_byte_at: when the first byte of the body came, behind the prelude with status and headers.
        last_byte_at: when the end of the body came.
        bytes: of the body, without the prelude and the framing.
        chunks: of the body, without the prelude.
        server_cpu_seconds: CPU time of the server's process between `given_at` and the end.
    """

    given_at: float
    first_byte_at: float
    last_byte_at: float
    bytes: int
    chunks: int
    server_cpu_seconds: float


def _nothing() -> None:
    pass


class RuntimeApi:
    """A running server, in a `with` statement. It serves as many runtimes at once as are started.

    Example:
        ```python
        with RuntimeApi() as api:
            address = api.listen()
            # ... start a runtime with AWS_LAMBDA_RUNTIME_API=address
            api.asked_at(address)
            responses = api.invoke({address: "{}"}, times=500)[address]
        ```

    The waiting methods raise `PeerError`, and call `check` about every 0.1 s while they wait: it may raise one, too,
    such as when the runtime's process has ended.
    """

    def __enter__(self) -> "RuntimeApi":
        # In a process group of its own: Ctrl-C on the terminal ends this program, which then ends it.
        self._process = subprocess.Popen(  # noqa: S603 - a part of this program
            [sys.executable, "-I", "-S", str(_SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
        )
        self._rest = b""
        self._asked_at: dict[str, float] = {}
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()

    def listen(self) -> str:
        """Return a new address, for the variable `AWS_LAMBDA_RUNTIME_API` of one runtime."""
        self._tell({"listen": True})
        address: str = self._wait(lambda said: said.get("address"), _nothing, 30.0, "the Runtime API")
        return address

    def asked_at(self, address: str, check: Callable[[], None] = _nothing, patience_seconds: float = 60.0) -> float:
        """Wait for the first GET /next at this address; return when it came, in seconds of `time.monotonic()`."""
        if address not in self._asked_at:
            self._wait(lambda _: address in self._asked_at or None, check, patience_seconds, "a runtime")
        return self._asked_at[address]

    def invoke(
        self,
        events: Mapping[str, str],
        times: int = 1,
        check: Callable[[], None] = _nothing,
        patience_seconds: float = 60.0,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> dict[str, list[Response]]:
        """Invoke runtimes, all at once, and each so many times, one after the other; return their responses.

        An address that is not of `listen` is that of a server, which is asked with POST /, all times on one connection.

        Args:
            events: the invocation's body for each address.
            times: how often each runtime gets it.
            check: is called while this waits.
            patience_seconds: how long all of it may take.
            pause_seconds: between a response and the next invocation.
        """
        found: dict[str, list[Response]] = {}

        def all_of(said: Mapping[str, Any]) -> bool | None:
            if "responses" in said:
                found[said["of"]] = [Response(**each) for each in said["responses"]]
            return len(found) == len(events) or None

        self._tell({"invoke": dict(events), "times": times, "pause_seconds": pause_seconds})
        self._wait(all_of, check, patience_seconds, "a runtime")
        return found

    def _tell(self, command: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise PeerError(_ENDED) from None

    def _wait(
        self,
        wanted: Callable[[Mapping[str, Any]], Any],
        check: Callable[[], None],
        patience_seconds: float,
        who: str,
    ) -> Any:
        """Read what the server says until `wanted` finds something in it."""
        assert self._process.stdout is not None
        until = time.monotonic() + patience_seconds
        while True:
            line, end, rest = self._rest.partition(b"\n")
            if end:
                self._rest = rest
                said = json.loads(line)
                if "error" in said:
                    check()  # the process may say more
                    raise PeerError(said["error"])
                if "asked_at" in said:
                    self._asked_at[said["of"]] = said["asked_at"]
                if (found := wanted(said)) is not None:
                    return found
                continue
            if select.select([self._process.stdout], [], [], _LOOK_SECONDS)[0]:
                received = os.read(self._process.stdout.fileno(), 1 << 20)
                if not received:
                    raise PeerError(_ENDED)
                self._rest += received
                continue
            check()
            if time.monotonic() > until:
                raise PeerError(f"{who} did not answer within {patience_seconds:.0f} s")
