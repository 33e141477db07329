"""curl as a child process that makes requests one after another; each one's response as timestamped pieces of bytes.

What curl is told and how its output comes back:

- Configuration and keys go in through a pipe on standard input (`-K -`), never as arguments or in a file, and curl's
  environment has no AWS_ variable.
- A body is read from a file (`@PATH`): a configuration line has a length limit (100 KiB in older versions), and a file
  needs no escaping. It lies in a temporary directory that only this user can enter, until curl has read it.
- The header section comes back through a named pipe of its own (`--dump-header`), because curl flushes that after every
  line. With `--include` it would wait in a buffer until the first byte of the body, so that nobody could tell when it
  came, and trailers would stand in the middle of the body (src/tool_cb_hdr.c of 7.76 to 8.21, and tried).
- curl's own figures come last, as one marked line on standard error: header section and body are in their pipes then.

Names in a directory serve every POSIX system. /proc/self/fd is Linux's alone, and /dev/fd differs: on macOS, opening
one of its files duplicates the descriptor, and AWS Lambda has only 0, 1 and 2.

One process keeps its connection from request to request, but would make them without a pause. Therefore a gate stands
before every request: curl asks an HTTP server on a Unix socket, and the probe answers when the request is to begin. By
the first time curl has read all configuration and bodies, and the probe removes these. A socket tells what a named pipe
does not: if the probe was killed, curl gets an error at once, and after an error curl ends (`fail-early`). A probe that
was killed leaves the directory behind, without bodies if curl had come to the first gate.
"""

import contextlib
import os
import selectors
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from .curl import BODY, HEADER, Arrival, CurlFigures, parse_figures, quoted, without_figures, without_keys
from .errors import UsageError

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
        UsageError: The directory for temporary files can hold no socket, or its path is too long for one.
    """

    def __init__(
        self, config: str, bodies: Sequence[bytes], environment: Mapping[str, str], stop: int | None = None
    ) -> None:
        self.figures: CurlFigures | None = None
        self._requests_left = len(bodies)
        self._stop = stop
        self._said = bytearray()
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as curls:
            directory = Path(ours.enter_context(tempfile.TemporaryDirectory(prefix="probe-")))
            self._gate = _listener(directory / "gate", ours)
            self._header = _named_pipe(directory / "header", ours)
            self._body, body_for_curl = _pipe(reader=ours, writer=curls)
            self._stderr, stderr_for_curl = _pipe(reader=ours, writer=curls)
            self._files = {body: directory / f"body-{number}" for number, body in enumerate(set(bodies))}
            for body, file in self._files.items():
                file.write_bytes(body)
            before = f"{_gate(directory / 'gate')}next\n{config}dump-header = {quoted(str(directory / 'header'))}\n"
            sections = "next\n".join(f"{before}data-binary = {quoted(f'@{self._files[body]}')}\n" for body in bodies)
            self._selector = ours.enter_context(selectors.DefaultSelector())
            for descriptor in (self._header, self._body, self._stderr):
                os.set_blocking(descriptor, False)
                self._selector.register(descriptor, selectors.EVENT_READ)
            if stop is not None:
                self._selector.register(stop, selectors.EVENT_READ)
            self._process = subprocess.Popen(
                ["curl", "-q", "-K", "-"],  # noqa: S607 - the curl that the user has on PATH is the one to use
                stdin=subprocess.PIPE,
                stdout=body_for_curl,
                stderr=stderr_for_curl,
                # With a reader, curl never waits to open the named pipe, not even after the probe was killed.
                pass_fds=(self._header,),
                env=without_keys(environment),
                # Out of the terminal's reach: on Ctrl-C it is the probe that ends curl, and knows why it ended.
                process_group=0,
            )
            self._ours = ours.pop_all()
        self._configure(f"fail-early\n{sections}")

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
        self._open_gate()
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

    def _configure(self, text: str) -> None:
        """Send curl its configuration, which ends with the pipe; a curl that has ended before will say why."""
        pipe = self._process.stdin
        assert pipe is not None
        try:
            with contextlib.suppress(BrokenPipeError):
                pipe.write(text.encode())
                pipe.flush()
        except BaseException:  # nobody has this connection yet, so nobody else would close it
            self.close()
            raise
        finally:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def _open_gate(self) -> None:
        """Let curl make its next request. Without a curl, or with the wish to stop, the exchange sees that itself."""
        with selectors.DefaultSelector() as selector:
            for source in (self._gate, self._body, *(() if self._stop is None else (self._stop,))):
                selector.register(source, selectors.EVENT_READ)
            if self._gate not in {key.fileobj for key, _ in selector.select()}:
                return
        while self._files:
            self._files.popitem()[1].unlink()
        with self._gate.accept()[0] as curl, contextlib.suppress(ConnectionError):  # it may have ended meanwhile
            curl.recv(_READ_SIZE)
            curl.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

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


def _gate(path: Path) -> str:
    """The section of curl's configuration that waits until the probe answers."""
    return f"""silent
show-error
noproxy = "*"
unix-socket = {quoted(str(path))}
url = "http://gate"
"""


def _listener(path: Path, owner: contextlib.ExitStack) -> socket.socket:
    """A Unix socket that takes connections, to be closed by its owner."""
    listener = owner.enter_context(socket.socket(socket.AF_UNIX))
    try:
        listener.bind(str(path))
    except OSError as error:
        # Beside a path that is too long: a file system without sockets, such as a Windows drive in WSL.
        raise UsageError(
            f"no socket can be made at {path} ({error.strerror or error}): set TMPDIR to another, short directory"
        ) from None
    listener.listen()
    return listener


def _named_pipe(path: Path, owner: contextlib.ExitStack) -> int:
    """The reading end of a new named pipe, to be closed by its owner, who keeps it from ending between two requests."""
    os.mkfifo(path, 0o600)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    owner.callback(os.close, reading)
    owner.callback(os.close, os.open(path, os.O_WRONLY))
    return reading


def _pipe(*, reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe's two ends, each to be closed by its owner."""
    reading, writing = os.pipe()
    reader.callback(os.close, reading)
    writer.callback(os.close, writing)
    return reading, writing
