"""The signature check, against requests that botocore and curl have signed, and against every way to get it wrong."""

import dataclasses
import re
import shutil
import socket
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.client import HTTPMessage

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from sandbox.signing.credentials import Credentials, random_role, random_user
from sandbox.signing.sigv4 import Claim, Refusal, RequestHead, SignatureRefusedError, claim_of

USER, ROLE = random_user(), random_role()
KEYS = (USER, ROLE)
REGION = "eu-west-1"
BODY = b'{"prompt": "hi"}'


@dataclasses.dataclass(frozen=True)
class HttpRequest:
    """A request as it is on the wire; header names are lower case."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes


class Signer(SigV4Auth):  # type: ignore[misc]
    """Botocore's, which leaves one header out."""

    def __init__(self, keys: BotocoreCredentials, service: str, region: str, leave_out: str) -> None:
        super().__init__(keys, service, region)
        self.leave_out = leave_out

    def headers_to_sign(self, request: AWSRequest) -> HTTPMessage:
        headers: HTTPMessage = super().headers_to_sign(request)
        del headers[self.leave_out]
        return headers


def signed(
    target: str = "/",
    *,
    method: str = "POST",
    body: bytes = BODY,
    key: Credentials = USER,
    service: str = "lambda",
    region: str = REGION,
    headers: dict[str, str] | None = None,
    leave_out: str = "",
) -> HttpRequest:
    """A request that botocore has signed, all but one header."""
    request = AWSRequest(
        method, f"http://host.example{target}", headers={"Host": "host.example", **(headers or {})}, data=body
    )
    keys = BotocoreCredentials(key.access_key_id, key.secret_access_key, key.session_token)
    Signer(keys, service, region, leave_out).add_auth(request)
    return HttpRequest(method, target, [(name.lower(), value) for name, value in request.headers.items()], body)


def with_header(request: HttpRequest, name: str, value: str | None) -> HttpRequest:
    """The same request with a header changed, added or (None) taken away after it was signed."""
    headers = [(key, content) for key, content in request.headers if key != name]
    return dataclasses.replace(request, headers=headers if value is None else [*headers, (name, value)])


def named_as_signed(request: HttpRequest, names: str) -> HttpRequest:
    """The same request whose Authorization header lists other headers than those that are signed."""
    authorization = re.sub("SignedHeaders=[^,]+", f"SignedHeaders={names}", dict(request.headers)["authorization"])
    return with_header(request, "authorization", authorization)


def verified(request: HttpRequest, service: str | None, now: datetime | None = None) -> Claim:
    head = RequestHead(request.method, request.target, request.headers)
    claim = claim_of(head, KEYS, REGION, service, now or datetime.now(UTC))
    claim.verify(request.body)
    return claim


def check(request: HttpRequest, now: datetime | None = None) -> Credentials:
    return verified(request, "lambda", now).by


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/a/b",
        "/a%20b/%C3%A9",
        "/model/x%3A0/y",
        "/?a=1&b=2",
        "/?b=2&a=1&a=0",
        "/?q=a%20b%2Fc%C3%A9&e=",
        "/p?x=%3D%26",
    ],
)
@pytest.mark.parametrize("key", [USER, ROLE], ids=["user", "role"])
def test_accepts_what_botocore_signs(target: str, key: Credentials) -> None:
    # botocore signs a query in the order that it sorts itself; the wire may have another.
    assert check(signed(target, key=key)) is key


@pytest.mark.parametrize("body", [b"", b"\xff\x00", b"x" * 100_000])
def test_accepts_any_body_and_more_signed_headers(body: bytes) -> None:
    digest = sha256(body).hexdigest()
    assert check(signed(body=body, headers={"x-amz-content-sha256": digest, "X-Own": " a   b "})) is USER


@pytest.mark.parametrize("value", ["", "a,b", "é", " a   b ", "x" * 5000])
def test_accepts_any_text_in_a_signed_header(value: str) -> None:
    assert check(signed(headers={"x-own": value})) is USER


@pytest.mark.parametrize("target", ["/?a=1%202", "/?%20=%20"])
def test_a_plus_is_a_space_as_for_whoever_reads_the_query(target: str) -> None:
    assert check(dataclasses.replace(signed(target), target=target.replace("%20", "+"))) is USER


@pytest.mark.parametrize("target", ["/a/../b", "/a/./b", "//a//b", "/a/%2e%2e/b"])
def test_a_path_is_signed_as_aws_documents_it(target: str) -> None:
    """Without redundant and relative parts, for the signature alone: what is sent stays as it is."""
    assert check(signed(target)) is USER


def test_tells_the_service_where_several_have_one_address() -> None:
    claim = verified(signed(service="logs"), None)
    assert (claim.by, claim.service) == (USER, "logs")
    forged = with_header(signed(service="logs"), "authorization", AUTHORIZATION.replace("/lambda/", "/logs/"))
    with pytest.raises(SignatureRefusedError, match="signature we calculated does not match"):
        verified(forged, None)


def test_a_header_that_is_not_signed_changes_nothing() -> None:
    assert check(with_header(signed(), "user-agent", "anything")) is USER


# The cases are made when the tests are collected; a long run gets to them when they would have expired.
SIGNED_AT = datetime.now(UTC)
TODAY = SIGNED_AT.strftime("/%Y%m%d/")
AUTHORIZATION = dict(signed().headers)["authorization"]
SHORT = "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=" + "0" * 64
# AWS wants `host` to be signed, and every `x-amz-` header that is there: the canonical headers of
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
UNSIGNED = {
    "x-amz-target": "GraniteServiceVersion20100801.PutMetricData",
    "x-amz-content-sha256": sha256(BODY).hexdigest(),
    "x-amz-invocation-type": "Event",
    "x-amz-anything": "",
}
OWN = signed(headers={"x-own": "1"})
CASES = {
    "no header": (with_header(signed(), "authorization", None), Refusal.MISSING, "no Authorization"),
    "another scheme": (with_header(signed(), "authorization", "Basic eDp5"), Refusal.MALFORMED, "Version 4"),
    "no signature": (
        with_header(signed(), "authorization", AUTHORIZATION.rpartition(",")[0]), Refusal.MALFORMED, "Version 4"
    ),
    "a short credential": (with_header(signed(), "authorization", SHORT), Refusal.MALFORMED, "Version 4"),
    "no signed header": (
        with_header(signed(), "authorization", re.sub("SignedHeaders=[^,]+", "SignedHeaders=", AUTHORIZATION)),
        Refusal.MALFORMED, "Version 4",
    ),
    "two headers": (
        dataclasses.replace(signed(), headers=[*signed().headers, ("authorization", AUTHORIZATION)]),
        Refusal.MALFORMED, "authorization comes more than once",
    ),
    "an unknown key": (signed(key=random_user()), Refusal.UNKNOWN_KEY, "none of this sandbox's"),
    "a wrong secret": (
        signed(key=dataclasses.replace(USER, secret_access_key="wrong")), Refusal.MISMATCH, "the secret key, or"
    ),
    "another body": (dataclasses.replace(signed(), body=b"other"), Refusal.MISMATCH, "the secret key, or"),
    "another method": (dataclasses.replace(signed(), method="PUT"), Refusal.MISMATCH, "the secret key, or"),
    "another path": (dataclasses.replace(signed(), target="/x"), Refusal.MISMATCH, "the secret key, or"),
    "another query": (dataclasses.replace(signed("/?a=1"), target="/?a=2"), Refusal.MISMATCH, "the secret key, or"),
    "another host": (with_header(signed(), "host", "evil.example"), Refusal.MISMATCH, "the secret key, or"),
    "a hash of another body": (
        signed(headers={"x-amz-content-sha256": sha256(b"other").hexdigest()}),
        Refusal.MISMATCH, "x-amz-content-sha256",
    ),
    "an unsigned payload": (
        signed(headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}), Refusal.MISMATCH, "x-amz-content-sha256"
    ),
    "no date": (with_header(signed(), "x-amz-date", None), Refusal.MALFORMED, "x-amz-date"),
    "another region": (signed(region="us-east-1"), Refusal.MISMATCH, "region us-east-1, not eu-west-1"),
    "another service": (signed(service="bedrock"), Refusal.MISMATCH, "service bedrock, not lambda"),
    "another date in the scope": (
        with_header(signed(), "authorization", AUTHORIZATION.replace(TODAY, "/20200101/")),
        Refusal.MISMATCH, "date 20200101",
    ),
    "host not signed": (
        signed(leave_out="host"), Refusal.UNSIGNED, "header host"
    ),
    "a signed header that is missing": (
        with_header(signed(headers={"x-own": "1"}), "x-own", None), Refusal.MISMATCH, "['x-own']"
    ),
    "no session token": (
        with_header(signed(key=ROLE), "x-amz-security-token", None), Refusal.UNKNOWN_KEY, "session token"
    ),
    "another session token": (
        with_header(signed(key=ROLE), "x-amz-security-token", "x"), Refusal.UNKNOWN_KEY, "session token"
    ),
    "a token where there is none": (
        with_header(signed(), "x-amz-security-token", "x"), Refusal.UNKNOWN_KEY, "session token"
    ),
    **{
        f"unsigned {name}": (with_header(signed(), name, value), Refusal.UNSIGNED, f"the header {name} is not signed")
        for name, value in UNSIGNED.items()
    },
    "an unsigned date": (signed(leave_out="x-amz-date"), Refusal.UNSIGNED, "x-amz-date is not signed"),
    "an unsigned session token": (
        signed(key=ROLE, leave_out="x-amz-security-token"), Refusal.UNSIGNED, "x-amz-security-token is not signed"
    ),
    "a list that is not sorted": (
        named_as_signed(signed(), "x-amz-date;host"), Refusal.MALFORMED, "in alphabetical order"
    ),
    "a list in upper case": (named_as_signed(signed(), "Host;X-Amz-Date"), Refusal.MALFORMED, "lower-case names"),
    "a name twice": (named_as_signed(signed(), "host;host;x-amz-date"), Refusal.MALFORMED, "each once"),
    "an empty name": (named_as_signed(signed(), ";host;x-amz-date"), Refusal.MISMATCH, "headers that are signed: ['']"),
    "a second value after signing": (
        dataclasses.replace(OWN, headers=[*OWN.headers, ("x-own", "2")]),
        Refusal.MISMATCH, "the secret key, or",
    ),
    "two dates": (
        dataclasses.replace(signed(), headers=[*signed().headers, ("x-amz-date", "20200101T000000Z")]),
        Refusal.MALFORMED, "x-amz-date comes more than once",
    ),
    "a tab for a space": (
        with_header(signed(headers={"x-own": "a b"}), "x-own", "a\tb"), Refusal.MISMATCH, "the secret key, or"
    ),
    "a no-break space for a space": (
        with_header(signed(headers={"x-own": "a b"}), "x-own", "a\u00a0b"), Refusal.MISMATCH, "the secret key, or"
    ),
    "a signed value that is no text": (
        with_header(signed(headers={"x-own": "a"}), "x-own", "\udcff"), Refusal.MALFORMED, "x-own is not UTF-8"
    ),
    "a plus for %2B": (
        dataclasses.replace(signed("/?a=1%2B2"), target="/?a=1+2"), Refusal.MISMATCH, "the secret key, or"
    ),
    "another case of a name": (
        dataclasses.replace(signed("/?a=1"), target="/?A=1"), Refusal.MISMATCH, "the secret key, or"
    ),
    "a hash in upper case": (
        signed(headers={"x-amz-content-sha256": sha256(BODY).hexdigest().upper()}),
        Refusal.MISMATCH, "x-amz-content-sha256",
    ),
    **{
        f"the target {target}": (signed(target), Refusal.MALFORMED, "percent-encoded")
        for target in ("/%zz", "/%", "/%1", "/?a=%zz", "/?%4g=1", "/a b", "/\t", "/\x7f")
    },
    "a presigned URL": (signed("/?X-Amz-Signature=0"), Refusal.MALFORMED, "presigned URLs"),
    "a fragment": (dataclasses.replace(signed("/?a=1"), target="/?a=1#b"), Refusal.MALFORMED, "percent-encoded"),
    "another address in the target": (
        dataclasses.replace(signed(), target="http://x.example/"), Refusal.MALFORMED, "percent-encoded"
    ),
    "raw unicode": (dataclasses.replace(signed(), target="/é"), Refusal.MALFORMED, "percent-encoded"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(CASES))
def test_refuses_and_tells_the_terminal_why(case: str) -> None:
    request, refusal, reason = CASES[case]
    with pytest.raises(SignatureRefusedError) as refused:
        check(request, SIGNED_AT)
    error_type, message = refusal.value
    assert refused.value.error_type == error_type
    assert re.fullmatch(re.escape(message).replace(r"\{\}", ".+"), str(refused.value))
    assert reason in refused.value.reason
    for secret in (USER.secret_access_key, ROLE.secret_access_key, ROLE.session_token or ""):
        assert secret not in refused.value.reason


@pytest.mark.parametrize("minutes", [6, -6])
def test_refuses_stale_and_early_signatures(minutes: int) -> None:
    request = signed()
    check(request, datetime.now(UTC) + timedelta(minutes=minutes * 2 / 3))
    with pytest.raises(SignatureRefusedError, match="Signature expired, or not yet current") as refused:
        check(request, datetime.now(UTC) + timedelta(minutes=minutes))
    assert dict(request.headers)["x-amz-date"] in refused.value.reason


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
# A session token is not among these: some curl versions sign it wrongly when it comes with `-H`.
@pytest.mark.parametrize("target", ["/", "/a/b", "/?a=1"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_accepts_what_curl_signs(target: str, method: str) -> None:
    request = sent_by_curl("--request", method, "--data", BODY.decode(), target=target)
    assert request.body == BODY
    assert check(request) is USER
    with pytest.raises(SignatureRefusedError, match="signature we calculated"):
        check(dataclasses.replace(request, body=BODY + b" "))


def sent_by_curl(*arguments: str, target: str) -> HttpRequest:
    """What curl puts on the wire, caught by a server that answers 204 to one request."""
    caught: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            received = b""
            while not received.endswith(BODY):
                received += connection.recv(65536)
            caught.append(received)
            connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}{target}"
        config = f'user = "{USER.access_key_id}:{USER.secret_access_key}"\naws-sigv4 = "aws:amz:{REGION}:lambda"\n'
        subprocess.run(
            ["curl", "-q", "--silent", "--max-time", "20", "--config", "-", *arguments, url],
            input=config.encode(),
            check=True,
        )
        thread.join()
    head, _, body = caught[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, sent_target, _ = first.split(" ")
    assert sent_target == target
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return HttpRequest(method, sent_target, headers, body)
