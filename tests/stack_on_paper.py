"""A deployed stack that says what a test wrote down: its URL, Lambda's API, and the AWS services around it.

As it is made, everything is as the project claims. A test changes what it wants to see found.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from running_app import running_app
from sandbox.aws_api.app import aws_endpoint_app
from sandbox.aws_api.contract import ApiError
from sandbox.eventstream import CONTENT_TYPE, encode_message
from sandbox.signing.credentials import random_user

NAME, REGION, MODEL, MOST = "chat", "eu-north-1", "eu.amazon.nova-lite-v1:0", 500
TIMING = {"ttfb_ms": 4.0, "ttft_ms": 3.0, "duration_ms": 83.0}
USAGE = {"input_tokens": 5, "output_tokens": 7}
# When the pieces of an answer go out, in seconds after the request: start, deltas, end.
PACE = (0.0, 0.02, 0.05, 0.08, 0.1)


@dataclass
class Reply:
    """A response: when which bytes go out, and how it ends: properly, cut, or with a reset connection."""

    status: int
    headers: dict[str, str]
    pieces: list[tuple[float, bytes]]
    is_cut: bool = False
    is_reset: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.pieces)

    def say(self, body: bytes) -> None:
        """Say this at once, in place of what was to be said."""
        self.pieces = [(0.0, body)]


def request_id(kind: str) -> str:
    return f"00000000-0000-0000-0000-{kind.encode().hex():0>12.12}"


def trace_id(kind: str) -> str:
    return f"1-67891233-{kind.encode().hex():0>24.24}"


def _headers(kind: str, content_type: str) -> dict[str, str]:
    trace = f"Root={trace_id(kind)};Parent=53995c3f42cd8ad8;Sampled=1"
    return {"content-type": content_type, "x-request-id": request_id(kind), "x-amzn-trace-id": trace}


def said(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """The events of an answer."""
    ids = {"request_id": request_id(kind), "trace_id": trace_id(kind), "model": MODEL, "cold_start": False}
    deltas = [("delta", {"text": text}) for text in ("A ", "river ", "begins.")]
    return [("start", ids), *deltas, ("end", {"stop_reason": "max_tokens", "usage": USAGE, "timing": TIMING})]


def events(*said: tuple[str, Mapping[str, Any]]) -> list[bytes]:
    return [f"event: {name}\ndata: {json.dumps(fields)}\n\n".encode() for name, fields in said]


def lines(*said: tuple[str, Mapping[str, Any]]) -> list[bytes]:
    return [json.dumps({"type": name, **fields}).encode() + b"\n" for name, fields in said]


def _stream(kind: str) -> Reply:
    pieces = list(zip(PACE, events(*said(kind)), strict=True))
    return Reply(200, _headers(kind, "text/event-stream; charset=utf-8"), pieces)


def _error(kind: str, **error: str) -> Reply:
    body = json.dumps({"error": error, "request_id": request_id(kind)}).encode()
    return Reply(400, _headers(kind, "application/json"), [(0.0, body)])


def _replies() -> dict[str, Reply]:
    document = {"text": "A river", "stop_reason": "max_tokens", "usage": USAGE, "timing": TIMING, "model": MODEL}
    late = {"type": "deadline_exceeded", "message": "time ran out", "retryable": True}
    start, delta, *_ = said("late events")
    texts = [b"A ", b"river ", b"begins."]
    return {
        "events": _stream("events"),
        "lines": Reply(200, _headers("lines", "application/x-ndjson"), [(0.0, b"".join(lines(*said("lines"))))]),
        "text": Reply(200, _headers("text", "text/plain; charset=utf-8"), list(zip(PACE, texts, strict=False))),
        "document": Reply(200, _headers("document", "application/json"), [(0.0, json.dumps(document).encode())]),
        "unfit": _error("unfit", type="invalid_request", message="no", field="temperature"),
        "above": _error("above", type="invalid_request", message="no", field="max_tokens"),
        "at": _stream("at"),
        "unsigned": Reply(403, {"content-type": "application/json"}, [(0.0, b'{"Message": "Forbidden"}')]),
        "late events": Reply(
            200,
            _headers("late events", "text/event-stream"),
            [(0.0, b"".join(events(start, delta))), (0.1, events(("error", late))[0])],
        ),
        "late text": Reply(200, _headers("late text", "text/plain"), [(0.0, b"A "), (0.1, b"river")], is_cut=True),
        "invoked": _stream("invoked"),
    }


def _lines() -> dict[str, dict[str, Any]]:
    figures = {**USAGE, **TIMING, "first_text_ms": 5.0}
    found: dict[str, dict[str, Any]] = {}
    for kind, reply in _replies().items():
        if "x-request-id" in reply.headers:
            ids = {"message": "response finished", "request_id": request_id(kind)}
            outcome = "deadline_exceeded" if kind.startswith("late") else "completed"
            found[request_id(kind)] = {**ids, "outcome": outcome, **figures}
    return found


def _trace() -> list[dict[str, Any]]:
    function = {"name": "chat-StreamingFunction", "subsegments": [{"name": "Invocation"}]}
    tokens = [{"name": "first token"}, {"name": "remaining tokens"}]
    annotations = {"model": MODEL, "outcome": "completed", "ttft_ms": 3.0}
    handler = {
        "name": "## handler",
        "annotations": annotations,
        "subsegments": [{"name": "bedrock"} | {"subsegments": tokens}],
    }
    return [{"name": "chat-StreamingFunction"}, function, handler]


def _dashboard() -> dict[str, Any]:
    metrics = [
        ["Firstbyte", f"Metric{number}", "service", NAME, "model", MODEL, {"stat": "p50"}] for number in range(12)
    ]
    other = [[{"expression": "a / b"}], ["AWS/Lambda", "Errors", "FunctionName", "chat-StreamingFunction"]]
    log = "SOURCE '/aws/lambda/chat-streaming' | stats count(*)"
    arns = [f"arn:aws:cloudwatch:{REGION}:123456789012:alarm:chat-{name}" for name in ("page", "ttft")]
    return {
        "widgets": [
            {"type": "text", "properties": {"markdown": "# Chat"}},
            {"type": "metric", "properties": {"metrics": metrics + other}},
            {"type": "log", "properties": {"query": log}},
            {"type": "alarm", "properties": {"alarms": arns}},
        ]
    }


@dataclass
class StackOnPaper:
    """What it says.

    Attributes:
        replies: to each kind of request.
        completion: the end of the answer of Lambda's API.
        lines: of the log, by request id.
        metrics: the sum of each, by namespace and name.
        traces: the documents of each, by trace id.
        alarms: type and state of each, by name.
        refused: the errors of operations, by their names; `Invoke` is Lambda's.
    """

    status: str = "UPDATE_COMPLETE"
    parameters: dict[str, str] = field(
        default_factory=lambda: {
            "ModelId": "amazon.nova-lite-v1:0",
            "FallbackModelId": "amazon.nova-micro-v1:0",
            "Guardrail": "",
            "MaxOutputTokens": str(MOST),
            "TimeoutSeconds": "5",
            "UrlAuthType": "AWS_IAM",
            "PageTo": "someone@example.com",
        }
    )
    outputs: dict[str, str] = field(
        default_factory=lambda: {
            "FunctionName": "chat-StreamingFunction",
            "LogGroup": "/aws/lambda/chat-streaming",
            "DashboardUrl": "https://eu-north-1.console.aws.amazon.com/cloudwatch/home#dashboards/dashboard/chat-board",
            "ProbeCommand": "scripts/probe.sh --url",
        }
    )
    replies: dict[str, Reply] = field(default_factory=_replies)
    completion: dict[str, str] = field(default_factory=dict)
    lines: dict[str, dict[str, Any]] = field(default_factory=_lines)
    metrics: dict[tuple[str, str], float] = field(
        default_factory=lambda: {
            # Others call it, too.
            ("Firstbyte", "Requests"): 100,
            ("Firstbyte", "Completed"): 100,
            ("Firstbyte", "InputTokens"): 1000,
            ("Firstbyte", "OutputTokens"): 1000,
            ("AWS/Lambda", "Invocations"): 100,
            ("AWS/Bedrock", "Invocations"): 100,
        }
    )
    traces: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {trace_id(kind): _trace() for kind in ("events", "lines", "text")}
    )
    dashboard: dict[str, Any] = field(default_factory=_dashboard)
    alarms: dict[str, tuple[str, str]] = field(
        default_factory=lambda: {"chat-page": ("CompositeAlarm", "OK"), "chat-ttft": ("MetricAlarm", "OK")}
    )
    refused: dict[str, ApiError] = field(default_factory=dict)
    # What was asked of the services, and the kinds of requests to the function.
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def _operation(self, name: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append((name, request))
        if name in self.refused:
            raise self.refused[name]
        answer: dict[str, Any] = getattr(self, f"_{name}")(request)
        return answer

    def _DescribeStacks(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        if request["StackName"] != NAME:
            raise ApiError("ValidationError", f"Stack with id {request['StackName']} does not exist")
        stack = {"StackName": NAME, "CreationTime": datetime.now(UTC), "StackStatus": self.status}
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()]
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()]
        return {"Stacks": [{**stack, "Parameters": parameters, "Outputs": outputs}]}

    def _GetDashboard(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert request == {"DashboardName": "chat-board"}
        return {"DashboardName": "chat-board", "DashboardBody": json.dumps(self.dashboard)}

    def _DescribeAlarms(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert request["AlarmNamePrefix"] == "chat-"
        found: dict[str, Any] = {"MetricAlarms": [], "CompositeAlarms": []}
        for name, (kind, state) in self.alarms.items():
            found[f"{kind}s"].append({"AlarmName": name, "StateValue": state})
        return found

    def _FilterLogEvents(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert request["logGroupName"] == self.outputs["LogGroup"]
        lines = [line for key, line in self.lines.items() if f'$.request_id = "{key}"' in request["filterPattern"]]
        return {"events": [{"message": json.dumps(line)} for line in lines]}

    def _GetMetricData(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        (query,) = request["MetricDataQueries"]
        metric = query["MetricStat"]["Metric"]
        dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        known = {"service": NAME, "model": MODEL, "ModelId": MODEL, "FunctionName": "chat-StreamingFunction"}
        value = (
            self.metrics.get((metric["Namespace"], metric["MetricName"]))
            if dimensions.items() <= known.items()
            else None
        )
        # In two minutes.
        values = [] if value is None else [value - 1, 1.0]
        times = [datetime.now(UTC)] * len(values)
        return {
            "MetricDataResults": [{"Id": query["Id"], "Values": values, "Timestamps": times, "StatusCode": "Complete"}]
        }

    def _BatchGetTraces(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        traces = [
            {
                "Id": key,
                "Segments": [
                    {"Id": str(number), "Document": json.dumps(each)} for number, each in enumerate(self.traces[key])
                ],
            }
            for key in request["TraceIds"]
            if key in self.traces
        ]
        return {"Traces": traces, "UnprocessedTraceIds": []}

    def _kind(self, request: web.Request, body: Mapping[str, Any]) -> str:
        if "Authorization" not in request.headers:
            return "unsigned"
        accept = request.headers["Accept"]
        if "temperature" in body:
            return "unfit"
        if body["max_tokens"] > MOST:
            return "above"
        if "ten thousand words" in body["prompt"]:
            return "late text" if accept == "text/plain" else "late events"
        if body["max_tokens"] == MOST:
            return "at"
        kinds = {"text/event-stream": "events", "application/x-ndjson": "lines", "text/plain": "text"}
        return kinds.get(accept, "document")

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        kind = self._kind(request, await request.json())
        self.requests.append(kind)
        reply = self.replies[kind]
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        await response.prepare(request)
        await _send(response, reply.pieces)
        if reply.is_cut or reply.is_reset:
            assert request.transport is not None
            if reply.is_reset:  # closed with no time to linger, a socket sends RST in place of FIN: socket(7)
                linger = struct.pack("ii", 1, 0)
                request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            request.transport.close()
            return response
        await response.write_eof()
        return response

    async def _invoke(self, request: web.Request) -> web.StreamResponse:
        assert request.path == "/2021-11-15/functions/chat-StreamingFunction/response-streaming-invocations"
        assert request.query == {"Qualifier": "live"}
        self.requests.append("invoked")
        if error := self.refused.get("Invoke"):
            headers = {"x-amzn-errortype": error.code}
            return web.json_response({"message": error.message}, status=error.status, headers=headers)
        reply = self.replies["invoked"]
        response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE})
        await response.prepare(request)
        head = json.dumps({"statusCode": reply.status, "headers": reply.headers, "cookies": []}).encode()
        pieces = [(0.0, head), (0.0, b"\0" * 8), *reply.pieces]
        await _send(response, [(at, _message("PayloadChunk", "application/octet-stream", data)) for at, data in pieces])
        if not reply.is_cut:
            await response.write(_message("InvokeComplete", "application/json", json.dumps(self.completion).encode()))
        await response.write_eof()
        return response

    @contextmanager
    def running(self) -> Iterator[dict[str, str]]:
        """Answer while the body runs; gives the variables that lead AWS's tools there."""
        user = random_user()
        operations = {
            name: lambda request, name=name: self._operation(name, request)
            for name in (
                *("DescribeStacks", "GetDashboard", "DescribeAlarms", "FilterLogEvents", "GetMetricData"),
                "BatchGetTraces",
            )
        }
        engines = dict.fromkeys(("cloudformation", "monitoring", "logs", "xray"), operations)
        app = web.Application()
        app.router.add_route("*", "/", self._answer)
        endpoint = aws_endpoint_app([user], REGION, self._invoke, engines)
        with running_app(app) as url_port, running_app(endpoint) as port:
            self.outputs.setdefault("FunctionUrl", f"http://127.0.0.1:{url_port}/")
            yield {**user.variables, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}


async def _send(response: web.StreamResponse, pieces: list[tuple[float, bytes]]) -> None:
    begun = asyncio.get_running_loop().time()
    for at, data in pieces:
        await asyncio.sleep(max(0.0, begun + at - asyncio.get_running_loop().time()))
        await response.write(data)


def _message(name: str, content_type: str, payload: bytes) -> bytes:
    return encode_message({":message-type": "event", ":event-type": name, ":content-type": content_type}, payload)
