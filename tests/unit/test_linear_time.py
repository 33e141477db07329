"""What reads bytes from outside takes time in proportion to their length, also in the worst case.

Each case is a reader with an input that would make a careless one slow. The time is that of this thread on a processor,
so what else the machine does counts little.
"""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from firstbyte.config import Config
from firstbyte.failures import RequestError
from firstbyte.identifiers import without_identifiers
from firstbyte.meter import Objectives
from firstbyte.pricing import Prices
from firstbyte.redaction import Redaction
from firstbyte.request import parse_request
from firstbyte.trace_header import parse_trace_header
from lambda_streaming import wire
from probe.cloudwatch import _refusal
from probe.curl import BODY, HEADER, Arrival, parse_figures
from probe.masking import is_secret_name
from probe.observation import Observer
from sandbox.aws_api.contract import ApiError
from sandbox.bedrock import converse
from sandbox.bedrock.answer import compose
from sandbox.bedrock.errors import RefusedError
from sandbox.bedrock.families import anthropic, llama
from sandbox.bedrock.models import find_model
from sandbox.bedrock.script import ScriptError, parse_directive, script_for
from sandbox.bedrock.validation import check_body
from sandbox.cloudwatch.emf import emf_points
from sandbox.cloudwatch.metric_math import evaluate
from sandbox.cloudwatch.series import Series
from sandbox.invocation import FunctionError
from sandbox.lambda_service.response_head import PreludeReader, ResponseHeadError, buffered_response
from sandbox.lambda_service.url_event import url_event
from sandbox.logs.filter_pattern import filter_condition
from sandbox.logs.insights.pipeline import translate
from sandbox.logs.sql import Parameters
from sandbox.strict_json import parse_json
from sandbox.trace_context import trace_context
from sandbox.xray.documents import check
from sandbox.xray.filters import parse_filter
from sandbox.xray.trace import assemble
from trace_documents import nested, segment, subsegment
from verify.masking import masked

pytestmark = pytest.mark.alone

# How much longer the second input is, and how much more time it may take: more than in proportion, for memory that is
# no longer near, but far less than the square.
TIMES, MORE_TIME = 6, 15
# Below this the clock says nothing.
LEAST_SECONDS = 0.0005
RUNS = 3

REFUSALS = (ApiError, RefusedError, RequestError, ResponseHeadError, ScriptError, ValueError)
NOW = datetime.now(UTC)
DEFAULT = parse_directive("")
CONFIG = Config("eu-central-1", ("a.b",), None, 2000, 10**9, 60, Objectives(2000, 100), Prices({}))
USER = "<|start_header_id|>user<|end_header_id|>"


class Scope:
    start_ms, end_ms = 0, 60_000

    def value(self, _query_id: str) -> Series:
        return Series(60, {0: 1.0})

    def count(self, *values: object) -> None:
        """No limit here: the time is what is measured."""

    def common_period(self) -> int:
        return 60


def answered(prompt: str) -> None:
    read = llama.read({"prompt": prompt, "max_gen_len": 8192})
    compose(script_for("meta.llama3", DEFAULT, read.user_text), read)


def conversation(n: int, content: Any) -> list[dict[str, Any]]:
    return [{"role": ("user", "assistant")[i % 2], "content": content} for i in range(2 * n + 1)]


def anthropics(messages: Any) -> None:
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1, "messages": messages}
    check_body(body, anthropic.BODY)
    anthropic.read(body)


def conversed(body: Any) -> None:
    check_body(body, converse.BODY)
    converse.read(body)


def emf(names: int, sets: int, directives: int, values: int = 1) -> str:
    metrics = [{"Name": f"m{number}"} for number in range(names)]
    directive = {"Namespace": "n", "Dimensions": [["d"]] * sets, "Metrics": metrics}
    document = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive] * directives}, "d": "x"}
    return json.dumps(document | {f"m{number}": [1] * values for number in range(names)})


def query(text: str) -> None:
    translate(text, ["group"], 0, 1)


def requested(headers: list[tuple[str, str]], path: str = "/") -> None:
    transport = Mock(get_extra_info=lambda _name: ("127.0.0.1", 1))
    request = make_mocked_request("GET", path, headers=CIMultiDict(headers), transport=transport)
    url_event(request, b"", "id.lambda-url.eu-central-1.on.aws", "id", "trace", NOW)


def prelude(pieces: Iterator[bytes]) -> None:
    reader = PreludeReader()
    for piece in pieces:
        reader.feed(piece)


def observed(content_type: str, pieces: list[bytes], head: list[bytes] | None = None) -> None:
    observer = Observer()
    for line in head or [b"HTTP/1.1 200 OK\r\n", f"content-type: {content_type}\r\n".encode(), b"\r\n"]:
        observer.take(Arrival(0.0, HEADER, line))
    for number, piece in enumerate(pieces):
        observer.take(Arrival(number, BODY, piece))
    observer.end()


def compressed(data: bytes) -> None:
    head = [b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-encoding: gzip\r\n\r\n"]
    observed("", [data[i : i + 65_536] for i in range(0, len(data), 65_536)], head)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def event(fields: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % json.dumps(fields).encode()


def usages(n: int) -> list[bytes]:
    start = {"type": "message_start", "message": {}}
    return [event(start), *(event({"type": "message_delta", "usage": {f"u{i}": 1}}) for i in range(n))]


def attempted(prompts: int) -> None:
    messages = [{"role": ("user", "assistant")[i % 2], "content": "a"} for i in range(2 * prompts + 1)]
    parse_request({"body": json.dumps({"messages": messages})}, CONFIG)


# The reader, what it reads at a length, and a length at which that takes some milliseconds.
CASES: dict[str, tuple[Callable[[Any], object], Callable[[int], Any], int]] = {
    # The sandbox: prompts
    "directives that never end": (answered, lambda n: "[[sandbox:" * n, 5000),
    "one that ends before them": (answered, lambda n: "[[sandbox: echo]]" + "[[sandbox:" * n, 5000),
    "directives": (answered, lambda n: "[[sandbox: echo]]" * n, 200),
    "stalls": (answered, lambda n: f"[[sandbox: {'stall=1:0 ' * n}]]", 1000),
    "keys": (answered, lambda n: f"[[sandbox: {'gap=1 ' * n}]]", 1000),
    "brackets": (answered, lambda n: "[" * n, 50_000),
    "blanks to echo": (answered, lambda n: "[[sandbox: echo]]x" + " " * n, 50_000),
    "words to echo": (answered, lambda n: "[[sandbox: echo]]" + " x" * n, 1000),
    "lines of Llama's users": (answered, lambda n: (USER + "\n") * n, 1000),
    "line feeds of Llama's user": (answered, lambda n: USER + "\n" * n, 50_000),
    # The sandbox: Bedrock's requests
    "Anthropic's messages": (anthropics, lambda n: conversation(n, [{"type": "text", "text": "a"}]), 20),
    "Anthropic's texts": (anthropics, lambda n: conversation(n, "a"), 20),
    "Anthropic's blocks": (anthropics, lambda n: conversation(0, [{"type": "text", "text": "a"}] * n), 20),
    "wrong members": (anthropics, lambda n: {f"k{i}": 1 for i in range(n)}, 2000),
    "Converse's messages": (conversed, lambda n: {"messages": conversation(n, [{"text": "a"}])}, 20),
    "unknown members": (conversed, lambda n: {f"k{i}": 1 for i in range(n)}, 500),
    "a model's id": (partial(find_model, region="us-east-1"), lambda n: "anthropic." + "a-v1:0:" * n, 500),
    "an ARN": (partial(find_model, region="us-east-1"), lambda n: "arn:aws" + "-" * n + ":bedrock:", 5000),
    # The sandbox: JSON
    "JSON within JSON": (parse_json, lambda n: "[" * n, 20_000),
    "a number": (parse_json, lambda n: "1" * n, 20_000),
    "a fraction": (parse_json, lambda n: f"1.{'1' * n}", 20_000),
    # The sandbox: what functions print and send
    "EMF metrics": (emf_points, lambda n: emf(1, 1, n), 20),
    "EMF dimension sets": (emf_points, lambda n: emf(10, n, 1, values=10), 20),
    "EMF points without end": (emf_points, lambda n: emf(100, n, n, values=100), 10),
    "subsegments": (check, lambda n: segment(0, subsegments=[nested(i) for i in range(n)]), 200),
    "subsegments sent alone": (
        partial(assemble, "id"),
        lambda n: [json.dumps(segment(0)), *(json.dumps(subsegment(i + 1, 0)) for i in range(n))],
        100,
    ),
    "an error's details": (lambda text: FunctionError("a", text).summary, lambda n: "[" * n, 20_000),
    "a prelude in bytes": (prelude, lambda n: [b" "] * n, 1000),
    "zeros in a prelude": (prelude, lambda n: [b"\0\0\0\0\0\0\0x"] * n, 500),
    "a buffered response": (buffered_response, lambda n: b'{"statusCode": 200, "headers": ' + b"[" * n, 50_000),
    "headers": (
        buffered_response,
        lambda n: json.dumps({"statusCode": 200, "headers": {f"h{i}": "v" for i in range(n)}}).encode(),
        500,
    ),
    # The sandbox: heads of requests
    "headers of one name": (requested, lambda n: [("x", "v" * 100)] * n, 200),
    "cookies": (requested, lambda n: [("cookie", "a;" * n)], 1000),
    "parameters of one name": (lambda path: requested([], path), lambda n: "/?" + "x=1&" * n, 200),
    "a trace header": (partial(trace_context, active=True, now=NOW), lambda n: "Root=;" * n, 1000),
    # The sandbox: languages
    "metric math": (partial(evaluate, scope=Scope(), period=60), lambda n: "a" + "+a" * n, 30),
    "signs of metric math": (partial(evaluate, scope=Scope(), period=60), lambda n: "-" * n + "a", 30),
    "capitals of metric math": (partial(evaluate, scope=Scope(), period=60), lambda n: "A" * n + "é", 20_000),
    "terms of a filter": (partial(filter_condition, parameters=Parameters()), lambda n: "a " * n, 100),
    "a term that goes on": (partial(filter_condition, parameters=Parameters()), lambda n: "a" * n + "!", 20_000),
    "an open quotation": (partial(filter_condition, parameters=Parameters()), lambda n: '"' + "\\a" * n, 5000),
    "conditions of a filter": (
        lambda text: filter_condition(text, Parameters()),
        lambda n: "{ $.a = 1" + " && $.a = 1" * n + "}",
        30,
    ),
    "conditions of a query": (query, lambda n: "filter a = 1" + " or a = 1" * n, 30),
    "commands of a query": (query, lambda n: "filter a = 1" + "| filter a = 1" * n, 30),
    "fields of a query": (query, lambda n: "fields a" + ", a" * n, 30),
    "groups of a pattern": (
        query,
        lambda n: "parse a /" + "".join(f"(?<a{i}>a)" for i in range(n)) + "/ | fields a0",
        5,
    ),
    "a filter of traces": (parse_filter, lambda n: "ok" + " AND ok" * n, 30),
    "an open quotation of traces": (parse_filter, lambda n: 'service("' + "\\a" * n, 5000),
    # The function and its layer
    "messages": (attempted, lambda n: n, 500),
    "a trace header in the function": (parse_trace_header, lambda n: "Root=;" * n, 1000),
    "a request in the redaction": (
        lambda text: Redaction([text]).clean("a b c d"),
        lambda n: "\\u0026amp;%25 é" * n,
        500,
    ),
    "combining marks in the redaction": (
        lambda text: Redaction([text]).clean("a b c d"),
        lambda n: "a" + "\u0300\u0316" * n,
        3000,
    ),
    "sound marks in the redaction": (
        lambda text: Redaction([text]).clean("a b c d"),
        lambda n: "\uff76" + "\uff9e\u0300" * n,
        3000,
    ),
    "combining marks in Bedrock's words": (without_identifiers, lambda n: "a" + "\u0300\u0316" * n, 3000),
    "combining marks in escapes": (without_identifiers, lambda n: "a" + "\\u0300&#x316;" * n, 3000),
    "an error's message": (lambda text: wire.body_end_with_error("E", text), lambda n: "m" * n, 5000),
    # The probe
    "events": (partial(observed, "text/event-stream"), lambda n: cut(b"data: a\n\n" * n, 65_536), 500),
    "an event that never ends": (partial(observed, "text/event-stream"), lambda n: [b"data: a"] * n, 500),
    "lines of one event": (partial(observed, "text/event-stream"), lambda n: cut(b"data: a\n" * n, 100), 1000),
    "comments": (partial(observed, "text/event-stream"), lambda n: [b":\r"] * n, 500),
    "usages": (partial(observed, "text/event-stream"), usages, 1000),
    "lines": (partial(observed, "application/x-ndjson"), lambda n: [b"{}\n"] * n, 300),
    "a line that never ends": (partial(observed, "application/x-ndjson"), lambda n: [b"a"] * n, 500),
    "text": (partial(observed, "text/plain"), lambda n: [b"a"] * n, 500),
    "a document": (partial(observed, "application/json"), lambda n: [b"[" * 1000] * n, 200),
    "members of gzip": (compressed, lambda n: gzip.compress(b"") * n, 500),
    "zeros in gzip": (compressed, lambda n: gzip.compress(bytes(n)), 500_000),
    "header lines": (lambda head: observed("", [], head), lambda n: [b"HTTP/1.1 200 OK\r\n", *[b"a: b\r\n"] * n], 100),
    "interim responses": (lambda head: observed("", [], head), lambda n: [b"HTTP/1.1 100 Continue\r\n\r\n"] * n, 100),
    "what curl says": (parse_figures, lambda n: "\nfigures: 1 1" + " 1.1" * n, 5000),
    "figures of curl": (parse_figures, lambda n: "\nfigures: 1 1 1.1" * n, 1000),
    "CloudWatch's refusal": (partial(_refusal, 400), lambda n: "<Code>" * n, 2000),
    "a header's name": (is_secret_name, lambda n: "token" * n + "x", 2000),
    # Verification
    "a URL that is none": (masked, lambda n: "a" * n, 5000),
    "addresses": (masked, lambda n: "a@" * n, 2000),
    "dots": (masked, lambda n: "a." * n, 2000),
    "ids": (masked, lambda n: "ABCD" * n, 2000),
    "digits": (masked, lambda n: "1-" + "0" * n, 5000),
}


def seconds(read: Callable[[Any], object], content: Any) -> float:
    def once() -> float:
        began = time.thread_time()
        with suppress(*REFUSALS, RecursionError):
            read(content)
        return time.thread_time() - began

    return min(once() for _ in range(RUNS))


@pytest.mark.parametrize("name", CASES)
def test_time_grows_no_faster_than_length(name: str) -> None:
    read, make, length = CASES[name]
    short, long = seconds(read, make(length)), seconds(read, make(TIMES * length))
    assert long < MORE_TIME * max(short, LEAST_SECONDS), f"{short * 1000:.2f} ms, then {long * 1000:.2f} ms"
