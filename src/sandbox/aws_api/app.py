"""The AWS endpoint: every service that the sandbox has at one address; a signature says which is meant."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.aws_api.contract import ApiError, Operations, not_supported
from sandbox.doors import body_of
from sandbox.invocation import REQUEST_LIMIT_BYTES
from sandbox.signing.credentials import Credentials
from sandbox.signing.signed import SERVICE, signature_check
from sandbox.signing.sigv4 import SignatureRefusedError

# One runs Python at a time, and one a query: more of them would end no sooner, and slow streams down.
_THREADS = 2
# At work or waiting. A dashboard asks for its widgets at the same time.
_MOST_REQUESTS = 32
_log = logging.getLogger(__name__)


def aws_endpoint_app(
    keys: Sequence[Credentials], region: str, invoke: Handler, engines: Mapping[str, Operations]
) -> web.Application:
    """Return the application that answers at `aws_endpoint_url`.

    Args:
        keys: whose signatures are accepted.
        region: the region that they must be for.
        invoke: answers what is signed for `lambda`.
        engines: the operations of the other services, by the name that their requests are signed for.
    """

    threads = _Threads()

    async def handle(request: web.Request) -> web.StreamResponse:
        if request[SERVICE] == "lambda":
            return await invoke(request)
        body = await body_of(request)
        if threads.are_full:
            return await _error(request[SERVICE], request, ApiError("ThrottlingException", "Rate exceeded"))
        try:
            return await threads.run(lambda: _answer(request[SERVICE], engines, request, body))
        except Exception:  # noqa: BLE001 - the client gets an answer, whatever goes wrong in an engine
            _log.exception("%s %s failed", request[SERVICE], request.headers.get("X-Amz-Target", request.path))
            failure = ApiError("InternalFailure", "The sandbox's log says what went wrong.", 500)
            return await _error(request[SERVICE], request, failure)

    check = signature_check(keys, region, None, _refused)
    app = web.Application(middlewares=[check], client_max_size=REQUEST_LIMIT_BYTES)
    app.router.add_route("*", "/{path:.*}", handle)
    app.on_cleanup.append(threads.end)
    return app


class _Threads:
    """The threads that requests are answered on: while a query runs, streams go on.

    They are the endpoint's own. The event loop's look at the code before each invocation, and write telemetry.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(_THREADS)
        self._requests = 0

    @property
    def are_full(self) -> bool:
        """Whether no further request may wait."""
        return self._requests >= _MOST_REQUESTS

    async def run(self, answer: Callable[[], web.Response]) -> web.Response:
        """Return what a call returns on a thread."""
        self._requests += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, answer)
        finally:
            self._requests -= 1

    async def end(self, _app: web.Application) -> None:
        """Begin nothing more; wait for nothing that has begun."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _answer(service: str, engines: Mapping[str, Operations], request: web.Request, body: bytes) -> web.Response:
    # Imported late: moto takes half a second, which would be part of the sandbox's start.
    from sandbox.aws_api.protocol import answer, error_response

    try:
        operations = engines.get(service)
        if operations is None:
            raise not_supported(f"the service {service[:100]}")
        return answer(service, operations, request, body)
    except ApiError as error:
        return error_response(service, request, error)


async def _refused(request: web.Request, refusal: SignatureRefusedError) -> web.Response:
    return await _error(None, request, ApiError(refusal.error_type, str(refusal), 403))


async def _error(service: str | None, request: web.Request, error: ApiError) -> web.Response:
    """Return an error that is known without a look at the operations: it takes no time once moto is there."""

    def response() -> web.Response:
        from sandbox.aws_api.protocol import error_response

        return error_response(service, request, error)

    return await asyncio.to_thread(response)
