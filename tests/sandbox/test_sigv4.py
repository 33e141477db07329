"""The signature check, against requests that botocore and curl have signed, and against every way to get it wrong."""

import dataclasses
import re
import shutil
import socket
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from sandbox.signing.credentials import Credentials, random_role, random_user
from sandbox.signing.sigv4 import HttpRequest, Refusal, SignatureRefusedError, verify

USER, ROLE = random_user(), random_role()
KEYS = (USER, ROLE)
REGION = "eu-west-1"
BODY = b'{"prompt": "hi"}'


def signed(
    target: str = "/",
    *,
    method: str = "POST",
    body: bytes = BODY,
    key: Credentials = USER,
    service: str = "lambda",
    region: str = REGION,
    headers: dict[str, str] | None = None,
) -> HttpRequest:
    request = AWSRequest(
        method, f"http://host.example{target}", headers={"Host": "host.example", **(headers or {})}, data=body
    )
    keys = BotocoreCredentials(key.access_key_id, key.secret_access_key, key.session_token)
    SigV4Auth(keys, service, region).add_auth(request)
    return HttpRequest(method, target, [(name.lower(), value) for name, value in request.headers.items()], body)


def with_header(request: HttpRequest, name: str, value: str | None) -> HttpRequest:
    """The same request with a header changed, added or (None) taken away after it was signed."""
    headers = [(key, content) for key, content in request.headers if key != name]
    return dataclasses.replace(request, headers=headers if value is None else [*headers, (name, value)])


def check(request: HttpRequest, now: datetime | None = None) -> Credentials:
    return verify(request, KEYS, REGION, "lambda", now or datetime.now(UTC)).by


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


def test_tells_the_service_where_several_have_one_address() -> None:
    assert verify(signed(service="logs"), KEYS, REGION, None, datetime.now(UTC)) == (USER, "logs")
    forged = with_header(signed(service="logs"), "authorization", AUTHORIZATION.replace("/lambda/", "/logs/"))
    with pytest.raises(SignatureRefusedError, match="signature we calculated does not match"):
        verify(forged, KEYS, REGION, None, datetime.now(UTC))


def test_a_header_that_is_not_signed_changes_nothing() -> None:
    assert check(with_header(signed(), "user-agent", "anything")) is USER


# The cases are made when the tests are collected; a long run gets to them when they would have expired.
SIGNED_AT = datetime.now(UTC)
TODAY = SIGNED_AT.strftime("/%Y%m%d/")
AUTHORIZATION = dict(signed().headers)["authorization"]
SHORT = "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=" + "0" * 64
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
        with_header(signed(), "x-amz-content-sha256", sha256(b"other").hexdigest()),
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
        with_header(signed(), "authorization", AUTHORIZATION.replace("host;", "")), Refusal.MISMATCH, "header host"
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
    "a presigned URL": (signed("/?X-Amz-Signature=0"), Refusal.MALFORMED, "presigned URLs"),
    "a fragment": (dataclasses.replace(signed("/?a=1"), target="/?a=1#b"), Refusal.MALFORMED, "percent-encoded"),
    "raw unicode": (dataclasses.replace(signed(), target="/é"), Refusal.MALFORMED, "percent-encoded"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(CASES))
def test_refuses_and_tells_the_terminal_why(case: str) -> None:
    request, refusal, reason = CASES[case]
    with pytest.raises(SignatureRefusedError) as refused:
        check(request, SIGNED_AT)
    assert (refused.value.error_type, str(refused.value)) == refusal.value
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
