"""curl as a child process: its version, its configuration, and one transfer as timestamped pieces of bytes.

What curl is told and how its output comes back:

- Configuration and keys go in on standard input (`-K -`), never as arguments, and curl's environment has no AWS_
  variable.
- The request body goes in through a pipe that curl reads as a file (`--data-binary @/dev/fd/N`): a configuration line
  has a length limit (100 KiB in older versions), and a file needs no escaping.
- The header section comes back through a pipe of its own (`--dump-header`), because curl flushes that after every line.
  With `--include` it would wait in a buffer until the first byte of the body, so that nobody could tell when it came,
  and trailers would stand in the middle of the body (src/tool_cb_hdr.c of 7.76 to 8.14, and tried).
- curl's own figures come last, as one marked line on standard error. They are asked for one by one, because `%{json}`
  is no JSON in 7.76 (`"http_connect":000`).
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import IO

from .credentials import Credentials
from .errors import UsageError
from .target import Target

MINIMUM_VERSION = (7, 76)
# Older ones leave the port out of the host that they sign (http_aws_sigv4.c), which no verifier accepts.
MINIMUM_VERSION_WITH_PORT = (7, 86)

HEADER, BODY = "header", "body"
# Cumulative seconds, in the order of the fields of `CurlFigures`.
_TIMES = ("time_namelookup", "time_connect", "time_appconnect", "time_starttransfer", "time_total")
_FIGURES_LINE = re.compile(r"figures:(?: \d+\.\d+){5}")
_READ_SIZE = 65_536
_END_PATIENCE_SECONDS = 2.0


@dataclass(frozen=True)
class Arrival:
    """Bytes that one read gave.

    Attributes:
        at: When the read returned, in seconds of `time.monotonic()`.
        source: `HEADER` (status lines, headers, trailers) or `BODY`.
        data: The bytes; never empty.
    """

    at: float
    source: str
    data: bytes


@dataclass(frozen=True)
class CurlFigures:
    """What curl says when it is done. Times are seconds since curl started the transfer; 0.0 means not reached.

    Attributes:
        exit_code: curl's exit code; 0 means a transfer that ended properly.
        message: curl's words for a failure, or "".
        name_lookup: The host's name was resolved.
        connect: The TCP connection stood.
        app_connect: The TLS handshake was done; 0.0 without TLS.
        start_transfer: The first byte of the response was there: of its header section, not of its body.
        total: The transfer was over.
    """

    exit_code: int
    message: str = ""
    name_lookup: float = 0.0
    connect: float = 0.0
    app_connect: float = 0.0
    start_transfer: float = 0.0
    total: float = 0.0


def require_curl(target: Target, environment: Mapping[str, str]) -> None:
    """Check that a curl is installed that can sign and report as the probe needs.

    Raises:
        UsageError: There is none, or it is too old for this target.
    """
    try:
        said = subprocess.run(
            ["curl", "--version"],  # noqa: S607 - the curl that the user has on PATH is the one to use
            env=_without_keys(environment),
            capture_output=True,
            text=True,
            check=False,
        ).stdout
    except OSError:
        raise UsageError("curl is needed, and there is none on PATH") from None
    match = re.match(r"curl (\d+)\.(\d+)", said)
    if match is None:
        raise UsageError("the curl on PATH does not say its version; 7.76 or newer is needed")
    version = (int(match[1]), int(match[2]))
    if version < MINIMUM_VERSION:
        raise UsageError(f"curl {match[1]}.{match[2]} is too old: 7.76 or newer is needed")
    if target.names_port and version < MINIMUM_VERSION_WITH_PORT:
        raise UsageError(
            f"curl {match[1]}.{match[2]} signs wrongly for a URL with a port, such as the sandbox's: "
            "7.86 or newer is needed"
        )


def configuration(
    target: Target, credentials: Credentials, service: str, headers: Mapping[str, str], timeout_seconds: float
) -> str:
    """The text that curl reads as its configuration. It holds the keys; `service` is the one that they sign for."""
    lines = [
        f"url = {_quoted(target.url)}",
        f"user = {_quoted(credentials.access_key_id + ':' + credentials.secret_access_key)}",
        f"aws-sigv4 = {_quoted(f'aws:amz:{target.region}:{service}')}",
        *(f"header = {_quoted(f'{name}: {value}')}" for name, value in headers.items()),
        # No "Expect:" with nothing behind it: 7.88 signs such a header and then does not send it, so that the signature
        # is wrong. It is not needed: curl expects a 100 only for bodies over 1 MiB, and no body here is that long.
        f"max-time = {timeout_seconds:.3f}",
        f'write-out = "%{{stderr}}\\nfigures: {" ".join(f"%{{{name}}}" for name in _TIMES)}\\n"',
        "globoff",
        "suppress-connect-headers",
    ]
    if credentials.session_token:
        lines.append(f"header = {_quoted('x-amz-security-token: ' + credentials.session_token)}")
    if target.is_local:
        lines.append('noproxy = "*"')
    return "\n".join(lines) + "\n"


def _without_keys(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Transfer:
    """One run of curl. Iterate over it for the arrivals, then read `figures`; leaving the `with` block ends curl.

    Args:
        config: curl's configuration, from `configuration`.
        body: The request body.
        environment: The surroundings; curl gets them without any AWS_ variable.

    Attributes:
        figures: curl's own account, once the iteration has come to its end; None before.
    """

    def __init__(self, config: str, body: bytes, environment: Mapping[str, str]) -> None:
        self.figures: CurlFigures | None = None
        self._stderr = bytearray()
        body_for_curl, body_end = os.pipe()
        header_end, header_for_curl = os.pipe()
        try:
            self._process = subprocess.Popen(
                [
                    *("curl", "-q", "--no-buffer", "--silent", "--show-error", "--request", "POST", "-K", "-"),
                    *("--data-binary", f"@/dev/fd/{body_for_curl}", "--dump-header", f"/dev/fd/{header_for_curl}"),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(body_for_curl, header_for_curl),
                env=_without_keys(environment),
            )
        except BaseException:
            os.close(body_end)
            os.close(header_end)
            raise
        finally:
            os.close(body_for_curl)
            os.close(header_for_curl)
        # The file objects are only owners of their descriptors here: everything is read and written unbuffered.
        self._config_end = _descriptor(self._process.stdin)
        self._header_end = header_end
        self._stdout_end = _descriptor(self._process.stdout)
        self._stderr_end = _descriptor(self._process.stderr)
        self._open = {self._config_end, body_end, header_end, self._stdout_end, self._stderr_end}
        self._to_send = {self._config_end: memoryview(config.encode()), body_end: memoryview(body)}

    def __enter__(self) -> Transfer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for descriptor in list(self._open):
            self._close(descriptor)
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_END_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def __iter__(self) -> Iterator[Arrival]:
        with selectors.DefaultSelector() as selector:
            for descriptor in self._open:
                # Both pipes into curl must be served while its output is read: a long prompt fills a pipe.
                os.set_blocking(descriptor, False)
                sends = descriptor in self._to_send
                selector.register(descriptor, selectors.EVENT_WRITE if sends else selectors.EVENT_READ)
            while selector.get_map():
                ready = {key.fd for key, _ in selector.select()}
                for descriptor in ready & self._to_send.keys():
                    if self._send(descriptor):
                        selector.unregister(descriptor)
                        self._close(descriptor)
                # curl writes the header section before the body; reading in this order keeps it so for the reader.
                for descriptor, source in (
                    (self._header_end, HEADER),
                    (self._stdout_end, BODY),
                    (self._stderr_end, ""),
                ):
                    if descriptor not in ready and not (source == HEADER and descriptor in self._open):
                        continue
                    try:
                        data = os.read(descriptor, _READ_SIZE)
                    except BlockingIOError:
                        continue
                    now = time.monotonic()
                    if not data:
                        selector.unregister(descriptor)
                        self._close(descriptor)
                    elif source:
                        yield Arrival(now, source, data)
                    else:
                        self._stderr += data
        self.figures = parse_figures(self._stderr.decode(errors="replace"), self._process.wait())

    def _send(self, descriptor: int) -> bool:
        """Write what the pipe takes; True when there is nothing left to write or nobody to read it."""
        try:
            sent = os.write(descriptor, self._to_send[descriptor])
        except BlockingIOError:
            return False
        except BrokenPipeError:
            return True
        self._to_send[descriptor] = self._to_send[descriptor][sent:]
        return not self._to_send[descriptor]

    def _close(self, descriptor: int) -> None:
        self._open.discard(descriptor)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None and not stream.closed and stream.fileno() == descriptor:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
                return
        os.close(descriptor)


def parse_figures(stderr: str, exit_code: int) -> CurlFigures:
    """Read what curl printed on standard error: its complaints, and the marked line of times."""
    lines = [line for line in stderr.splitlines() if line]
    marked = next((line for line in lines if _FIGURES_LINE.fullmatch(line)), None)
    times = [float(word) for word in marked.split()[1:]] if marked else [0.0] * len(_TIMES)
    name_lookup, connect, app_connect, start_transfer, total = times
    # The first line says what is wrong; more lines, as after code 60, are advice.
    complaint = next((line for line in lines if line != marked), f"curl ended with code {exit_code}")
    message = re.sub(r"^curl: \(\d+\) ", "", complaint)
    return CurlFigures(
        exit_code,
        message=message if exit_code else "",
        name_lookup=name_lookup,
        connect=connect,
        app_connect=app_connect,
        start_transfer=start_transfer,
        total=total,
    )


def _descriptor(stream: IO[bytes] | None) -> int:
    assert stream is not None  # all three were asked for as pipes
    return stream.fileno()
