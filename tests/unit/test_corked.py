"""What is written in one turn of the event loop is one write of the transport below, and nothing of it is lost."""

import asyncio

import pytest

from sandbox.corked import CorkedTransport


class Below(asyncio.Transport):
    """A transport that remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.told.append(bytes(data))

    def close(self) -> None:
        self.told.append("close")

    def abort(self) -> None:
        self.told.append("abort")


@pytest.fixture
async def below() -> Below:
    return Below()


async def turn() -> None:
    await asyncio.sleep(0)


async def test_the_writes_of_one_turn_go_out_together_when_it_has_ended(below: Below) -> None:
    transport = CorkedTransport(below)
    transport.write(b"one, ")
    transport.writelines([b"two, ", b"three"])
    assert below.told == []
    await turn()
    assert below.told == [b"one, two, three"]


async def test_the_next_turn_does_not_wait(below: Below) -> None:
    transport = CorkedTransport(below)
    transport.write(b"one")
    await turn()
    transport.write(b"two")
    await turn()
    assert below.told == [b"one", b"two"]


async def test_much_goes_out_at_once_so_that_the_transport_can_pause_its_writer(below: Below) -> None:
    transport = CorkedTransport(below)
    transport.write(bytes(40_000))
    transport.write(bytes(40_000))
    assert below.told == [bytes(80_000)]
    transport.write(b"the rest")
    await turn()
    assert below.told == [bytes(80_000), b"the rest"]


async def test_what_is_written_goes_out_before_the_connection_closes(below: Below) -> None:
    transport = CorkedTransport(below)
    transport.write(b"the last words")
    transport.close()
    await turn()
    assert below.told == [b"the last words", "close"]


async def test_an_aborted_connection_sends_nothing_more(below: Below) -> None:
    transport = CorkedTransport(below)
    transport.write(b"the last words")
    transport.abort()
    await turn()
    assert below.told == ["abort"]
