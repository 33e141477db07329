"""Keeps secrets from showing: which names stand for one, and messages without them, as a server's refusal may quote."""

import json
import re
from collections.abc import Iterable

# Words between other characters than letters and digits: `x-path` holds no `pat`.
_SECRET_WORD = re.compile(
    r"[a-z0-9]*(cookie|credentials?|passphrase|password|passwd|secret|signature|token)"
    r"|(access|api|app|auth|client|secret|session)?key"
    r"|auth|authentication|authorization|hmac|jwt|pat|pwd|session|sessionid|sig"
)


def is_secret_name(name: str) -> bool:
    """Whether a header or a parameter of this name carries a secret: authorization, x-api-key, access_token, ..."""
    # As one word among others, `code` is no key: country-code.
    words = re.split(r"[^a-z0-9]+", name.lower())
    return words == ["code"] or any(map(_SECRET_WORD.fullmatch, words))


def masked(text: str, secrets: Iterable[str]) -> str:
    """`text` with `***` in the place of each secret, also where it stands in a JSON string."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        for written in (secret, json.dumps(secret)[1:-1]):
            text = text.replace(written, "***")
    return text
