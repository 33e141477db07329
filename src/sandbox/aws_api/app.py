"""The AWS endpoint: Lambda, CloudWatch, CloudWatch Logs and X-Ray at one address; a signature says which is meant."""

import asyncio
import logging
import uuid
from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.aws_api.contract import ApiError, Operations, not_supported
from sandbox.aws_api.errors import error_response
from sandbox.invocation import REQUEST_LIMIT_BYTES
from sandbox.signing.credentials import Credentials
from sandbox.signing.signed import SERVICE, signature_check
from sandbox.signing.sigv4 import SignatureRefusedError

_log = logging.getLogger(__name__)


def aws_endpoint_app(
    keys: Mapping[str, Credentials], region: str, invoke: Handler, engines: Mapping[str, Operations]
) -> web.Application:
    """Return the application that answers at `aws_endpoint_url`.

    Args:
        keys: whose signatures are accepted, by access key id.
        region: the region that they must be for.
        invoke: answers what is signed for `lambda`.
        engines: the operations of the other services, by the name that their requests are signed for.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        service = request[SERVICE]
        if service == "lambda":
            return await invoke(request)
        try:
            body = await request.read()
            # On a thread: while a query runs, streams go on.
            return await asyncio.to_thread(_operate, service, engines, request, body)
        except ApiError as error:
            return error_response(request, error)
        except Exception:  # noqa: BLE001 - the client gets an answer, whatever goes wrong in an engine
            _log.exception("%s %s failed", service, request.headers.get("X-Amz-Target", request.path))
            return error_response(request, ApiError("InternalFailure", "The sandbox's log says what went wrong.", 500))

    check = signature_check(keys, region, None, _refused)
    app = web.Application(middlewares=[check], client_max_size=REQUEST_LIMIT_BYTES)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


def _operate(service: str, engines: Mapping[str, Operations], request: web.Request, body: bytes) -> web.Response:
    operations = engines.get(service)
    if operations is None:
        raise not_supported(f"the service {service[:100]}")
    # Imported late: moto takes half a second, which would be part of the sandbox's start.
    from sandbox.aws_api.protocol import answer

    request_id = str(uuid.uuid4())
    content_type, content = answer(service, operations, request, body, request_id)
    return web.Response(body=content, headers={"Content-Type": content_type, "x-amzn-requestid": request_id})


def _refused(request: web.Request, refusal: SignatureRefusedError) -> web.Response:
    return error_response(request, ApiError(refusal.error_type, str(refusal), 403))
