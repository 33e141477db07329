"""Pages: in which order an operation's items are given out, a part at a time, and the tokens that lead on."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sandbox.aws_api.contract import ApiError

_Item = TypeVar("_Item")


def page_of(items: Sequence[_Item], request: Mapping[str, Any], size: int) -> tuple[Sequence[_Item], dict[str, str]]:
    """Return the items of the page that a request's `NextToken` asks for, and the member that leads to the next one."""
    token = request.get("NextToken", "0")
    if not re.fullmatch(r"\d{1,18}", token, re.ASCII) or int(token) > len(items):
        raise ApiError("InvalidNextToken", f"The NextToken {token!r} has not been given out for this request.")
    end = int(token) + size
    return items[int(token) : end], {"NextToken": str(end)} if end < len(items) else {}


def newest_first(request: Mapping[str, Any]) -> bool:
    """Tell whether a request's `ScanBy` asks for the newest items first, as it does by default.

    Raises:
        ApiError: it is neither order.
    """
    scan_by = request.get("ScanBy", "TimestampDescending")
    if scan_by not in ("TimestampAscending", "TimestampDescending"):
        raise ApiError("ValidationError", f"ScanBy is {scan_by!r}, not TimestampDescending or TimestampAscending.")
    return bool(scan_by == "TimestampDescending")
