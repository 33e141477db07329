"""A terminal that a program writes to, and what stands on its screen."""

import codecs
import fcntl
import os
import re
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence

from probe_process import PATIENCE_SECONDS

# What a program may send besides text: control sequences, links, carriage return and line feed.
_TOKEN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\]8;[^\x1b]*\x1b\\|\r|\n|[^\x1b\r\n]+")


class PseudoTerminal:
    """Runs a program whose standard output, standard error or both are a terminal of this size.

    Attributes:
        written: All that it has written so far, as far as it has been read.
    """

    def __init__(self, columns: int = 80, lines: int = 30) -> None:
        self._master, self._slave = os.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        os.set_blocking(self._master, False)
        # A read may end within a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.written = ""

    def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> "subprocess.Popen[bytes]":
        """Start the program; what is not given otherwise is this terminal."""
        streams = [self._slave if stream is None else stream for stream in (stdout, stderr)]
        return subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=streams[0], stderr=streams[1]
        )

    def read_until(self, *patterns: str) -> None:
        """Wait until each of these is found in a line on the screen."""
        limit = time.monotonic() + PATIENCE_SECONDS
        while not all(any(re.search(pattern, line) for line in self.screen) for pattern in patterns):
            assert time.monotonic() < limit, self.screen
            self._read()
            time.sleep(0.02)

    def finish(self, process: "subprocess.Popen[bytes]") -> int:
        """Read on until the program is over; its exit code."""
        limit = time.monotonic() + PATIENCE_SECONDS
        while process.poll() is None:
            assert time.monotonic() < limit, self.screen
            self._read()
            time.sleep(0.02)
        self._read()
        return process.returncode

    def close(self) -> None:
        os.close(self._master)
        os.close(self._slave)

    @property
    def screen(self) -> list[str]:
        """The lines as they stand there now, those that have scrolled off the top included."""
        lines, row, column = [""], 0, 0
        for token in _TOKEN.findall(self.written):
            if token == "\r":
                column = 0
            elif token == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif token == "\x1b[2K":
                lines[row] = ""
            elif match := re.fullmatch(r"\x1b\[(\d+)A", token):
                row -= int(match[1])
            elif not token.startswith("\x1b"):
                lines[row] = lines[row][:column].ljust(column) + token + lines[row][column + len(token) :]
                column += len(token)
        return [line.rstrip() for line in lines]

    def _read(self) -> None:
        try:
            while True:
                self.written += self._decoder.decode(os.read(self._master, 65_536))
        except BlockingIOError:
            pass
