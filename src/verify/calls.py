"""One request to the function, through curl or through Lambda's API, and its answer with every arrival timed."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from probe.connection import Connection
from probe.curl import BODY, HEADER, Arrival, CurlFigures, configuration
from probe.json_object import parse_object
from probe.load import utc_now
from probe.measurement import Run, measure
from probe.observation import Observation, Observer
from verify.access import reason
from verify.deployed import Deployed

EVENTS, LINES, TEXT, DOCUMENT = "text/event-stream", "application/x-ndjson", "text/plain", "application/json"
# No short answer takes longer, whatever the function's timeout is; for a connection and a cold start there is more.
_LONGEST_SECONDS, _MORE_SECONDS = 60, 30
# What stands between status and headers, and the body: https://docs.aws.amazon.com/lambda/latest/dg/response-streaming-tutorial.html
_DIVIDER = b"\0" * 8
# Arrivals that are closer count as one moment: nobody wrote them one by one.
_ONE_MOMENT_MS = 1.0


@dataclass(frozen=True)
class Answer:
    """An answer: what was seen, and its figures."""

    seen: Observation
    run: Run

    @property
    def status(self) -> int:
        """The HTTP status; 0 if none came."""
        return self.seen.head.status if self.seen.head else 0

    def header(self, name: str) -> str:
        """Return a header's value, empty if it is not there."""
        return self.seen.head.headers.get(name, "") if self.seen.head else ""

    @property
    def request_id(self) -> str:
        """The function's own; empty if the request did not reach it."""
        return self.header("x-request-id")

    @property
    def refusal(self) -> Mapping[str, Any]:
        """The error in the body of a response that is none of 2xx; empty if there is none."""
        error = (parse_object(self.seen.kept_body) or {}).get("error")
        return error if isinstance(error, dict) else {}

    @property
    def moments(self) -> int:
        """At how many different moments pieces of the answer arrived."""
        return bool(self.seen.chunks) + sum(gap >= _ONE_MOMENT_MS for gap in self.run.gaps_ms)

    def outline(self) -> str:
        """Return how it ended, in a few words."""
        error = f": {self.run.error.type}: {self.run.error.message}" if self.run.error else ""
        return f"status {self.status}, {self.run.outcome}{error}"


def ask(deployed: Deployed, body: Mapping[str, Any], accept: str, *, signed: bool = True) -> Answer:
    """Send a request to the function's URL with curl."""
    target = deployed.function_url
    headers = {"accept": accept, "content-type": "application/json"}
    keys = deployed.access.credentials if signed else None
    timeout = min(deployed.timeout_seconds, _LONGEST_SECONDS) + _MORE_SECONDS
    config = configuration(target, keys, "lambda", headers, timeout)
    observer = Observer()
    with Connection(config, [json.dumps(body).encode()], os.environ) as connection:
        for arrival in connection.exchange():
            observer.take(arrival)
    return _answer(observer, connection.figures, deployed, buffered=accept == DOCUMENT)


def invoke(deployed: Deployed, body: Mapping[str, Any], accept: str) -> Answer | str:
    """Send a request with Lambda's InvokeWithResponseStream; return why if there is no answer."""
    event = {"headers": {"accept": accept}, "body": json.dumps(body)}
    observer, head = Observer(), b""
    begun = time.monotonic()
    first, failure, is_complete = 0.0, "", False
    try:
        stream = deployed.access.client("lambda").invoke_with_response_stream(
            FunctionName=deployed.outputs["FunctionName"], Qualifier="live", Payload=json.dumps(event)
        )["EventStream"]
        for part in stream:
            now = time.monotonic()
            first = first or now - begun
            if "InvokeComplete" in part:
                is_complete, failure = True, part["InvokeComplete"].get("ErrorCode", "")
            data = part.get("PayloadChunk", {}).get("Payload", b"")
            if observer.observation.head is None:
                head, divider, data = (head + data).partition(_DIVIDER)
                if divider:
                    observer.take(Arrival(now, HEADER, _head(head)))
            if data:
                observer.take(Arrival(now, BODY, data))
    except (ClientError, BotoCoreError, HTTPError) as error:  # the last is of a broken stream
        return reason(error)
    except ValueError:
        return "what came before the eight NUL bytes is not the JSON of status and headers"
    if observer.observation.head is None:
        return f"no status and headers came ({failure or 'the stream ended'})"
    now = time.monotonic()
    code = 0 if is_complete and not failure else 18
    message = failure or ("" if is_complete else "InvokeComplete did not come")
    figures = CurlFigures(code, message, start_transfer=first, total=now - begun, said_at=now)
    return _answer(observer, figures, deployed)


def _head(prelude: bytes) -> bytes:
    """Return status and headers as HTTP has them.

    Raises:
        ValueError: it is not their JSON.
    """
    match parse_object(prelude):
        case {"statusCode": int(status), "headers": dict(headers)}:
            lines = [f"HTTP/1.1 {status} ", *(" ".join(f"{name}: {value}".split()) for name, value in headers.items())]
            return "\r\n".join([*lines, "", ""]).encode()
    raise ValueError("no status and headers")


def _answer(observer: Observer, figures: CurlFigures | None, deployed: Deployed, *, buffered: bool = False) -> Answer:
    if figures and figures.exit_code == 0:
        observer.end()
    run = measure(
        observer.observation,
        figures,
        number=1,
        warm_up=False,
        started_at=utc_now(),
        uses_tls=not deployed.function_url.is_local,
        buffered=buffered,
        hidden=deployed.access.credentials.hidden_in,
    )
    return Answer(observer.observation, run)
