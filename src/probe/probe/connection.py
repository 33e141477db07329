"""curl as a child process that makes requests one after another; each one's response as timestamped pieces of bytes.

What curl is told and how its output comes back:

- Configuration and keys go in on standard input (`-K -`), never as arguments, and curl's environment has no AWS_
  variable. The configuration and the request bodies lie in files without a name (memfd), which vanish when closed.
- A body is read from such a file (`@/proc/self/fd/N`): a configuration line has a length limit (100 KiB in older
  versions), and a file needs no escaping.
- The header section comes back through a pipe of its own (`--dump-header`), because curl flushes that after every line.
  With `--include` it would wait in a buffer until the first byte of the body, so that nobody could tell when it came,
  and trailers would stand in the middle of the body (src/tool_cb_hdr.c of 7.76 to 8.21, and tried).
- curl's own figures come last, as one marked line on standard error: header section and body are in their pipes then.

One process keeps its connection from request to request, but would make them without a pause. Therefore a gate stands
before every request but the first. curl reads a byte from a pipe, which comes when the request is to begin; then it
copies a byte of /dev/zero to standard output. That is there for a probe that was killed: a pipe without a writer looks
like an open gate, but writing to a pipe without a reader is an error, and after an error curl ends (`fail-early`).
"""

import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from .curl import BODY, HEADER, Arrival, CurlFigures, parse_figures, without_figures, without_keys

_READ_SIZE = 65_536
_END_PATIENCE_SECONDS = 2.0


class Connection:
    """One curl that makes a request for each body, over one connection as long as that lasts.

    Leaving the `with` block ends curl, whatever it does.

    Args:
        config: What the requests have in common, from `curl.configuration`.
        bodies: Their bodies.
        environment: The surroundings; curl gets them without any AWS_ variable.
        stop: A descriptor; when it becomes readable, an exchange breaks off. None for one that goes to its end.

    Attributes:
        figures: curl's own account of the last exchange; None while that goes on, and when it broke off.

    Raises:
        OSError: curl cannot be started, or this process may have no more descriptors.
    """

    def __init__(
        self, config: str, bodies: Sequence[bytes], environment: Mapping[str, str], stop: int | None = None
    ) -> None:
        self.figures: CurlFigures | None = None
        self._requests_left = len(bodies)
        self._has_begun = False
        self._stop = stop
        self._said = bytearray()
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as curls:
            gate_for_curl, self._gate = _pipe(reader=curls, writer=ours)
            self._header, header_for_curl = _pipe(reader=ours, writer=curls)
            self._body, body_for_curl = _pipe(reader=ours, writer=curls)
            self._stderr, stderr_for_curl = _pipe(reader=ours, writer=curls)
            files = {body: _file(body, curls) for body in set(bodies)}
            request = f'{config}dump-header = "/proc/self/fd/{header_for_curl}"\n'
            requests = [f'{request}data-binary = "@/proc/self/fd/{files[body]}"\n' for body in bodies]
            sections = f"next\n{_gate(gate_for_curl)}next\n".join(requests)
            self._selector = ours.enter_context(selectors.DefaultSelector())
            for descriptor in (self._header, self._body, self._stderr):
                os.set_blocking(descriptor, False)
                self._selector.register(descriptor, selectors.EVENT_READ)
            if stop is not None:
                self._selector.register(stop, selectors.EVENT_READ)
            self._process = subprocess.Popen(
                ["curl", "-q", "-K", "-"],  # noqa: S607 - the curl that the user has on PATH is the one to use
                stdin=_file(f"fail-early\n{sections}".encode(), curls),
                stdout=body_for_curl,
                stderr=stderr_for_curl,
                pass_fds=(gate_for_curl, header_for_curl, *files.values()),
                env=without_keys(environment),
                # Out of the terminal's reach: on Ctrl-C it is the probe that ends curl, and knows why it ended.
                process_group=0,
            )
            self._ours = ours.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def lasts(self) -> bool:
        """Another request can be made."""
        return self._requests_left > 0 and self.figures is not None and self.figures.exit_code == 0

    def exchange(self) -> Iterator[Arrival]:
        """Make the next request; what comes back, as it comes. `figures` are there afterwards."""
        self.figures = None
        self._said.clear()
        self._requests_left -= 1
        if self._has_begun:
            self._open_gate()
        self._has_begun = True
        while self.figures is None:
            ready = {key.fd for key, _ in self._selector.select()}
            if self._stop in ready:
                return
            # curl writes header section, body, figures in this order: when one has come, what is before it can be read.
            figures = self._take_figures() if self._stderr in ready else None
            is_over = figures is not None
            yield from self._arrivals(HEADER, self._header, to_the_end=is_over)
            if self._body in ready or is_over:
                yield from self._arrivals(BODY, self._body, to_the_end=is_over)
            self.figures = figures

    def close(self) -> None:
        """End curl: at once in the middle of an exchange, else by itself, so that it closes its connection properly."""
        if self.figures is None:
            self._process.kill()
        self._ours.close()
        try:
            self._process.wait(_END_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _open_gate(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # curl has ended: its standard output says so, too
            os.write(self._gate, b"\0")
        os.set_blocking(self._body, True)
        os.read(self._body, 1)
        os.set_blocking(self._body, False)

    def _arrivals(self, source: str, descriptor: int, *, to_the_end: bool) -> Iterator[Arrival]:
        """One read's worth, or all that is left."""
        while data := self._read(descriptor):
            yield Arrival(time.monotonic(), source, data)
            if not to_the_end:
                return

    def _read(self, descriptor: int) -> bytes:
        """What is in the pipe now; nothing at its end, either."""
        try:
            return os.read(descriptor, _READ_SIZE)
        except BlockingIOError:
            return b""

    def _take_figures(self) -> CurlFigures | None:
        """Curl's figures, once all of them are there or curl has ended without any."""
        data = self._read(self._stderr)
        self._said += data
        said = self._said.decode(errors="replace")
        figures = parse_figures(said) if data else without_figures(said, self._process.wait())
        return figures and replace(figures, said_at=time.monotonic())


def _gate(descriptor: int) -> str:
    """The section of curl's configuration that waits for a byte from a pipe."""
    return f"""silent
show-error
no-buffer
range = "0-0"
url = "file:///proc/self/fd/{descriptor}"
output = "/dev/null"
url = "file:///dev/zero"
"""


def _pipe(*, reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe's two ends, each to be closed by its owner."""
    reading, writing = os.pipe()
    reader.callback(os.close, reading)
    writer.callback(os.close, writing)
    return reading, writing


def _file(data: bytes, owner: contextlib.ExitStack) -> int:
    """A file without a name that holds `data`, to be closed by its owner."""
    descriptor = os.memfd_create("probe")
    owner.callback(os.close, descriptor)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
        file.seek(0)
    return descriptor
