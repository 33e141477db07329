"""The two pipes of a function's processes: one for what they print, one for what the runtime logs in frames."""

import asyncio
import os
from collections.abc import Callable

from sandbox.lambda_service.log_events import Frames, Lines, OnEvent

# A pipe holds less than this, so one read empties it.
_READ_BYTES = 256 * 1024


class FunctionLog:
    """Passes log events on as they come; `flush` does so at once.

    Lambda gives the runtime a descriptor of its own for messages, in frames: a message with line ends is one event.
    What is printed is cut at line ends.
    """

    def __init__(self, on_event: OnEvent) -> None:
        """Open the pipes.

        Args:
            on_event: gets every event, without its line end.
        """
        self._lines, self._frames = Lines(on_event), Frames(on_event)
        self._printed = _Pipe(self._lines.feed)
        # The pipes do not say which was written to first. A runtime logs an error last, and then waits for an answer:
        # what is in the other pipe by then was printed before.
        self._logged = _Pipe(self._frames.feed, before=self._printed.read)

    @property
    def printed_end(self) -> int:
        """The descriptor to print into."""
        return self._printed.write_end

    @property
    def framed_end(self) -> int:
        """The descriptor for frames, the value of `_LAMBDA_TELEMETRY_LOG_FD`."""
        return self._logged.write_end

    def close_write_ends(self) -> None:
        """Leave the writing to the processes that have inherited the descriptors."""
        os.close(self.printed_end)
        os.close(self.framed_end)

    def flush(self) -> None:
        """Pass on everything that has been written until now, and what is unfinished as it is."""
        self._logged.read()
        self._lines.flush()
        self._frames.flush()

    def close(self) -> None:
        """Pass on what is left. What a process that goes on writes from now on is lost."""
        self.flush()
        self._printed.stop()
        self._logged.stop()


class _Pipe:
    """One pipe. With asyncio's own, the end of a process is not seen while a child of it holds the pipe open."""

    def __init__(self, on_data: Callable[[bytes], object], before: Callable[[], object] = lambda: None) -> None:
        self._on_data = on_data
        self._before = before
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._read_end, self.read)
        self._open = True

    def read(self) -> None:
        self._before()
        if not self._open:
            return
        try:
            data = os.read(self._read_end, _READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self._on_data(data)
        else:
            self.stop()  # an ended pipe stays readable for ever

    def stop(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._read_end)
            os.close(self._read_end)
