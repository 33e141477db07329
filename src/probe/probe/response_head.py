"""The status and headers of the final response, out of the header bytes that curl saw."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_STATUS_LINE = re.compile(r"HTTP/(\d(?:\.\d)?) (\d{3})(?: .*)?")


@dataclass(frozen=True)
class ResponseHead:
    """A final response's head.

    Attributes:
        status: The HTTP status, from 200 up.
        http_version: "1.1", "2" and so on.
        headers: The last value of each header, by its name in lower case.
    """

    status: int
    http_version: str
    headers: Mapping[str, str] = field(default_factory=dict)


def parse_response_head(data: bytes) -> ResponseHead | None:
    """The head of the final response, or None while it is not complete.

    Interim responses (1xx) before it and trailers after it are passed over.
    """
    blocks = re.split(r"\r?\n\r?\n", data.decode("latin-1"))
    for block in blocks[:-1]:  # what follows the last empty line is not complete, or a trailer
        status_line, *lines = re.split(r"\r?\n", block)
        match = _STATUS_LINE.fullmatch(status_line)
        if match is None or match[2].startswith("1"):
            continue
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        return ResponseHead(int(match[2]), match[1], headers)
    return None
