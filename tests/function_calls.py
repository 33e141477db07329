"""Calls of the function's handler in this process: real handler, client and stream, and what they record."""

import importlib
import io
import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from bedrock_replay import ReplayServer, replay_server
from lambda_streaming.testing import Ending, LambdaContext, Response, run

NOVA = "amazon.nova-lite-v1:0"
CLAUDE = "us.anthropic.claude-3-5-sonnet-20240620-v1:0"
LLAMA = "meta.llama3-1-8b-instruct-v1:0"
MISTRAL = "mistral.mistral-large-2402-v1:0"
IDLE_TIMEOUT_SECONDS = 1
# What Bedrock counts, at the end of an answer.
METRICS = {
    "amazon-bedrock-invocationMetrics": {
        "inputTokenCount": 7,
        "outputTokenCount": 3,
        "invocationLatency": 40,
        "firstByteLatency": 9,
    }
}


@dataclass(frozen=True)
class Call:
    """One call of the handler: what a client gets, and what is recorded.

    `finished` is the log line "response finished", `emf` the EMF document, of which there must be one each; `log` holds
    the other lines.
    """

    response: Response
    seconds: float
    log: list[dict[str, Any]]
    finished: dict[str, Any]
    emf: dict[str, Any]

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def headers(self) -> dict[str, str]:
        return self.response.headers

    @property
    def chunks(self) -> list[bytes]:
        return [chunk.data for chunk in self.response.chunks]

    @property
    def ended(self) -> bool:
        return self.response.ending is Ending.COMPLETE

    @property
    def raised(self) -> Exception | None:
        return self.response.error

    @property
    def body(self) -> bytes:
        return self.response.body

    @property
    def json(self) -> Any:
        return self.response.json()

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        if "event-stream" in self.headers["content-type"]:
            return [(event.name, event.json()) for event in self.response.events()]
        return parse_ndjson(self.body)

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
def running_function(**others: str) -> Iterator[tuple[Any, ReplayServer]]:
    """The module `app`, started as in Lambda with its settings in the environment, and the Bedrock that it calls.

    The arguments are more settings, or take the place of those here.
    """
    with replay_server() as server, pytest.MonkeyPatch.context() as patch:
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
            **others,
        }
        for name, value in settings.items():
            patch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "_X_AMZN_TRACE_ID", "http_proxy", "HTTP_PROXY"):
            patch.delenv(name, raising=False)
        sys.modules.pop("app", None)
        app: ModuleType = importlib.import_module("app")  # with wrong settings it raises, and nothing runs yet
        try:
            yield app, server
        finally:
            app.client.close()
            sys.modules.pop("app", None)


class Output(io.StringIO):
    """Standard output that knows when the first line came, in seconds of the monotonic clock."""

    first_at: float | None = None

    def write(self, text: str) -> int:
        if self.first_at is None:
            self.first_at = time.monotonic()
        return super().write(text)


def call(app: Any, event: Any, *, seconds: float = 60.0) -> Call:
    """Invoke the handler as the runtime does, with so many seconds until the function's timeout."""
    from firstbyte import telemetry

    output = Output()
    with redirect_stdout(output):
        handler = telemetry.powertools_logger().registered_handler
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(output)
        started = time.monotonic()
        response = run(app.handler, event, LambdaContext(timeout_seconds=seconds))
        duration = time.monotonic() - started
    assert output.first_at is not None, "nothing is recorded"
    assert output.first_at >= started + response.ended_at, "something is recorded before the response has ended"
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    (finished,) = (line for line in lines if line.get("message") == "response finished")
    (emf,) = (line for line in lines if "_aws" in line)
    log = [line for line in lines if line is not finished and line is not emf]
    return Call(response, duration, log, finished, emf)
