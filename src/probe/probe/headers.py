"""Headers of one's own (`--header`): read, and checked for what would show a secret or spoil the request."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .errors import UsageError
from .masking import is_secret_name

# https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2; a value is printable ASCII. Older versions of curl cannot read
# longer lines of a configuration, and few servers take longer headers.
_HEADER = re.compile(
    r"(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}):[ \t]*(?P<value>[!-~](?:[ \t!-~]{0,7998}[!-~])?)[ \t]*"
)

# https://www.rfc-editor.org/rfc/rfc6750#section-2.1, https://www.rfc-editor.org/rfc/rfc7617#section-2
_SECRET_VALUE = re.compile(r"(?i)(bearer|basic)[ \t]")

# These follow from the URL and the body; another value would break the request.
_CURLS_OWN = {"host", "content-length", "transfer-encoding", "connection", "expect", "te", "upgrade"}
# What a signed request always has.
_ALWAYS_SIGNED = {"accept", "content-type", "host", "x-amz-date", "x-amz-security-token"}
# These are the signature's.
_SIGNATURES_OWN = {"authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"}

# A shorter value protects nothing, and would turn messages into riddles where it is masked.
_LEAST_SECRET = 4
# Longer than `Bearer` and than the names in a cookie, shorter than any key.
_LEAST_PART = 10


@dataclass(frozen=True)
class Header:
    """One header.

    Attributes:
        name: In lower case.
        value: Its value; not in `repr`.
        is_secret: It came from a file. What stands in a command line is no secret.
    """

    name: str
    value: str = field(repr=False)
    is_secret: bool = False

    @property
    def secrets(self) -> list[str]:
        """What must not show: the value, what follows a scheme such as `Bearer`, and the longer parts of a secret."""
        if not self.is_secret:
            return []
        parts = re.split(r"[\s;,=]+", self.value) if is_secret_name(self.name) else []
        whole = {self.value, self.value.split()[-1]}
        return sorted(
            {secret for secret in whole if len(secret) >= _LEAST_SECRET}
            | {part for part in parts if len(part) >= _LEAST_PART}
        )


def read_headers(given: Sequence[str], *, signed: bool) -> list[Header]:
    """The headers of the command line and of the files that it names.

    Args:
        given: Each is `NAME: VALUE`, or `@FILE` with such a line for each header.
        signed: The request is signed with AWS keys.

    Raises:
        UsageError: One is no header, is there twice, may not be set, or would show a secret. No message holds a value.
    """
    headers = [header for item in given for header in _read(item)]
    names = [header.name for header in headers]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--header: {name} is there twice")
        if name in _CURLS_OWN:
            raise UsageError(f"--header: {name} follows from the URL and the request, and cannot be set")
        if signed and name in _SIGNATURES_OWN:
            raise UsageError(f"--header: {name} is what the signature sets; with --unsigned there is no signature")
    if signed:
        _refuse_what_curl_signs_wrongly(names)
    return headers


def _refuse_what_curl_signs_wrongly(names: Sequence[str]) -> None:
    """Refuse two signed names of which one begins with the other, such as `x-a` and `x-a-b`.

    The signature needs headers sorted by name. curl 7.88 sorts whole lines: `x-a-b:` comes before `x-a:` there.
    """
    for shorter in {*names, *_ALWAYS_SIGNED}:
        for longer in {*names, *_ALWAYS_SIGNED}:
            if longer.startswith(shorter) and "" < longer.removeprefix(shorter) < ":":
                raise UsageError(
                    f"--header: curl signs {longer} wrongly beside {shorter}, since one name begins with the other; "
                    "use another name, or --unsigned"
                )


def merged(own: Sequence[Header], defaults: Mapping[str, str]) -> dict[str, str]:
    """All headers of a request by their names in lower case; one's own take the place of the probe's."""
    return {name.lower(): value for name, value in defaults.items()} | {header.name: header.value for header in own}


def _read(item: str) -> Iterator[Header]:
    if item.startswith("@"):
        yield from _file(item[1:])
        return
    header = _parsed(item, "--header")
    if is_secret_name(header.name) or _SECRET_VALUE.match(header.value):
        raise UsageError(
            f"--header: the value of {header.name} would stand in the list of processes, where all users of this "
            "machine see it: put the line into a file, and give --header @FILE"
        )
    yield header


def _file(path: str) -> Iterator[Header]:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError(f"--header: {path or 'the file'} cannot be read: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"--header: {path} is not UTF-8 text") from None
    found = [
        _parsed(line, f"--header: {path}, line {number}", is_secret=True)
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    if not found:
        raise UsageError(f"--header: {path} holds no header")
    yield from found


def _parsed(text: str, origin: str, *, is_secret: bool = False) -> Header:
    match = _HEADER.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{origin}: this is not a header such as 'x-tenant: blue': a name, a colon, and a value in printable ASCII"
        )
    return Header(match["name"].lower(), match["value"], is_secret)
