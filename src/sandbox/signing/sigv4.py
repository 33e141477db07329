"""Checks a request's AWS Signature Version 4 by making it again with botocore; no sockets, no clock of its own.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.client import HTTPMessage
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from sandbox.signing.credentials import Credentials

_ALGORITHM = "AWS4-HMAC-SHA256"
_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_VALIDITY = timedelta(minutes=5)
# Path and query as a client must send them: encoded, and without a fragment, which no signature covers.
_TARGET = re.compile(r"/[!\x22\x24-\x7e]*")
_CREDENTIAL = re.compile(r"(?P<key>[^/]+)/(?P<date>[^/]*)/(?P<region>[^/]*)/(?P<service>[^/]*)/aws4_request")


@dataclass(frozen=True)
class HttpRequest:
    """A request as it came in: `target` is path and query as they were on the wire, header names are lower case."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the only value of a header; None if there is none.

        Raises:
            SignatureRefusedError: it comes more than once.
        """
        values = [value for key, value in self.headers if key == name]
        if len(values) > 1:
            raise SignatureRefusedError("IncompleteSignatureException", f"The header '{name}' comes more than once.")
        return values[0] if values else None


class Signed(NamedTuple):
    """What a signature that holds says: whose key made it, and for which service."""

    by: Credentials
    service: str


class SignatureRefusedError(Exception):
    """The request is not signed as it must be: an AWS error type, and a message that says why."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


def verify(
    request: HttpRequest, keys: Mapping[str, Credentials], region: str, service: str | None, now: datetime
) -> Signed:
    """Return whose key signed the request, and for which service.

    Args:
        request: the request; nothing in it is believed that the signature does not cover.
        keys: the known credentials, by access key id.
        region: the region that the signature must be for.
        service: the service that the signature must be for, such as `lambda`; None where several have one address.
        now: the time, with its zone.

    Raises:
        SignatureRefusedError: the signature is missing, malformed, stale, for something else, or wrong.
    """
    if not _TARGET.fullmatch(request.target):
        raise SignatureRefusedError(
            "IncompleteSignatureException", "Path and query must begin with a slash and be percent-encoded."
        )
    if re.search(r"[?&]X-Amz-(Algorithm|Signature|Credential)=", request.target, re.IGNORECASE):
        raise SignatureRefusedError(
            "IncompleteSignatureException",
            "Presigned URLs (X-Amz-Signature in the query) are not accepted: sign with an Authorization header.",
        )
    authorization = request.header("authorization")
    if authorization is None:
        raise SignatureRefusedError("MissingAuthenticationTokenException", "Missing Authentication Token")
    scope, signed_headers, signature = _parse(authorization)

    credentials = keys.get(scope["key"])
    token = request.header("x-amz-security-token")
    invalid_token = "The security token included in the request is invalid."  # noqa: S105 - a message
    if credentials is None:
        raise SignatureRefusedError("UnrecognizedClientException", invalid_token)
    if not hmac.compare_digest((token or "").encode(), (credentials.session_token or "").encode()):
        hint = "x-amz-security-token is not the one that belongs to this access key."
        raise SignatureRefusedError("UnrecognizedClientException", f"{invalid_token} {hint}")

    timestamp = request.header("x-amz-date") or ""
    _check_time(timestamp, now)
    _check_scope(scope, timestamp, region, service)
    _check_signed_headers(request, signed_headers)
    claimed = request.header("x-amz-content-sha256")
    if claimed is not None and not hmac.compare_digest(claimed.encode(), sha256(request.body).hexdigest().encode()):
        raise SignatureRefusedError(
            "InvalidSignatureException", "The provided 'x-amz-content-sha256' header does not match what was computed."
        )
    expected = _signature(request, signed_headers, credentials, region, scope["service"], timestamp)
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise SignatureRefusedError(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.",
        )
    return Signed(credentials, scope["service"])


def _parse(authorization: str) -> tuple[re.Match[str], list[str], str]:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != _ALGORITHM:
        raise SignatureRefusedError(
            "IncompleteSignatureException", f"The Authorization header must begin with '{_ALGORITHM}'."
        )
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not fields.get(name)]
    if missing:
        raise SignatureRefusedError(
            "IncompleteSignatureException",
            " ".join(f"Authorization header requires '{name}' parameter." for name in missing),
        )
    scope = _CREDENTIAL.fullmatch(fields["Credential"])
    if scope is None:
        raise SignatureRefusedError(
            "IncompleteSignatureException", "Credential must be KEY/DATE/REGION/SERVICE/aws4_request."
        )
    return scope, fields["SignedHeaders"].split(";"), fields["Signature"]


def _check_time(timestamp: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(timestamp, _TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        raise SignatureRefusedError(
            "IncompleteSignatureException", "Authorization header requires existence of an 'X-Amz-Date' header."
        ) from None
    earliest, latest = now - _VALIDITY, now + _VALIDITY
    if signed_at < earliest:
        text = (
            f"Signature expired: {timestamp} is now earlier than {earliest:{_TIMESTAMP}} ({now:{_TIMESTAMP}} - 5 min.)"
        )
        raise SignatureRefusedError("InvalidSignatureException", text)
    if signed_at > latest:
        text = f"Signature not yet current: {timestamp} is still later than {latest:{_TIMESTAMP}}"
        raise SignatureRefusedError("InvalidSignatureException", f"{text} ({now:{_TIMESTAMP}} + 5 min.)")


def _check_scope(scope: re.Match[str], timestamp: str, region: str, service: str | None) -> None:
    problem = None
    if scope["date"] != timestamp[:8]:
        problem = (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{scope['date']}' != '{timestamp[:8]}', from '{timestamp}'."
        )
    elif scope["region"] != region:
        problem = f"Credential should be scoped to a valid region, not '{scope['region']}': this one is '{region}'."
    elif service and scope["service"] != service:
        problem = f"Credential should be scoped to correct service: '{service}'."
    if problem:
        raise SignatureRefusedError("InvalidSignatureException", problem)


def _check_signed_headers(request: HttpRequest, signed_headers: list[str]) -> None:
    if "host" not in signed_headers:
        raise SignatureRefusedError(
            "InvalidSignatureException", "'Host' must be a 'SignedHeader' in the AWS Authorization."
        )
    present = {name for name, _ in request.headers}
    absent = [name for name in signed_headers if name not in present]
    if absent:
        raise SignatureRefusedError(
            "InvalidSignatureException", f"SignedHeaders names headers that the request does not have: {absent}."
        )


def _signature(
    request: HttpRequest, signed_headers: list[str], credentials: Credentials, region: str, service: str, timestamp: str
) -> str:
    # The host stands in the signed header `host`; the address here only carries path and query.
    again = AWSRequest(method=request.method, url=f"http://host{request.target}", data=request.body)
    for name, value in request.headers:
        if name in signed_headers:
            again.headers.add_header(name, value)
    again.context["timestamp"] = timestamp
    signer = _Signer(credentials, service, region, sha256(request.body).hexdigest())
    return str(signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again))


class _Signer(SigV4Auth):  # type: ignore[misc]
    """botocore's signer, held to what a server may believe: the headers that were signed, and the body that came."""

    def __init__(self, credentials: Credentials, service: str, region: str, body_hash: str) -> None:
        # botocore only reads `access_key` and `secret_key` of its credentials.
        super().__init__(_BotocoreKey(credentials.access_key_id, credentials.secret_access_key), service, region)
        self._body_hash = body_hash

    def headers_to_sign(self, request: Any) -> HTTPMessage:
        headers: HTTPMessage = request.headers
        return headers

    def payload(self, request: Any) -> str:  # noqa: ARG002 - botocore's signature
        return self._body_hash

    def canonical_query_string(self, request: Any) -> str:
        """Every name and value decoded and encoded again, then sorted: clients write them in many ways."""
        pairs = [pair.partition("=")[::2] for pair in urlsplit(request.url).query.split("&") if pair]
        encoded = [(_encode(name), _encode(value)) for name, value in pairs]
        return "&".join(f"{name}={value}" for name, value in sorted(encoded))


@dataclass(frozen=True)
class _BotocoreKey:
    access_key: str
    secret_key: str


def _encode(text: str) -> str:
    return quote(unquote(text, errors="surrogateescape"), safe="-_.~", errors="surrogateescape")
