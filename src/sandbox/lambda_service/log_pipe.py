"""The pipe that a function's processes print into, read line by line."""

import asyncio
import os
from collections.abc import Callable

# Longer lines are passed on in pieces, because CloudWatch Logs takes no larger event:
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_InputLogEvent.html
_LINE_BYTES = 1024 * 1024
# A pipe holds less than this, so one read empties it.
_READ_BYTES = 256 * 1024


class LogPipe:
    """Passes lines on as they come; `flush` does so at once.

    A pipe of our own: with asyncio's, the end of a process is not seen while a child of it holds the pipe open.
    """

    def __init__(self, on_line: Callable[[str], None]) -> None:
        """Open the pipe.

        Args:
            on_line: gets every line, without its line end.
        """
        self._on_line = on_line
        self._rest = b""
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._read_end, self._read)
        self._open = True

    def close_write_end(self) -> None:
        """Leave the writing to the processes that have inherited it."""
        os.close(self.write_end)

    def flush(self) -> None:
        """Pass on everything that has been printed until now, and a line that has no end yet as it is."""
        self._read()
        if self._rest:
            self._tell(self._rest)
            self._rest = b""

    def close(self) -> None:
        """Pass on what is left. What a process that goes on prints from now on is lost."""
        self.flush()
        self._stop()

    def _read(self) -> None:
        if not self._open:
            return
        try:
            data = os.read(self._read_end, _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._stop()  # an ended pipe stays readable for ever
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            for start in range(0, max(len(line), 1), _LINE_BYTES):
                self._tell(line[start : start + _LINE_BYTES])
        while len(self._rest) >= _LINE_BYTES:
            self._tell(self._rest[:_LINE_BYTES])
            self._rest = self._rest[_LINE_BYTES:]

    def _tell(self, line: bytes) -> None:
        self._on_line(line.decode(errors="replace"))

    def _stop(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._read_end)
            os.close(self._read_end)
