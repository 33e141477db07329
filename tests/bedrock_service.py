"""The sandbox's Bedrock on a loopback port, in a thread of its own, with real clients for it."""

import base64
import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.eventstream import EventStreamBuffer, EventStreamMessage

from running_app import running_app
from sandbox.bedrock.app import bedrock_app
from sandbox.bedrock.served import Served

CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
NOVA = "amazon.nova-micro-v1:0"
LLAMA = "meta.llama3-8b-instruct-v1:0"
TITAN = "amazon.titan-text-lite-v1"
FAST = "ttft=0 gap=0 chunks=5"


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def messages(self) -> list[EventStreamMessage]:
        return decode(self.body)

    @property
    def chunks(self) -> list[dict[str, Any]]:
        return [json.loads(base64.b64decode(json.loads(message.payload)["bytes"])) for message in self.messages]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Service:
    """A running stand-in: where it listens, what it served, and a real client."""

    port: int
    region: str
    served: list[Served] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, read_timeout: float = 10) -> Any:
        config = Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout)
        return boto3.client(
            "bedrock-runtime",
            region_name=self.region,
            endpoint_url=self.url,
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="secret",
            config=config,
        )

    def post(self, path: str, body: Any, method: str = "POST") -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, data, {"content-type": "application/json"})
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def invoke(self, model: str, body: Any) -> Reply:
        return self.post(f"/model/{quote(model, safe='')}/invoke-with-response-stream", body)

    def converse(self, model: str, body: Any) -> Reply:
        return self.post(f"/model/{quote(model, safe='')}/converse-stream", body)

    def last_served(self, count: int = 1) -> Served:
        """The record of request number `count`, which may come a moment after its last byte."""
        deadline = time.monotonic() + 5
        while len(self.served) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.served) == count
        return self.served[-1]


@contextmanager
def running_bedrock(default_script: str = FAST, region: str = "us-east-1") -> Iterator[Service]:
    served: list[Served] = []
    with running_app(bedrock_app(default_script, region, served.append)) as port:
        yield Service(port, region, served)


def body_for(model: str, text: str, max_tokens: int = 400) -> dict[str, Any]:
    """A minimal InvokeModelWithResponseStream body in the model's format."""
    if model == CLAUDE:
        messages = [{"role": "user", "content": [{"type": "text", "text": text}]}]
        return {"anthropic_version": "bedrock-2023-05-31", "max_tokens": max_tokens, "messages": messages}
    if model == NOVA:
        return {
            "messages": [{"role": "user", "content": [{"text": text}]}],
            "inferenceConfig": {"maxTokens": max_tokens},
        }
    assert model == LLAMA
    return {"prompt": text, "max_gen_len": max_tokens}


def converse_body(text: str, **extra: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"text": text}]}], **extra}


def decode(data: bytes) -> list[EventStreamMessage]:
    """Every message in the bytes, by botocore's decoder; a rest is an error."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    messages = list(buffer)
    assert sum(message.prelude.total_length for message in messages) == len(data)
    return messages
