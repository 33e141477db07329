"""Checks a request's AWS Signature Version 4: botocore computes it again. No sockets, no clock of its own.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import sha256
from http.client import HTTPMessage
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from sandbox.signing.credentials import Credentials

_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_VALIDITY = timedelta(minutes=5)
# Path and query as a client must send them: encoded, and without a fragment, which no signature covers.
_TARGET = re.compile(r"/[!\x22\x24-\x7e]*")
_PRESIGNED = re.compile(r"[?&]X-Amz-(Algorithm|Signature|Credential)=", re.IGNORECASE)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 "
    r"Credential=(?P<key>[^/,]+)/(?P<date>[^/,]+)/(?P<region>[^/,]+)/(?P<service>[^/,]+)/aws4_request, *"
    r"SignedHeaders=(?P<headers>[^, ]+), *Signature=(?P<signature>[0-9a-f]{64})"
)


class Refusal(Enum):
    """Why a request is refused, as the client sees it: AWS's error type and AWS's message."""

    MISSING = ("MissingAuthenticationTokenException", "Missing Authentication Token")
    MALFORMED = ("IncompleteSignatureException", "The request signature does not conform to AWS standards.")
    UNKNOWN_KEY = ("UnrecognizedClientException", "The security token included in the request is invalid.")
    STALE = ("InvalidSignatureException", "Signature expired, or not yet current.")
    MISMATCH = (
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details.",
    )


class SignatureRefusedError(Exception):
    """The request is not signed as it must be.

    The client sees `error_type` and the message. `reason` is for the sandbox's terminal and holds no secret.
    """

    def __init__(self, refusal: Refusal, reason: str) -> None:
        self.error_type, message = refusal.value
        self.reason = reason
        super().__init__(message)


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
            raise SignatureRefusedError(Refusal.MALFORMED, f"the header {name} comes more than once")
        return values[0] if values else None


class Signed(NamedTuple):
    """What a signature that holds says: whose key made it, and for which service."""

    by: Credentials
    service: str


def verify(
    request: HttpRequest, keys: Iterable[Credentials], region: str, service: str | None, now: datetime
) -> Signed:
    """Return whose key signed the request, and for which service.

    Args:
        request: the request; nothing in it is believed that the signature does not cover.
        keys: the known credentials.
        region: the region that the signature must be for.
        service: the service that the signature must be for, such as `lambda`; None where several have one address.
        now: the time, with its zone.

    Raises:
        SignatureRefusedError: the signature is missing, malformed, stale, for something else, or wrong.
    """
    if not _TARGET.fullmatch(request.target):
        raise SignatureRefusedError(Refusal.MALFORMED, "path and query must begin with a slash and be percent-encoded")
    if _PRESIGNED.search(request.target):
        raise SignatureRefusedError(Refusal.MALFORMED, "presigned URLs are not accepted: sign in a header")
    authorization = request.header("authorization")
    if authorization is None:
        raise SignatureRefusedError(Refusal.MISSING, "it has no Authorization header")
    claim = _AUTHORIZATION.fullmatch(authorization)
    if claim is None:
        raise SignatureRefusedError(Refusal.MALFORMED, "the Authorization header is no AWS Signature Version 4")

    credentials = next((key for key in keys if key.access_key_id == claim["key"]), None)
    if credentials is None:
        raise SignatureRefusedError(Refusal.UNKNOWN_KEY, "the access key is none of this sandbox's")
    token = request.header("x-amz-security-token") or ""
    if not hmac.compare_digest(token.encode(), (credentials.session_token or "").encode()):
        raise SignatureRefusedError(Refusal.UNKNOWN_KEY, "the session token does not belong to the access key")

    timestamp = request.header("x-amz-date") or ""
    try:
        signed_at = datetime.strptime(timestamp, _TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        raise SignatureRefusedError(Refusal.MALFORMED, "x-amz-date is missing or is no time") from None
    if abs(now - signed_at) > _VALIDITY:
        raise SignatureRefusedError(Refusal.STALE, f"it was signed at {timestamp}; now it is {now:{_TIMESTAMP}}")

    signed_headers = claim["headers"].split(";")
    absent = sorted(set(signed_headers) - {name for name, _ in request.headers})
    body_hash = sha256(request.body).hexdigest()
    expected = _signature(request, signed_headers, credentials, claim["region"], claim["service"], timestamp, body_hash)
    for holds, reason in (
        (claim["date"] == timestamp[:8], f"it is signed for the date {claim['date']}, sent at {timestamp}"),
        (claim["region"] == region, f"it is signed for the region {claim['region']}, not {region}"),
        (service in (None, claim["service"]), f"it is signed for the service {claim['service']}, not {service}"),
        ("host" in signed_headers, "the header host is not signed"),
        (not absent, f"the request lacks headers that are signed: {absent}"),
        (request.header("x-amz-content-sha256") in (None, body_hash), "x-amz-content-sha256 is not the body's hash"),
        (hmac.compare_digest(expected, claim["signature"]), "the secret key, or something that is signed, differs"),
    ):
        if not holds:
            raise SignatureRefusedError(Refusal.MISMATCH, reason)
    return Signed(credentials, claim["service"])


def _signature(
    request: HttpRequest,
    signed_headers: Sequence[str],
    credentials: Credentials,
    region: str,
    service: str,
    timestamp: str,
    body_hash: str,
) -> str:
    # The host stands in the signed header `host`; the address here only carries path and query.
    again = AWSRequest(method=request.method, url=f"http://host{request.target}", data=request.body)
    for name, value in request.headers:
        if name in signed_headers:
            again.headers.add_header(name, value)
    again.context["timestamp"] = timestamp
    signer = _Signer(credentials, service, region, body_hash)
    return str(signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again))


class _Signer(SigV4Auth):  # type: ignore[misc]
    """botocore's signer, which here signs only the headers that the client signed, and the body that came."""

    def __init__(self, credentials: Credentials, service: str, region: str, body_hash: str) -> None:
        keys = BotocoreCredentials(credentials.access_key_id, credentials.secret_access_key)
        super().__init__(keys, service, region)
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


def _encode(text: str) -> str:
    return quote(unquote(text, errors="surrogateescape"), safe="-_.~", errors="surrogateescape")
