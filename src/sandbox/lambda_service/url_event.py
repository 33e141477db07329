"""The event that a Function URL makes of an HTTP request: payload format 2.0.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
"""

import base64
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from sandbox.signing.credentials import Credentials
from template.resources import ACCOUNT_ID

# Every other body arrives in base64: what `curl -d` calls application/x-www-form-urlencoded, too.
_TEXT_TYPE = re.compile(r"text/.+|application/(json|javascript|xml|.+\+json|.+\+xml)", re.IGNORECASE)
# `authorization` is for the front alone; `cookie` becomes a list of its own.
_TAKEN_OUT = {"authorization", "cookie"}


def url_event(
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    protocol: str,
    source: tuple[str, int],
    domain_name: str,
    request_id: str,
    trace: str,
    caller: Credentials | None,
    now: datetime,
) -> dict[str, Any]:
    """Return the event.

    Args:
        method: the HTTP method.
        target: path and query as they were on the wire.
        headers: names in lower case, in the order in which they came.
        body: the whole body.
        protocol: such as `HTTP/1.1`.
        source: address and port of the client.
        domain_name: the URL's own host name, whose first label is the URL's id.
        request_id: of the invocation.
        trace: the invocation's trace header.
        caller: who signed the request; None where the URL asks for no signature.
        now: when the request came in.
    """
    path, _, query = target.partition("?")
    joined: dict[str, str] = {}
    for name, value in headers:
        if name not in _TAKEN_OUT:
            joined[name] = f"{joined[name]},{value}" if name in joined else value
    joined["x-amzn-trace-id"] = trace
    joined["x-forwarded-for"] = source[0]
    joined["x-forwarded-port"] = str(source[1])
    joined["x-forwarded-proto"] = "http"

    url_id = domain_name.partition(".")[0]
    context: dict[str, Any] = {
        "accountId": ACCOUNT_ID if caller else "anonymous",
        "apiId": url_id,
        "authentication": None,
        "domainName": domain_name,
        "domainPrefix": url_id,
        "http": {
            "method": method,
            "path": path,
            "protocol": protocol,
            "sourceIp": source[0],
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
        event["queryStringParameters"] = _parameters(query)
    if body:
        event["body"], event["isBase64Encoded"] = _body(body, joined.get("content-type", ""))
    return event


def _parameters(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


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
