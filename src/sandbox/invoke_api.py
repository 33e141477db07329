"""The Lambda API, of which the sandbox has one operation: InvokeWithResponseStream.

https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
"""

import json
import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from sandbox.eventstream import CONTENT_TYPE, encode_message
from sandbox.function_url import REQUEST_LIMIT_BYTES, throttled
from sandbox.invocation import FunctionError, Invocation, ResponseEnd, ResponseStart
from sandbox.pool import EnvironmentPool, ThrottledError
from sandbox.template import ACCOUNT_ID, FunctionSpec
from sandbox.url_event import trace_header

_PATH = re.compile(r"/2021-11-15/functions/(?P<function>[^/]+)/response-streaming-invocations")

# Headers that ask for something that nothing in this project does.
_UNSUPPORTED = {
    "X-Amz-Client-Context": "a client context",
    "X-Amz-Tenant-Id": "tenant isolation",
    "X-Amz-Log-Type": "the log in the response",
}


def invoke_api_app(pool: EnvironmentPool, spec: FunctionSpec, middlewares: Sequence[Middleware]) -> web.Application:
    """Return the application that stands at the sandbox's AWS endpoint; what it has no part for is refused by name."""

    async def handle(request: web.Request) -> web.StreamResponse:
        match = _PATH.fullmatch(request.path)
        if match is None or request.method != "POST":
            text = f"the sandbox does not stand in for {request.method} {request.path}"
            return _refusal(501, "NotImplementedException", text)
        for header, feature in _UNSUPPORTED.items():
            if request.headers.get(header, "None") != "None":
                return _refusal(501, "NotImplementedException", f"the sandbox does not have {feature} ({header})")
        if not _names(spec, match["function"], request.query.get("Qualifier")):
            text = f"Function not found: {match['function']}; the sandbox has {spec.arn}"
            return _refusal(404, "ResourceNotFoundException", text)
        if request.headers.get("X-Amz-Invocation-Type") == "DryRun":
            return web.Response(status=204)
        return await _invoke(pool, request)

    app = web.Application(middlewares=middlewares, client_max_size=REQUEST_LIMIT_BYTES)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


def _names(spec: FunctionSpec, function: str, qualifier: str | None) -> bool:
    """Whether this is the function: by name, by partial or whole ARN, each with or without a qualifier."""
    prefixes = ("", f"{ACCOUNT_ID}:function:", f"arn:aws:lambda:{spec.region}:{ACCOUNT_ID}:function:")
    qualifiers = {"", "$LATEST", spec.alias or ""}
    own = {f"{prefix}{spec.name}{':' * bool(end)}{end}" for prefix in prefixes for end in qualifiers}
    return function in own and (qualifier or "") in qualifiers


async def _invoke(pool: EnvironmentPool, request: web.Request) -> web.StreamResponse:
    trace = trace_header(request.headers.get("X-Amzn-Trace-Id"), datetime.now(UTC))
    invocation = Invocation(await request.read() or b"{}", trace, str(uuid.uuid4()))
    try:
        await pool.invoke(invocation)
    except ThrottledError:
        return throttled()
    response = web.StreamResponse(
        headers={
            "Content-Type": CONTENT_TYPE,
            "x-amzn-requestid": invocation.request_id,
            "x-amzn-trace-id": trace,
            "X-Amz-Executed-Version": "$LATEST",
        }
    )
    try:
        async for item in invocation:
            if not response.prepared:
                if isinstance(item, ResponseStart):
                    response.headers["X-Amzn-Remapped-Content-Type"] = item.content_type
                await response.prepare(request)
            if isinstance(item, bytes):
                await response.write(_event("PayloadChunk", "application/octet-stream", item))
            elif isinstance(item, ResponseEnd):
                completion = json.dumps(_completion(item.error)).encode()
                await response.write(_event("InvokeComplete", "application/json", completion))
        await response.write_eof()
    finally:
        invocation.abandon()
    return response


def _event(name: str, content_type: str, payload: bytes) -> bytes:
    return encode_message({":message-type": "event", ":event-type": name, ":content-type": content_type}, payload)


def _completion(error: FunctionError | None) -> dict[str, Any]:
    return {"ErrorCode": error.type, "ErrorDetails": error.details} if error else {}


def _refusal(status: int, error_type: str, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status, headers={"x-amzn-errortype": error_type})
