"""Where a request goes and with whose keys: a checked URL, its region, and credentials, from options and surroundings.

The URL is held to what can be signed and sent safely: https, or http to this machine only. Without a signature it may
have a query, and any path.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from .credentials import Credentials, credentials_for_aws
from .errors import UsageError
from .masking import is_secret_name

DEFAULT_READY_FILE = Path(__file__).resolve().parents[3] / ".sandbox" / "ready.json"

FUNCTION_URL_HOST = re.compile(r"[a-z0-9]+\.lambda-url\.(?P<region>[a-z0-9-]+)\.on\.aws")

# curl 7.88 signs other characters of a path wrongly (`:`, `%20`, `%2F`), which the service answers with a puzzling 403.
SIGNABLE_PATH = re.compile(r"/?|(/[A-Za-z0-9._~-]+)+/?")
# https://www.rfc-editor.org/rfc/rfc3986#section-3.3; the query may hold the same and a question mark.
_PATH = re.compile(r"(/([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?")
_QUERY = re.compile(r"([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")


@dataclass(frozen=True)
class Target:
    """A URL that is safe to send to: no user name or fragment in it and, if requests are signed, no query.

    Attributes:
        url: The URL as it is requested.
        region: The region that the signature names; None if there is no signature and the host names none.
        is_local: It is on this machine, and no proxy stands between.
        names_port: The URL has a port of its own.
    """

    url: str
    region: str | None
    is_local: bool
    names_port: bool


@dataclass(frozen=True)
class Stack:
    """A function and what is around it, deployed or in the sandbox.

    Attributes:
        function: Its Function URL.
        cloudwatch_url: The CloudWatch that keeps its metrics; looked at when something is published.
        credentials: The keys for both, or None when nothing is signed.
        cloudwatch_region: Its region, if it is not that of the function.
    """

    function: Target
    cloudwatch_url: str
    credentials: Credentials | None
    cloudwatch_region: str | None = None

    @property
    def cloudwatch(self) -> Target:
        """The CloudWatch that keeps its metrics.

        Raises:
            UsageError: The environment, or the sandbox, names one that cannot be used.
        """
        try:
            return parse_url(self.cloudwatch_url, self.cloudwatch_region or self.function.region, {})
        except UsageError as error:
            raise UsageError(f"CloudWatch's endpoint: {error}") from None


def aws_stack(
    url: str, region: str | None, environment: Mapping[str, str], *, signed: bool = True, publishes: bool = False
) -> Stack:
    """The stack that `--url` belongs to, with the usual AWS credentials and the CloudWatch that AWS's tools would use.

    Args:
        url: Where requests go.
        region: The region of `--region`, or None.
        environment: The surroundings.
        signed: Requests are signed. Without that credentials are read only to publish.
        publishes: Values go to CloudWatch.

    Raises:
        UsageError: The URL, the region or the credentials are missing or unusable.
    """
    function = parse_url(url, region, environment, signed=signed)
    if not signed and not publishes:
        return Stack(function, "", None)
    home = function.region or _chosen_region(region, environment)
    # https://docs.aws.amazon.com/general/latest/gr/cw_region.html
    suffix = "amazonaws.com.cn" if home.startswith("cn-") else "amazonaws.com"
    cloudwatch_url = _configured_endpoint(environment) or f"https://monitoring.{home}.{suffix}/"
    return Stack(function, cloudwatch_url, credentials_for_aws(environment), None if home == function.region else home)


def _configured_endpoint(environment: Mapping[str, str]) -> str | None:
    """CloudWatch's endpoint as the environment sets it for AWS's tools, if it does.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return environment.get("AWS_ENDPOINT_URL_CLOUDWATCH") or environment.get("AWS_ENDPOINT_URL")


def sandbox_stack(ready_file: Path | None, function_id: str | None = None) -> Stack:
    """The stack that a running sandbox describes in its ready file.

    Args:
        ready_file: The file, or None for the usual one.
        function_id: The logical id of the function that is asked, or None for the first one of the template.

    Raises:
        UsageError: No sandbox is running, the file is not a sandbox's, or the sandbox has no such function.
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

    url = value("function_url") if function_id is None else _url_of(function_id, document, path)
    function = parse_url(url, value("region"), {})
    token = document.get("session_token") or None
    keys = Credentials.checked(value("access_key_id"), value("secret_access_key"), token, origin=str(path))
    return Stack(function, value("aws_endpoint_url"), keys)


def _url_of(function_id: str, document: object, path: Path) -> str:
    urls = document.get("function_urls") if isinstance(document, dict) else None
    if not isinstance(urls, dict) or not urls:
        raise UsageError(f"{path} names no functions: leave --function out, or start a newer sandbox")
    url = urls.get(function_id)
    if not isinstance(url, str):
        raise UsageError(
            f"--function: the sandbox has no {function_id!r} with a streaming URL; it has {', '.join(urls)}"
        )
    return url


def parse_url(url: str, region: str | None, environment: Mapping[str, str], *, signed: bool = True) -> Target:
    """Check a URL and find the region to sign for: the host's, else `region`, else the environment's.

    Args:
        url: The URL.
        region: The region that the user named, or None.
        environment: The surroundings.
        signed: Requests to it are signed. Without that it may have any path and a query, and needs no region.

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
        raise UsageError("the URL carries a user name or password: leave it out; a key belongs into --header @FILE")
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        # A URL stands in the list of processes, in results, and in many servers' logs.
        if is_secret_name(name):
            raise UsageError(
                f"the URL's query has a parameter {name!r}: keys and tokens do not belong into a URL, which others can "
                "see; give them as a header in a file, with --header @FILE"
            )
    if "#" in url or (signed and "?" in url):
        raise UsageError(
            "the URL has a query or a fragment: leave it out (a query can be sent with --unsigned, a fragment never)"
        )
    # urlsplit drops line ends and tabs without a word; what it did not see must not reach curl's configuration.
    if not re.fullmatch(r"[!-~]+", url):
        raise UsageError("the URL has spaces, line ends or characters beyond ASCII in it")
    if parts.scheme not in ("https", "http"):
        raise UsageError(f"{url!r} is not a URL with https:// in front")
    is_host = re.fullmatch(r"[a-z0-9.-]+|[0-9a-f:.]+", host)
    if signed and (not is_host or not SIGNABLE_PATH.fullmatch(parts.path)):
        raise UsageError(f"{url!r} cannot be signed for: only letters, digits and . _ ~ - / may stand in it")
    if not is_host or not _PATH.fullmatch(parts.path) or not _QUERY.fullmatch(parts.query):
        raise UsageError(f"{url!r} has no host, or holds characters that a URL writes with %")
    is_local = _is_loopback(host)
    if parts.scheme == "http" and not is_local:
        raise UsageError(f"{url!r} would send the prompt in the clear: use https:// (http is for this machine only)")
    home = _region(host, region, environment) if signed else _named_region(host)
    return Target(url, home, is_local, port is not None)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _named_region(host: str) -> str | None:
    match = FUNCTION_URL_HOST.fullmatch(host)
    return match["region"] if match else None


def _region(host: str, asked: str | None, environment: Mapping[str, str]) -> str:
    named = _named_region(host)
    if named and asked and asked != named:
        raise UsageError(f"--region {asked} contradicts {host}, which is in {named}")
    return named or _chosen_region(asked, environment)


def _chosen_region(asked: str | None, environment: Mapping[str, str]) -> str:
    region = asked or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if not region:
        raise UsageError("the URL does not name its region: give --region or set AWS_REGION")
    if not re.fullmatch(r"[a-z0-9-]+", region):
        raise UsageError(f"{region!r} is not the name of a region")
    return region
