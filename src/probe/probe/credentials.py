"""AWS credentials: from the environment, else from the AWS CLI. They are kept out of every message."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import UsageError
from .json_object import parse_object
from .masking import masked
from .waiting import explained

# Long enough for a single sign-on refresh or an MFA code typed by hand.
AWS_CLI_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Credentials:
    """One set of AWS keys.

    Attributes:
        access_key_id: The public half.
        secret_access_key: The secret half; not in `repr`.
        session_token: Comes with temporary keys, else None; not in `repr`.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(repr=False)

    def hidden_in(self, text: str) -> str:
        """`text` without the secrets, should somebody have sent them back."""
        return masked(text, self.secrets)

    @property
    def secrets(self) -> list[str]:
        """What must not show."""
        return [self.secret_access_key, *([self.session_token] if self.session_token else [])]

    @classmethod
    def checked(cls, key: object, secret: object, token: object, *, origin: str) -> Credentials:
        """Credentials that can be handed to curl.

        Raises:
            UsageError: A part is missing or holds characters that no AWS key has; `origin` says where it came from.
        """
        # A colon in the key id would shift curl's split of user and password; spaces and controls come from bad pastes.
        if not isinstance(key, str) or not re.fullmatch(r"[!-9;-~]+", key):
            raise UsageError(f"the access key id from {origin} is missing or has characters that a key id cannot have")
        if not isinstance(secret, str) or not re.fullmatch(r"[!-~]+", secret):
            raise UsageError(f"the secret access key from {origin} is missing or has characters that a key cannot have")
        if token is not None and (not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token)):
            raise UsageError(f"the session token from {origin} has characters that a token cannot have")
        return cls(key, secret, token)


def credentials_for_aws(environment: Mapping[str, str]) -> Credentials:
    """The environment's keys, else those of `aws configure export-credentials`.

    Raises:
        UsageError: There are none, or they are incomplete; the message says how to give some.
    """
    key = environment.get("AWS_ACCESS_KEY_ID")
    secret = environment.get("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        return Credentials.checked(key, secret, environment.get("AWS_SESSION_TOKEN") or None, origin="the environment")
    if key or secret:
        missing = "AWS_SECRET_ACCESS_KEY" if key else "AWS_ACCESS_KEY_ID"
        raise UsageError(f"{missing} is not set, but the other half of the key is: set both or none")
    aws = shutil.which("aws", path=environment.get("PATH"))
    if aws is None:
        raise UsageError(
            "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or install the AWS CLI and log in"
        )
    return _from_aws_cli(aws, environment)


def _from_aws_cli(aws: str, environment: Mapping[str, str]) -> Credentials:
    try:
        with explained("the AWS CLI, which was asked for credentials (aws configure export-credentials)"):
            done = subprocess.run(  # noqa: S603 - the AWS CLI that the user has on PATH
                [aws, "configure", "export-credentials", "--format", "process"],
                env=dict(environment),
                capture_output=True,
                encoding="utf-8",
                errors="replace",  # a message may be in another encoding, and must still be shown
                timeout=AWS_CLI_TIMEOUT_SECONDS,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise UsageError(f"the AWS CLI gave no credentials within {AWS_CLI_TIMEOUT_SECONDS} s") from None
    except OSError as error:
        raise UsageError(f"the AWS CLI at {aws} does not start: {error.strerror}") from None
    # Version 1 lists what it knows instead.
    if "Invalid choice" in done.stderr or "invalid choice" in done.stderr:
        raise UsageError(
            f"the AWS CLI at {aws} has no `configure export-credentials`: version 2.9 or newer is needed, or set "
            "AWS_ACCESS_KEY_ID and its secret"
        )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        reason = said[-1] if said else f"exit code {done.returncode}"
        raise UsageError(f"the AWS CLI has no credentials ({reason}); log in, or set AWS_ACCESS_KEY_ID and its secret")
    document = parse_object(done.stdout)
    if document is None:
        raise UsageError("`aws configure export-credentials` printed no JSON object; version 2.9 or newer is needed")
    return Credentials.checked(
        document.get("AccessKeyId"),
        document.get("SecretAccessKey"),
        document.get("SessionToken") or None,
        origin="the AWS CLI",
    )
