"""A runtime on bare sockets that does what each request's body tells it, right or wrong: the sandbox's test partner.

It shares no code with the project's own runtime. An event's body is a JSON list of steps, `[name, argument...]`; the
functions below are the steps. It is started as the function's exec wrapper.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ADDRESS = os.environ["AWS_LAMBDA_RUNTIME_API"]
HOST, _, PORT = ADDRESS.partition(":")
PREFIX = "/2018-06-01/runtime"


class Runtime:
    def __init__(self) -> None:
        self.connect()
        self.replies: list[Any] = []
        self.request_id = ""

    def connect(self) -> None:
        self.socket = socket.create_connection((HOST, int(PORT)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def send(self, text: str | bytes) -> None:
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def reply(self) -> tuple[int, dict[str, str], bytes]:
        status = int(self.file.readline().split()[1])
        headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return status, headers, self.file.read(int(headers["content-length"]))

    def call(self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None) -> Any:
        path = path.replace("ID", self.request_id)
        head = {"Host": ADDRESS, "Content-Length": str(len(body.encode())), **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        self.send(f"{method} {PREFIX}{path} HTTP/1.1\r\n{lines}\r\n{body}")
        return self.reply()

    def run(self) -> None:
        while True:
            status, headers, body = self.call("GET", "/invocation/next")
            assert status == 200, body
            self.request_id = headers["lambda-runtime-aws-request-id"]
            self.head = headers
            self.replies.clear()
            self.event = json.loads(body)
            for name, *arguments in json.loads(self.event["body"]):
                getattr(self, f"do_{name}")(*arguments)

    def do_head(self, content_type: str = "text/plain", mode: str = "streaming") -> None:
        """Begin a chunked response."""
        self.send(
            f"POST {PREFIX}/invocation/{self.request_id}/response HTTP/1.1\r\nHost: {ADDRESS}\r\n"
            f"Lambda-Runtime-Function-Response-Mode: {mode}\r\nContent-Type: {content_type}\r\n"
            f"Lambda-Runtime-Invocation-Id: {self.head['lambda-runtime-invocation-id']}\r\n"
            "Transfer-Encoding: chunked\r\nTrailer: Lambda-Runtime-Function-Error-Type\r\n"
            "Trailer: Lambda-Runtime-Function-Error-Body\r\n\r\n"
        )

    def do_chunk(self, text: str, times: int = 1) -> None:
        data = text.encode()
        for _ in range(times):
            self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def do_bytewise(self, text: str) -> None:
        """One byte a chunk, one packet a byte."""
        for byte in text.encode():
            self.send(b"1\r\n" + bytes([byte]) + b"\r\n")

    def do_clock(self, times: int, gap: float) -> None:
        """Chunks that carry the moment at which they were sent."""
        for _ in range(times):
            self.do_chunk(f"{time.monotonic():.6f}\n")
            time.sleep(gap)

    def do_end(self, error_type: str = "", error_body: str = "") -> None:
        """The terminal chunk, with error trailers if there is an error."""
        trailers = f"Lambda-Runtime-Function-Error-Type: {error_type}\r\n" if error_type else ""
        if error_body:
            trailers += f"Lambda-Runtime-Function-Error-Body: {error_body}\r\n"
        self.send(f"0\r\n{trailers}\r\n")
        self.replies.append(self.reply()[::2])

    def do_buffered(self, payload: str, content_type: str = "application/json") -> None:
        self.replies.append(self.call("POST", "/invocation/ID/response", payload, {"Content-Type": content_type})[::2])

    def do_large(self, size: int) -> None:
        self.do_buffered("x" * size)

    def do_error(self, error_type: str, message: str) -> None:
        body = json.dumps({"errorType": error_type, "errorMessage": message})
        headers = {"Lambda-Runtime-Function-Error-Type": error_type}
        self.replies.append(self.call("POST", "/invocation/ID/error", body, headers)[::2])

    def do_call(self, method: str, path: str, headers: dict[str, str] | None = None) -> None:
        """Any call, legal or not; its status and body are kept for `replies`."""
        self.replies.append(self.call(method, path, "{}" if method == "POST" else "", headers)[::2])

    def do_replies(self) -> None:
        """Answer with what the Runtime API has said so far."""
        text = json.dumps([[status, json.loads(body)] for status, body in self.replies])
        self.do_buffered(text)

    def do_print_statuses(self) -> None:
        """The same in short, for when the response is out already."""
        print("statuses", *[status for status, _ in self.replies], flush=True)

    def do_show(self, what: str) -> None:
        """Answer with the event, the environment or the headers of /next."""
        shown = {"event": self.event, "environment": {**os.environ, "cwd": str(Path.cwd())}, "head": self.head}
        self.do_buffered(json.dumps({"shown": shown[what], "pid": os.getpid()}))

    def do_sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def do_allocate(self, megabytes: int) -> None:
        """Memory that is really in use, until the process ends."""
        self.held = b"x" * (megabytes * 1024 * 1024)

    def do_print(self, text: str, end: str = "\n") -> None:
        print(text, end=end, flush=True)

    def do_reconnect(self) -> None:
        """Break the connection, whatever is on it."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.connect()

    def do_child(self) -> None:
        """A child in the same process group, which holds every inherited descriptor open."""
        subprocess.Popen(["sleep", "600"], close_fds=False)

    def do_last_words(self) -> None:
        """Complete the response and be gone before anybody can have read it."""
        self.send("0\r\n\r\n")
        os._exit(0)

    def do_exit(self, code: int) -> None:
        os._exit(code)

    def do_crash(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


def main() -> None:
    init = os.environ.get("RAW_INIT", "")
    if init == "exit":
        print("cannot go on", flush=True)
        sys.exit(7)
    if init == "slow":
        print("starting", flush=True)
        time.sleep(0.3)
    runtime = Runtime()
    if init == "error":
        body = json.dumps({"errorType": "Test.BadConfig", "errorMessage": "MODEL_IDS is missing"})
        runtime.call("POST", "/init/error", body, {"Lambda-Runtime-Function-Error-Type": "Test.BadConfig"})
        time.sleep(600)  # one that does not even exit
    runtime.run()


if __name__ == "__main__":
    main()
