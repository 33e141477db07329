"""Where a request goes and with whose keys: a checked URL, its region, and credentials, from options and surroundings.

The URL is held to what can be signed and sent safely: https, or http to this machine only.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .credentials import Credentials, credentials_for_aws
from .errors import UsageError

DEFAULT_READY_FILE = Path(__file__).resolve().parents[3] / ".sandbox" / "ready.json"

FUNCTION_URL_HOST = re.compile(r"[a-z0-9]+\.lambda-url\.(?P<region>[a-z0-9-]+)\.on\.aws")

# curl 7.88 signs other characters of a path wrongly (`:`, `%20`, `%2F`), which the service answers with a puzzling 403.
SIGNABLE_PATH = re.compile(r"/?|(/[A-Za-z0-9._~-]+)+/?")


@dataclass(frozen=True)
class Target:
    """A URL that is safe to sign for: no user name, query or fragment in it.

    Attributes:
        url: The URL as it is requested.
        region: The region that the signature names.
        is_local: It is on this machine, and no proxy stands between.
        names_port: The URL has a port of its own.
    """

    url: str
    region: str
    is_local: bool
    names_port: bool


@dataclass(frozen=True)
class Stack:
    """A function and what is around it, deployed or in the sandbox.

    Attributes:
        function: Its Function URL.
        cloudwatch_url: The CloudWatch that keeps its metrics; looked at when something is published.
        credentials: The keys for both.
    """

    function: Target
    cloudwatch_url: str
    credentials: Credentials

    @property
    def cloudwatch(self) -> Target:
        """The CloudWatch that keeps its metrics.

        Raises:
            UsageError: The environment, or the sandbox, names one that cannot be used.
        """
        try:
            return parse_url(self.cloudwatch_url, self.function.region, {})
        except UsageError as error:
            raise UsageError(f"CloudWatch's endpoint: {error}") from None


def aws_stack(url: str, region: str | None, environment: Mapping[str, str]) -> Stack:
    """The stack that `--url` belongs to, with the usual AWS credentials and the CloudWatch that AWS's tools would use.

    Raises:
        UsageError: The URL, the region or the credentials are missing or unusable.
    """
    function = parse_url(url, region, environment)
    # https://docs.aws.amazon.com/general/latest/gr/cw_region.html
    suffix = "amazonaws.com.cn" if function.region.startswith("cn-") else "amazonaws.com"
    cloudwatch_url = _configured_endpoint(environment) or f"https://monitoring.{function.region}.{suffix}/"
    return Stack(function, cloudwatch_url, credentials_for_aws(environment))


def _configured_endpoint(environment: Mapping[str, str]) -> str | None:
    """CloudWatch's endpoint as the environment sets it for AWS's tools, if it does.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return environment.get("AWS_ENDPOINT_URL_CLOUDWATCH") or environment.get("AWS_ENDPOINT_URL")


def sandbox_stack(ready_file: Path | None) -> Stack:
    """The stack that a running sandbox describes in its ready file.

    Raises:
        UsageError: No sandbox is running, or the file is not one of its.
    """
    path = ready_file or DEFAULT_READY_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"no sandbox is running: {path} is not there; start one with scripts/sandbox.sh") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{path} is not a sandbox's ready file: it is not JSON") from None

    def value(name: str) -> str:
        found = document.get(name) if isinstance(document, dict) else None
        if not isinstance(found, str) or not found:
            raise UsageError(f"{path} is not a sandbox's ready file: it has no {name}")
        return found

    function = parse_url(value("function_url"), value("region"), {})
    token = document.get("session_token") or None
    keys = Credentials.checked(value("access_key_id"), value("secret_access_key"), token, origin=str(path))
    return Stack(function, value("aws_endpoint_url"), keys)


def parse_url(url: str, region: str | None, environment: Mapping[str, str]) -> Target:
    """Check a URL and find the region to sign for: the host's, else `region`, else the environment's.

    Raises:
        UsageError: The URL cannot be used, or no region or two different ones are named.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"the URL cannot be read: {error}") from None
    # Until it is known that the URL carries no password, no message repeats it.
    if "@" in parts.netloc:
        raise UsageError("the URL carries a user name or password: leave it out, requests are signed with AWS keys")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise UsageError("the URL has a query or a fragment: none is needed, so leave it out")
    # urlsplit drops line ends and tabs without a word; what it did not see must not reach curl's configuration.
    if not re.fullmatch(r"[!-~]+", url):
        raise UsageError("the URL has spaces, line ends or characters beyond ASCII in it")
    if parts.scheme not in ("https", "http"):
        raise UsageError(f"{url!r} is not a URL with https:// in front")
    if not re.fullmatch(r"[a-z0-9.-]+|[0-9a-f:.]+", host) or not SIGNABLE_PATH.fullmatch(parts.path):
        raise UsageError(f"{url!r} cannot be signed for: only letters, digits and . _ ~ - / may stand in it")
    is_local = _is_loopback(host)
    if parts.scheme == "http" and not is_local:
        raise UsageError(f"{url!r} would send the prompt in the clear: use https:// (http is for this machine only)")
    return Target(url, _region(host, region, environment), is_local, port is not None)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _region(host: str, asked: str | None, environment: Mapping[str, str]) -> str:
    match = FUNCTION_URL_HOST.fullmatch(host)
    if match:
        named = match["region"]
        if asked and asked != named:
            raise UsageError(f"--region {asked} contradicts {host}, which is in {named}")
        return named
    region = asked or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if not region:
        raise UsageError("the URL does not name its region: give --region or set AWS_REGION")
    if not re.fullmatch(r"[a-z0-9-]+", region):
        raise UsageError(f"{region!r} is not the name of a region")
    return region
