"""The Lambda API, of which the sandbox has one operation: InvokeWithResponseStream.

https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
"""

import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.eventstream import CONTENT_TYPE, encode_message
from sandbox.invocation import FunctionError, Invocation, ResponseEnd, ResponseStart
from sandbox.lambda_service.function import FunctionSpec
from sandbox.lambda_service.function_url import throttled
from sandbox.lambda_service.pool import EnvironmentPool, ThrottledError
from sandbox.records.recorder import Recorder
from sandbox.trace_context import trace_context
from template.resources import ACCOUNT_ID

_PATH = re.compile(r"/2021-11-15/functions/(?P<function>[^/]+)/response-streaming-invocations")

# Headers that ask for something that nothing in this project does.
_UNSUPPORTED = {
    "X-Amz-Client-Context": "a client context",
    "X-Amz-Tenant-Id": "tenant isolation",
    "X-Amz-Log-Type": "the log in the response",
}


def invoke_api(pool: EnvironmentPool, spec: FunctionSpec, recorder: Recorder) -> Handler:
    """Return the handler of all requests to the service `lambda`; what it has no part for is refused by name."""

    async def handle(request: web.Request) -> web.StreamResponse:
        match = _PATH.fullmatch(request.path)
        if match is None or request.method != "POST":
            text = f"the sandbox does not stand in for {request.method} {request.path}"
            return _refusal(501, "NotImplementedException", text)
        for header, feature in _UNSUPPORTED.items():
            if request.headers.get(header, "None") != "None":
                return _refusal(501, "NotImplementedException", f"the sandbox does not have {feature} ({header})")
        arn = _invoked_arn(spec, match["function"], request.query.get("Qualifier"))
        if arn is None:
            text = f"Function not found: {match['function']}; the sandbox has {spec.arn}"
            return _refusal(404, "ResourceNotFoundException", text)
        if request.headers.get("X-Amz-Invocation-Type") == "DryRun":
            return web.Response(status=204)
        trace = trace_context(request.headers.get("X-Amzn-Trace-Id"), spec.tracing == "Active", datetime.now(UTC))
        invocation = Invocation(await request.read() or b"{}", trace, str(uuid.uuid4()), arn)
        status = 200
        try:
            return await _invoke(pool, request, invocation)
        except ThrottledError:
            status = 429
            return throttled()
        finally:
            recorder.answered(invocation, status)

    return handle


def _invoked_arn(spec: FunctionSpec, function: str, qualifier: str | None) -> str | None:
    """Return the ARN of what is to be invoked, None if it is not this function or has another qualifier.

    The function may be given by its name, its partial or its whole ARN, each with or without the qualifier.
    """
    partial_arn = f"(arn:aws:lambda:{re.escape(spec.region)}:)?{ACCOUNT_ID}:function:"
    match = re.fullmatch(f"({partial_arn})?{re.escape(spec.name)}(:(?P<qualifier>.+))?", function)
    if match is None:
        return None
    qualifiers = {match["qualifier"], qualifier} - {None, ""}
    if not qualifiers:
        return spec.unqualified_arn
    return f"{spec.unqualified_arn}:{qualifiers.pop()}" if qualifiers in ({"$LATEST"}, {spec.alias}) else None


async def _invoke(pool: EnvironmentPool, request: web.Request, invocation: Invocation) -> web.StreamResponse:
    await pool.invoke(invocation)
    response = web.StreamResponse(
        headers={
            "Content-Type": CONTENT_TYPE,
            "x-amzn-requestid": invocation.request_id,
            "x-amzn-trace-id": invocation.trace.header,
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
