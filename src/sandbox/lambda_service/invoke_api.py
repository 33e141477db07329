"""The Lambda API's operation InvokeWithResponseStream; the sandbox has no other.

https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
"""

import json
import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.doors import body_of
from sandbox.eventstream import CONTENT_TYPE, encode_message
from sandbox.invocation import FunctionError, Invocation, ResponseEnd, ResponseStart
from sandbox.lambda_service.function import FunctionSpec
from sandbox.lambda_service.function_url import cut_when_failed, throttled
from sandbox.lambda_service.pool import EnvironmentPool, ThrottledError
from sandbox.lambda_service.served_function import ServedFunction
from sandbox.trace_context import trace_context

_PATH = re.compile(r"/2021-11-15/functions/(?P<function>[^/]+)/response-streaming-invocations")

# Headers for features that this project does not use. The value is the one that leaves the feature off.
_UNSUPPORTED = {
    "X-Amz-Client-Context": "",
    "X-Amz-Invocation-Type": "RequestResponse",
    "X-Amz-Log-Type": "None",
    "X-Amz-Tenant-Id": "",
}


def invoke_api(functions: Sequence[ServedFunction]) -> Handler:
    """Return the handler of all requests to the service `lambda`; it refuses every other operation by name."""
    known = ", ".join(function.spec.arn for function in functions)

    async def handle(request: web.Request) -> web.StreamResponse:
        match = _PATH.fullmatch(request.path)
        if match is None or request.method != "POST":
            text = f"the sandbox does not support {request.method} {request.path} of AWS Lambda"
            return _refusal(501, "NotImplementedException", text)
        for header, default in _UNSUPPORTED.items():
            if (value := request.headers.get(header, default)) != default:
                return _refusal(501, "NotImplementedException", f"the sandbox does not support {header}: {value:.100}")
        for function in functions:
            arn = _invoked_arn(function.spec, match["function"], request.query.get("Qualifier"))
            if arn is not None:
                return await _answer(function, request, arn)
        text = f"Function not found: {match['function']}; the sandbox has {known}"
        return _refusal(404, "ResourceNotFoundException", text)

    return handle


async def _answer(function: ServedFunction, request: web.Request, arn: str) -> web.StreamResponse:
    is_traced = function.spec.tracing == "Active"
    trace = trace_context(request.headers.get("X-Amzn-Trace-Id"), is_traced, datetime.now(UTC))
    invocation = Invocation(await body_of(request) or b"{}", trace, str(uuid.uuid4()), arn)
    status = 200
    try:
        return await _invoke(function.pool, request, invocation)
    except ThrottledError:
        status = 429
        return throttled(function.spec, invocation.request_id)
    finally:
        function.recorder.answered(invocation, status)


def _invoked_arn(spec: FunctionSpec, function: str, qualifier: str | None) -> str | None:
    """Return the ARN of what is to be invoked, None if it is not this function or has another qualifier.

    The function may be given by its name or its ARN, each with or without the qualifier.
    """
    name, _, own_qualifier = function.removeprefix(spec.unqualified_arn.removesuffix(spec.name)).partition(":")
    qualifiers = {own_qualifier, qualifier} - {"", None}
    if name != spec.name or len(qualifiers) > 1 or not qualifiers <= {"$LATEST", spec.alias}:
        return None
    return ":".join([spec.unqualified_arn, *filter(None, qualifiers)])


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
    async with cut_when_failed(request, invocation):
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
    return response


def _event(name: str, content_type: str, payload: bytes) -> bytes:
    return encode_message({":message-type": "event", ":event-type": name, ":content-type": content_type}, payload)


def _completion(error: FunctionError | None) -> dict[str, Any]:
    return {"ErrorCode": error.type, "ErrorDetails": error.details} if error else {}


def _refusal(status: int, error_type: str, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status, headers={"x-amzn-errortype": error_type})
