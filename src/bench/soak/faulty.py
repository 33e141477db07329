"""The function's handler with faults of its own process, which a request's header `x-soak` asks for.

`stack.py` copies this file beside app.py. It is the stack's handler there; nothing else imports it.
"""

import contextlib
import os
import socket
import threading
import time
from typing import Any

import app
from lambda_streaming.stream import current_stream

# Nobody listens there (the discard service), so every datagram is lost without a word.
_NOWHERE = "127.0.0.1:9"
_HIGHEST_DESCRIPTOR = 64

_daemon = os.environ["AWS_XRAY_DAEMON_ADDRESS"]
_true_time = time.time
_offset_seconds = 0.0


def _time() -> float:
    return _true_time() + _offset_seconds


# A jump of the machine's clock needs privileges. For Python code of this process, this is the clock.
time.time = _time


def handler(event: dict[str, Any], context: Any) -> Any:
    """Handle a request as app.py does, with the fault that its header names: `clock=SECONDS`, `drop`, `no-xray`.

    A fault begins some milliseconds later, in the middle of the answer. The clock jumps back when that is recorded.
    """
    name, _, value = event["headers"].get("x-soak", "").partition("=")
    _send_traces_to(_NOWHERE if name == "no-xray" else _daemon)
    timer = None
    if name == "clock":
        timer = threading.Timer(0.02, _jump, [float(value)])
    elif name == "drop":
        timer = threading.Timer(0.02, _drop_connections)
    if timer is None:
        return app.handler(event, context)
    timer.start()
    try:
        return app.handler(event, context)
    finally:
        timer.cancel()
        timer.join()
        stream = current_stream.get()
        assert stream is not None
        stream.on_finish(lambda: _jump(0.0))  # behind the function's own, which records the response


def _jump(seconds: float) -> None:
    global _offset_seconds
    _offset_seconds = seconds


def _send_traces_to(address: str) -> None:
    from aws_xray_sdk.core import xray_recorder  # slow to import, as telemetry.py says

    os.environ["AWS_XRAY_DAEMON_ADDRESS"] = address  # to the SDK, it counts more than what it is told
    xray_recorder.emitter.set_daemon_address(address)


def _drop_connections() -> None:
    """Shut every connection of this process to the Runtime API, whichever part of the runtime holds it."""
    host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].partition("/")[0].rpartition(":")
    for descriptor in range(3, _HIGHEST_DESCRIPTOR):
        with contextlib.suppress(OSError):
            copy = socket.socket(fileno=os.dup(descriptor))
            with copy:
                if copy.getpeername()[:2] == (host, int(port)):
                    copy.shutdown(socket.SHUT_RDWR)
