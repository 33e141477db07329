"""The AWS endpoint: every service that the sandbox has at one address; a signature says which is meant."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.aws_api.contract import ApiError, Operations, not_supported
from sandbox.doors import body_of
from sandbox.invocation import REQUEST_LIMIT_BYTES
from sandbox.signing.credentials import Credentials
from sandbox.signing.signed import SERVICE, signature_check
from sandbox.signing.sigv4 import SignatureRefusedError

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

    async def handle(request: web.Request) -> web.StreamResponse:
        if request[SERVICE] == "lambda":
            return await invoke(request)
        # On a thread: while a query runs, streams go on.
        return await asyncio.to_thread(_answer, request[SERVICE], engines, request, await body_of(request))

    check = signature_check(keys, region, None, _refused)
    app = web.Application(middlewares=[check], client_max_size=REQUEST_LIMIT_BYTES)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


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
    except Exception:  # noqa: BLE001 - the client gets an answer, whatever goes wrong in an engine
        _log.exception("%s %s failed", service, request.headers.get("X-Amz-Target", request.path))
        failure = ApiError("InternalFailure", "The sandbox's log says what went wrong.", 500)
        return error_response(service, request, failure)


async def _refused(request: web.Request, refusal: SignatureRefusedError) -> web.Response:
    def response() -> web.Response:
        from sandbox.aws_api.protocol import error_response

        return error_response(None, request, ApiError(refusal.error_type, str(refusal), 403))

    return await asyncio.to_thread(response)
