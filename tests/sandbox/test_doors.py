"""The sandbox's HTTP ports: whom they answer, and how much and how long anybody may send."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from running_app import running_app
from sandbox import doors
from sandbox.signing.credentials import random_user
from sandbox.signing.signed import signature_check
from sandbox_client import raw_stack, signed_headers, steps
from sandbox_process import RunningSandbox, StartSandbox

LIMIT = 100_000


async def length(request: web.Request) -> web.StreamResponse:
    return web.json_response(len(await doors.body_of(request)))


async def slow(request: web.Request) -> web.StreamResponse:
    """Begin to answer, go on after a second, and end after another."""
    await doors.body_of(request)
    response = web.StreamResponse()
    await response.prepare(request)
    for part in (b"begun", b", ended"):
        await response.write(part)
        await asyncio.sleep(1)
    return response


def app() -> web.Application:
    application = web.Application(client_max_size=LIMIT)
    application.router.add_post("/slow", slow)
    application.router.add_route("*", "/{path:.*}", length)
    return application


@pytest.fixture
def port(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """An application whose answer is the length of a body; a parameter changes the module's limits."""
    for name, value in getattr(request, "param", {}).items():
        monkeypatch.setattr(doors, name, value)
    with running_app(app()) as port:
        yield port


@contextlib.contextmanager
def opened(port: int, *parts: str) -> Iterator[socket.socket]:
    """A connection on which these have been sent; PORT stands for the port."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part.replace("PORT", str(port)).encode("latin-1"))
        yield connection


def rest(connection: socket.socket) -> str:
    """All that comes until the server closes the connection."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            received += data
    return received.decode("latin-1")


def answer(port: int, *parts: str) -> str:
    """What comes for one request, which the server closes the connection after."""
    with opened(port, *parts) as connection:
        return rest(connection)


def status(text: str) -> int:
    return int(text.split()[1])


HEAD = "GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: close\r\n"
SEVEN = HEAD + "Content-Length: 7\r\n\r\n"
WHOLE = SEVEN + "7 bytes"
KEPT_OPEN = WHOLE.replace("Connection: close\r\n", "")


@pytest.mark.parametrize(
    "lines",
    [
        "Host: 127.0.0.1:PORT",
        "Host: localhost:PORT",
        "HOST: LOCALHOST:PORT",
        "Host: 127.0.0.1:PORT\r\nOrigin: http://127.0.0.1:PORT\r\nSec-Fetch-Site: same-origin",
        "Host: localhost:PORT\r\nSec-Fetch-Site: none",
    ],
)
def test_answers_what_is_meant_for_its_own_address(port: int, lines: str) -> None:
    assert status(answer(port, f"GET / HTTP/1.1\r\n{lines}\r\nConnection: close\r\n\r\n")) == 200


FOREIGN = {
    "another name": "Host: evil.example:PORT",
    "another name without a port": "Host: evil.example",
    "no port": "Host: 127.0.0.1",
    "another port": "Host: 127.0.0.1:1",
    "another loopback address": "Host: 127.0.0.2:PORT",
    "a name that begins alike": "Host: 127.0.0.1:PORT.evil.example",
    "another origin": "Host: 127.0.0.1:PORT\r\nOrigin: http://evil.example",
    "another program's page on this machine": "Host: localhost:PORT\r\nOrigin: http://localhost:3000",
    "its other name": "Host: localhost:PORT\r\nOrigin: http://127.0.0.1:PORT",
    "a hidden origin": "Host: 127.0.0.1:PORT\r\nOrigin: null",
    "two origins": "Host: 127.0.0.1:PORT\r\nOrigin: http://127.0.0.1:PORT\r\nOrigin: http://evil.example",
    "an image in another page": "Host: 127.0.0.1:PORT\r\nSec-Fetch-Site: cross-site",
    "an image in a page of another port": "Host: 127.0.0.1:PORT\r\nSec-Fetch-Site: same-site",
}


@pytest.mark.parametrize("case", list(FOREIGN))
def test_refuses_what_a_page_under_another_name_sends(port: int, case: str) -> None:
    text = answer(port, f"POST / HTTP/1.1\r\n{FOREIGN[case]}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}")
    assert status(text) == 403
    assert "call the sandbox" in text


@pytest.fixture(scope="module")
def public(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> RunningSandbox:
    """A sandbox whose function anybody may call."""
    template = raw_stack(
        tmp_path_factory.mktemp("raw"), FunctionUrlConfig={"AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"}
    )
    return start_sandbox("--template", str(template))


@pytest.mark.parametrize("key", ["function_url", "aws_endpoint_url", "bedrock_url"])
@pytest.mark.parametrize(
    ("host", "origin"), [("evil.example:PORT", ""), ("127.0.0.1:PORT", "Origin: http://evil.example\r\n")]
)
def test_every_port_refuses_a_foreign_page_even_if_it_signs(
    public: RunningSandbox, key: str, host: str, origin: str
) -> None:
    port = urlsplit(public.ready[key]).port
    assert port
    body = steps(["buffered", '"the answer"'])
    host = host.replace("PORT", str(port))
    head = signed_headers(public.ready, "POST", f"http://{host}/", body.encode())
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items() if name != "Host")
    text = answer(
        port,
        f"POST / HTTP/1.1\r\nHost: {host}\r\n{origin}{lines}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n",
        body,
    )
    assert status(text) == 403
    assert "The sandbox refuses this request" in text
    assert "the answer" not in text
    assert "POST / refused: " in public.log()


@pytest.mark.alone
@pytest.mark.parametrize("port", [{"HEAD_SECONDS": 2}], indirect=True)
def test_half_a_head_is_closed(port: int) -> None:
    with opened(port, HEAD) as half:
        assert status(answer(port, WHOLE)) == 200
        assert rest(half) == ""


@pytest.mark.alone
@pytest.mark.parametrize("port", [{"BODY_SECONDS": 2}], indirect=True)
def test_half_a_body_is_answered_408(port: int) -> None:
    with opened(port, SEVEN, "7 b") as half, opened(port, HEAD + "Transfer-Encoding: chunked\r\n\r\n3\r\n") as chunked:
        assert status(answer(port, WHOLE)) == 200
        for connection in (half, chunked):
            text = rest(connection)
            assert status(text) == 408
            assert "The body was not complete within 2 s." in text


@pytest.mark.alone
@pytest.mark.parametrize("port", [{"HEAD_SECONDS": 0.5, "BODY_SECONDS": 0.5}], indirect=True)
def test_a_response_may_take_as_long_as_it_takes(port: int) -> None:
    text = answer(port, WHOLE.replace("GET /", "POST /slow"))
    assert ("begun" in text, text.endswith("ended\r\n0\r\n\r\n")) == (True, True)


@pytest.mark.alone
@pytest.mark.parametrize("port", [{"HEAD_SECONDS": 2}], indirect=True)
def test_a_connection_that_nobody_uses_is_closed(port: int) -> None:
    with opened(port, KEPT_OPEN) as connection:
        assert status(connection.recv(65536).decode()) == 200
        assert rest(connection) == ""
    assert answer(port, "") == ""


def test_refuses_a_request_line_that_names_a_server(port: int) -> None:
    text = answer(port, "GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: close\r\n\r\n")
    assert status(text) == 403


@pytest.mark.parametrize("port", [{"INCOMING_BYTES": 20}], indirect=True)
def test_bodies_that_are_too_many_at_once_are_refused_until_there_is_room(port: int) -> None:
    def answered(code: int) -> None:
        while status(text := answer(port, WHOLE)) != code:
            assert status(text) in (200, 503)

    with opened(port, HEAD + "Content-Length: 16\r\n\r\n", "15 bytes of 16 "):
        answered(503)
    answered(200)


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(port: int) -> None:
    with opened(port, HEAD + f"Content-Length: {LIMIT + 1}\r\n\r\n") as connection:
        assert status(connection.recv(65536).decode()) == 413
    assert status(answer(port, HEAD + f"Content-Length: {LIMIT}\r\n\r\n", "x" * LIMIT)) == 200
    chunk = f"{LIMIT + 1:x}\r\n" + "x" * (LIMIT + 1) + "\r\n0\r\n\r\n"
    assert status(answer(port, HEAD + "Transfer-Encoding: chunked\r\n\r\n", chunk)) == 413


def test_a_stranger_without_a_key_is_refused_before_the_body_is_sent() -> None:
    application = app()
    application.middlewares.append(signature_check([random_user()], "eu-west-1", "lambda"))
    with running_app(application) as port, opened(port, SEVEN) as connection:
        assert status(connection.recv(65536).decode()) == 403


MALFORMED = {
    "no HTTP": "nonsense\r\n\r\n",
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x00" * 200,
    "another version": "GET / HTTP/9.9\r\nHost: 127.0.0.1:PORT\r\n\r\n",
    "a long line": f"GET /{'x' * 100_000} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
    "a long header": f"{HEAD}X-Long: {'x' * 100_000}\r\n\r\n",
    "many headers": HEAD + "".join(f"X-{n}: 1\r\n" for n in range(1000)) + "\r\n",
    "no host": "GET / HTTP/1.1\r\n\r\n",
    "two hosts": HEAD + "Host: evil.example\r\n\r\n",
    "no length": HEAD + "Content-Length: many\r\n\r\n",
    "two lengths": HEAD + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "a length and chunks": HEAD + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a control character": HEAD + "X-Own: \x1b[2J\r\n\r\n",
    "a folded header": HEAD + "X-Own: 1\r\n folded\r\n\r\n",
    "broken chunks": HEAD + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("case", list(MALFORMED))
def test_what_is_no_http_is_answered_400_without_a_stack_trace(public: RunningSandbox, case: str, port: int) -> None:
    function_url = urlsplit(public.ready["function_url"]).port
    assert function_url
    for number in (port, function_url):
        assert status(answer(number, MALFORMED[case])) == 400
    assert status(answer(port, WHOLE)) == 200
    assert "Traceback" not in public.log()


@pytest.mark.parametrize("port", [{"CONNECTIONS": 2}], indirect=True)
def test_a_full_port_says_so_and_is_free_again_when_one_leaves(port: int) -> None:
    with opened(port, KEPT_OPEN) as first:
        assert status(first.recv(65536).decode()) == 200
        with opened(port, KEPT_OPEN) as second:
            assert status(second.recv(65536).decode()) == 200
            assert status(answer(port, "")) == 503
            second.shutdown(socket.SHUT_WR)
            assert rest(second) == ""
        assert status(answer(port, WHOLE)) == 200
