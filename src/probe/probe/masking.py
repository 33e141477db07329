"""Keeps secrets out of messages: a server's refusal may quote what it was sent."""

import json
from collections.abc import Iterable


def masked(text: str, secrets: Iterable[str]) -> str:
    """`text` with `***` in the place of each secret, also where it stands in a JSON string."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        for written in (secret, json.dumps(secret)[1:-1]):
            text = text.replace(written, "***")
    return text
