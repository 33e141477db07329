"""Standard error that never waits: a thread writes it, and what nobody reads is lost and counted.

A terminal that is stopped (Ctrl-S) or a pipe whose reader looks at one page (`| less`) takes no more than some
kilobytes. Whoever writes there himself stands still until somebody reads on, and with the event loop every response.
"""

import contextlib
import io
import os
import select
import stat
import sys
import threading
from collections.abc import Iterator

# What waits for a reader. A function may print a log event of 1 MB, and a page of them at once.
_MOST_BYTES = 8 * 1024 * 1024
# The sandbox is gone two seconds after a signal, whether its last words are read or not.
_GOODBYE_SECONDS = 0.5


@contextlib.contextmanager
def unblocked_stderr() -> Iterator[None]:
    """Let nothing that is written to `sys.stderr` wait while the body runs; show at the end what a reader takes.

    A file takes everything at once. It is written as ever, so that a sandbox that is killed leaves its last words.
    """
    direct = sys.stderr
    if stat.S_ISREG(os.fstat(direct.fileno()).st_mode):
        yield
        return
    direct.flush()
    unblocked = _UnblockedStream(direct.fileno())
    sys.stderr = unblocked
    try:
        yield
    finally:
        sys.stderr = direct
        unblocked.finish()


class _UnblockedStream(io.TextIOBase):
    """A text stream on a descriptor, whose `write` hands the text to a thread.

    The thread calls `os.write`: a buffered file would be locked while it waits, and Python wants that lock at its end.
    The descriptor stays as it is: other processes have it, too, and would find it non-blocking.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting = bytearray()
        self._lost_lines = 0
        self._finishing = False
        self._changed = threading.Condition()
        # A daemon: the process ends without it where it waits for a reader.
        self._writer = threading.Thread(target=self._run, name="stderr", daemon=True)
        self._writer.start()

    def write(self, text: str) -> int:
        """Take the text; it is lost if too much is waiting."""
        data = text.encode(errors="backslashreplace")
        with self._changed:
            if self._lost_lines or len(self._waiting) + len(data) > _MOST_BYTES:
                self._lost_lines += text.count("\n")  # and all that follows, so that the gap is in one place
            else:
                self._waiting += data
            self._changed.notify()
        return len(text)

    def finish(self) -> None:
        """Wait a moment for the reader to take what is left."""
        with self._changed:
            self._finishing = True
            self._changed.notify()
        self._writer.join(_GOODBYE_SECONDS)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether people read it, and see colours."""
        return os.isatty(self._descriptor)

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # the reader has left: what comes now is taken and lost
            while taken := self._take():
                self._write(taken)

    def _take(self) -> bytes:
        """Wait for something to write; return all there is, nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._lost_lines or self._finishing)
            if self._lost_lines and not self._waiting:
                notice = f"sandbox: {self._lost_lines} lines were not shown: nobody read on\n"
                self._lost_lines = 0
                return notice.encode()
            taken = bytes(self._waiting)
            self._waiting.clear()
            return taken

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # another process has made it non-blocking
                select.select((), (self._descriptor,), ())
