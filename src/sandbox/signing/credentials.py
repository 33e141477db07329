"""The access keys that the sandbox knows, and who they belong to; random ones, new at every start."""

import secrets
import string
from dataclasses import dataclass, field

from template.resources import ACCOUNT_ID

_KEY_ALPHABET = string.ascii_uppercase + "234567"


@dataclass(frozen=True)
class Credentials:
    """An access key and its owner. A session token comes with a role's key, never with a user's."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    principal_id: str
    arn: str


def random_user() -> Credentials:
    """Return a key for the developer who calls the sandbox."""
    return Credentials(
        access_key_id="AKIA" + _random(16),
        secret_access_key=secrets.token_urlsafe(30),
        session_token=None,
        principal_id="AIDA" + _random(17),
        arn=f"arn:aws:iam::{ACCOUNT_ID}:user/sandbox",
    )


def random_role() -> Credentials:
    """Return the temporary key that the function gets for its execution role."""
    return Credentials(
        access_key_id="ASIA" + _random(16),
        secret_access_key=secrets.token_urlsafe(30),
        session_token=secrets.token_urlsafe(60),
        principal_id="AROA" + _random(17),
        arn=f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/sandbox-function/sandbox",
    )


def _random(length: int) -> str:
    return "".join(secrets.choice(_KEY_ALPHABET) for _ in range(length))
