"""Checks a request's AWS Signature Version 4: botocore computes it again. No sockets, no clock of its own.

The head is checked first: nobody has to keep a body whose head refuses it.
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
from typing import Any
from urllib.parse import quote, unquote_plus, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from sandbox.signing.credentials import Credentials

_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_VALIDITY = timedelta(minutes=5)
# Path and query as a client must send them: encoded, and without a fragment, which no signature covers.
_TARGET = re.compile(r"/(?:[!\x22\x24\x26-\x7e]|%[0-9A-Fa-f]{2})*")
_PRESIGNED = re.compile(r"[?&]X-Amz-(Algorithm|Signature|Credential)=", re.IGNORECASE)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 "
    r"Credential=(?P<key>[\w-]+)/(?P<date>[\w-]+)/(?P<region>[\w-]+)/(?P<service>[\w-]+)/aws4_request, *"
    r"SignedHeaders=(?P<headers>[\w!#$%&'*+.^`|~;-]+), *Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)


class Refusal(Enum):
    """Why a request is refused, as the client sees it: AWS's error type and AWS's message."""

    MISSING = ("MissingAuthenticationTokenException", "Missing Authentication Token")
    MALFORMED = ("IncompleteSignatureException", "The request signature does not conform to AWS standards.")
    UNKNOWN_KEY = ("UnrecognizedClientException", "The security token included in the request is invalid.")
    # {} is the header's name.
    UNSIGNED = ("InvalidSignatureException", "'{}' must be a 'SignedHeader' in the AWS Authorization.")
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

    def __init__(self, refusal: Refusal, reason: str, header: str = "") -> None:
        self.error_type, message = refusal.value
        self.reason = reason
        super().__init__(message.format(header))


@dataclass(frozen=True)
class RequestHead:
    """A request as it came in, without its body.

    `target` is path and query as they were on the wire. Header names are lower case; in their values, bytes that are
    not UTF-8 are surrogates (as `surrogateescape` has them).
    """

    method: str
    target: str
    headers: Sequence[tuple[str, str]]

    def header(self, name: str) -> str | None:
        """Return the only value of a header; None if there is none.

        Raises:
            SignatureRefusedError: it comes more than once.
        """
        values = [value for key, value in self.headers if key == name]
        if len(values) > 1:
            raise SignatureRefusedError(Refusal.MALFORMED, f"the header {name} comes more than once")
        return values[0] if values else None


@dataclass(frozen=True)
class Claim:
    """What a head says that the signature, if it holds, will prove: whose key made it, and for which service."""

    by: Credentials
    service: str
    _head: RequestHead
    _signed_headers: Sequence[str]
    _scope: tuple[str, str]
    _signature: str

    def verify(self, body: bytes) -> None:
        """Compute the signature again, with the whole body.

        Raises:
            SignatureRefusedError: it is another.
        """
        body_hash = sha256(body).hexdigest()
        if self._head.header("x-amz-content-sha256") not in (None, body_hash):
            raise SignatureRefusedError(Refusal.MISMATCH, "x-amz-content-sha256 is not the body's hash")
        region, timestamp = self._scope
        # The host stands in the signed header `host`; the address here only carries path and query.
        again = AWSRequest(method=self._head.method, url=f"http://host{self._head.target}", data=body)
        for name, value in self._head.headers:
            if name in self._signed_headers:
                again.headers.add_header(name, value)
        again.context["timestamp"] = timestamp
        signer = _Signer(self.by, self.service, region, body_hash)
        expected = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
        if not hmac.compare_digest(str(expected), self._signature):
            raise SignatureRefusedError(Refusal.MISMATCH, "the secret key, or something that is signed, differs")


def claim_of(head: RequestHead, keys: Iterable[Credentials], region: str, service: str | None, now: datetime) -> Claim:
    """Return what the head claims, after everything that shows without the body.

    Args:
        head: the request's head; nothing in it is believed that the signature does not cover.
        keys: the known credentials.
        region: the region that the signature must be for.
        service: the service that the signature must be for, such as `lambda`; None where several have one address.
        now: the time, with its zone.

    Raises:
        SignatureRefusedError: the signature is missing, malformed, stale, for something else, or leaves something out.
    """
    if not _TARGET.fullmatch(head.target):
        raise SignatureRefusedError(Refusal.MALFORMED, "path and query must begin with a slash and be percent-encoded")
    if _PRESIGNED.search(head.target):
        raise SignatureRefusedError(Refusal.MALFORMED, "presigned URLs are not accepted: sign in a header")
    authorization = head.header("authorization")
    if authorization is None:
        raise SignatureRefusedError(Refusal.MISSING, "it has no Authorization header")
    said = _AUTHORIZATION.fullmatch(authorization)
    if said is None:
        raise SignatureRefusedError(Refusal.MALFORMED, "the Authorization header is no AWS Signature Version 4")

    credentials = next((key for key in keys if key.access_key_id == said["key"]), None)
    if credentials is None:
        raise SignatureRefusedError(Refusal.UNKNOWN_KEY, "the access key is none of this sandbox's")
    token = head.header("x-amz-security-token") or ""
    if not hmac.compare_digest(token.encode(errors="surrogateescape"), (credentials.session_token or "").encode()):
        raise SignatureRefusedError(Refusal.UNKNOWN_KEY, "the session token does not belong to the access key")

    timestamp = head.header("x-amz-date") or ""
    try:
        signed_at = datetime.strptime(timestamp, _TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        raise SignatureRefusedError(Refusal.MALFORMED, "x-amz-date is missing or is no time") from None
    if abs(now - signed_at) > _VALIDITY:
        raise SignatureRefusedError(Refusal.STALE, f"it was signed at {timestamp}; now it is {now:{_TIMESTAMP}}")
    for holds, reason in (
        (said["date"] == timestamp[:8], f"it is signed for the date {said['date']}, sent at {timestamp}"),
        (said["region"] == region, f"it is signed for the region {said['region']}, not {region}"),
        (service in (None, said["service"]), f"it is signed for the service {said['service']}, not {service}"),
    ):
        if not holds:
            raise SignatureRefusedError(Refusal.MISMATCH, reason)
    signed_headers = said["headers"].split(";")
    _check_headers(head, signed_headers)
    return Claim(credentials, said["service"], head, signed_headers, (region, timestamp), said["signature"])


def _check_headers(head: RequestHead, signed_headers: Sequence[str]) -> None:
    """Refuse a request whose signature leaves out a header that it must cover, or whose SignedHeaders is malformed.

    AWS wants `host` and everything that begins with `x-amz-` to be signed; the list has lower-case names in order.
    """
    if list(signed_headers) != sorted({name.lower() for name in signed_headers}):
        reason = "SignedHeaders must have lower-case names in alphabetical order, each once"
        raise SignatureRefusedError(Refusal.MALFORMED, reason)
    present = {name for name, _ in head.headers}
    for name in sorted({"host"} | {name for name in present if name.startswith("x-amz-")}):
        if name not in signed_headers:
            shown = "Host' or ':authority" if name == "host" else name
            raise SignatureRefusedError(Refusal.UNSIGNED, f"the header {name:.100} is not signed", shown)
    if absent := sorted(set(signed_headers) - present):
        raise SignatureRefusedError(Refusal.MISMATCH, f"the request lacks headers that are signed: {absent}"[:300])
    for name, value in head.headers:
        if name in signed_headers and not _is_unicode(value):
            raise SignatureRefusedError(Refusal.MALFORMED, f"the signed header {name:.100} is not UTF-8")


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Signer(SigV4Auth):  # type: ignore[misc]
    """botocore's signer, which here signs only the headers that the client signed, and the body that came."""

    def __init__(self, credentials: Credentials, service: str, region: str, body_hash: str) -> None:
        keys = BotocoreCredentials(credentials.access_key_id, credentials.secret_access_key)
        super().__init__(keys, service, region)
        self._body_hash = body_hash

    def headers_to_sign(self, request: Any) -> HTTPMessage:
        headers: HTTPMessage = request.headers
        return headers

    def canonical_headers(self, headers_to_sign: HTTPMessage) -> str:
        """As AWS documents it: spaces are trimmed and runs of them shortened, and no other character."""
        lines = []
        for name in sorted(set(headers_to_sign)):
            values = headers_to_sign.get_all(name) or []
            lines.append(f"{name}:{','.join(re.sub(' +', ' ', value.strip(' ')) for value in values)}")
        return "\n".join(lines)

    def payload(self, request: Any) -> str:  # noqa: ARG002 - botocore's signature
        return self._body_hash

    def canonical_query_string(self, request: Any) -> str:
        """Every name and value decoded and encoded again, then sorted: clients write them in many ways.

        A plus is a space, as for whoever reads the query.
        """
        pairs = [pair.partition("=")[::2] for pair in urlsplit(request.url).query.split("&") if pair]
        encoded = [(_encode(name), _encode(value)) for name, value in pairs]
        return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _encode(text: str) -> str:
    return quote(unquote_plus(text, errors="surrogateescape"), safe="-_.~", errors="surrogateescape")
