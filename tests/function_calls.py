"""Calls of the function's handler in this process: real handler, client and stream, and a platform of a few lines."""

import importlib
import io
import json
import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from bedrock_replay import ReplayServer
from lambda_streaming import ResponseStream

NOVA = "amazon.nova-lite-v1:0"
CLAUDE = "us.anthropic.claude-3-5-sonnet-20240620-v1:0"
LLAMA = "meta.llama3-1-8b-instruct-v1:0"
MISTRAL = "mistral.mistral-large-2402-v1:0"
IDLE_TIMEOUT_SECONDS = 1

PRELUDE_END = b"\0" * 8


@dataclass
class Context:
    """What Lambda passes beside the event, and all that the function and its logger ask of it."""

    seconds: float = 60.0
    aws_request_id: str = "8f0d3c1e-0000-4000-8000-000000000001"
    function_name: str = "firstbyte"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:firstbyte"
    _started: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        return int((self.seconds - (time.monotonic() - self._started)) * 1000)


@dataclass
class Response:
    """What a client gets, nothing but `raised` if the invocation failed before the first byte, and what is recorded.

    `finished` is the log line "response finished", `emf` the EMF document, of which there must be one each; `log` holds
    the other lines.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    ended: bool = False
    raised: BaseException | None = None
    seconds: float = 0.0
    log: list[dict[str, Any]] = field(default_factory=list)
    finished: dict[str, Any] = field(default_factory=dict)
    emf: dict[str, Any] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        return parse_sse(self.body) if "event-stream" in self.headers["content-type"] else parse_ndjson(self.body)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    @property
    def text(self) -> str:
        return "".join(fields["text"] for name, fields in self.events if name == "delta")


def parse_sse(body: bytes) -> list[tuple[str, dict[str, Any]]]:
    """A reader made after the specification: lines end with CRLF, LF or CR; an empty line dispatches."""
    events: list[tuple[str, dict[str, Any]]] = []
    name, data = "", list[str]()
    for line in body.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line and data:
            events.append((name, json.loads("\n".join(data))))
            name, data = "", []
        elif key == "event":
            name = value
        elif key == "data":
            data.append(value)
    assert not data, "the last event was not dispatched"
    return events


def parse_ndjson(body: bytes) -> list[tuple[str, dict[str, Any]]]:
    """A reader that takes every line end that Python knows, more than the format has."""
    lines = [json.loads(line) for line in body.decode().splitlines()]
    return [(line["type"], line) for line in lines]


def url_event(body: Any, accept: str | None = None, method: str = "POST") -> dict[str, Any]:
    """An event of payload format 2.0."""
    return {
        "version": "2.0",
        "rawPath": "/",
        "headers": {"content-type": "application/json", **({"accept": accept} if accept else {})},
        "requestContext": {"http": {"method": method, "path": "/"}},
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


@contextmanager
def running_function() -> Iterator[tuple[Any, ReplayServer]]:
    """The module `app`, started as in Lambda with its settings in the environment, and the Bedrock that it calls."""
    with ReplayServer() as server, pytest.MonkeyPatch.context() as patch:
        settings = {
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": server.url,
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            "MODEL_IDS": ",".join((NOVA, CLAUDE, LLAMA, MISTRAL)),
            "FALLBACK_MODEL_ID": "",
            "MAX_OUTPUT_TOKENS": "2000",
            "MAX_PROMPT_CHARS": "5000",
            "MODEL_IDLE_TIMEOUT_SECONDS": str(IDLE_TIMEOUT_SECONDS),
            "TTFT_OBJECTIVE_MS": "2000",
            "TPOT_OBJECTIVE_MS": "100",
            "POWERTOOLS_SERVICE_NAME": "firstbyte-test",
        }
        for name, value in settings.items():
            patch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "_X_AMZN_TRACE_ID", "http_proxy", "HTTP_PROXY"):
            patch.delenv(name, raising=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        sys.modules.pop("app", None)
        app: ModuleType = importlib.import_module("app")
        try:
            yield app, server
        finally:
            app.client.close()
            sys.modules.pop("app", None)
            server.stopping.set()
            server.shutdown()
            thread.join()


def call(app: Any, event: Any, *, seconds: float = 60.0) -> Response:
    """Invoke the handler as the runtime does."""
    from firstbyte import telemetry

    response = Response()
    output = io.StringIO()
    started = time.monotonic()
    wire: list[bytes] = []
    stream = ResponseStream(wire.append)
    with redirect_stdout(output):
        handler = telemetry.logger.registered_handler
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(output)
        try:
            app.handler(event, Context(seconds), response_stream=stream)
        except Exception as error:  # noqa: BLE001 - the runtime catches all of them too
            response.raised = error
        response.seconds = time.monotonic() - started
        assert output.getvalue() == "", "something is recorded before the response has ended"
        stream.finish()
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    (response.finished,) = (line for line in lines if line.get("message") == "response finished")
    (response.emf,) = (line for line in lines if "_aws" in line)
    response.log = [line for line in lines if line is not response.finished and line is not response.emf]
    pieces = list(_unchunked(b"".join(wire)))
    if pieces:
        prelude = pieces[0].removesuffix(PRELUDE_END)
        response.status = json.loads(prelude)["statusCode"]
        response.headers = json.loads(prelude)["headers"]
        response.chunks = [piece for piece in pieces[1:] if piece]
        response.ended = pieces[-1] == b""
    return response


def _unchunked(wire: bytes) -> Iterator[bytes]:
    while wire:
        size, _, wire = wire.partition(b"\r\n")
        length = int(size, 16)
        yield wire[:length]
        wire = wire[length + 2 :]
