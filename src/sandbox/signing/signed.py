"""Puts the signature check in front of an aiohttp application, and refuses a request in AWS's words."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sandbox.departures import named
from sandbox.doors import body_of
from sandbox.signing.credentials import Credentials
from sandbox.signing.sigv4 import RequestHead, SignatureRefusedError, claim_of

# Whose key signed the request, and for which service: set on every request that a handler sees.
CALLER = web.RequestKey("caller", Credentials)
SERVICE = web.RequestKey("service", str)

Refuse = Callable[[web.Request, SignatureRefusedError], Awaitable[web.Response]]
_log = logging.getLogger(__name__)


async def refused_by_api(_request: web.Request, refusal: SignatureRefusedError) -> web.Response:
    """Return the answer of an API that speaks JSON."""
    return web.json_response({"message": str(refusal)}, status=403, headers={"x-amzn-errortype": refusal.error_type})


async def refused_by_url(request: web.Request, refusal: SignatureRefusedError) -> web.Response:
    """Return the answer of a Function URL, which meets an unsigned request in other words than an API."""
    if refusal.error_type == "MissingAuthenticationTokenException":
        headers = {"x-amzn-errortype": "AccessDeniedException"}
        return web.json_response({"Message": "Forbidden"}, status=403, headers=headers)
    return await refused_by_api(request, refusal)


def signature_check(
    keys: Sequence[Credentials], region: str, service: str | None, refuse: Refuse = refused_by_api
) -> Middleware:
    """Return a middleware that lets only requests pass that one of `keys` has signed for this region and service.

    Without a service, a signature for any of them passes: the handler must look at `SERVICE`. Clients learn no more
    than AWS tells them; the reason of a refusal goes to the terminal.

    It reads the whole body of a request whose head it does not refuse, so the application's `client_max_size` must
    allow what the service allows.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = [
            (name.lower().decode("latin-1"), value.decode("utf-8", "surrogateescape"))
            for name, value in request.raw_headers
        ]
        head = RequestHead(request.method, request.raw_path, headers)
        try:
            claim = claim_of(head, keys, region, service, datetime.now(UTC))
            claim.verify(await body_of(request))
            request[CALLER], request[SERVICE] = claim.by, claim.service
        except SignatureRefusedError as refusal:
            _log.warning("%s refused: %s", named(request), refusal.reason)
            return await refuse(request, refusal)
        return await handler(request)

    return check
