"""The pipes that functions print and log into."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from awslambdaric.bootstrap import FramedTelemetryLogSink

from sandbox.lambda_service.log_pipe import FunctionLog


class Printing:
    """The pipes of a process, the events that came out of them, and the ends that the process has."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.pipe = FunctionLog(self.lines.append)
        self.out, self.framed = os.dup(self.pipe.printed_end), os.dup(self.pipe.framed_end)
        self.pipe.close_write_ends()

    def print(self, data: bytes) -> None:
        assert os.write(self.out, data) == len(data)

    def write_framed(self, data: bytes) -> None:
        assert os.write(self.framed, data) == len(data)


@pytest.fixture
async def printing() -> AsyncIterator[Printing]:
    printing = Printing()
    yield printing
    os.close(printing.framed)
    printing.pipe.close()


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
        reads.append(os_read(file, size))  # an empty pipe raises
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


async def test_a_message_that_the_runtime_logs_is_one_event_among_the_lines_in_order(printing: Printing) -> None:
    with FramedTelemetryLogSink(os.dup(printing.framed)) as sink:
        for number in range(3):
            printing.print(b"printed %d\n" % number)
            sink.log(f"logged {number}\nline two\n")  # awslambdaric ends a message with a line end, too
            events = [f"printed {number}", f"logged {number}\nline two"]
            await eventually(printing, [*printing.lines[: 2 * number], *events])
        sink.log_error(["[ERROR] ValueError: x", "Traceback"])
    printing.pipe.flush()
    assert printing.lines[6:] == ["[ERROR] ValueError: x\nTraceback"]
    os.close(printing.out)


async def test_what_was_printed_before_an_error_stands_before_it(printing: Printing) -> None:
    printing.print(b"before\n")
    with FramedTelemetryLogSink(os.dup(printing.framed)) as sink:
        sink.log_error(["[ERROR]"])
    printing.pipe.flush()
    assert printing.lines == ["before", "[ERROR]"]
    os.close(printing.out)


async def test_what_is_no_frame_comes_line_by_line(printing: Printing) -> None:
    printing.write_framed(b"plain")
    printing.write_framed(b" text\nand more\nunfinished")
    await eventually(printing, ["plain text", "and more"])
    printing.pipe.flush()
    assert printing.lines[2:] == ["unfinished"]
    os.close(printing.out)
