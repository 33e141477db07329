"""A server that streams a made-up answer on the schedule that a request asks for.

It runs in a process of its own, and writes to standard output first its URL and then for every answer when it sent
what: a clock (`time.monotonic()`, which all processes share) that no client has a hand in.
"""

import itertools
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_DELTA = b'event: delta\ndata: {"text": "word "}\n\n'
_END = b'event: end\ndata: {"stop_reason": "end_turn"}\n\n'


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.numbers = itertools.count(1)
        self.accepted_at: dict[Any, float] = {}
        self.writing = threading.Lock()

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        self.accepted_at[address] = time.monotonic()
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has left, as after Ctrl-C."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Answer(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        schedule = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        accepted_at = self.server.accepted_at.pop(self.client_address)
        request_id = str(next(self.server.numbers))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.send_header("X-Request-Id", request_id)
        self.end_headers()
        self._write(b'event: start\ndata: {"request_id": "%b", "trace_id": ""}\n\n' % request_id.encode())
        sent_at = []
        due = time.monotonic() + schedule["wait_seconds"]
        for _ in range(schedule["chunks"]):
            time.sleep(max(0.0, due - time.monotonic()))
            sent_at.append(time.monotonic())
            self._write(_DELTA)
            due += schedule["gap_seconds"]
        self._write(_END)
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True
        account = {"request_id": request_id, "accepted_at": accepted_at, "sent_at": sent_at}
        with self.server.writing:
            print(json.dumps(account), flush=True)

    def log_message(self, *_: object) -> None:
        pass

    def _write(self, event: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))


if __name__ == "__main__":
    with _Server() as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.exit(130)
