"""The console as a process of its own, which starts when somebody opens its address for the first time.

The sandbox listens for it, as systemd does for its services: until then it costs nothing, and no client waits in vain.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from sandbox.banner import print_line
from sandbox.doors import address, listen

# The sandbox promises to be gone within two seconds.
_GOODBYE_SECONDS = 1.0
# A console that cannot start is not tried again for every retry of a browser.
_PAUSE_SECONDS = 5.0
_SOURCES = Path(__file__).resolve().parents[1]


class Console:
    """Where the console is, and the process behind it once there is one."""

    def __init__(self, ready_file: Path) -> None:
        self._ready_file = ready_file.resolve()
        self._listener = listen()
        self.url = f"{address(self._listener)}/{secrets.token_urlsafe(16)}/"

    @contextlib.asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Start the process at the first connection while the body runs, and again if it ends."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self._listener.close()

    async def _run(self) -> None:
        while True:
            await self._first_connection()
            try:
                await self._serve()
            except OSError as error:
                print_line(f"sandbox: the console cannot start: {error.strerror}; the next page tries again")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _first_connection(self) -> None:
        loop, somebody = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._listener, somebody.set)
        try:
            await somebody.wait()
        finally:
            loop.remove_reader(self._listener)

    async def _serve(self) -> None:
        """Run the process until it ends; if this is cancelled, end it."""
        held, given = socket.socketpair()
        with held, given:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "console", "--sandbox", "--ready-file", str(self._ready_file)),
                *("--listener", str(self._listener.fileno()), "--lifeline", str(given.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(self._listener.fileno(), given.fileno()),
                env={**os.environ, "PYTHONPATH": str(_SOURCES)},
                # Ctrl-C goes to the sandbox, which ends the console with its own end.
                start_new_session=True,
            )
            given.close()
            try:
                code = await process.wait()
                print_line(f"sandbox: the console ended with exit code {code}; it starts again when a page is opened")
            except asyncio.CancelledError:
                process.send_signal(signal.SIGTERM)
                try:
                    await asyncio.wait_for(process.wait(), _GOODBYE_SECONDS)
                except TimeoutError:
                    process.kill()
                    await process.wait()
                raise
