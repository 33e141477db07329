"""The Lambda Runtime API of one execution environment, as strict as the real one: routes, checks, and what they change.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and, for streams,
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming.
On Lambda, too, every environment has a Runtime API of its own, which nothing outside of it reaches: here a connection
from a process that is not the environment's is closed before a byte of it is read.
"""

import asyncio
import base64
import binascii
import contextlib
import json
import logging
import time
from collections.abc import Iterable

import h11

from sandbox.invocation import FunctionError, Invocation, ResponseStart
from sandbox.lambda_service.http_connection import BodyTooLargeError, Connection, TruncatedBodyError
from sandbox.lambda_service.peers import held_by
from sandbox.lambda_service.runtime_states import Event, IllegalTransitionError, State, advance
from sandbox.own_address import HOST, why_foreign

# 6 MB and some room for what JSON adds: the number in the platform's own error message.
BUFFERED_LIMIT_BYTES = 6_291_556
STREAMED_LIMIT_BYTES = 200 * 1024 * 1024
# How long the client of a dead process may take to read what that process left in its sockets.
_DRAIN_SECONDS = 2

_PREFIX = "/2018-06-01/runtime/"
_ACCEPTED = b'{"status":"OK"}\n'
_log = logging.getLogger(__name__)


class _Refusal(Exception):  # noqa: N818 - an answer to the runtime, not an error of the sandbox
    """A call that changes nothing but is answered with an error."""

    def __init__(self, status: int, error_type: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = json.dumps({"errorMessage": message, "errorType": error_type}).encode()


class RuntimeApi:
    """Serves one runtime. `deliver` hands it an invocation; the runtime's answers go to that invocation.

    Every connection waits until `admit` has said whose processes may call.
    """

    def __init__(self) -> None:
        self.state = State.STARTED
        self.init_error: FunctionError | None = None
        self._current: Invocation | None = None
        # The connection of the latest response.
        self._response_on: Connection | None = None
        self._poll: asyncio.Future[tuple[Invocation, int]] | None = None
        # Set while the runtime can do nothing until the platform acts: it waits for an invocation, or failed to start.
        self._platforms_turn = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._port = 0
        self._session = 0
        self._admits = asyncio.Event()
        self._has_warned = False

    async def start(self) -> str:
        """Listen on a free port of 127.0.0.1; return the value of `AWS_LAMBDA_RUNTIME_API`."""
        self._server = await asyncio.start_server(self._connected, HOST, 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return f"{HOST}:{self._port}"

    def admit(self, session: int) -> None:
        """Take calls from the processes of this session, and from no others."""
        self._session = session
        self._admits.set()

    @property
    def is_platforms_turn(self) -> bool:
        """Whether the runtime waits for an invocation, or has reported that it failed to start (`init_error`)."""
        return self._platforms_turn.is_set()

    async def platforms_turn(self) -> None:
        """Return when it is the platform's turn."""
        await self._platforms_turn.wait()

    def deliver(self, invocation: Invocation, deadline_ms: int) -> None:
        """Answer the runtime's `/next`, for which it must be waiting, with an invocation.

        Args:
            invocation: gets the runtime's response.
            deadline_ms: when the function will be stopped, in milliseconds since 1970.
        """
        assert self._poll is not None, "the runtime is not waiting"
        self.state = advance(self.state, Event.DELIVERED)
        self._current = invocation
        self._platforms_turn.clear()
        self._poll.set_result((invocation, deadline_ms))
        self._poll = None

    async def drain(self) -> None:
        """Read what a process that has ended left in its sockets; it may have been a whole response."""
        if self._connections:
            await asyncio.wait(self._connections, timeout=_DRAIN_SECONDS)

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        connection = Connection(reader, writer)
        try:
            if not await self._is_admitted(writer):
                return
            while request := await connection.request():
                try:
                    await self._route(connection, request)
                except _Refusal as refusal:
                    await connection.reply(refusal.status, refusal.body)
                await connection.discard_body()
        except (TruncatedBodyError, asyncio.CancelledError):
            pass  # the peer is gone, or the environment is: nobody is left to be answered
        finally:
            self._connections.discard(task)
            connection.close()

    async def _is_admitted(self, writer: asyncio.StreamWriter) -> bool:
        """Return whether an environment's process has opened the connection; say once if it was another."""
        await self._admits.wait()
        peer = writer.get_extra_info("peername")
        if peer is None:
            return False
        try:
            if held_by(self._session, peer, writer.get_extra_info("sockname")):
                return True
        except OSError as error:
            self._warn("the Runtime API at %s:%d cannot tell who calls it, so any program here can: %s", error)
            return True
        self._warn(
            "the Runtime API at %s:%d refused a connection from %s:%d: it is of none of its function's processes, or "
            "of one that has ended. Call the function's URL instead. (Others are refused without a word.)",
            *peer,
        )
        return False

    def _warn(self, message: str, *arguments: object) -> None:
        if not self._has_warned:
            self._has_warned = True
            _log.warning(message, HOST, self._port, *arguments)

    async def _route(self, connection: Connection, request: h11.Request) -> None:
        headers = ((name.decode(), value.decode("latin-1")) for name, value in request.headers)
        if reason := why_foreign(headers, self._port):
            raise _Refusal(403, "Forbidden", reason)
        method, path = request.method.decode(), request.target.decode()
        match (method, *path.removeprefix(_PREFIX).split("/")) if path.startswith(_PREFIX) else ():
            case ("GET", "invocation", "next"):
                await self._next(connection)
            case ("POST", "init", "error"):
                await self._init_error(connection, request)
            case ("POST", "invocation", request_id, "response"):
                await self._response(connection, request, request_id)
            case ("POST", "invocation", request_id, "error"):
                await self._error(connection, request, request_id)
            case _:
                raise _Refusal(404, "NotFound", f"the Runtime API has no {method} {path}")

    def _advance(self, event: Event) -> None:
        try:
            self.state = advance(self.state, event)
        except IllegalTransitionError as error:
            raise _Refusal(403, "InvalidStateTransition", str(error)) from None

    async def _next(self, connection: Connection) -> None:
        """GET /runtime/invocation/next."""
        if self.state is State.RESPONDING and self._response_on and self._response_on.was_reset():
            # The runtime has given up a response of which its client takes no more. What reads it still waits for that.
            assert self._current is not None
            self._finish(self._current, _TRUNCATED)
        self._advance(Event.NEXT)
        if self._poll:
            self._poll.cancel()  # the runtime asks again: its older poll is of no use to it any more
        poll = self._poll = asyncio.get_running_loop().create_future()
        self._platforms_turn.set()
        gone = asyncio.ensure_future(connection.closed())
        try:
            await asyncio.wait({poll, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            await asyncio.wait({gone})  # two readers of one stream are an error
        if poll.cancelled() or not poll.done():
            if self._poll is poll:
                self._poll = None
                self._platforms_turn.clear()
            raise TruncatedBodyError("the poll has nobody to be answered to")
        invocation, deadline_ms = poll.result()
        await connection.reply(
            200,
            invocation.event,
            {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
                "Lambda-Runtime-Trace-Id": invocation.trace.header,
                "Lambda-Runtime-Invocation-Id": invocation.invocation_id,
                "Date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
            },
        )

    async def _init_error(self, connection: Connection, request: h11.Request) -> None:
        """POST /runtime/init/error."""
        self._advance(Event.INIT_ERROR)
        body = await self._error_report(connection)
        self.init_error = _reported_error(_header(request.headers, "Lambda-Runtime-Function-Error-Type"), body)
        self._platforms_turn.set()
        await connection.reply(202, _ACCEPTED)

    async def _error(self, connection: Connection, request: h11.Request, request_id: str) -> None:
        """POST /runtime/invocation/ID/error."""
        invocation = self._answered(request, request_id, Event.ERROR)
        self._advance(Event.ERROR)
        try:
            body = await self._error_report(connection)
            error_type = _header(request.headers, "Lambda-Runtime-Function-Error-Type")
            self._finish(invocation, _reported_error(error_type, body))
        except TruncatedBodyError:
            self._finish(invocation, _TRUNCATED)
            raise
        await connection.reply(202, _ACCEPTED)

    async def _response(self, connection: Connection, request: h11.Request, request_id: str) -> None:
        """POST /runtime/invocation/ID/response."""
        invocation = self._answered(request, request_id, Event.RESPONSE)
        mode = _header(request.headers, "Lambda-Runtime-Function-Response-Mode")
        if mode not in (None, "streaming"):
            raise _Refusal(400, "InvalidFunctionResponseMode", f"no such function response mode: {mode}")
        self._advance(Event.RESPONSE)
        self._response_on = connection
        try:
            if mode == "streaming":
                await self._streamed(connection, request, invocation)
            else:
                await self._buffered(connection, request, invocation)
        except BodyTooLargeError:
            limit = STREAMED_LIMIT_BYTES if mode == "streaming" else BUFFERED_LIMIT_BYTES
            message = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
            self._finish(invocation, FunctionError("Function.ResponseSizeTooLarge", message))
            raise _Refusal(413, "RequestEntityTooLarge", message) from None
        except TruncatedBodyError:
            self._finish(invocation, _TRUNCATED)
            raise
        await connection.reply(202, _ACCEPTED)

    async def _buffered(self, connection: Connection, request: h11.Request, invocation: Invocation) -> None:
        body = await connection.body(BUFFERED_LIMIT_BYTES)
        content_type = _header(request.headers, "Content-Type") or "application/json"
        await invocation.send(ResponseStart(content_type, streaming=False))
        await invocation.send(body)
        self._finish(invocation, None)

    async def _streamed(self, connection: Connection, request: h11.Request, invocation: Invocation) -> None:
        content_type = _header(request.headers, "Content-Type") or "application/octet-stream"
        await invocation.send(ResponseStart(content_type, streaming=True))
        total = 0
        while isinstance(event := await connection.body_event(), h11.Data):
            total += len(event.data)
            if total > STREAMED_LIMIT_BYTES:
                raise BodyTooLargeError
            await invocation.send(bytes(event.data))
        self._finish(invocation, _trailed_error(event.headers), in_trailers=True)

    def _answered(self, request: h11.Request, request_id: str, event: Event) -> Invocation:
        """Return the invocation that a call is about; refuse one that names another."""
        if self._current is None:
            self._advance(event)  # no invocation yet: no state until then allows an answer, so this refuses
        assert self._current is not None
        if request_id != self._current.request_id:
            raise _Refusal(400, "InvalidRequestID", "Invalid request ID")
        echoed = _header(request.headers, "Lambda-Runtime-Invocation-Id")
        if echoed not in (None, self._current.invocation_id):
            raise _Refusal(400, "InvalidInvocationID", "Invalid invocation ID")
        return self._current

    def _finish(self, invocation: Invocation, error: FunctionError | None, *, in_trailers: bool = False) -> None:
        if invocation.ended:
            return  # given up: the state is that of a later invocation
        # Before the reply: the runtime may call /next on another connection as soon as it has it.
        self._advance(Event.SENT)
        invocation.end(error, in_trailers=in_trailers)

    async def _error_report(self, connection: Connection) -> bytes:
        """Read an error report; one that is too large still counts as an error, without its words."""
        try:
            return await connection.body(BUFFERED_LIMIT_BYTES)
        except BodyTooLargeError:
            return b""


_TRUNCATED = FunctionError("Runtime.TruncatedResponse", "the connection was closed before the response was complete")


def _header(headers: Iterable[tuple[bytes, bytes]], name: str) -> str | None:
    wanted = name.lower().encode()
    return next((value.decode("latin-1") for key, value in headers if key == wanted), None)


def _reported_error(error_type: str | None, body: bytes) -> FunctionError:
    """What `/error` and `/init/error` carry: the type in a header, the rest as JSON."""
    with contextlib.suppress(ValueError, AttributeError, RecursionError):
        said = None if error_type else json.loads(body).get("errorType")
        if isinstance(said, str):
            # One line; and half of a surrogate pair cannot be printed or kept.
            error_type = " ".join(said.encode(errors="replace").decode().split())
    return FunctionError(error_type or "Runtime.Unknown", body.decode(errors="replace"))


def _trailed_error(trailers: Iterable[tuple[bytes, bytes]]) -> FunctionError | None:
    """What the trailers of a streamed response say: None without an error; one that cannot be read is one, too."""
    error_type = _header(trailers, "Lambda-Runtime-Function-Error-Type")
    body = _header(trailers, "Lambda-Runtime-Function-Error-Body")
    if error_type is None and body is None:
        return None
    try:
        details = base64.b64decode(body or "", validate=True)
        if body is None or not isinstance(json.loads(details), dict):
            raise ValueError("not a JSON object")
    except (binascii.Error, ValueError, RecursionError) as error:
        note = f"the trailer Lambda-Runtime-Function-Error-Body is not a JSON object in base64: {error}"
        return FunctionError(error_type or "Runtime.Unknown", note)
    return _reported_error(error_type, details)
