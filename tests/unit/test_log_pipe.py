"""The pipe that functions print into."""

import asyncio
import os

import pytest

from sandbox.lambda_service.log_pipe import LogPipe


class Printing:
    """A pipe, the lines that came out of it, and its other end."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.pipe = LogPipe(self.lines.append)
        self.out = os.dup(self.pipe.write_end)
        self.pipe.close_write_end()

    def print(self, data: bytes) -> None:
        assert os.write(self.out, data) == len(data)


@pytest.fixture
async def printing() -> Printing:
    return Printing()


async def eventually(printing: Printing, lines: list[str]) -> None:
    async with asyncio.timeout(10):
        while printing.lines != lines:
            await asyncio.sleep(0)


async def test_lines_come_one_by_one_wherever_the_writes_are_cut(printing: Printing) -> None:
    for part in (b"on", b"e\ntwo\n\nGr\xc3", b"\xbc\xc3\x9fe\r\nbad \xff\nre"):
        printing.print(part)
        await asyncio.sleep(0.01)
    await eventually(printing, ["one", "two", "", "Gr\u00fc\u00dfe\r", "bad \ufffd"])
    os.close(printing.out)
    printing.pipe.close()
    assert printing.lines[-1] == "re", "the last line needs no end"


async def test_a_flush_tells_all_that_was_printed_at_once(printing: Printing) -> None:
    # As much as a pipe holds: a process can have printed no more than that without anybody having read it.
    text = b"".join(b"%d\n" % number for number in range(100_000))[: 64 * 1024]
    printing.print(text)
    printing.pipe.flush()
    assert printing.lines == text.decode().split("\n")
    printing.print(b"more\n")
    await eventually(printing, [*text.decode().split("\n"), "more"])
    os.close(printing.out)
    printing.pipe.close()


async def test_a_flush_of_an_empty_pipe_waits_for_nothing(printing: Printing) -> None:
    printing.pipe.flush()
    assert printing.lines == []
    printing.pipe.close()
    printing.pipe.close()
    os.close(printing.out)


@pytest.mark.parametrize(
    ("kilobytes", "pieces"), [(960, [960]), (1024, [1024]), (1088, [1024, 64]), (2624, [1024, 1024, 576])]
)
async def test_a_line_of_more_than_a_log_event_may_have_comes_in_pieces(
    printing: Printing, kilobytes: int, pieces: list[int]
) -> None:
    for _ in range(0, kilobytes, 64):
        printing.print(b"x" * 64 * 1024)
        await asyncio.sleep(0.001)
    await eventually(printing, ["x" * 1024 * 1024] * (kilobytes // 1024))
    printing.print(b"\nnext\n")
    os.close(printing.out)
    printing.pipe.close()
    *parts, last = printing.lines
    assert ([len(part) for part in parts if part], last) == ([1024 * size for size in pieces], "next")


async def test_an_ended_pipe_is_left_alone(printing: Printing, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[bytes] = []

    def counted_read(file: int, size: int) -> bytes:
        reads.append(os_read(file, size))
        return reads[-1]

    os_read = os.read
    monkeypatch.setattr(os, "read", counted_read)
    printing.print(b"last\n")
    os.close(printing.out)
    await asyncio.sleep(0.1)
    printing.pipe.flush()
    printing.pipe.close()
    assert printing.lines == ["last"]
    assert reads == [b"last\n", b""], "the end of a pipe stays readable, but is read once"
