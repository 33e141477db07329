"""The trace of one response, as the X-Ray daemon gets it: real SDK, real datagrams, marks that the test has set."""

import json
import os
import socket
import subprocess
import sys
from typing import Any

import pytest

from firstbyte.trace_header import TraceHeader, parse_trace_header
from tools import REPOSITORY

ROOT, PARENT = "1-6a1b2c3d-0123456789abcdef01234567", "fedcba9876543210"
# Marks in seconds after the handler was entered; the trace is made ten seconds after the end.
DRIVER = """
import json, sys, time
from firstbyte.failures import ErrorType, Failure
from firstbyte.meter import Meter, Objectives
from firstbyte.model_events import Delta, ModelUsage, Usage
from firstbyte.pricing import Prices
from firstbyte.trace_header import parse_trace_header
from firstbyte.tracing import emit_trace

now = 100.0
meter = Meter(cold_start=True, clock=lambda: now)
for step in json.loads(sys.argv[1]):
    what, now = step[0], 100.0 + step[1]
    match what:
        case "ask": meter.model_asked(step[2], "ConverseStream")
        case "text": meter.attempts[-1].observe(Delta("x"))
        case "usage": meter.attempts[-1].observe(ModelUsage(Usage(5, 6)))
        case "end": meter.attempts[-1].end(Failure.of(ErrorType(step[2])) if len(step) > 2 else None)
        case "fail": meter.failed(Failure.of(ErrorType(step[2])))
        case "write": meter.bytes_written(1)
meter.end()
now += 10
for header in sys.argv[2:]:
    figures = meter.figures(Objectives(1000, 100), Prices({}))
    before = time.time()
    emit_trace(meter, figures, "the-request", parse_trace_header(header), "eu-central-1")
    print(before - now + 100)
"""


def traced(steps: list[list[Any]], *headers: str, **environment: str) -> tuple[list[dict[str, Any]], float, str]:
    """The documents that are sent, when the handler was entered in seconds since 1970, and what is logged."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(0.2)
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, json.dumps(steps), *headers],
            env={
                "PYTHONPATH": f"{REPOSITORY / 'src/function'}:{REPOSITORY / 'src/runtime'}",
                "PATH": os.environ["PATH"],
                "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
                "LAMBDA_TASK_ROOT": "/var/task",
                "_X_AMZN_TRACE_ID": headers[-1],
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        documents = []
        try:
            while True:
                head, _, body = daemon.recv(65536).partition(b"\n")
                assert json.loads(head) == {"format": "json", "version": 1}
                documents.append(json.loads(body))
        except TimeoutError:
            return documents, float(done.stdout.split()[0]), done.stderr


def header(root: str = ROOT, parent: str = PARENT) -> str:
    return f"Root={root};Parent={parent};Sampled=1"


def tree(documents: list[dict[str, Any]], parent: str, start: float) -> list[Any]:
    """What hangs under one id: name, begin and end in milliseconds after `start`, flags, and what hangs under that."""
    children = sorted((doc for doc in documents if doc["parent_id"] == parent), key=lambda doc: doc["start_time"])
    return [
        (
            doc["name"],
            round((doc["start_time"] - start) * 1000),
            round((doc["end_time"] - start) * 1000),
            [flag for flag in ("error", "throttle", "fault") if doc.get(flag)],
            tree(documents, doc["id"], start),
        )
        for doc in children
    ]


def near(found: list[Any], expected: list[Any], slack: int = 20) -> bool:
    """Whether two trees are the same, times within some milliseconds: of the way from one clock to the other."""
    return len(found) == len(expected) and all(
        one[0] == other[0]
        and abs(one[1] - other[1]) <= slack
        and abs(one[2] - other[2]) <= slack
        and one[3] == other[3]
        and near(one[4], other[4], slack)
        for one, other in zip(found, expected, strict=True)
    )


COMPLETED: list[list[Any]] = [
    *(["ask", 0.1, "a.model"], ["text", 0.5], ["write", 0.6], ["text", 0.9], ["usage", 1.2], ["end", 1.3]),
    ["write", 1.4],
]


@pytest.mark.parametrize(
    "model_id",
    [
        "eu.amazon.nova-lite-v1:0",
        "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3d4e5f6",
    ],
)
def test_the_model_is_named_by_the_id_that_was_called(model_id: str) -> None:
    documents, _, log = traced([["ask", 0.1, model_id], ["text", 0.5], ["end", 1.3], ["write", 1.4]], header())
    (call,) = (doc for doc in documents if doc["name"] == "bedrock")
    assert call["aws"]["model_id"] == model_id
    assert documents[-1]["annotations"]["model"] == model_id
    assert log == ""


def test_a_completed_response() -> None:
    documents, start, log = traced(COMPLETED, header())
    assert {doc["trace_id"] for doc in documents} == {ROOT}
    assert {doc["type"] for doc in documents} == {"subsegment"}
    model: tuple[Any, ...] = (
        "bedrock",
        100,
        1300,
        [],
        [("first token", 100, 500, [], []), ("remaining tokens", 500, 1300, [], [])],
    )
    expected: list[Any] = [("## handler", 0, 1400, [], [model])]
    assert near(tree(documents, PARENT, start), expected), tree(documents, PARENT, start)
    assert log == ""
    handler = documents[-1]
    assert handler["annotations"] == {
        "model": "a.model",
        "outcome": "completed",
        "ttfb_ms": 600,
        "ttft_ms": 400,
        "output_tokens": 6,
        "cold_start": True,
    }
    metadata = handler["metadata"]["firstbyte"]["response"]
    assert (metadata["request_id"], metadata["duration_ms"], metadata["input_tokens"]) == ("the-request", 1300, 5)
    call = next(doc for doc in documents if doc["name"] == "bedrock")
    assert call["namespace"] == "aws"
    assert call["aws"] == {"operation": "ConverseStream", "region": "eu-central-1", "model_id": "a.model"}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([["fail", 0.1, "invalid_request"], ["write", 0.2]], [("## handler", 0, 200, ["error"], [])]),
        (
            [["ask", 0.1, "m"], ["end", 0.3, "throttled"], ["fail", 0.3, "throttled"], ["write", 0.4]],
            [
                (
                    *("## handler", 0, 400, ["error", "throttle"]),
                    [
                        (
                            *("bedrock", 100, 300, ["error", "throttle"]),
                            [("first token", 100, 300, ["error", "throttle"], [])],
                        )
                    ],
                )
            ],
        ),
        (
            [
                *(["ask", 0.1, "m"], ["text", 0.2], ["write", 0.2], ["end", 0.5, "throttled"]),
                ["fail", 0.5, "throttled"],
            ],
            [
                (
                    *("## handler", 0, 500, ["fault"]),
                    [
                        (
                            *("bedrock", 100, 500, ["error", "throttle"]),
                            [
                                ("first token", 100, 200, [], []),
                                ("remaining tokens", 200, 500, ["error", "throttle"], []),
                            ],
                        )
                    ],
                )
            ],
        ),
        (
            [
                *(["ask", 0.1, "m"], ["end", 0.3, "model_unavailable"], ["ask", 0.3, "n"], ["text", 0.4]),
                *(["write", 0.4], ["end", 0.6], ["write", 0.6]),
            ],
            [
                (
                    *("## handler", 0, 600, []),
                    [
                        ("bedrock", 100, 300, ["fault"], [("first token", 100, 300, ["fault"], [])]),
                        (
                            *("bedrock", 300, 600, []),
                            [("first token", 300, 400, [], []), ("remaining tokens", 400, 600, [], [])],
                        ),
                    ],
                )
            ],
        ),
        ([["fail", 0.1, "internal"]], [("## handler", 0, 100, ["fault"], [])]),
        ([["write", 0.1], ["fail", 0.2, "client_stalled"]], [("## handler", 0, 200, ["error"], [])]),
    ],
    ids=["refused", "throttled", "cut in mid-stream", "fallback", "a bug", "a stalled client"],
)
def test_failures_are_flagged_where_they_happened(steps: list[list[Any]], expected: list[Any]) -> None:
    documents, start, _ = traced(steps, header())
    found = tree(documents, PARENT, start)
    assert near(found, expected), found


def test_two_invocations_of_one_trace_hang_under_their_own_segments() -> None:
    other = "0123456701234567"
    documents, start, _ = traced(COMPLETED, header(), header(parent=other))
    assert len(documents) == 8
    assert len(tree(documents, PARENT, start)) == len(tree(documents, other, start)) == 1


def test_tracing_switched_off_sends_nothing() -> None:
    documents, _, log = traced(COMPLETED, header(), POWERTOOLS_TRACE_DISABLED="true")
    assert (documents, log) == ([], "")


@pytest.mark.parametrize("address", ["127.0.0.1:9", "192.0.2.1:2000"])
def test_a_missing_daemon_is_no_error(address: str) -> None:
    """Nobody listens there; the second is an address that leads nowhere (RFC 5737)."""
    traced(COMPLETED, header(), AWS_XRAY_DAEMON_ADDRESS=address)


@pytest.mark.parametrize(
    ("text", "root", "parent", "is_sampled"),
    [
        (header(), ROOT, PARENT, True),
        (f"{header()};Lineage=a:b", ROOT, PARENT, True),
        (f"Root={ROOT};Parent={PARENT};Sampled=0", ROOT, PARENT, False),
        (f"Root={ROOT};Parent={PARENT};Sampled=?", ROOT, PARENT, False),
        (f"Root={ROOT};Parent={PARENT}", ROOT, PARENT, False),
        (f"Root={ROOT};Sampled=1", ROOT, "", False),
        (f"Parent={PARENT} ; Root={ROOT};Sampled=1", ROOT, PARENT, True),
        ("Sampled=1", "", "", False),
        ("nonsense", "", "", False),
        ("", "", "", False),
    ],
)
def test_trace_headers(text: str, root: str, parent: str, is_sampled: bool) -> None:
    assert parse_trace_header(text) == TraceHeader(text, root, parent, is_sampled)
