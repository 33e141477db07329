"""The least that Python can do: answers the Runtime API from one socket, without any library, framework or care."""

import json
import os
import socket

_PRELUDE = b'{"statusCode":200,"headers":{"content-type":"text/plain"}}' + b"\0" * 8
_CHUNK = b"%x\r\n%b\r\n" % (100, b"x" * 100)


def main() -> None:
    """Answer invocations until the Runtime API is gone."""
    host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rpartition(":")
    api = socket.create_connection((host, int(port)))
    api.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    asks = f"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    while True:
        api.sendall(asks)
        head, _, body = api.recv(65536).partition(b"\r\n\r\n")
        request_id = head.partition(b"Lambda-Runtime-Aws-Request-Id: ")[2].partition(b"\r\n")[0]
        start = (
            b"POST /2018-06-01/runtime/invocation/%b/response HTTP/1.1\r\nHost: %b\r\n"
            b"Content-Type: application/vnd.awslambda.http-integration-response\r\n"
            b"Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"%x\r\n%b\r\n" % (request_id, host.encode(), len(_PRELUDE), _PRELUDE)
        )
        chunks = json.loads(body)["chunks"]
        api.sendall(start + _CHUNK)
        for _ in range(chunks - 1):
            api.sendall(_CHUNK)
        api.sendall(b"0\r\n\r\n")
        api.recv(65536)


if __name__ == "__main__":
    main()
