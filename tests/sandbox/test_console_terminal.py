"""What the console prints when somebody sends it nonsense: one line for an event, without the token."""

import socket
from pathlib import Path

from aws_endpoint import running_endpoint
from console_client import SOCKET_PATH, Console
from console_process import console_of


def test_nonsense_is_one_line_of_the_console(tmp_path: Path) -> None:
    with running_endpoint() as endpoint, console_of(endpoint, tmp_path) as (url, process):
        console = Console(url + "/")
        with socket.create_connection(("127.0.0.1", console.port), 60) as connection:
            connection.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
            connection.recv(1000)
        socket_io = f"/{console.token}/{SOCKET_PATH}"
        not_opened = (*console.own, ("Upgrade", "websocket"), ("Connection", "close"))
        for query in ("?transport=websocket", "?EIO=4&transport=websocket"):
            console.send(socket_io + query, not_opened)
        console.send(f"{socket_io}?EIO=1&transport=x", console.own)
        assert console.send(f"/{console.token}/no-such-page").status == 404
        process.terminate()
        _, said = process.communicate(timeout=60)
    lines = said.splitlines()
    assert [line for line in lines if not line.startswith("console: ")] == [], said
    assert lines[:2] == [
        "console: Invalid HTTP request received.",
        "console: The client is using an unsupported version of the Socket.IO or Engine.IO protocols",
    ]
    assert lines[2].startswith("console: Exception in ASGI application: RuntimeError: No response returned. (")
    assert lines[3:] == ["console: Invalid transport"]
    assert console.token not in said
