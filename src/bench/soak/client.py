"""A client of the soak: makes one request as its plan says, and notes what it saw."""

import contextlib
import http.client
import json
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench.soak.plans import DEAD, HALF_BODY, HALF_HEAD, LEAVES, LEAVES_AT_ONCE, SLOW, UNSIGNED, Plan

# How a response ended for its client.
WHOLE, ERROR, CUT, LEFT = "whole", "error event", "cut", "left"
# Longer than any response takes: the function's timeout is 5 s, and a stopped environment waits, too.
_PATIENCE_SECONDS = 60.0
_DEAD_SECONDS = 8.0
_SLOW_SECONDS = 0.01


@dataclass(frozen=True)
class Seen:
    """What a client knows of its request.

    Attributes:
        fault: what its plan had wrong.
        trace_id: the trace that it asked for.
        status: the HTTP status, None if it has seen none.
        ending: how it ended.
        error_type: what the response said of its failure, None if it said nothing.
        throttled: whether Lambda itself refused it, for all environments were at work.
        seconds: how long it took.
    """

    fault: str
    trace_id: str
    status: int | None
    ending: str
    error_type: str | None
    throttled: bool
    seconds: float


class Client:
    """Makes requests to one Function URL, each on a connection of its own. Its methods may run on several threads."""

    def __init__(self, ready: dict[str, str]) -> None:
        self._url, self._region = ready["function_url"], ready["region"]
        self._keys = Credentials(ready["access_key_id"], ready["secret_access_key"])
        address = urlsplit(self._url)
        assert address.hostname
        assert address.port
        self._endpoint = (address.hostname, address.port)
        self._over = threading.Event()

    def close(self) -> None:
        """Let those that wait without reading wait no longer."""
        self._over.set()

    def make(self, plan: Plan) -> Seen:
        """Make the request of a plan, and return what came of it."""
        trace_id = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        begun = time.monotonic()
        status, ending, error_type, throttled = self._make(plan, self._request(plan, trace_id))
        return Seen(plan.fault, trace_id, status, ending, error_type, throttled, time.monotonic() - begun)

    def _request(self, plan: Plan, trace_id: str) -> tuple[bytes, bytes]:
        """Return the head and the body, signed unless the plan is about that."""
        headers = {
            "Host": urlsplit(self._url).netloc,
            "Accept": plan.accept,
            "Content-Type": "application/json",
            "X-Amzn-Trace-Id": f"Root={trace_id};Sampled=1",
        }
        if plan.soak:
            headers["X-Soak"] = plan.soak
        request = AWSRequest("POST", self._url, headers, plan.body)
        if plan.fault != UNSIGNED or plan.share < 0.5:
            SigV4Auth(self._keys, "lambda", self._region).add_auth(request)
        sent = dict(request.headers.items())
        if plan.fault == UNSIGNED and "Authorization" in sent:
            sent["Authorization"] = sent["Authorization"][:-8] + "00000000"
        sent |= {"Content-Length": str(len(plan.body)), "Connection": "close"}
        lines = ["POST / HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        return "\r\n".join([*lines, "", ""]).encode(), plan.body

    def _make(self, plan: Plan, request: tuple[bytes, bytes]) -> tuple[int | None, str, str | None, bool]:
        head, body = request
        with socket.socket() as connection:
            if plan.fault == DEAD:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(_PATIENCE_SECONDS)
            connection.connect(self._endpoint)
            if plan.fault == HALF_HEAD:
                connection.sendall(head[: 1 + int(plan.share * (len(head) - 5))])
                return None, LEFT, None, False
            if plan.fault == HALF_BODY:
                connection.sendall(head + body[: int(plan.share * len(body))])
                return None, LEFT, None, False
            connection.sendall(head + body)
            if plan.fault == LEAVES_AT_ONCE:
                return None, LEFT, None, False
            if plan.fault == DEAD:
                self._over.wait(_DEAD_SECONDS)
                return None, LEFT, None, False
            return self._read(connection, plan)

    def _read(self, connection: socket.socket, plan: Plan) -> tuple[int | None, str, str | None, bool]:
        response = http.client.HTTPResponse(connection, method="POST")
        received = b""
        try:
            response.begin()
            throttled = response.getheader("x-amzn-errortype") == "TooManyRequestsException"
            if plan.fault == LEAVES and response.status == 200:
                with contextlib.suppress(http.client.HTTPException):
                    response.read1(1 + int(plan.share * 500))
                return response.status, LEFT, None, throttled
            while piece := response.read1(200 if plan.fault == SLOW else 65536):
                received += piece
                if plan.fault == SLOW:
                    time.sleep(_SLOW_SECONDS)
            cut = bool(response.length)  # in chunks, an early end raises
        except (http.client.HTTPException, OSError):
            # `status` is a text until the head is there.
            status = response.status if isinstance(response.status, int) else None
            return status, CUT, _error_type(received, plan.accept), False
        finally:
            response.close()
        error_type = _error_type(received, plan.accept)
        ending = CUT if cut else ERROR if error_type and response.status == 200 else WHOLE
        return response.status, ending, error_type, throttled


def _error_type(received: bytes, accept: str) -> str | None:
    """Return the type of the failure that a response tells, None if it tells none."""
    with contextlib.suppress(ValueError, IndexError, KeyError, TypeError):
        if accept == "text/event-stream" and b"event: error\n" in received:
            found = json.loads(received.rpartition(b"event: error\ndata: ")[2].partition(b"\n")[0])
        else:
            found = json.loads(received.splitlines()[-1])["error"]
        return str(found["type"])
    return None
