"""A function's execution environments: which one takes an invocation, and how many there may be."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

from sandbox.invocation import FunctionError, Invocation
from sandbox.lambda_service.deployed import Deployed
from sandbox.lambda_service.environments import Environment
from sandbox.lambda_service.function import FunctionSpec
from sandbox.lambda_service.function_process import launch, new_log_stream
from sandbox.records.recorder import LogStream, Recorder

# The most environments of a function that reserves none: what a new AWS account has for all of its functions.
_UNRESERVED = 10
# On AWS a client's next request travels for longer than a runtime needs to ask for more work. On one machine it does
# not, so the pool waits this long for an environment whose client has its whole response.
_SETTLE_SECONDS = 0.1
# At the end such an environment has this long to write its log, metrics and trace: far more than it takes, unless the
# machine is busy.
_LAST_WORDS_SECONDS = 2.0


class ThrottledError(Exception):
    """As many environments as the function may have are at work."""


class EnvironmentPool:
    """Starts environments on demand, up to a limit, and reuses the one that was used last, unless its code is old."""

    def __init__(
        self,
        limit: int,
        version: Callable[[], Awaitable[int]],
        create: Callable[[int, int], Environment],
        recorder: Recorder,
    ) -> None:
        """Make an empty pool: the first invocation is a cold start.

        Args:
            limit: the most environments at a time.
            version: gives the version of the code that is there now; environments of another take no more invocations.
            create: makes an environment that has the given number and version; it is not started yet.
            recorder: is told which invocations begin and which are refused.
        """
        self._limit = limit
        self._version = version
        self._create = create
        self._recorder = recorder
        self._created = 0
        self._environments: set[Environment] = set()
        self._idle: list[Environment] = []
        self._leaving: set[Environment] = set()
        self._returned = asyncio.Condition()
        self._looking = asyncio.Lock()
        self._runs: set[asyncio.Task[None]] = set()
        self._closed = False

    async def invoke(self, invocation: Invocation) -> None:
        """Begin an invocation; iterate over it for the response.

        Raises:
            ThrottledError: no environment is free, and there may be no further one.
        """
        try:
            environment = await self._acquire()
        except ThrottledError:
            self._recorder.throttled(invocation)
            raise
        if self._closed:
            await self._remove(environment)
            invocation.end(FunctionError("Sandbox.Stopped", "the sandbox was stopped"))
            return
        self._recorder.invoked(invocation, len(self._environments) - len(self._idle))
        run = asyncio.ensure_future(self._run(environment, invocation))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)

    async def close(self) -> None:
        """Kill every environment, at work or not; one whose client is already served may finish its records."""
        self._closed = True  # a request may still come in: it starts no environment any more
        async with self._returned:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._returned.wait_for(lambda: not self._settling), _LAST_WORDS_SECONDS)
        for run in self._runs:
            run.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)
        await asyncio.gather(*(environment.stop() for environment in self._environments | self._leaving))

    @property
    def _settling(self) -> bool:
        return any(environment.settling for environment in self._environments)

    async def _acquire(self) -> Environment:
        if not self._idle and self._settling:
            async with self._returned:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._returned.wait_for(lambda: self._idle), _SETTLE_SECONDS)
        async with self._looking:
            version = await self._version()
        while self._idle:
            environment = self._idle.pop()
            if environment.alive and environment.version == version:
                return environment
            await self._remove(environment)
        if len(self._environments) >= self._limit:
            raise ThrottledError
        self._created += 1
        environment = self._create(self._created, version)
        self._environments.add(environment)
        return environment

    async def _run(self, environment: Environment, invocation: Invocation) -> None:
        reusable = False
        try:
            reusable = await environment.run(invocation)
        finally:
            if not reusable:
                await self._remove(environment)
        if reusable:
            self._idle.append(environment)
        async with self._returned:
            self._returned.notify_all()

    async def _remove(self, environment: Environment) -> None:
        """Free the environment's place at once, then stop it."""
        self._environments.discard(environment)
        self._leaving.add(environment)
        await environment.stop()
        self._leaving.discard(environment)


def environment_pool(
    spec: FunctionSpec, deployed: Deployed, python: str, aws: Mapping[str, str], recorder: Recorder, label: str = ""
) -> EnvironmentPool:
    """Return an empty pool for a function, with as many environments at most as it reserves.

    Args:
        spec: the function.
        deployed: its code and layers.
        python: the interpreter that runs it.
        aws: environment variables with the function's keys and AWS's addresses.
        recorder: is told of everything that happens.
        label: stands before an environment's number on the terminal.
    """

    def create(number: int, version: int) -> Environment:
        stream = LogStream(f"{label}{number}", new_log_stream())
        return Environment(lambda: launch(spec, deployed, python, stream.name, aws), version, spec, stream, recorder)

    limit = _UNRESERVED if spec.reserved_concurrency is None else spec.reserved_concurrency
    return EnvironmentPool(limit, deployed.version_now, create, recorder)
