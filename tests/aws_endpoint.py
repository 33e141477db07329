"""The AWS endpoint on a loopback port, with operations that remember what they are asked and answer as a test says."""

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import boto3
import botocore.session
from aiohttp import web
from botocore.loaders import create_loader

from running_app import running_app
from sandbox.aws_api.app import aws_endpoint_app
from sandbox.aws_api.contract import Operation
from sandbox.signing.credentials import random_user
from sandbox_client import signed_headers


@dataclass
class Endpoint:
    """`ready` is what the clients need; `asked` has the parameters of all calls that have reached an operation."""

    ready: dict[str, str]
    operations: dict[str, Operation]
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    def offer(self, name: str, answer: Callable[[], dict[str, Any]]) -> None:
        """Have an operation, in every service."""

        def operation(parameters: Mapping[str, Any]) -> dict[str, Any]:
            self.asked.append(parameters)
            return answer()

        self.operations[name] = operation

    def send(
        self, service: str, body: bytes = b"", *, method: str = "POST", target: str = "/", **headers: str
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """Send what no real client would; headers are spelled with underscores. Returns status, headers and body."""
        url = self.ready["aws_endpoint_url"] + target
        named = {"Host": urlsplit(url).netloc, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        try:
            signed = signed_headers(self.ready, method, url, body, named, service)
            connection.request(method, target, body, signed)
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()


def refusing(error: Exception) -> Callable[[], NoReturn]:
    """An answer that is an error."""

    def answer() -> NoReturn:
        raise error

    return answer


@contextmanager
def running_endpoint() -> Iterator[Endpoint]:
    """An endpoint that has no operation yet."""
    user, region = random_user(), "eu-north-1"
    operations: dict[str, Operation] = {}

    async def invoke(_request: web.Request) -> web.StreamResponse:
        return web.Response(text="invoked")

    engines = dict.fromkeys(("monitoring", "logs", "xray"), operations)
    with running_app(aws_endpoint_app([user], region, invoke, engines)) as port:
        ready = {
            "aws_endpoint_url": f"http://127.0.0.1:{port}",
            "region": region,
            "access_key_id": user.access_key_id,
            "secret_access_key": user.secret_access_key,
        }
        yield Endpoint(ready, operations)


def session_for(protocol: str, directory: Path) -> boto3.Session:
    """A session whose CloudWatch client knows only this protocol, as older versions do."""
    model = create_loader().load_service_model("cloudwatch", "service-2")
    metadata = {**model["metadata"], "protocol": protocol, "protocols": [protocol]}
    path = directory / "cloudwatch" / metadata["apiVersion"] / "service-2.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**model, "metadata": metadata}))
    session = botocore.session.Session()
    session.set_config_variable("data_path", str(directory))
    return boto3.Session(botocore_session=session)
