"""The curl that is installed, what it is told, and what it says: its version, its configuration, its figures."""

import math
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .credentials import Credentials
from .errors import UsageError
from .target import Target

MINIMUM_VERSION = (7, 76)
# Older ones leave the port out of the host that they sign, and the session token out of the headers that they sign
# (lib/http_aws_sigv4.c), which no verifier accepts.
MINIMUM_VERSION_FOR_ALL = (7, 86)

HEADER, BODY = "header", "body"
# What is asked of a transfer, one by one, because `%{json}` is no JSON in 7.76 (`"http_connect":000`).
_TIMES = ("time_namelookup", "time_connect", "time_appconnect", "time_redirect", "time_starttransfer", "time_total")
_ASKED = " ".join(f"%{{{name}}}" for name in ("exitcode", "num_connects", *_TIMES, "errormsg"))
_FIGURES_LINE = re.compile(
    r"^figures: (?P<counts>\d{1,9} \d{1,9})(?P<times>(?: \d{1,9}\.\d+){6}) (?P<message>.*)\n", re.MULTILINE
)


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
    """What curl says of a transfer. Times are seconds since curl started it; 0.0 means not reached.

    Attributes:
        exit_code: curl's exit code; 0 means a transfer that ended properly.
        message: curl's words for a failure, or "".
        num_connects: How many connections curl made for it: none when it kept one, or when it got none.
        name_lookup: The host's name was resolved.
        connect: The TCP connection stood.
        app_connect: The TLS handshake was done; 0.0 without TLS.
        start_transfer: The first byte of the response was there: of its header section, not of its body.
        total: The transfer was over.
        said_at: When curl had said all this, in seconds of `time.monotonic()`; infinite where nobody noted it.
    """

    exit_code: int
    message: str = ""
    num_connects: int = 0
    name_lookup: float = 0.0
    connect: float = 0.0
    app_connect: float = 0.0
    start_transfer: float = 0.0
    total: float = 0.0
    said_at: float = field(default=math.inf, compare=False)


def require_curl(targets: Iterable[Target], credentials: Credentials | None, environment: Mapping[str, str]) -> None:
    """Check that a curl is installed that can sign and report as the probe needs.

    Args:
        targets: Where signed requests go.
        credentials: What signs them, or None when nothing is signed.
        environment: Says where curl is.

    Raises:
        UsageError: There is none, or it is too old for one of these targets or for these keys.
    """
    try:
        said = subprocess.run(
            ["curl", "--version"],  # noqa: S607 - the curl that the user has on PATH is the one to use
            env=without_keys(environment),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
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
    if any(target.names_port for target in targets) and version < MINIMUM_VERSION_FOR_ALL:
        raise UsageError(
            f"curl {match[1]}.{match[2]} signs wrongly for a URL with a port, such as the sandbox's: "
            "7.86 or newer is needed"
        )
    if credentials and credentials.session_token and version < MINIMUM_VERSION_FOR_ALL:
        raise UsageError(
            f"curl {match[1]}.{match[2]} signs wrongly with temporary keys, as those of a role are: "
            "7.86 or newer is needed"
        )


def configuration(
    target: Target, credentials: Credentials | None, service: str, headers: Mapping[str, str], timeout_seconds: float
) -> str:
    """The text that curl reads as its configuration.

    It holds the keys, if the request is signed; `service` is the one that they sign for. curl signs all headers.
    """
    lines = [
        f"url = {quoted(target.url)}",
        *(_signature(target, credentials, service) if credentials else ()),
        *(f"header = {quoted(f'{name}: {value}')}" for name, value in headers.items()),
        # No "Expect:" with nothing behind it: 7.88 signs such a header and then does not send it, so that the signature
        # is wrong. It is not needed: curl expects a 100 only for bodies over 1 MiB, and none here is (requests.py).
        f"max-time = {timeout_seconds:.3f}",
        f'write-out = "%{{stderr}}\\nfigures: {_ASKED}\\n"',
        'request = "POST"',
        "silent",
        "show-error",
        "no-buffer",
        "globoff",
        "suppress-connect-headers",
    ]
    if target.is_local:
        lines.append('noproxy = "*"')
    return "\n".join(lines) + "\n"


def _signature(target: Target, credentials: Credentials, service: str) -> Iterator[str]:
    yield f"user = {quoted(credentials.access_key_id + ':' + credentials.secret_access_key)}"
    yield f"aws-sigv4 = {quoted(f'aws:amz:{target.region}:{service}')}"
    if credentials.session_token:
        yield f"header = {quoted('x-amz-security-token: ' + credentials.session_token)}"


def without_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """The surroundings for curl, which is given its keys in another way."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}


def quoted(value: str) -> str:
    """A value of curl's configuration."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_figures(said: str) -> CurlFigures | None:
    """The figures among what curl said on standard error; None while they are not complete."""
    found = _FIGURES_LINE.search(said)
    if found is None:
        return None
    exit_code, num_connects = map(int, found["counts"].split())
    name_lookup, connect, app_connect, redirect, start_transfer, total = map(float, found["times"].split())
    return CurlFigures(
        exit_code,
        message=found["message"],
        num_connects=num_connects,
        name_lookup=name_lookup,
        connect=connect,
        app_connect=app_connect,
        # When a kept connection turns out to be dead, curl sends the request again over a new one. It counts the other
        # times from there, and calls what went before a redirect (tried with 7.76 to 8.23).
        start_transfer=redirect + start_transfer if start_transfer else 0.0,
        total=total,
    )


def without_figures(said: str, exit_code: int) -> CurlFigures:
    """What there is to say of a curl that ended before its figures came: it was killed, or refused what it was told."""
    first = next((line for line in said.splitlines() if line), f"curl ended with code {exit_code}")
    return CurlFigures(exit_code, first.removeprefix("curl: "))
