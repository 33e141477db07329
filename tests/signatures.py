"""The signature that a request should carry, by botocore's rules over the request as it arrived."""

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from scripted_server import Exchange


def expected_signature(exchange: Exchange, secret: str, service: str = "lambda", region: str = "eu-west-1") -> str:
    """The signature over the headers that the sender says it signed."""
    credential, signed, _ = exchange.headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(", ")
    names = signed.removeprefix("SignedHeaders=").split(";")
    assert all(name in exchange.headers for name in names), "a header is signed that was not sent"
    path = exchange.request_line.split()[1]
    request = AWSRequest(
        method="POST",
        url=f"http://{exchange.headers['host']}{path}",
        headers={name: exchange.headers[name] for name in names},
        data=exchange.body,
    )
    request.context["timestamp"] = exchange.headers["x-amz-date"]
    key = credential.removeprefix("Credential=").split("/")[0]
    auth = SigV4Auth(Credentials(key, secret), service, region)
    signature: str = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return signature


def given_signature(exchange: Exchange) -> str:
    """The signature that came with the request."""
    return exchange.headers["authorization"].rpartition("Signature=")[2]
