"""Plays an answer to a client: every event is one write, at the moment it is due. No formats, no routes."""

import asyncio
import math

from aiohttp import web

from sandbox.bedrock.answer import Answer
from sandbox.bedrock.dialect import Dialect, Latency, Reported, all_reported
from sandbox.bedrock.errors import HTTP_FAULTS, STREAM_FAULTS, RefusedError
from sandbox.bedrock.models import Model
from sandbox.bedrock.script import DROP, ERROR_CHUNK, SILENT, Fault, Script
from sandbox.bedrock.served import COMPLETED, DISCONNECTED, DROPPED, ERROR_SENT
from sandbox.bedrock.wire import chunk_events, exception_event
from sandbox.turns import Turns

# aiohttp does not tell a handler that its client has left. So each pause is interrupted this often to look.
_LOOK_SECONDS = 0.25
# As Anthropic's models say it within a stream: https://platform.claude.com/docs/en/api/errors
_ERROR_CHUNK = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


class Playback:
    """One answer on its way to one client. Make it when the request is complete: that starts the clock.

    Times are milliseconds since then. Due times are absolute, so that a late event makes no later one late.

    Attributes:
        outcome: how it ended, in the words of `Served`.
        status: the HTTP status, None until one is sent.
        reported: the token counts that the client was told.
        first_token_ms: when the first content delta was written, None if none was.
    """

    def __init__(self, request: web.Request) -> None:
        self.outcome = DISCONNECTED
        self.status: int | None = None
        self.reported = Reported()
        self.first_token_ms: float | None = None
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        self._first_byte_ms: float | None = None
        self._turns = Turns()

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since the request was complete."""
        return (self._loop.time() - self._start) * 1000

    async def play(
        self, response: web.StreamResponse, model: Model, dialect: Dialect, script: Script, answer: Answer
    ) -> None:
        """Send the answer as the script says.

        The headers go out with the first event. Recordings do not show when the service sends them. It must hold them
        back until the model begins: until then, a model's failure is an HTTP error.

        Raises:
            RefusedError: the script has an error in place of a response.
            ConnectionError: the client has gone away.
        """
        fault = script.fault
        if fault and fault.after is None:
            await self._keep_silent_if(fault)
            raise RefusedError(HTTP_FAULTS[fault.name])
        whole = len(answer.deltas)
        told = fault.after if fault and fault.after is not None else whole
        await self._wait_until(script.due_ms(0))
        self.status = response.status
        await response.prepare(self._request)
        if told or not fault:
            await self._write(response, dialect.start(model, answer))
            self._report(dialect, answer, 0)
        for delta in answer.deltas[:told]:
            await self._wait_until(script.due_ms(delta.position))
            await self._write(response, dialect.delta(answer, delta, self._latency()))
            if self.first_token_ms is None:
                self.first_token_ms = self.elapsed_ms
            self._report(dialect, answer, delta.position + 1)
        await self._wait_until(script.end_ms(whole) if told == whole else script.due_ms(told))
        if fault:
            await self._fail(response, fault)
            return
        await self._write(response, dialect.end(answer, self._latency()))
        if answer.usage:
            self.reported = all_reported(answer.usage)
        await response.write_eof()
        self.outcome = COMPLETED

    def _report(self, dialect: Dialect, answer: Answer, told: int) -> None:
        if answer.usage:
            self.reported = dialect.reported(answer, answer.usage, told)

    async def _fail(self, response: web.StreamResponse, fault: Fault) -> None:
        await self._keep_silent_if(fault)
        if fault.name == DROP:
            if self._request.transport:
                self._request.transport.close()
            self.outcome = DROPPED
            return
        if fault.name == ERROR_CHUNK:
            await self._write(response, chunk_events(_ERROR_CHUNK))
            await response.write_eof()
            self.outcome = ERROR_SENT
            return
        error = STREAM_FAULTS[fault.name]
        await self._write(response, [exception_event(error)])
        await response.write_eof()
        self.outcome = error.code

    async def _keep_silent_if(self, fault: Fault) -> None:
        if fault.name == SILENT:
            await self._wait_until(math.inf)  # until the client leaves

    async def _write(self, response: web.StreamResponse, events: list[bytes]) -> None:
        for event in events:
            if self._first_byte_ms is None:
                self._first_byte_ms = self.elapsed_ms
            await response.write(event)

    async def _wait_until(self, due_ms: float) -> None:
        # Also between deltas that are due already: a write does not wait while the client reads as fast as it can.
        await self._turns.step()
        while (seconds := (due_ms - self.elapsed_ms) / 1000) > 0:
            transport = self._request.transport
            if transport is None or transport.is_closing():
                raise ConnectionResetError("the client has gone away")
            await asyncio.sleep(min(seconds, _LOOK_SECONDS))

    def _latency(self) -> Latency:
        now = round(self.elapsed_ms)
        return Latency(first_byte=now if self._first_byte_ms is None else round(self._first_byte_ms), now=now)
