"""One invocation and the channel its response takes from the Runtime API to whoever asked, chunk by chunk."""

import asyncio
import contextlib
import json
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from sandbox.trace_context import TraceContext
from sandbox.turns import Turns
from sandbox.visible import visible_lines

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
REQUEST_LIMIT_BYTES = 6 * 1024 * 1024
# Where a slow client makes the function's next write wait. Until then a function runs ahead of its client.
BUFFER_BYTES = 1024 * 1024


@dataclass(frozen=True)
class FunctionError:
    """Why an invocation failed: an error type such as `Runtime.ExitError`, and its details (text, or JSON as text)."""

    type: str
    details: str

    @property
    def summary(self) -> str:
        """The type and the message in a line for the terminal, without the stack trace that a runtime reports, too."""
        message = self.details
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            message = str(json.loads(self.details)["errorMessage"])
        return " ".join(" ".join(visible_lines(f"{self.type}: {message}")).split())


@dataclass(frozen=True)
class ResponseStart:
    """The runtime has begun its response; a buffered one follows as a single chunk."""

    content_type: str
    streaming: bool


@dataclass(frozen=True)
class ResponseEnd:
    """The last item of every response; with an error, what came before it is not the whole answer."""

    error: FunctionError | None = None


ResponseItem = ResponseStart | bytes | ResponseEnd


@dataclass(eq=False)
class Invocation:
    """One event on its way to the function. Iterate over it for the response: it ends with one `ResponseEnd`.

    `function_arn` is the one that was invoked, with its qualifier if the caller gave one. `error` is why Lambda counts
    it as failed; None while it runs, too.
    """

    event: bytes
    trace: TraceContext
    request_id: str
    function_arn: str
    # `Lambda-Runtime-Invocation-Id`, which a runtime echoes so that a stale response is told from this one's.
    invocation_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __post_init__(self) -> None:
        self._items: deque[ResponseItem] = deque()
        self._buffered = 0
        self._turns = Turns()
        self._changed = asyncio.Event()
        self._abandoned = False
        self._failed = asyncio.Event()
        self.received = time.time()
        self.ended = False
        self.error: FunctionError | None = None

    async def send(self, item: ResponseStart | bytes) -> None:
        """Pass an item on; wait while the reader is far behind. Ignored once the invocation has ended."""
        while self._buffered >= BUFFER_BYTES and not self._abandoned and not self.ended:
            await self._wait()
        if not self.ended and not self._abandoned:
            self._put(item)
            # A function may have written thousands of small chunks at once: the streams of others go on in between.
            await self._turns.step()

    def end(self, error: FunctionError | None = None, *, in_trailers: bool = False) -> None:
        """End the response; only the first call counts.

        Args:
            error: why the response is not whole.
            in_trailers: the runtime said so in trailers, behind what it had sent. Lambda passes the error on to the
                client, and counts the invocation as a success.
                https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
        """
        if not self.ended:
            self.ended = True
            self.error = None if in_trailers else error
            self._put(ResponseEnd(error))
            if error:
                self._failed.set()

    async def failed(self) -> None:
        """Return when the response has ended with an error, whoever has read how much of it."""
        await self._failed.wait()

    def abandon(self) -> None:
        """The reader has left: the function goes on, as on AWS, but nobody waits for what it writes."""
        self._abandoned = True
        self._items.clear()
        self._changed.set()

    async def __aiter__(self) -> AsyncIterator[ResponseItem]:
        while True:
            while not self._items:
                await self._wait()
            item = self._items.popleft()
            if isinstance(item, bytes):
                self._buffered -= len(item)
                self._changed.set()
            yield item
            if isinstance(item, ResponseEnd):
                return

    def _put(self, item: ResponseItem) -> None:
        self._items.append(item)
        if isinstance(item, bytes):
            self._buffered += len(item)
        self._changed.set()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()
