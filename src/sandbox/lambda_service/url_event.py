"""The event that a Function URL makes of an HTTP request: payload format 2.0.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
"""

import base64
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from sandbox.signing.credentials import Credentials
from sandbox.signing.signed import CALLER
from template.resources import ACCOUNT_ID

# Every other body arrives in base64: what `curl -d` calls application/x-www-form-urlencoded, too.
_TEXT_TYPE = re.compile(r"text/.+|application/(json|javascript|xml|.+\+json|.+\+xml)", re.IGNORECASE)
# `authorization` is for the front alone; `cookie` becomes a list of its own.
_TAKEN_OUT = {"authorization", "cookie"}


def url_event(
    request: web.Request, body: bytes, domain_name: str, request_id: str, trace: str, now: datetime
) -> dict[str, Any]:
    """Return the event.

    Args:
        request: the request. Where the URL asks for a signature, `CALLER` says who signed it.
        body: the whole body.
        domain_name: the URL's own host name, whose first label is the URL's id.
        request_id: the invocation's id.
        trace: the invocation's trace header.
        now: when the request came in.
    """
    path, _, query = request.raw_path.partition("?")
    headers = [(name.lower(), value) for name, value in request.headers.items()]
    client = request.transport.get_extra_info("peername")[0] if request.transport else "127.0.0.1"
    caller = request.get(CALLER)
    joined = _joined((name, value) for name, value in headers if name not in _TAKEN_OUT)
    joined["x-amzn-trace-id"] = trace
    joined["x-forwarded-for"] = client
    # A Function URL is an https one on AWS; what came here was plain HTTP at any port.
    joined["x-forwarded-port"] = "443"
    joined["x-forwarded-proto"] = "https"

    url_id = domain_name.partition(".")[0]
    context: dict[str, Any] = {
        "accountId": ACCOUNT_ID if caller else "anonymous",
        "apiId": url_id,
        "authentication": None,
        "domainName": domain_name,
        "domainPrefix": url_id,
        "http": {
            "method": request.method,
            "path": path,
            "protocol": f"HTTP/{request.version.major}.{request.version.minor}",
            "sourceIp": client,
            "userAgent": joined.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now.timestamp() * 1000),
    }
    if caller:
        context["authorizer"] = {"iam": _iam(caller)}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": joined,
        "requestContext": context,
        "isBase64Encoded": False,
    }
    cookies = [cookie.strip() for name, value in headers if name == "cookie" for cookie in value.split(";")]
    if cookies:
        event["cookies"] = cookies
    if query:
        event["queryStringParameters"] = _joined(parse_qsl(query, keep_blank_values=True))
    if body:
        event["body"], event["isBase64Encoded"] = _body(body, joined.get("content-type", ""))
    return event


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the values of each name with commas between them."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: ",".join(several) for name, several in values.items()}


def _iam(caller: Credentials) -> dict[str, Any]:
    return {
        "accessKey": caller.access_key_id,
        "accountId": ACCOUNT_ID,
        "callerId": caller.principal_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.arn,
        "userId": caller.principal_id,
    }


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    if _TEXT_TYPE.fullmatch(content_type.partition(";")[0].strip()):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass  # no text after all
    return base64.b64encode(body).decode(), True
