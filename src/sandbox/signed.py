"""Puts the signature check in front of an aiohttp application, and answers what does not pass it as AWS does."""

from collections.abc import Mapping
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sandbox.credentials import Credentials
from sandbox.sigv4 import HttpRequest, SignatureRefusedError, verify

# Whose key signed the request: set on every request that a handler sees.
CALLER = web.RequestKey("caller", Credentials)


def signature_check(keys: Mapping[str, Credentials], region: str, service: str, *, at_url: bool = False) -> Middleware:
    """Return a middleware that lets only requests pass that one of `keys` has signed for this region and service.

    A Function URL (`at_url`) answers an unsigned request in other words than an API.

    It reads the whole body, so the application's `client_max_size` must allow what the service allows.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = [
            (name.lower().decode("latin-1"), value.decode("utf-8", "replace")) for name, value in request.raw_headers
        ]
        received = HttpRequest(request.method, request.raw_path, headers, await request.read())
        try:
            request[CALLER] = verify(received, keys, region, service, datetime.now(UTC))
        except SignatureRefusedError as refusal:
            if at_url and refusal.error_type == "MissingAuthenticationTokenException":
                return web.json_response(
                    {"Message": "Forbidden"}, status=403, headers={"x-amzn-errortype": "AccessDeniedException"}
                )
            return web.json_response(
                {"message": str(refusal)}, status=403, headers={"x-amzn-errortype": refusal.error_type}
            )
        return await handler(request)

    return check
