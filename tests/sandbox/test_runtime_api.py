"""The Runtime API in this process, over real sockets: what only shows from both of its sides at once."""

import asyncio
import contextlib
import os
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from sandbox.invocation import BUFFER_BYTES, Invocation, ResponseEnd, ResponseStart
from sandbox.lambda_service import peers, runtime_api
from sandbox.lambda_service.runtime_api import RuntimeApi
from sandbox.lambda_service.runtime_states import State
from sandbox.trace_context import TraceContext

TRACE = TraceContext("1-00000000-" + "0" * 24, None, sampled=False)
# Every call names the address at its port; `PORT` stands for it.
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n"
# A process that sends what it reads from its standard input, and then prints what it gets back until the end.
STRANGER = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    try:
        connection.sendall(sys.stdin.buffer.read())
        while data := connection.recv(65536):
            sys.stdout.buffer.write(data)
    except ConnectionError:
        pass
"""


class Runtime:
    """The other side of the wire."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.port = str(writer.get_extra_info("peername")[1]).encode()

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part.replace(b"PORT", self.port))
            await self.writer.drain()

    async def reply(self) -> tuple[int, bytes]:
        async with asyncio.timeout(20):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            return int(head.split()[1]), await self.reader.readexactly(length)


def response_head(request_id: str) -> bytes:
    return (
        f"POST /2018-06-01/runtime/invocation/{request_id}/response HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n"
        "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()


class OwnRuntimeApi(RuntimeApi):
    """One whose environment is this process."""

    async def start(self) -> str:
        address = await super().start()
        self.admit(os.getsid(0))
        return address


@pytest.fixture
async def api() -> AsyncIterator[RuntimeApi]:
    api = OwnRuntimeApi()
    yield api
    await api.close()


@contextlib.asynccontextmanager
async def connected(address: str) -> AsyncIterator[Runtime]:
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    yield Runtime(reader, writer)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def handed_out(api: RuntimeApi, runtime: Runtime) -> Invocation:
    """An invocation that the runtime has asked for and got."""
    await runtime.send(NEXT)
    await api.platforms_turn()
    invocation = Invocation(b"{}", TRACE, "id-1", "arn")
    api.deliver(invocation, 0)
    await runtime.reply()
    return invocation


async def test_each_illegal_call_leaves_the_state_as_it_was(api: RuntimeApi) -> None:
    async with connected(await api.start()) as runtime:
        await runtime.send(
            b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n"
            b"Content-Length: 0\r\n\r\n"
        )
        assert (await runtime.reply())[0] == 403
        assert api.state is State.STARTED
        await runtime.send(b"GET /2018-06-01/runtime/restore/next HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n")
        status, body = await runtime.reply()
        assert (status, b"the Runtime API has no GET /2018-06-01/runtime/restore/next" in body) == (404, True)
        assert api.state is State.STARTED


async def test_a_poll_whose_connection_breaks_can_be_made_again(api: RuntimeApi) -> None:
    address = await api.start()
    async with connected(address) as runtime:
        await runtime.send(NEXT)
        await asyncio.wait_for(api.platforms_turn(), 5)
    await asyncio.sleep(0.05)
    turn = asyncio.ensure_future(api.platforms_turn())
    await asyncio.sleep(0.05)
    assert not turn.done(), "nobody waits any more"
    async with connected(address) as runtime:
        await runtime.send(NEXT)
        await asyncio.wait_for(turn, 5)
        api.deliver(Invocation(b"{}", TRACE, "id-1", "arn"), 0)
        assert await runtime.reply() == (200, b"{}")
    assert api.state is State.RUNNING


async def test_chunks_come_out_one_by_one_while_the_response_goes_on(api: RuntimeApi) -> None:
    async with connected(await api.start()) as runtime:
        invocation = await handed_out(api, runtime)
        await runtime.send(response_head("id-1"))
        items = aiter(invocation)
        assert await anext(items) == ResponseStart("application/octet-stream", streaming=True)
        await runtime.send(b"3\r\nabc\r\n")
        assert await asyncio.wait_for(anext(items), 5) == b"abc"
        await runtime.send(b"1\r\nd\r\n1\r\ne\r\n0\r\n\r\n")
        assert [item async for item in items] == [b"d", b"e", ResponseEnd()]
        assert (await runtime.reply())[0] == 202
        assert api.state is State.RESPONSE_SENT


async def test_a_response_over_the_limit_is_cut_and_the_runtime_goes_on(
    api: RuntimeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_api, "STREAMED_LIMIT_BYTES", 10)
    async with connected(await api.start()) as runtime:
        invocation = await handed_out(api, runtime)
        await runtime.send(response_head("id-1"), b"a\r\n0123456789\r\n", b"1\r\nX\r\n", b"1\r\nY\r\n0\r\n\r\n")
        start, body, end = [item async for item in invocation]
        assert isinstance(start, ResponseStart)
        assert body == b"0123456789"
        assert isinstance(end, ResponseEnd)
        assert end.error is not None
        assert end.error.type == "Function.ResponseSizeTooLarge"
        assert (await runtime.reply())[0] == 413
        await runtime.send(NEXT)
        await asyncio.wait_for(api.platforms_turn(), 5)


async def test_a_slow_client_slows_the_function_down_and_one_that_leaves_does_not(api: RuntimeApi) -> None:
    async with connected(await api.start()) as runtime:
        invocation = await handed_out(api, runtime)
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        amount = 64 * BUFFER_BYTES // 65536  # far more than all socket buffers hold
        sending = asyncio.ensure_future(runtime.send(response_head("id-1"), *[chunk] * amount, b"0\r\n\r\n"))
        await asyncio.wait({sending}, timeout=0.5)
        assert not sending.done()
        invocation.abandon()
        await asyncio.wait_for(sending, 10)
        assert (await runtime.reply())[0] == 202


async def test_what_is_not_http_is_answered_and_dropped(api: RuntimeApi) -> None:
    async with connected(await api.start()) as runtime:
        await runtime.send(b"nonsense\r\n\r\n")
        assert (await runtime.reply())[0] == 400
        assert await runtime.reader.read() == b""
    assert api.state is State.STARTED


async def test_a_response_that_the_runtime_gives_up_while_its_client_takes_nothing(api: RuntimeApi) -> None:
    address = await api.start()
    async with connected(address) as polling:
        invocation = await handed_out(api, polling)
        async with connected(address) as runtime:
            chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
            amount = 64 * BUFFER_BYTES // 65536  # far more than all socket buffers hold
            sending = asyncio.ensure_future(runtime.send(response_head("id-1"), *[chunk] * amount))
            await asyncio.wait({sending}, timeout=0.5)
            assert not sending.done()
            # In the middle of a response whose connection is up, the next invocation is refused as ever.
            await polling.send(NEXT)
            assert (await polling.reply())[0] == 403
            assert not invocation.ended
            linger = struct.pack("ii", 1, 0)
            runtime.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            runtime.writer.transport.abort()
            await asyncio.wait({sending})
        await polling.send(NEXT)
        await asyncio.wait_for(api.platforms_turn(), 5)
        assert invocation.error is not None
        assert invocation.error.type == "Runtime.TruncatedResponse"
        # What is left of the old response cannot change what becomes of the next.
        second = Invocation(b"{}", TRACE, "id-2", "arn")
        api.deliver(second, 0)
        await polling.reply()
        async with connected(address) as runtime:
            await runtime.send(response_head("id-2"), b"1\r\na\r\n")
            await asyncio.sleep(0.1)
            assert api.state is State.RESPONDING
            await runtime.send(b"0\r\n\r\n")
            assert (await runtime.reply())[0] == 202
        assert second.error is None


def stranger(address: str, request: bytes) -> bytes:
    """What another process gets for a request."""
    port = address.rpartition(":")[2]
    arguments = [sys.executable, "-c", STRANGER, port]
    request = request.replace(b"PORT", port.encode())
    return subprocess.run(
        arguments, input=request, stdout=subprocess.PIPE, check=True, timeout=20, start_new_session=True
    ).stdout


INIT_ERROR = b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize("request_of", [NEXT, INIT_ERROR], ids=["poll", "init error"])
async def test_another_process_changes_nothing_before_the_runtime_has_begun(
    api: RuntimeApi, request_of: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    address = await api.start()
    for _ in range(2):
        assert await asyncio.to_thread(stranger, address, request_of) == b""
    assert (api.state, api.init_error) == (State.STARTED, None)
    assert [record.getMessage().partition(" refused ")[0] for record in caplog.records] == [
        f"the Runtime API at {address}"
    ], "one line, however often it happens"


@pytest.mark.parametrize("looks_up", [True, False], ids=["Linux", "elsewhere"])
async def test_another_process_gets_no_invocation_and_the_idle_runtime_stays(
    api: RuntimeApi, looks_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not looks_up:
        monkeypatch.setattr(peers, "_linux_looks_up", lambda: False)
    address = await api.start()
    async with connected(address) as runtime:
        await runtime.send(NEXT)
        await api.platforms_turn()
        assert await asyncio.to_thread(stranger, address, NEXT) == b""
        api.deliver(Invocation(b'"the prompt"', TRACE, "id-1", "arn"), 0)
        assert await asyncio.to_thread(stranger, address, NEXT) == b""
        assert await runtime.reply() == (200, b'"the prompt"')


async def test_another_process_cannot_answer_in_the_functions_place(api: RuntimeApi) -> None:
    address = await api.start()
    async with connected(address) as runtime:
        invocation = await handed_out(api, runtime)
        assert await asyncio.to_thread(stranger, address, response_head("id-1") + b"3\r\nbad\r\n0\r\n\r\n") == b""
        assert api.state is State.RUNNING
        await runtime.send(response_head("id-1"), b"4\r\ngood\r\n0\r\n\r\n")
        assert [item async for item in invocation][1:] == [b"good", ResponseEnd()]


async def test_a_process_of_the_environment_may_call_when_its_parent_has_ended() -> None:
    """The leader of the session starts a process that calls, and ends: the caller's new parent is no relation."""
    api = RuntimeApi()
    address = await api.start()
    script = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STRANGER!r}, sys.argv[1]])"
    arguments = [sys.executable, "-c", script, address.rpartition(":")[2]]
    leader = subprocess.Popen(arguments, stdin=subprocess.PIPE, start_new_session=True)
    assert leader.stdin is not None
    await asyncio.to_thread(leader.wait, 60)
    api.admit(leader.pid)
    leader.stdin.write(NEXT.replace(b"PORT", arguments[-1].encode()))
    leader.stdin.close()
    await asyncio.wait_for(api.platforms_turn(), 60)
    await api.close()


async def test_a_process_that_connects_before_it_is_known_waits(api: RuntimeApi) -> None:
    api = RuntimeApi()
    async with connected(await api.start()) as runtime:
        await runtime.send(NEXT)
        turn = asyncio.ensure_future(api.platforms_turn())
        await asyncio.wait({turn}, timeout=0.2)
        assert not turn.done()
        api.admit(os.getsid(0))
        await asyncio.wait_for(turn, 5)
    await api.close()


def foreign_heads() -> Iterator[bytes]:
    """What a page under another name sends, be it in a browser that the function itself runs."""
    for lines in (
        b"Host: evil.example",
        b"Host: evil.example:PORT",
        b"Host: 127.0.0.1",
        b"Host: 127.0.0.1:PORT\r\nOrigin: http://evil.example",
        b"Host: 127.0.0.1:PORT\r\nOrigin: null",
        b"Host: 127.0.0.1:PORT\r\nSec-Fetch-Site: cross-site",
    ):
        yield NEXT.replace(b"Host: 127.0.0.1:PORT", lines)


async def test_refuses_what_a_page_under_another_name_sends(api: RuntimeApi) -> None:
    async with connected(await api.start()) as runtime:
        for head in foreign_heads():
            await runtime.send(head)
            status, body = await runtime.reply()
            assert (status, b'"errorType": "Forbidden"' in body) == (403, True), head
            assert api.state is State.STARTED
        await runtime.send(NEXT.replace(b"127.0.0.1", b"localhost"))
        await asyncio.wait_for(api.platforms_turn(), 5)


async def test_a_client_that_leaves_at_once_is_nobody(api: RuntimeApi) -> None:
    """Its connection has no holder by the time it is looked at, or has one and ends: nothing changes either way."""
    address = await api.start()
    for _ in range(20):
        async with connected(address):
            pass
    async with connected(address) as runtime:
        await handed_out(api, runtime)
