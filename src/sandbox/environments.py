"""Execution environments: one process each, one invocation at a time each, started, timed and killed as Lambda does."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from sandbox.invocation import FunctionError, Invocation
from sandbox.runtime_api import RuntimeApi

# Lambda's limit for the init phase. What takes longer is begun again there, under the function's own timeout; here it
# goes on under the function's own timeout.
INIT_SECONDS = 10
# A line that long is passed on in pieces: CloudWatch Logs takes no larger event.
_LINE_BYTES = 256 * 1024

# Called with the environment's number and one line, without its line end, that the function has printed.
LineSink = Callable[[int, str], None]


class Environment:
    """One execution environment; it starts with its first invocation and lives until it fails or is stopped."""

    def __init__(
        self,
        number: int,
        command: list[str],
        directory: Path,
        variables: Mapping[str, str],
        function_arn: str,
        timeout: float,
        on_line: LineSink,
    ) -> None:
        """Prepare an environment; nothing runs yet.

        Args:
            number: tells this environment's lines from others' in the log.
            command: starts the runtime.
            directory: the function's code, where the runtime starts.
            variables: all environment variables but `AWS_LAMBDA_RUNTIME_API`.
            function_arn: what the runtime is told of the function.
            timeout: seconds that one invocation may take.
            on_line: gets every line that the function prints, and what the platform adds.
        """
        self.number = number
        self._command = command
        self._directory = directory
        self._variables = variables
        self._timeout = timeout
        self._on_line = on_line
        self._api = RuntimeApi(function_arn)
        self._process: asyncio.subprocess.Process | None = None
        self._exited: asyncio.Task[int] | None = None
        self._log: asyncio.Task[None] | None = None
        self._invocation: Invocation | None = None

    @property
    def alive(self) -> bool:
        """Whether it can take another invocation (an environment that has not started yet can)."""
        return self._exited is None or not self._exited.done()

    @property
    def settling(self) -> bool:
        """Whether its client has the whole response already, but the runtime has not asked for more work yet."""
        return self._invocation is not None and self._invocation.ended

    async def run(self, invocation: Invocation) -> bool:
        """Run one invocation to its end, and return whether the environment can take another.

        It ends when the runtime asks for the next one: what a function does after its last byte counts, too.
        """
        self._invocation = invocation
        try:
            return await self._initialise(invocation) and await self._invoke(invocation)
        finally:
            invocation.end(FunctionError("Sandbox.Stopped", "the sandbox was stopped"))  # if nothing has ended it yet
            self._invocation = None

    async def stop(self) -> None:
        """Kill the process with everything that it started, and close its Runtime API."""
        self._kill()
        if self._exited:
            await asyncio.wait({self._exited})  # not awaited itself: who gives up waiting must not cancel it
        await self._api.close()
        if self._log:
            # A process that left the group may hold the pipe open: what it prints is no longer of interest.
            await asyncio.wait({self._log}, timeout=0.5)
            self._log.cancel()

    async def _initialise(self, invocation: Invocation) -> bool:
        if self._process is None:
            try:
                await self._start()
            except OSError as error:
                return self._failed(
                    invocation, "Runtime.InvalidEntrypoint", f"cannot start {self._command[0]}: {error}"
                )
        what = await self._wait(INIT_SECONDS + self._timeout)
        if what == "exited":
            await self._api.drain()  # its last words may have been a report to /init/error
        if reported := self._api.init_error:
            self._say(f"init failed: {reported.type}: {reported.details}")
            invocation.end(reported)
            return False
        if what == "exited":
            return self._failed(invocation, "Runtime.ExitError", f"init failed: the runtime {self._exit_words()}")
        if what == "timeout":
            return self._failed(
                invocation, "Sandbox.Timedout", "init failed: the runtime did not ask for an invocation"
            )
        return True

    async def _invoke(self, invocation: Invocation) -> bool:
        self._api.deliver(invocation, int((time.time() + self._timeout) * 1000))
        what = await self._wait(self._timeout)
        if what == "timeout":
            self._kill()
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
            message = f"{now}Z {invocation.request_id} Task timed out after {self._timeout:.2f} seconds"
            return self._failed(invocation, "Sandbox.Timedout", message)
        if what == "exited":
            self._kill()  # what it started may still hold its connections
            await self._api.drain()
            message = f"RequestId: {invocation.request_id} Error: Runtime {self._exit_words()}"
            return self._failed(invocation, "Runtime.ExitError", message)
        return True

    def _failed(self, invocation: Invocation, error_type: str, message: str) -> bool:
        self._say(message)
        invocation.end(FunctionError(error_type, message))
        return False

    async def _wait(self, seconds: float) -> str:
        """Wait until the runtime has nothing to do (`idle`), has `exited`, or the time is over (`timeout`)."""
        assert self._exited is not None
        turn = asyncio.ensure_future(self._api.platforms_turn())
        try:
            await asyncio.wait({turn, self._exited}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            turn.cancel()
        if self._exited.done():
            return "exited"
        return "idle" if turn.done() else "timeout"

    async def _start(self) -> None:
        address = await self._api.start()
        # A pipe of our own: with asyncio's, the end of a process is not seen while a child of it holds the pipe open.
        read_end, write_end = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self._directory,
                env={**self._variables, "AWS_LAMBDA_RUNTIME_API": address},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
            )
        except OSError:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        self._exited = asyncio.ensure_future(self._process.wait())
        self._log = asyncio.ensure_future(self._read_log(read_end))

    async def _read_log(self, pipe: int) -> None:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb", buffering=0)
        )
        rest = b""
        try:
            while data := await reader.read(_LINE_BYTES):
                *lines, rest = (rest + data).split(b"\n")
                if len(rest) >= _LINE_BYTES:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    self._say(line.decode(errors="replace"))
            if rest:
                self._say(rest.decode(errors="replace"))
        finally:
            transport.close()

    def _say(self, line: str) -> None:
        self._on_line(self.number, line)

    def _exit_words(self) -> str:
        assert self._exited is not None
        code = self._exited.result()
        if code < 0:
            return f"exited with error: signal: {signal.Signals(-code).name}"
        return f"exited with error: exit status {code}" if code else "exited without providing a reason"

    def _kill(self) -> None:
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process = None  # its id may belong to somebody else soon
