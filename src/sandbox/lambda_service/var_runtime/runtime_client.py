"""Stands in for the native part of awslambdaric, which exists on Linux only: calls the Runtime API.

The function's interpreter imports this file, so it imports nothing of the sandbox. The names are those that
awslambdaric calls.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import http.client
import os
from collections.abc import Mapping
from http import HTTPStatus

_DEADLINE = "Lambda-Runtime-Deadline-Ms"
_user_agent = ""


def initialize_client(user_agent: str) -> None:
    """Set what all requests name as their client."""
    global _user_agent
    _user_agent = user_agent


def next() -> tuple[bytes, dict[str, str | int]]:  # noqa: A001 - the name that awslambdaric calls
    """Wait for an invocation; return its event and the response's headers, the deadline's as a number.

    Raises:
        RuntimeError: there is none to be had.
    """
    status, event, headers = _ask("GET", "next", None, {})
    if status != HTTPStatus.OK:
        raise RuntimeError(f"Failed to get next: HTTP {status}")
    return event, {**headers, _DEADLINE: int(headers[_DEADLINE])}


def post_invocation_result(request_id: str, result: bytes, content_type: str, invocation_id: str | None) -> None:
    """Post what a handler has returned.

    Raises:
        RuntimeError: it was not taken.
    """
    _post(f"{request_id}/response", result, invocation_id, {"Content-Type": content_type})


def post_error(request_id: str, error: str, xray_fault: str, invocation_id: str | None) -> None:
    """Post what a handler has raised, as JSON.

    Raises:
        RuntimeError: it was not taken.
    """
    cause = {"Lambda-Runtime-Function-XRay-Error-Cause": xray_fault}
    _post(f"{request_id}/error", error.encode(), invocation_id, {"Content-Type": "application/json", **cause})


def _post(path: str, body: bytes, invocation_id: str | None, headers: Mapping[str, str]) -> None:
    echoed = {"Lambda-Runtime-Invocation-Id": invocation_id} if invocation_id else {}
    status, _, _ = _ask("POST", path, body, {**headers, **echoed})
    if status != HTTPStatus.ACCEPTED:
        raise RuntimeError(f"Failed to post to {path}: HTTP {status}")


def _ask(method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes, dict[str, str]]:
    """Return status, body and headers, their names as awslambdaric spells them."""
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        connection.request(
            method, f"/2018-06-01/runtime/invocation/{path}", body, {"User-Agent": _user_agent, **headers}
        )
        response = connection.getresponse()
        named = {name.title(): value for name, value in response.getheaders()}
        return response.status, response.read(), named
    finally:
        connection.close()
