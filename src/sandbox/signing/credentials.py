"""The sandbox's access keys and their owners: random keys, new at every start."""

import secrets
import string
from collections.abc import Mapping
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

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables from which AWS's SDKs read this key."""
        token = {"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {}
        return {"AWS_ACCESS_KEY_ID": self.access_key_id, "AWS_SECRET_ACCESS_KEY": self.secret_access_key, **token}


@dataclass(frozen=True)
class Keys:
    """One sandbox's keys: the developer's, the streaming function's (`role`), the scheduled functions' (`client`)."""

    user: Credentials
    role: Credentials
    client: Credentials


def random_keys() -> Keys:
    """Return new keys."""
    return Keys(random_user(), random_role(), random_role())


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
    """Return a temporary key, as a function gets it for its execution role."""
    return Credentials(
        access_key_id="ASIA" + _random(16),
        secret_access_key=secrets.token_urlsafe(30),
        session_token=secrets.token_urlsafe(60),
        principal_id="AROA" + _random(17),
        arn=f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/sandbox-function/sandbox",
    )


def _random(length: int) -> str:
    return "".join(secrets.choice(_KEY_ALPHABET) for _ in range(length))
