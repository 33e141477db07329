"""The client for Bedrock is like the one that botocore makes by itself, although less is read for it."""

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config as ClientConfig

from bedrock_replay import Reply, chunk, event, exception, replay_server
from firstbyte.bedrock_client import create_client
from firstbyte.config import Config
from function_calls import NOVA
from scripted_server import ScriptedServer
from tools import REPOSITORY

SETTINGS = {
    "MODEL_IDS": NOVA,
    "MAX_OUTPUT_TOKENS": "100",
    "MAX_PROMPT_CHARS": "100",
    "MODEL_IDLE_TIMEOUT_SECONDS": "7",
    "TTFT_OBJECTIVE_MS": "2000",
    "TPOT_OBJECTIVE_MS": "100",
}
CALLS: dict[str, dict[str, Any]] = {
    "converse_stream": {"messages": [{"role": "user", "content": [{"text": "x"}]}]},
    "invoke_model_with_response_stream": {"body": b"{}"},
}
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "token"}


class NotSent(Exception):  # noqa: N818 - no error
    """Raised in place of sending a request."""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment of a function, with nothing of this machine's for botocore."""
    for name in os.environ:
        if name.startswith(("AWS_", "_X_AMZN")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def made_here(region: str) -> Any:
    return create_client(Config.from_environment({**SETTINGS, "AWS_REGION": region}))


def made_by_botocore_alone(region: str) -> Any:
    config = ClientConfig(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=7, tcp_keepalive=True)
    return botocore.session.get_session().create_client("bedrock-runtime", region_name=region, config=config)


MAKERS = [made_here, made_by_botocore_alone]


def request_of(client: Any, operation: str) -> dict[str, Any]:
    """What the client would send, without what differs from one request to the next."""
    sent: list[AWSPreparedRequest] = []

    def stop(request: AWSPreparedRequest, **_: object) -> None:
        sent.append(request)
        raise NotSent

    client.meta.events.register("before-send.bedrock-runtime", stop)
    with pytest.raises(NotSent):
        getattr(client, operation)(modelId=NOVA, **CALLS[operation])
    headers = {name.lower(): value for name, value in sent[0].headers.items()}
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in headers.items()}
    headers["authorization"] = re.sub(r"Signature=\w+|/\d{8}/", "", headers.get("authorization", ""))
    for name in ("x-amz-date", "amz-sdk-invocation-id"):
        headers.pop(name, None)
    return {"method": sent[0].method, "url": sent[0].url, "body": sent[0].body, "headers": headers}


def facts_of(client: Any) -> dict[str, Any]:
    """What a client says of itself, and what it was made with."""
    meta, config = client.meta, client.meta.config
    return {
        "endpoint": meta.endpoint_url,
        "region": meta.region_name,
        "partition": meta.partition,
        "operations": meta.method_to_api_mapping,
        "shapes": meta.service_model.shape_names,
        "metadata": meta.service_model.metadata,
        # Options that were given to it, or that it has from the environment.
        "options": {
            name: value
            for name, value in vars(config).items()
            if isinstance(value, str | int | float | dict | tuple | None)
        },
    }


def outcome(make: Any, region: str, operation: str) -> Any:
    """What a client is and sends; or, if it cannot be made or send, the error."""
    try:
        client = make(region)
    except Exception as error:  # noqa: BLE001 - whichever it is, both must raise it
        return repr(error)
    try:
        return facts_of(client), request_of(client, operation)
    except Exception as error:  # noqa: BLE001 - see above
        return facts_of(client), repr(error)
    finally:
        client.close()


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
        {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
    ],
    ids=["plain", "fips", "dual stack", "both"],
)
@pytest.mark.parametrize(
    "region",
    ["us-east-1", "eu-central-1", "ap-southeast-7", "us-east-9", "us-gov-west-1", "cn-north-1", "eusc-de-east-1"],
)
def test_every_region_has_the_endpoint_that_botocore_knows(
    monkeypatch: pytest.MonkeyPatch, region: str, variables: dict[str, str], operation: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    here, alone = (outcome(make, region, operation) for make in MAKERS)
    assert here == alone
    assert region in here[1]["url"]


@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com"},
        {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:9", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:9", "AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "5"},
        {"AWS_DEFAULTS_MODE": "in-region"},
        {"AWS_SDK_UA_APP_ID": "mine", "AWS_LAMBDA_FUNCTION_NAME": "f", "_X_AMZN_TRACE_ID": "Root=1"},
        {"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13", "AWS_ACCOUNT_ID": "123456789012"},
        {"AWS_BEARER_TOKEN_BEDROCK": "abc"},
        {"AWS_CA_BUNDLE": "/nonexistent"},
        {"AWS_SECRET_ACCESS_KEY": ""},
    ],
)
def test_the_environment_means_what_it_means_to_botocore(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    here, alone = (outcome(make, "eu-west-1", "converse_stream") for make in MAKERS)
    assert here == alone


@pytest.mark.parametrize("operation", CALLS)
def test_errors_have_the_same_class_and_code(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    def read(client: Any) -> None:
        response = getattr(client, operation)(modelId=NOVA, **CALLS[operation])
        with closing(response.get("stream") or response["body"]) as stream:
            list(stream)

    def raised(client: Any) -> list[str]:
        errors = []
        for reply in replies:
            server.prepare(reply)
            with pytest.raises(client.exceptions.ClientError) as error:
                read(client)
            errors.append(f"{error.type.__name__} {error.value}")
            assert len(server.seen) == 1, "it is not tried again"
        return errors

    with replay_server() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", server.url)
        here, alone = (make("eu-west-1") for make in MAKERS)
        model = here.meta.service_model.operation_model(here.meta.method_to_api_mapping[operation])
        modeled = [shape.name for shape in model.error_shapes]
        in_stream = [name for name in model.get_event_stream_output().members if name.endswith("Exception")]
        assert len(modeled) > 5
        assert len(in_stream) > 3
        first = event("messageStart", {"role": "assistant"}) if operation == "converse_stream" else chunk({})
        replies = [Reply.error(400, name, "words") for name in [*modeled, "SomethingNewException"]]
        replies += [Reply([first, exception(name, "words")]) for name in in_stream]
        assert raised(here) == raised(alone)
        here.close()
        alone.close()


def credentials(key: str, expires: datetime) -> dict[str, str]:
    return {
        "AccessKeyId": key,
        "SecretAccessKey": "x",
        "Token": "token",
        "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def test_credentials_of_a_container_are_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda gives these instead of keys in the environment to functions with SnapStart."""
    soon, later = (datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (1, 60))
    expected = [("AKIDFIRST", soon), ("AKIDSECOND", later)]
    for name in KEYS:
        monkeypatch.delenv(name)
    with replay_server() as server:
        server.prepare(*(Reply([json.dumps(credentials(*one)).encode()]) for one in expected))
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret")
        client = made_here("eu-west-1")
        request = request_of(client, "converse_stream")
        assert "Credential=AKIDSECOND" in request["headers"]["authorization"], "the first ones were about to expire"
        client.close()


def test_credentials_of_the_environment_are_renewed_if_they_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    expires = datetime.now(UTC) + timedelta(minutes=1)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", expires.isoformat())
    client = made_here("eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDRENEWED")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", (expires + timedelta(hours=1)).isoformat())
    assert "Credential=AKIDRENEWED" in request_of(client, "converse_stream")["headers"]["authorization"]
    client.close()


def test_a_role_of_a_profile_is_assumed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A developer's machine has profiles instead of keys, and botocore needs other services' clients for them."""
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    fields = "<AccessKeyId>AKIDROLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>t</SessionToken>"
    body = (
        "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
        f"{fields}<Expiration>{expires}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
    profiles = tmp_path / "config"
    profiles.write_text(
        "[profile source]\naws_access_key_id = a\naws_secret_access_key = b\n"
        "[profile developer]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = source\n"
    )
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(profiles))
    monkeypatch.setenv("AWS_PROFILE", "developer")
    with ScriptedServer([(0, b"HTTP/1.1 200 OK\r\n\r\n" + body.encode())]) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        client = made_here("eu-west-1")
        assert "Credential=AKIDROLE" in request_of(client, "converse_stream")["headers"]["authorization"]
        client.close()


def test_data_of_the_customer_come_before_those_of_botocore(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    partition = {
        "id": "mine",
        "regions": {},
        "regionRegex": "^my-.*",
        "outputs": {
            "name": "mine",
            "dnsSuffix": "mine.example",
            "dualStackDnsSuffix": "both.mine.example",
            "supportsFIPS": True,
            "supportsDualStack": True,
            "implicitGlobalRegion": "my-1",
        },
    }
    (tmp_path / "partitions.json").write_text(json.dumps({"version": "1.1", "partitions": [partition]}))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    client = made_here("my-1")
    assert client.meta.partition == "mine"
    assert request_of(client, "converse_stream")["url"].startswith("https://bedrock-runtime.my-1.mine.example/")
    client.close()


@pytest.fixture(scope="module")
def read_at_the_start() -> list[str]:
    """The files that are opened, and the folders that are listed, while the client is made."""
    code = """if True:
        import os, sys
        from firstbyte.bedrock_client import create_client
        from firstbyte.config import Config
        config = Config.from_environment(os.environ)
        seen = []
        sys.addaudithook(lambda event, args: seen.append(str(args[0])) if event in ("open", "os.listdir") else None)
        create_client(config)
        print(*seen, sep="\\n")
    """
    path = f"{REPOSITORY / 'src/function'}:{REPOSITORY / 'src/runtime'}"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**SETTINGS, **KEYS, "AWS_REGION": "eu-west-1", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.split()


def test_only_what_is_needed_is_read(read_at_the_start: list[str]) -> None:
    """The cold start waits for each of them. Older versions of botocore read `_retry.json`, too."""
    names = {Path(path).name for path in read_at_the_start if "/botocore/data/" in path} - {"_retry.json"}
    assert names == {
        "bedrock-runtime",
        "endpoint-rule-set-1.json.gz",
        "partitions.json",
        "sdk-default-configuration.json",
        "service-2.json.gz",
    }
    assert len(read_at_the_start) < 20, "botocore alone looks into the folders of all services"
