"""The X-Ray daemon over real UDP: a function's own SDK, bursts while nobody reads, and what is no document."""

import asyncio
import json
import logging
import os
import socket
import sys
import time
from typing import Any

import pytest

from sandbox.xray.daemon import listening
from sandbox.xray.traces import Traces
from trace_documents import START, TRACE_ID, nested, segment, segment_id, subsegment

HEADER = b'{"format": "json", "version": 1}\n'

# A function as Lambda runs it: it prints its subsegments as it made them itself.
FUNCTION = """
import json
from aws_xray_sdk.core import xray_recorder

xray_recorder.configure(service="function")
made = []
with xray_recorder.in_subsegment("## handler") as handler:
    handler.put_annotation("cold_start", True)
    handler.put_annotation("tokens", 42)
    handler.put_metadata("answer", {"chunks": [1, 2]}, "firstbyte")
    with xray_recorder.in_subsegment("bedrock", namespace="aws") as call:
        call.put_http_meta("status", 200)
    try:
        with xray_recorder.in_subsegment("## render") as render:
            raise RuntimeError("broken")
    except RuntimeError:
        pass
print(json.dumps([[one.name, one.id, one.start_time, one.end_time] for one in (handler, call, render)]))
"""


def send(address: str, *datagrams: bytes) -> None:
    host, port = address.split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, (host, int(port)))


def document(value: Any) -> bytes:
    return HEADER + json.dumps(value).encode()


async def arrived(traces: Traces, trace_id: str = TRACE_ID, segment: str = segment_id(1)) -> list[dict[str, Any]]:
    """The trace's segments, once the one with this id is there."""
    async with asyncio.timeout(20):
        while True:
            segments = found[trace_id].segments if (found := traces.get([trace_id])) else []
            if segment in {one["id"] for one in segments}:
                return segments
            await asyncio.sleep(0.02)


async def test_what_the_real_sdk_sends_becomes_the_functions_trace(traces: Traces) -> None:
    async with listening(traces) as address:
        environment = {
            "PATH": os.environ["PATH"],
            "LAMBDA_TASK_ROOT": "/var/task",
            "AWS_XRAY_DAEMON_ADDRESS": address,
            "_X_AMZN_TRACE_ID": f"Root={TRACE_ID};Parent={segment_id(2)};Sampled=1",
        }
        function = await asyncio.create_subprocess_exec(
            sys.executable, "-c", FUNCTION, env=environment, stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await function.communicate()
        # Lambda sends its own segments last.
        send(address, document(segment(1, origin="AWS::Lambda")))
        send(address, document(segment(2, parent_id=segment_id(1), origin="AWS::Lambda::Function")))
        facade, own, inferred = await arrived(traces, segment=segment_id(2))
    assert (facade, inferred["name"]) == (segment(1, origin="AWS::Lambda"), "bedrock")
    (handler,) = own["subsegments"]
    bedrock, render = handler["subsegments"]
    seen = [[one["name"], one["id"], one["start_time"], one["end_time"]] for one in (handler, bedrock, render)]
    assert seen == json.loads(printed)
    assert handler["annotations"] == {"cold_start": True, "tokens": 42}
    assert handler["metadata"] == {"firstbyte": {"answer": {"chunks": [1, 2]}}}
    assert bedrock["http"] == {"response": {"status": 200}}
    assert (render["fault"], render["cause"]["exceptions"][0]["message"]) == (True, "broken")


async def test_no_datagram_of_a_burst_is_lost_while_the_event_loop_is_busy(traces: Traces) -> None:
    """Ten functions end at once, with eight documents each of 3.5 kB: more than a socket's default buffer holds."""
    trace_ids = [f"1-6a000000-{function:024x}" for function in range(10)]
    async with listening(traces) as address:
        for trace_id in trace_ids:
            parts = [subsegment(2 + part, 1, trace_id=trace_id, metadata={"x": "y" * 3300}) for part in range(7)]
            send(address, *map(document, [*parts, segment(1, trace_id=trace_id)]))
        time.sleep(0.2)
        for trace_id in trace_ids:
            (root,) = await arrived(traces, trace_id)
            assert [one["name"] for one in root["subsegments"]] == [f"s{2 + part}" for part in range(7)]


@pytest.mark.parametrize(
    ("datagram", "complaint"),
    [
        (b"", "Expecting value"),
        (b"\xff\xfe\x00", "decode"),
        (b'{"format": "json", "version": 1}', "Expecting value"),
        (b'{"format": "json", "version": 2}\n{}', "its first line is not"),
        (json.dumps(segment(9)).encode(), "its first line is not"),
        (HEADER + b"{", "Expecting property name"),
        (HEADER + b"[]", "a segment or subsegment must be an object, not []"),
        (HEADER + b'{"start_time": NaN}', "NaN is not JSON"),
        (document(segment(9, metadata={"x": "1e999"})).replace(b'"1e999"', b"1e999"), "not JSON compliant"),
        (HEADER + b"[" * 60_000, "recursion"),
        (document(segment(9, name=None)), "name must be a text, not None"),
        (document(segment(9, subsegments=[nested(10, id=None)])), "id must be 16 hexadecimal digits, not None"),
    ],
)
async def test_garbage_is_logged_and_dropped(
    traces: Traces, caplog: pytest.LogCaptureFixture, datagram: bytes, complaint: str
) -> None:
    with caplog.at_level(logging.WARNING):
        async with listening(traces) as address:
            send(address, datagram, document(segment(1)))
            assert await arrived(traces) == [segment(1)]
    (record,) = caplog.records
    assert complaint in record.message
    assert f"datagram of {len(datagram)} bytes" in record.message


async def test_text_of_any_kind_survives(traces: Traces) -> None:
    strange = segment(1, START, metadata={"text": "ä€😀\u0000\ud800"})
    async with listening(traces) as address:
        send(address, document(strange))
        assert await arrived(traces) == [strange]
