"""Calls to a running sandbox that show every chunk and broken end, and a stack whose runtime does as it is told."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import h11
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

RAW_RUNTIME = Path(__file__).with_name("sandbox") / "raw_runtime.py"
INTEGRATION = "application/vnd.awslambda.http-integration-response"


@dataclass
class Answer:
    """`complete` is False if the connection ended before the response did."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    chunks: list[tuple[float, bytes]] = field(default_factory=list)
    complete: bool = False
    seconds: float = 0

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.chunks)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


def aws_client(ready: dict[str, str], service: str, session: boto3.Session | None = None, **changes: Any) -> Any:
    """A real boto3 client of the sandbox's AWS endpoint, which never tries twice."""
    config = Config(retries={"total_max_attempts": 1}).merge(changes.pop("config", Config()))
    settings = {
        "endpoint_url": ready["aws_endpoint_url"],
        "region_name": ready["region"],
        "aws_access_key_id": ready["access_key_id"],
        "aws_secret_access_key": ready["secret_access_key"],
    }
    return (session or boto3).client(service, config=config, **{**settings, **changes})


def signed_headers(
    ready: dict[str, str],
    method: str,
    url: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    service: str = "lambda",
) -> dict[str, str]:
    """What botocore sends with a request for a service."""
    request = AWSRequest(method=method, url=url, data=body, headers={"Host": urlsplit(url).netloc, **(headers or {})})
    keys = Credentials(ready["access_key_id"], ready["secret_access_key"])
    SigV4Auth(keys, service, ready["region"]).add_auth(request)
    return dict(request.headers.items())


class Call:
    """A request that has been sent; `finish` reads the answer, `leave` walks out on it."""

    def __init__(
        self,
        ready: dict[str, str],
        body: str | bytes = b"",
        *,
        method: str = "POST",
        target: str = "/",
        headers: dict[str, str] | None = None,
        sign: bool = True,
    ) -> None:
        body = body.encode() if isinstance(body, str) else body
        url = ready["function_url"].rstrip("/") + target
        head = {"Host": urlsplit(url).netloc, "Content-Type": "application/json", **(headers or {})}
        if sign:
            head = signed_headers(ready, method, url, body, head)
        head["Content-Length"] = str(len(body))
        self.method = method
        self.connection = h11.Connection(h11.CLIENT)
        self.started = time.monotonic()
        self.socket = socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=30)
        request = h11.Request(method=method, target=target, headers=list(head.items()))
        parts = [self.connection.send(event) for event in (request, h11.Data(data=body), h11.EndOfMessage())]
        self.socket.sendall(b"".join(part for part in parts if part))

    def finish(self) -> Answer:
        answer = Answer()
        with self.socket:
            while not answer.complete:
                try:
                    event = self.connection.next_event()
                except h11.RemoteProtocolError:
                    break  # closed in the middle
                if event is h11.NEED_DATA:
                    self.connection.receive_data(self.socket.recv(65536))
                elif isinstance(event, h11.Response):
                    answer.status = event.status_code
                    answer.headers = [(name.decode(), value.decode()) for name, value in event.headers]
                elif isinstance(event, h11.Data):
                    answer.chunks.append((time.monotonic(), bytes(event.data)))
                elif isinstance(event, h11.EndOfMessage):
                    answer.complete = True
                else:
                    break
        answer.seconds = time.monotonic() - self.started
        return answer

    def leave(self) -> None:
        self.socket.close()


@contextlib.contextmanager
def half_sent(ready: dict[str, str], url: str, service: str = "lambda") -> Iterator[socket.socket]:
    """A connection on which a signed head has been sent, and half of the body that it announces."""
    place = urlsplit(url)
    head = {**signed_headers(ready, "POST", f"http://{place.netloc}/half", service=service), "Content-Length": "100"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    with socket.create_connection((place.hostname, place.port), timeout=30) as connection:
        connection.sendall(f"POST /half HTTP/1.1\r\n{lines}\r\n{'x' * 50}".encode())
        yield connection


def call(ready: dict[str, str], body: str | bytes = b"", **options: Any) -> Answer:
    """One request and its whole answer."""
    return Call(ready, body, **options).finish()


def steps(*steps: Sequence[object]) -> str:
    """A body for the raw runtime: the steps that it is to take."""
    return json.dumps(steps)


def raw_stack(directory: Path, variables: dict[str, str] | None = None, **properties: Any) -> Path:
    """Write a stack whose runtime is `sandbox/raw_runtime.py`; return its template."""
    layer = directory / "layer"
    (layer / "python").mkdir(parents=True)
    wrapper = layer / "runtime"
    wrapper.write_text(f'#!/bin/sh\nexec "$1" {RAW_RUNTIME} "$@"\n')
    wrapper.chmod(0o755)
    return write_stack(
        directory,
        "def handler(event, context): ...\n",
        {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/runtime", **(variables or {})},
        Layers=[{"Ref": "Layer"}],
        **properties,
    )


def write_stack(directory: Path, code: str, variables: dict[str, str], **properties: Any) -> Path:
    """Write a template with one streaming function, and its code; return the template."""
    (directory / "code").mkdir(parents=True)
    (directory / "code" / "app.py").write_text(code)
    function = {
        "CodeUri": "code",
        "Handler": "app.handler",
        "Runtime": "python3.13",
        "Timeout": 3,
        "Environment": {"Variables": variables},
        "FunctionUrlConfig": {"AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM"},
        **properties,
    }
    template = {
        "Resources": {
            "Layer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "layer"}},
            "Raw": {"Type": "AWS::Serverless::Function", "Properties": function},
        }
    }
    path = directory / "template.yaml"
    path.write_text(json.dumps(template))
    return path
