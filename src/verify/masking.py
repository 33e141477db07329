"""Takes out of a report what a public issue should not show: accounts, URL ids, access keys, e-mail addresses."""

import re
from collections.abc import Mapping
from typing import Any

_PATTERNS = (
    # Of Function URLs.
    (re.compile(r"[a-z0-9]+(?=\.lambda-url\.)"), "***"),
    (re.compile(r"\b[0-9]{12}\b"), "***"),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
    (re.compile(r"\bA[A-Z]{3}[A-Z0-9]{12,124}\b"), "***"),
    (re.compile(r"[^\s@|`,;:=\"']+@[^\s@|`,;:=\"']+"), "***@***"),
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
