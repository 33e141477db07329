"""How AWS is asked: region, keys and clients; and an error of a client in one line."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from probe.credentials import Credentials
from probe.target import sandbox_stack

# Which service an operation belongs to, as permissions name it.
_PREFIXES = {
    "DescribeStacks": "cloudformation",
    "FilterLogEvents": "logs",
    "GetMetricData": "cloudwatch",
    "GetDashboard": "cloudwatch",
    "DescribeAlarms": "cloudwatch",
    "BatchGetTraces": "xray",
}
PERMISSIONS = (
    *(f"{prefix}:{operation}" for operation, prefix in _PREFIXES.items()),
    "lambda:InvokeFunctionUrl",
    "lambda:InvokeFunction",
)


class VerifyError(Exception):
    """Nothing can be checked; the message says why and what to do."""


@dataclass(frozen=True)
class Access:
    """Whose stack it is and how to reach it.

    Attributes:
        region: the stack's region.
        credentials: sign every request.
        endpoint_url: where all services answer; None for AWS, or what AWS's variables name.
    """

    region: str
    credentials: Credentials
    endpoint_url: str | None

    def client(self, service: str) -> Any:
        """Return a boto3 client of the service."""
        # An invocation is not repeated: it costs something, and what is checked is the first try.
        retries = {"total_max_attempts": 1 if service == "lambda" else 5, "mode": "standard"}
        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.credentials.access_key_id,
            aws_secret_access_key=self.credentials.secret_access_key,
            aws_session_token=self.credentials.session_token,
            config=Config(retries=retries, connect_timeout=10, read_timeout=60),
        )


def aws_access(region: str | None) -> Access:
    """Return the access that boto3 finds: keys of the environment, of a profile, of a single sign-on.

    boto3 does not read AWS_REGION. The AWS CLI v2 reads it before AWS_DEFAULT_REGION, and so does this:
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html#feature-region-sdk-compat

    Args:
        region: the region that was named, or None for that of the surroundings.

    Raises:
        VerifyError: there are no keys or no region.
        UsageError: the keys are unusable.
    """
    try:
        session = boto3.Session()
        home = region or os.environ.get("AWS_REGION") or session.region_name
        found = session.get_credentials()
        keys = found.get_frozen_credentials() if found else None
    except BotoCoreError as error:
        raise VerifyError(f"no AWS credentials: {' '.join(str(error).split())}") from None
    except (AttributeError, OSError, RuntimeError, TypeError, ValueError) as error:
        # What botocore lets through of a program that a profile names and of a file that is missing.
        raise VerifyError(f"the profile's AWS credentials cannot be read: {' '.join(str(error).split())}") from None
    if keys is None:
        raise VerifyError("no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if not home:
        raise VerifyError("no region: give --region, or set AWS_REGION")
    return Access(home, Credentials.checked(keys.access_key, keys.secret_key, keys.token, origin="boto3"), None)


def sandbox_access(ready_file: Path | None) -> Access:
    """Return the access to the running sandbox.

    Raises:
        UsageError: none is running.
    """
    stack = sandbox_stack(ready_file)
    assert stack.credentials is not None  # a sandbox's ready file has some
    assert stack.function.region is not None
    return Access(stack.function.region, stack.credentials, stack.cloudwatch_url)


def is_denied(error: Exception) -> bool:
    """Return whether AWS refused a call for lack of a permission."""
    return isinstance(error, ClientError) and error.response["Error"]["Code"].startswith("AccessDenied")


def reason(error: Exception) -> str:
    """Return in one line why a call of AWS failed; for a missing permission its name."""
    if not isinstance(error, ClientError):
        return " ".join(str(error).split())
    operation = error.operation_name
    if is_denied(error):
        action = f"{_PREFIXES[operation]}:{operation}" if operation in _PREFIXES else "lambda:InvokeFunction"
        return f"the keys have no permission for {action}"
    said = error.response["Error"]
    return " ".join(f"{operation}: {said.get('Code')}: {said.get('Message')}".split())
