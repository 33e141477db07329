"""The running sandbox: spoiled requests at every port, then a good one, and no traceback on its terminal."""

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutations import CUTS, as_json, examples, in_pieces, spoiled, spoiled_bytes
from sandbox_client import call, signed_headers
from sandbox_process import RunningSandbox, StartSandbox

BODY = {"prompt": "[[sandbox: ttft=0 gap=0 chunks=2]] Hello", "max_tokens": 5}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "[[sandbox: ttft=0 gap=0 chunks=2]] Hello"}]}]}
HEADERS = {"Content-Type": "application/json", "Accept": "text/event-stream", "X-Amzn-Trace-Id": "Root=1-2-3"}
HEAD = b"Host: 127.0.0.1\r\nContent-Type: application/json\r\nX-Amz-Target: Logs_20140328.StartQuery\r\n"
RAW = (
    b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\n\r\n{}",
    b"POST /model/amazon.nova-micro-v1%3A0/converse-stream HTTP/1.1\r\n"
    + HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nA: b\r\n\r\n",
    b"GET /%ff?a=%zz&b HTTP/1.1\r\n"
    + HEAD
    + b"Authorization: AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request\r\n\r\n",
    b"GET / HTTP/1.0\r\nExpect: 100-continue\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
)
OPERATIONS: dict[tuple[str, str], Any] = {
    ("monitoring", "GraniteServiceVersion20100801.PutMetricData"): {
        "Namespace": "N",
        "MetricData": [{"MetricName": "a", "Value": 1, "Dimensions": [{"Name": "b", "Value": "c"}]}],
    },
    ("logs", "Logs_20140328.FilterLogEvents"): {
        "logGroupName": "/aws/lambda/firstbyte-streaming",
        "filterPattern": "a",
    },
    ("xray", ""): {"TraceIds": ["1-6a000000-0123456789abcdef01234567"]},
    ("lambda", ""): {"headers": {}, "body": json.dumps(BODY)},
}
PATHS = {
    "xray": "/Traces",
    "lambda": "/2021-11-15/functions/firstbyte-streaming/response-streaming-invocations",
}


@pytest.fixture(scope="module")
def running(start_sandbox: StartSandbox) -> Iterator[RunningSandbox]:
    running = start_sandbox()
    yield running
    answer = call(running.ready, json.dumps(BODY), headers=HEADERS)
    assert answer.status == 200
    assert answer.complete
    assert b"event: end" in answer.body
    _, traceback, words = running.log().partition("Traceback")
    assert not traceback, words[:3000]


@given(spoiled_bytes(*RAW), CUTS, st.sampled_from(("function_url", "aws_endpoint_url", "bedrock_url")))
@examples(1)
def test_bytes_at_a_port(running: RunningSandbox, sent: bytes, cuts: list[int], port: str) -> None:
    address = urlsplit(running.ready[port])
    with contextlib.suppress(OSError), socket.create_connection((address.hostname, address.port), 5) as connection:
        for piece in in_pieces(sent, cuts):
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65536)


def answered(running: RunningSandbox, port: str, path: str, body: bytes, headers: dict[str, str], service: str) -> int:
    """The status of a signed request."""
    url = running.ready[port].rstrip("/") + path
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request("POST", path, body, signed_headers(running.ready, "POST", url, body, headers, service))
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


@given(spoiled(BODY), spoiled_bytes(b"text/event-stream, */*;q=0.1", b"application/json"))
@examples(0.3)
def test_a_body_for_the_function(running: RunningSandbox, body: Any, accept: bytes) -> None:
    readable = "".join(filter(str.isprintable, accept.decode(errors="ignore"))).encode("ascii", "ignore").decode()
    headers = {"Content-Type": "application/json", "Accept": " ".join(readable.split()) or "*/*"}
    assert answered(running, "function_url", "/", as_json(body).encode(), headers, "lambda") in (200, 400, 406, 413)


@pytest.mark.parametrize(("service", "target"), OPERATIONS)
@given(data=st.data())
@examples(0.2)
def test_a_body_for_an_api(running: RunningSandbox, service: str, target: str, data: st.DataObject) -> None:
    body = as_json(data.draw(spoiled(OPERATIONS[service, target]))).encode()
    headers = {"Content-Type": "application/x-amz-json-1.0", **({"X-Amz-Target": target} if target else {})}
    status = answered(running, "aws_endpoint_url", PATHS.get(service, "/"), body, headers, service)
    assert status in (200, 400, 404, 413, 501)


@given(spoiled(CONVERSE))
@examples(0.3)
def test_a_body_for_bedrock(running: RunningSandbox, body: Any) -> None:
    path = "/model/amazon.nova-micro-v1%3A0/converse-stream"
    headers = {"Content-Type": "application/json"}
    assert answered(running, "bedrock_url", path, as_json(body).encode(), headers, "bedrock") in (200, 400)
