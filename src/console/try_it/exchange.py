"""Sends a request to a function, once or in several formats at a time, and notes when each piece of the answers comes.

It runs on a thread of its own: drawing a page would hold up the moment at which a piece is noticed.
"""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Mapping, Sequence

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from console.source import Source
from console.try_it.reading import Ending, Reading

# Lambda ends every function after 15 minutes. https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
_LONGEST_SECONDS = 16 * 60
_CONNECT_SECONDS = 10
_STOPPED = "You stopped it, so what the function still sends is not shown."


class Exchange:
    """The same request in each format, all of them at once.

    Args:
        source: signs the request.
        url: the function's URL.
        fields: the request's JSON object.
        accepts: the formats, as the `Accept` header names them.

    Attributes:
        readings: what has come of each response, in the order of the formats.
    """

    def __init__(self, source: Source, url: str, fields: Mapping[str, object], accepts: Sequence[str]) -> None:
        self.readings = [Reading(accept) for accept in accepts]
        self._source = source
        self._url = url
        self._body = json.dumps(fields).encode()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopped = False

    def start(self) -> None:
        """Send the requests."""
        threading.Thread(target=lambda: asyncio.run(self._send_all()), name="try it", daemon=True).start()

    def stop(self) -> None:
        """Leave: close the connections of what still runs."""
        self._is_stopped = True
        if self._loop:
            with contextlib.suppress(RuntimeError):  # the loop may close at any moment, when nothing runs any more
                self._loop.call_soon_threadsafe(self._cancel)

    @property
    def is_running(self) -> bool:
        """Whether something may still come."""
        return any(reading.ending is None for reading in self.readings)

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _send_all(self) -> None:
        try:
            # The sandbox is on this machine, to which no proxy leads.
            async with httpx.AsyncClient(
                trust_env=False, timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS)
            ) as client:
                self._tasks = [asyncio.create_task(self._send(client, reading)) for reading in self.readings]
                self._loop = asyncio.get_running_loop()
                if self._is_stopped:
                    self._cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            for reading in self.readings:
                # A task that is cancelled before its first step does nothing at all.
                if reading.ending is None and self._is_stopped:
                    reading.break_off(0, Ending.STOPPED, _STOPPED)
                elif reading.ending is None:
                    reading.break_off(0, Ending.CUT, "The console could not send the request.")

    async def _send(self, client: httpx.AsyncClient, reading: Reading) -> None:
        headers = self._signed({"accept": reading.accept, "accept-encoding": "identity"})
        sent = time.perf_counter()

        def now_ms() -> float:
            return (time.perf_counter() - sent) * 1000

        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                async with client.stream("POST", self._url, content=self._body, headers=headers) as response:
                    at_ms = now_ms()
                    reading.accepted(at_ms, response.status_code, response.headers)
                    async for data in response.aiter_bytes():
                        at_ms = now_ms()
                        reading.take(at_ms, data)
                at_ms = now_ms()
                reading.finish(at_ms)
        except asyncio.CancelledError:
            reading.break_off(now_ms(), Ending.STOPPED, _STOPPED)
        except TimeoutError:
            reading.break_off(now_ms(), Ending.STOPPED, f"The console left after {_LONGEST_SECONDS // 60} minutes.")
        except httpx.HTTPError as error:
            at_ms = now_ms()
            said = " ".join(str(error).split()) or type(error).__name__
            if reading.status is None:
                reading.break_off(at_ms, Ending.CUT, f"No response: {said}.")
            else:
                reading.break_off(at_ms, Ending.CUT, f"The transfer was cut: {said}.")

    def _signed(self, headers: Mapping[str, str]) -> dict[str, str]:
        request = AWSRequest("POST", self._url, {"content-type": "application/json", **headers}, self._body)
        SigV4Auth(self._source.credentials, "lambda", self._source.region).add_auth(request)
        return dict(request.headers.items())
