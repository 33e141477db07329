"""Takes out of a report what a public issue should not show: accounts, URL ids, access keys, e-mail addresses."""

import re
from collections.abc import Callable, Mapping
from typing import Any

# https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids
_TRACE_ID = r"\b1-[0-9a-f]{8}-[0-9a-f]{24}\b"
_REQUEST_ID = r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"

# What is looked for, and what stands in its place. Each begins where a word does and takes all of it: what tried every
# letter of a long word would take the square of its length.
_PATTERNS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # Of Function URLs.
    (re.compile(r"(?<![a-z0-9])[a-z0-9]++(?=\.lambda-url\.)"), "***"),
    # An account's id, also within a word. An id that may have twelve digits in a row stays: a trace's, a request's.
    (re.compile(rf"({_TRACE_ID}|{_REQUEST_ID})|(?<![0-9])[0-9]{{12}}(?![0-9])"), lambda match: match[1] or "***"),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
    (re.compile(r"(?<![A-Z0-9])A[A-Z]{3}[A-Z0-9]{12,124}(?![A-Z0-9])"), "***"),
    (re.compile(r"(?<![^\s@|`,;:=\"'])[^\s@|`,;:=\"']++@[^\s@|`,;:=\"']+"), "***@***"),
)


def masked(text: str) -> str:
    """Return the text without them."""
    for pattern, stand_in in _PATTERNS:
        text = pattern.sub(stand_in, text)
    return text


def all_masked(value: Any) -> Any:
    """Return a JSON value with every text in it masked."""
    if isinstance(value, Mapping):
        return {key: all_masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [all_masked(item) for item in value]
    return masked(value) if isinstance(value, str) else value
