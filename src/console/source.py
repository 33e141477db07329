"""What a console shows: one stack, and the clients that read its records and cannot write."""

import json
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import parse_timestamp

ROOT = Path(__file__).resolve().parents[2]
SANDBOX_READY_FILE = ROOT / ".sandbox" / "ready.json"

# Everything that a console may ask AWS for. StartQuery starts a query of logs, which changes nothing.
READS = {
    "cloudwatch": {"ListDashboards", "GetDashboard", "GetMetricData", "DescribeAlarms", "DescribeAlarmHistory"},
    "logs": {"DescribeLogGroups", "DescribeQueryDefinitions", "FilterLogEvents", "StartQuery", "GetQueryResults"},
    "xray": {"GetTraceSummaries", "BatchGetTraces"},
}
# Several pages and widgets ask at once. The sandbox refuses more than it has room for, as AWS does: boto3 tries again.
_CONFIG = Config(retries={"total_max_attempts": 6, "mode": "standard"}, connect_timeout=10, read_timeout=60)


class SourceError(Exception):
    """There is nothing to show; the message says why and what to do."""


@dataclass(frozen=True)
class Source:
    """A stack and how to read what it records.

    Attributes:
        stack: the stack's name.
        region: the stack's region.
        cloudwatch, logs, xray: boto3's clients, for the operations in `READS`.
        function_urls: URLs by logical ids, of the functions that "Try it" calls. A deployed stack has none here: a call
            costs money, and this console reads.
        credentials: sign the calls of `function_urls`.
        ready_file: the sandbox's ready file; means nothing for a deployed stack.
    """

    stack: str
    region: str
    cloudwatch: Any
    logs: Any
    xray: Any
    function_urls: Mapping[str, str]
    credentials: Credentials
    ready_file: Path = SANDBOX_READY_FILE

    @property
    def probe_command(self) -> str:
        """The command that sends this stack a request, for a shell in the repository."""
        if not self.is_sandbox:
            return "scripts/probe.sh --url FUNCTION_URL"  # which only CloudFormation knows
        is_default = self.ready_file.resolve() == SANDBOX_READY_FILE.resolve()
        named = "" if is_default else f" --ready-file {shlex.quote(str(self.ready_file.resolve()))}"
        return f"scripts/probe.sh --sandbox{named}"

    @property
    def is_sandbox(self) -> bool:
        """Whether the stack runs in the sandbox, where nothing costs anything."""
        return bool(self.function_urls)

    @property
    def prefix(self) -> str:
        """What the names of the stack's dashboards and alarms begin with; all in the sandbox are its own."""
        return "" if self.is_sandbox else f"{self.stack}-"


@dataclass(frozen=True)
class Opened:
    """A source, and the part of a page's address that keeps strangers out."""

    source: Source
    token: str


def sandbox_source(ready_file: Path = SANDBOX_READY_FILE) -> Opened:
    """Return the stack of a running sandbox.

    Raises:
        SourceError: the file is not there, or is not a sandbox's ready file.
    """
    try:
        ready = json.loads(ready_file.read_text())
        session = _session(
            ready["region"],
            aws_access_key_id=ready["access_key_id"],
            aws_secret_access_key=ready["secret_access_key"],
            aws_session_token=ready.get("session_token"),
        )
        source = _source(ready["stack_name"], session, ready["aws_endpoint_url"], ready["function_urls"])
        source = replace(source, ready_file=ready_file)
        return Opened(source, ready["console_url"].rstrip("/").rpartition("/")[2])
    except OSError as error:
        raise SourceError(
            f"no sandbox is running ({ready_file}: {error.strerror}): start one with scripts/sandbox.sh"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SourceError(f"{ready_file} is not the ready file of a sandbox") from None


def stack_source(name: str, region: str | None, environment: Mapping[str, str]) -> Opened:
    """Return a deployed stack, read with the credentials that boto3 finds.

    Args:
        name: the stack's name.
        region: its region; None for that of the surroundings.
        environment: has AWS_REGION, which boto3 does not read. The AWS CLI v2 reads it first:
            https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html#feature-region-sdk-compat

    Raises:
        SourceError: there are no credentials, no region or no such stack, or AWS refuses.
    """
    try:
        session = _session(region or environment.get("AWS_REGION") or None)
        if session.get_credentials() is None:
            raise SourceError("no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        if session.region_name is None:
            raise SourceError("no region: give --region, or set AWS_REGION")
        source = _source(name, session, None, {})
        if not source.cloudwatch.list_dashboards(DashboardNamePrefix=source.prefix)["DashboardEntries"]:
            raise SourceError(f"{session.region_name} has no dashboard of a stack {name}: is it deployed there?")
        return Opened(source, secrets.token_urlsafe(16))
    except (BotoCoreError, ClientError) as error:
        raise SourceError(reason(error)) from None
    except ValueError as error:  # AWS_ENDPOINT_URL may hold something that is no URL
        raise SourceError(str(error)) from None


def reason(error: BotoCoreError | ClientError) -> str:
    """Return what AWS, or the way there, said, in one line."""
    if isinstance(error, ClientError):
        said = error.response.get("Error", {})
        return f"{error.operation_name}: {said.get('Code', 'error')}: {' '.join(said.get('Message', '').split())}"
    return " ".join(str(error).split())


def _session(region: str | None, **credentials: str | None) -> boto3.Session:
    core = botocore.session.get_session()
    # A dashboard has thousands of timestamps. botocore's own parser tries many formats, and took a fifth of the time.
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_timestamp)
    return boto3.Session(botocore_session=core, region_name=region, **credentials)


def _timestamp(value: Any) -> datetime:
    if isinstance(value, int | float):  # as in the protocols that write JSON
        return datetime.fromtimestamp(value, UTC)
    parsed: datetime = parse_timestamp(value)
    return parsed


def _source(name: str, session: boto3.Session, endpoint: str | None, function_urls: Mapping[str, str]) -> Source:
    # No proxy leads to this machine.
    config = _CONFIG.merge(Config(proxies={})) if endpoint else _CONFIG

    def client(service: str) -> Any:
        made = session.client(service, endpoint_url=endpoint, config=config)
        made.meta.events.register("before-call", _refuse_writes(READS[service]))
        return made

    return Source(
        stack=name,
        region=session.region_name,
        cloudwatch=client("cloudwatch"),
        logs=client("logs"),
        xray=client("xray"),
        function_urls=function_urls,
        credentials=session.get_credentials(),
    )


def _refuse_writes(allowed: set[str]) -> Any:
    def refuse(model: Any, **_: Any) -> None:
        if model.name not in allowed:
            raise PermissionError(f"the console only reads, and does not call {model.name}")

    return refuse
