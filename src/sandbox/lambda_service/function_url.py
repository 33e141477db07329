"""The Function URL: HTTP in, an invocation, and its streamed response out, each chunk the moment it arrives."""

import asyncio
import contextlib
import json
import logging
import secrets
import string
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.helpers import must_be_empty_body
from aiohttp.typedefs import Handler, Middleware

from sandbox.doors import body_of
from sandbox.invocation import REQUEST_LIMIT_BYTES, Invocation, ResponseEnd, ResponseStart
from sandbox.lambda_service.function import FunctionSpec
from sandbox.lambda_service.pool import ThrottledError
from sandbox.lambda_service.response_head import (
    INTEGRATION_TYPE,
    PreludeReader,
    ResponseHead,
    ResponseHeadError,
    buffered_response,
)
from sandbox.lambda_service.served_function import ServedFunction
from sandbox.lambda_service.url_event import url_event
from sandbox.records.recorder import Recorder
from sandbox.records.run import Stopwatch
from sandbox.trace_context import trace_context

# What the record of a request needs to know about it.
_INVOCATION = web.RequestKey("invocation", Invocation)
_STATUS = web.RequestKey("status", int)
# How long a client may take for what was sent before its invocation failed.
_LAST_BYTES_SECONDS = 1.0
# A Function URL's id on AWS: 32 lower-case letters and digits.
_URL_ID_ALPHABET = string.ascii_lowercase + string.digits
_log = logging.getLogger(__name__)


def function_url_app(function: ServedFunction) -> web.Application:
    """Return the application that answers every method and path of a function's URL; it checks no signature."""
    spec = function.spec
    url_id = "".join(secrets.choice(_URL_ID_ALPHABET) for _ in range(32))
    domain_name = f"{url_id}.lambda-url.{spec.region}.on.aws"

    async def handle(request: web.Request) -> web.StreamResponse:
        invocation = request[_INVOCATION] = await _invocation(request, spec, domain_name)
        try:
            await function.pool.invoke(invocation)
        except ThrottledError:
            return throttled(spec, invocation.request_id)
        async with cut_when_failed(request, invocation):
            return await _relay(request, invocation)

    app = web.Application(middlewares=[_recording(function.recorder)], client_max_size=REQUEST_LIMIT_BYTES)
    app.on_response_prepare.append(_finish_head)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


def _recording(recorder: Recorder) -> Middleware:
    """Return the outermost middleware: it sees every request, whoever answers it, until the response is complete."""

    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        watch = Stopwatch()
        status = 500
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        except ConnectionError:
            # The client has left: after the status went out, or before its request was complete.
            status = request.get(_STATUS, 400)
            raise
        finally:
            recorder.url_answered(watch.phase(), status)
            if invocation := request.get(_INVOCATION):
                recorder.answered(invocation, status)
        return response

    return record


@contextlib.asynccontextmanager
async def cut_when_failed(request: web.Request, invocation: Invocation) -> AsyncIterator[None]:
    """Leave the invocation in the end; drop a client that takes nothing when the invocation has failed long ago."""

    async def cut() -> None:
        await invocation.failed()
        await asyncio.sleep(_LAST_BYTES_SECONDS)
        if request.transport:
            request.transport.abort()

    cutting = asyncio.ensure_future(cut())
    try:
        yield
    finally:
        cutting.cancel()
        invocation.abandon()


def throttled(spec: FunctionSpec, request_id: str) -> web.Response:
    """Return the answer of the Function URL and of the Lambda API when every environment is at work.

    Its members are those of TooManyRequestsException. The reason says whose limit that is: the function's own, or the
    account's.
    https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
    """
    reserved = "" if spec.reserved_concurrency is None else "ReservedFunction"
    body = {"Reason": f"{reserved}ConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."}
    return web.Response(
        status=429,
        headers={
            "content-type": "application/json",
            "x-amzn-errortype": "TooManyRequestsException",
            "x-amzn-requestid": request_id,
        },
        body=json.dumps(body).encode(),
    )


async def _invocation(request: web.Request, spec: FunctionSpec, domain_name: str) -> Invocation:
    now = datetime.now(UTC)
    trace = trace_context(request.headers.get("X-Amzn-Trace-Id"), spec.tracing == "Active", now)
    request_id = str(uuid.uuid4())
    event = url_event(request, await body_of(request), domain_name, request_id, trace.header, now)
    return Invocation(json.dumps(event).encode(), trace, request_id, spec.arn)


async def _finish_head(request: web.Request, response: web.StreamResponse) -> None:
    """Give every response a request id, and remove the header that names the server software."""
    request[_STATUS] = response.status
    if "x-amzn-requestid" not in response.headers:
        response.headers["x-amzn-requestid"] = str(uuid.uuid4())
    response.headers.popall("Server", None)


async def _relay(request: web.Request, invocation: Invocation) -> web.StreamResponse:
    """Answer the request with the invocation's response.

    Once the client has its first byte, an error can only be shown by cutting the stream: the connection is closed
    without the terminal chunk.

    Raises:
        ConnectionError: the client has left.
    """
    response: web.StreamResponse | None = None
    start = ResponseStart("", streaming=False)
    prelude = PreludeReader()
    async for item in invocation:
        if isinstance(item, ResponseStart):
            start = item
            continue
        if isinstance(item, ResponseEnd) and item.error:
            if response is None:
                return _bad_gateway(invocation, item.error.summary)
            _log.warning("%s the stream was cut: %s", invocation.request_id, item.error.summary)
            if request.transport:
                request.transport.close()
            return response
        body = b"" if isinstance(item, ResponseEnd) else item
        if response is None:
            try:
                parsed = _head_and_body(start, prelude, body)
            except ResponseHeadError as error:
                return _bad_gateway(invocation, str(error))
            if parsed is None:
                if isinstance(item, ResponseEnd):
                    return _bad_gateway(invocation, "the response ended within its prelude")
                continue
            head, body = parsed
            response = _response(head, invocation)
            await response.prepare(request)
        if body and not must_be_empty_body(request.method, response.status):
            await response.write(body)
    assert response is not None, "every invocation ends with a ResponseEnd"
    await response.write_eof()
    return response


def _head_and_body(start: ResponseStart, prelude: PreludeReader, body: bytes) -> tuple[ResponseHead, bytes] | None:
    """Return the head and the body's first bytes; None if the head is not complete yet."""
    if not start.streaming:
        return buffered_response(body)
    if start.content_type == INTEGRATION_TYPE:
        return prelude.feed(body)
    return ResponseHead(200, (("content-type", start.content_type),)), body


def _response(head: ResponseHead, invocation: Invocation) -> web.StreamResponse:
    response = web.StreamResponse(status=head.status)
    response.headers["x-amzn-trace-id"] = invocation.trace.header
    response.headers.update(head.headers)
    response.headers["x-amzn-requestid"] = invocation.request_id
    for cookie in head.cookies:
        response.headers.add("Set-Cookie", cookie)
    return response


def _bad_gateway(invocation: Invocation, reason: str) -> web.Response:
    """Answer 502. The client does not learn the reason; the sandbox's log does."""
    _log.warning("%s answered 502: %s", invocation.request_id, reason)
    headers = {"x-amzn-requestid": invocation.request_id, "x-amzn-trace-id": invocation.trace.header}
    return web.Response(status=502, text="Internal Server Error", headers=headers)
