"""The Runtime API in this process, over real sockets: what only shows from both of its sides at once."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from sandbox.invocation import BUFFER_BYTES, Invocation, ResponseEnd, ResponseStart
from sandbox.lambda_service import runtime_api
from sandbox.lambda_service.runtime_api import RuntimeApi
from sandbox.lambda_service.runtime_states import State
from sandbox.trace_context import TraceContext

TRACE = TraceContext("1-00000000-" + "0" * 24, None, sampled=False)
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"


class Runtime:
    """The other side of the wire."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def reply(self) -> tuple[int, bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        return int(head.split()[1]), await self.reader.readexactly(length)


def response_head(request_id: str) -> bytes:
    return (
        f"POST /2018-06-01/runtime/invocation/{request_id}/response HTTP/1.1\r\nHost: x\r\n"
        "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()


@pytest.fixture
async def api() -> AsyncIterator[RuntimeApi]:
    api = RuntimeApi()
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
            b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        )
        assert (await runtime.reply())[0] == 403
        assert api.state is State.STARTED
        await runtime.send(b"GET /2018-06-01/runtime/restore/next HTTP/1.1\r\nHost: x\r\n\r\n")
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
