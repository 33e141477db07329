"""Execution environments: one process each, one invocation at a time each, started, timed and killed as Lambda does."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sandbox.invocation import FunctionError, Invocation
from sandbox.lambda_service.function import FunctionSpec
from sandbox.lambda_service.function_process import Launch
from sandbox.lambda_service.log_pipe import FunctionLog
from sandbox.lambda_service.runtime_api import RuntimeApi
from sandbox.records.memory import peak_memory_mb
from sandbox.records.recorder import LogStream, Recorder
from sandbox.records.run import TIMEOUT, Phase, Run, Stopwatch
from template.errors import TemplateError

# Lambda's limit for the init phase. Lambda begins a longer one again, under the function's timeout; here it goes on.
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
INIT_SECONDS = 10
# The usual one: the sandbox's own, which keeps its files to itself, is not the function's.
_UMASK = 0o022


class Environment:
    """One execution environment; it starts with its first invocation and lives until it fails or is stopped."""

    def __init__(
        self,
        launch: Callable[[], Launch],
        version: int,
        spec: FunctionSpec,
        stream: LogStream,
        recorder: Recorder,
    ) -> None:
        """Prepare an environment; nothing runs yet.

        Args:
            launch: gives what starts the runtime; all variables but `AWS_LAMBDA_RUNTIME_API` are in it. It may raise
                TemplateError or OSError.
            version: of the code that it runs.
            spec: the function; its timeout is enforced.
            stream: where its lines go.
            recorder: is told of all that happens.
        """
        self.version = version
        self._launch = launch
        self._spec = spec
        self._stream = stream
        self._recorder = recorder
        self._api = RuntimeApi()
        self._process: asyncio.subprocess.Process | None = None
        self._exited: asyncio.Task[int] | None = None
        self._log: FunctionLog | None = None
        self._memory_mb = 0
        self._has_said_memory = False
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
            run = await self._run(invocation)
            if run.failure:
                words = run.failure.details if run.invoke else f"init failed: {run.failure.summary}"
                self._say(words)
                invocation.end(run.failure)
            self._say_memory()
            self._recorder.finished(self._stream, run)
            return run.failure is None
        finally:
            invocation.end(FunctionError("Sandbox.Stopped", "the sandbox was stopped"))  # if nothing has ended it yet
            self._invocation = None

    async def stop(self) -> None:
        """Kill the process with everything that it started, and close its Runtime API."""
        self._kill()
        if self._exited:
            await asyncio.wait({self._exited})  # not awaited itself: a caller that gives up waiting must not cancel it
        await self._api.close()
        if self._log:
            self._log.close()

    async def _run(self, invocation: Invocation) -> Run:
        is_cold = self._log is None
        init, failure = await self._initialise()
        self._flush_log()
        if failure:
            return Run(invocation, init, None, failure, self._memory_mb)
        self._recorder.delivered(self._stream, invocation)
        invoke, failure = await self._invoke(invocation)
        self._flush_log()
        return Run(invocation, init if is_cold else None, invoke, failure, self._memory_mb)

    async def _initialise(self) -> tuple[Phase, FunctionError | None]:
        watch = Stopwatch()
        if self._log is None:
            self._recorder.init_started(self._stream)
            try:
                await self._start()
            except (OSError, TemplateError) as error:
                return watch.phase(), FunctionError("Runtime.InvalidEntrypoint", f"cannot start the runtime: {error}")
        what = await self._wait(INIT_SECONDS)
        if what == "timeout":
            self._say(
                f"the init phase takes longer than {INIT_SECONDS} s: Lambda would stop it and begin it again "
                f"within the invocation, whose timeout is {self._spec.timeout} s"
            )
            what = await self._wait(self._spec.timeout)
        phase = watch.phase()
        failure = None
        if what == "exited":
            await self._api.drain()  # its last words may have been a report to /init/error
            failure = FunctionError("Runtime.ExitError", f"the runtime {self._exit_words()}")
        elif what == "timeout":
            failure = FunctionError(TIMEOUT, "the runtime did not ask for an invocation")
        return phase, self._api.init_error or failure

    async def _invoke(self, invocation: Invocation) -> tuple[Phase, FunctionError | None]:
        watch = Stopwatch()
        timeout = self._spec.timeout
        self._api.deliver(invocation, int((time.time() + timeout) * 1000))
        what = await self._wait(timeout)
        phase = watch.phase(timeout)  # no work counts longer, however late its end was noticed
        failure = None
        if what == "timeout":
            self._kill()
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
            message = f"{now}Z {invocation.request_id} Task timed out after {timeout:.2f} seconds"
            failure = FunctionError(TIMEOUT, message)
        elif what == "exited":
            self._kill()  # what it started may still hold its connections
            await self._api.drain()
            message = f"RequestId: {invocation.request_id} Error: Runtime {self._exit_words()}"
            failure = FunctionError("Runtime.ExitError", message)
        return phase, failure

    async def _wait(self, seconds: float) -> str:
        """Wait until the runtime has nothing to do (`idle`), has `exited`, or the time is over (`timeout`)."""
        assert self._exited is not None
        assert self._process is not None
        if self._api.is_platforms_turn and not self._exited.done():
            return "idle"  # since its last invocation
        turn = asyncio.ensure_future(self._api.platforms_turn())
        try:
            await asyncio.wait({turn, self._exited}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            turn.cancel()
        if self._exited.done():
            return "exited"
        # Nobody can ask a process that has ended: the last figure counts.
        self._memory_mb = max(self._memory_mb, peak_memory_mb(self._process.pid))
        return "idle" if turn.done() else "timeout"

    async def _start(self) -> None:
        self._log = FunctionLog(lambda event: self._recorder.printed(self._stream, event))
        try:
            launch = self._launch()
            address = await self._api.start()
            self._process = await asyncio.create_subprocess_exec(
                *launch.command,
                cwd=launch.directory,
                env={
                    **launch.variables,
                    "AWS_LAMBDA_RUNTIME_API": address,
                    "_LAMBDA_TELEMETRY_LOG_FD": str(self._log.framed_end),
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=self._log.printed_end,
                stderr=self._log.printed_end,
                pass_fds=[self._log.framed_end],
                start_new_session=True,
                umask=_UMASK,
            )
        finally:
            self._log.close_write_ends()
        self._api.admit(self._process.pid)
        self._exited = asyncio.ensure_future(self._process.wait())

    def _say(self, words: str) -> None:
        self._recorder.said(self._stream, words)

    def _say_memory(self) -> None:
        """Say once that the function needs more memory than it has on Lambda, where that ends the environment."""
        limit = self._spec.memory
        if self._memory_mb > limit and not self._has_said_memory:
            self._has_said_memory = True
            self._say(
                f"the function has used {self._memory_mb} MB, and its MemorySize is {limit} MB: "
                "Lambda would have ended the environment (Runtime.OutOfMemory)"
            )

    def _flush_log(self) -> None:
        # Everything that a runtime printed before it asked for work is in the pipe now.
        assert self._log is not None
        self._log.flush()

    def _exit_words(self) -> str:
        assert self._exited is not None
        code = self._exited.result()
        if code < 0:
            return f"exited with error: signal: {signal.Signals(-code).name}"
        return f"exited with error: exit status {code}" if code else "exited without providing a reason"

    def _kill(self) -> None:
        if self._process:
            # macOS refuses to kill a group in which only zombies are left.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process = None  # its id may belong to somebody else soon
