"""What the probe accepts before it makes a request: URLs, regions, keys, options; and what it tells curl."""

import json
import stat
from collections.abc import Mapping
from pathlib import Path

import botocore.session
import pytest

from probe import waiting
from probe.credentials import Credentials, credentials_for_aws
from probe.curl import configuration, require_curl
from probe.errors import UsageError
from probe.options import parse
from probe.requests import read_bodies
from probe.target import Stack, Target, aws_stack, parse_url, sandbox_stack

URL = "https://abc123.lambda-url.eu-west-1.on.aws/"
READY = {
    "function_url": "http://127.0.0.1:8080/",
    "aws_endpoint_url": "http://127.0.0.1:8081",
    "region": "us-east-1",
    "access_key_id": "AKID",
    "secret_access_key": "s3cret",
}


@pytest.mark.parametrize(
    ("url", "region", "environment", "expected"),
    [
        (URL, None, {}, Target(URL, "eu-west-1", False, False)),
        (URL, "eu-west-1", {"AWS_REGION": "us-east-1"}, Target(URL, "eu-west-1", False, False)),
        (URL, None, {"AWS_REGION": "us-east-1"}, Target(URL, "eu-west-1", False, False)),
        (URL[:-1], None, {}, Target(URL[:-1], "eu-west-1", False, False)),
        ("https://a.example/x/y", "r-1", {"AWS_REGION": "r-2"}, Target("https://a.example/x/y", "r-1", False, False)),
        ("https://a.example/", None, {"AWS_REGION": "r-2"}, Target("https://a.example/", "r-2", False, False)),
        ("https://a.example/", None, {"AWS_DEFAULT_REGION": "r-3"}, Target("https://a.example/", "r-3", False, False)),
        ("https://a.example:8443/", "r-1", {}, Target("https://a.example:8443/", "r-1", False, True)),
        ("http://127.0.0.1:80/", "r-1", {}, Target("http://127.0.0.1:80/", "r-1", True, True)),
        ("http://localhost/", "r-1", {}, Target("http://localhost/", "r-1", True, False)),
        ("http://[::1]:80/", "r-1", {}, Target("http://[::1]:80/", "r-1", True, True)),
    ],
)
def test_urls_that_can_be_probed(
    url: str, region: str | None, environment: Mapping[str, str], expected: Target
) -> None:
    assert parse_url(url, region, environment) == expected


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("abc123.lambda-url.eu-west-1.on.aws", "https:// in front"),
        ("", "beyond ASCII|spaces"),
        ("ftp://a.example/", "https:// in front"),
        ("http://abc123.lambda-url.eu-west-1.on.aws/", "in the clear"),
        ("http://127.0.0.1.example/", "in the clear"),
        ("http://localhost.example/", "in the clear"),
        ("http://0.0.0.0/", "in the clear"),
        ("https://user:pass@a.example/", "user name or password"),
        ("https://a.example/?token=1", "query"),
        ("https://a.example/?", "query"),
        ("https://a.example/#x", "fragment"),
        ("https://a.example/%2F", "cannot be signed for"),
        ("https://a.example//x", "cannot be signed for"),
        ("https:///x", "cannot be signed for"),
        ("https://{a,b}.example/", "cannot be signed for"),
        ("https://a.example:port/", "cannot be read"),
        ("https://a.example:99999/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("https://a.example/\nuser = x", "line ends"),
        ("https://a.example/ x", "spaces"),
        ("https://\u00e9.example/", "beyond ASCII"),
    ],
)
def test_urls_that_are_refused(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        parse_url(url, "r-1", {})
    assert "pass" not in str(caught.value).replace("password", "")
    assert "token=1" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "region", "words"),
    [
        (URL, "us-east-1", "contradicts abc123.lambda-url.eu-west-1.on.aws, which is in eu-west-1"),
        ("https://a.example/", None, "give --region or set AWS_REGION"),
        ("https://a.example/", 'x"\nuser', "not the name of a region"),
    ],
)
def test_regions_that_are_refused(url: str, region: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_url(url, region, {})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (URL, Target(URL, "eu-west-1", False, False)),
        ("https://a.example", Target("https://a.example", None, False, False)),
        ("https://a.example/v1/x:go//y%20/", Target("https://a.example/v1/x:go//y%20/", None, False, False)),
        ("https://a.example/x?api-version=1&y=", Target("https://a.example/x?api-version=1&y=", None, False, False)),
        ("https://a.example:8443/?max_tokens=9", Target("https://a.example:8443/?max_tokens=9", None, False, True)),
        ("http://localhost:80/x?y", Target("http://localhost:80/x?y", None, True, True)),
    ],
)
def test_without_a_signature_a_url_may_have_a_query_and_needs_no_region(url: str, expected: Target) -> None:
    assert parse_url(url, None, {"AWS_REGION": "us-east-1"}, signed=False) == expected


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://a.example/?x=1", "in the clear"),
        ("https://user:pass@a.example/", "user name or password"),
        ("https://a.example/?key=s3cret", "a parameter 'key'"),
        ("https://a.example/?x=1&Access_Token=s3cret", "a parameter 'Access_Token'"),
        ("https://a.example/?x=1#y", "a fragment"),
        ("https://a.example/%2", "writes with %"),
        ('https://a.example/"', "writes with %"),
        ("https://a.example/?x=[1]", "writes with %"),
        ("https:///x", "has no host"),
        ("https://a.example/ x", "spaces"),
        ("https://a.example/\nuser = x", "line ends"),
    ],
)
def test_urls_that_are_refused_without_a_signature_too(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        parse_url(url, None, {}, signed=False)
    assert "s3cret" not in str(caught.value)
    assert "user:" not in str(caught.value)


def test_without_a_signature_keys_are_read_to_publish_only() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s3cret", "AWS_REGION": "cn-north-1"}
    assert aws_stack("https://a.example/", None, {"PATH": ""}, signed=False).credentials is None
    stack = aws_stack("https://a.example/", None, keys, signed=False, publishes=True)
    assert (stack.function.region, stack.credentials) == (None, Credentials("AKID", "s3cret", None))
    assert stack.cloudwatch == Target("https://monitoring.cn-north-1.amazonaws.com.cn/", "cn-north-1", False, False)
    own = aws_stack(URL, None, keys, signed=False, publishes=True)
    assert own.cloudwatch.region == own.function.region == "eu-west-1"
    with pytest.raises(UsageError, match="give --region"):
        aws_stack("https://a.example/", None, {"PATH": ""}, signed=False, publishes=True)


FUNCTIONS = {"Chat": "http://127.0.0.1:8080/", "Other": "http://127.0.0.1:8090/"}


def test_one_of_the_sandboxs_functions_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    path.write_text(json.dumps({**READY, "function_urls": FUNCTIONS}))
    assert sandbox_stack(path, "Other").function.url == FUNCTIONS["Other"]
    assert sandbox_stack(path, "Chat").function.url == sandbox_stack(path).function.url == FUNCTIONS["Chat"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"function_urls": FUNCTIONS}, "the sandbox has no 'Third' with a streaming URL; it has Chat, Other"),
        ({"function_urls": {**FUNCTIONS, "Third": 7}}, "the sandbox has no 'Third'"),
        ({"function_urls": {**FUNCTIONS, "Third": "http://a.example/"}}, "in the clear"),
        ({"function_urls": {}}, "names no functions: leave --function out"),
        ({}, "names no functions: leave --function out"),
    ],
)
def test_a_function_that_the_sandbox_does_not_have(tmp_path: Path, more: dict[str, object], words: str) -> None:
    path = tmp_path / "ready.json"
    path.write_text(json.dumps({**READY, **more}))
    with pytest.raises(UsageError, match=words):
        sandbox_stack(path, "Third")


def test_the_sandbox_is_found_through_its_ready_file(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    path.write_text(json.dumps(READY))
    assert sandbox_stack(path) == Stack(
        Target("http://127.0.0.1:8080/", "us-east-1", True, True),
        "http://127.0.0.1:8081",
        Credentials("AKID", "s3cret", None),
    )
    assert sandbox_stack(path).cloudwatch == Target("http://127.0.0.1:8081", "us-east-1", True, True)
    path.write_text(json.dumps({**READY, "session_token": "t"}))
    assert sandbox_stack(path).credentials == Credentials("AKID", "s3cret", "t")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no sandbox is running: .*scripts/sandbox.sh"),
        ("{", "not JSON"),
        ("[]", "has no function_url"),
        (json.dumps({**READY, "secret_access_key": ""}), "has no secret_access_key"),
        (json.dumps({**READY, "region": 1}), "has no region"),
        (json.dumps({**READY, "aws_endpoint_url": ""}), "has no aws_endpoint_url"),
        (json.dumps({**READY, "aws_endpoint_url": "http://a.example"}), "in the clear"),
        (json.dumps({**READY, "function_url": "http://a.example/"}), "in the clear"),
        (json.dumps({**READY, "secret_access_key": "a b"}), "secret access key"),
    ],
)
def test_ready_files_that_are_refused(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "ready.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=words):
        _ = sandbox_stack(path).cloudwatch


def test_keys_come_from_the_environment() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s3/+=", "PATH": ""}
    assert credentials_for_aws(keys) == Credentials("AKID", "s3/+=", None)
    assert credentials_for_aws({**keys, "AWS_SESSION_TOKEN": ""}) == Credentials("AKID", "s3/+=", None)
    assert credentials_for_aws({**keys, "AWS_SESSION_TOKEN": "t"}) == Credentials("AKID", "s3/+=", "t")


def test_cloudwatch_on_aws_is_where_botocore_finds_it() -> None:
    session = botocore.session.get_session()
    keys = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s3cret"}
    regions = [
        name for part in ("aws", "aws-cn", "aws-us-gov") for name in session.get_available_regions("lambda", part)
    ]
    assert {"eu-west-1", "cn-north-1", "us-gov-west-1"} < set(regions)
    for region in regions:
        stack = aws_stack(f"https://abc123.lambda-url.{region}.on.aws/", None, keys)
        client = session.create_client("cloudwatch", region, aws_access_key_id="a", aws_secret_access_key="b")
        assert stack.cloudwatch == Target(client.meta.endpoint_url + "/", region, False, False)
        assert stack.credentials == Credentials("AKID", "s3cret", None)


@pytest.mark.parametrize("ignored", [{}, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}])
@pytest.mark.parametrize(
    "endpoints",
    [
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:8081"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:8081", "AWS_ENDPOINT_URL_CLOUDWATCH": "https://cloudwatch.example/x"},
        {"AWS_ENDPOINT_URL_CLOUDWATCH": "https://cloudwatch.example/x"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:8081", "AWS_ENDPOINT_URL_LAMBDA": "https://lambda.example"},
    ],
)
def test_cloudwatch_is_where_the_environment_tells_botocore(
    monkeypatch: pytest.MonkeyPatch, endpoints: dict[str, str], ignored: dict[str, str]
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s3cret"}
    environment = {**keys, **endpoints, **ignored}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client = botocore.session.Session().create_client("cloudwatch", "eu-west-1")
    found = aws_stack(URL, None, environment).cloudwatch
    assert (found.url.rstrip("/"), found.region) == (client.meta.endpoint_url, client.meta.region_name)
    assert found.is_local == ("127.0.0.1" in client.meta.endpoint_url)


def test_an_endpoint_that_cannot_be_used_hinders_nobody_who_publishes_nothing() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s3cret"}
    for url, words in (("http://localstack:4566", "in the clear"), ("https://me:pass@a.example", "user name")):
        stack = aws_stack(URL, None, {**keys, "AWS_ENDPOINT_URL": url})
        with pytest.raises(UsageError, match=f"^CloudWatch's endpoint: .*{words}") as caught:
            _ = stack.cloudwatch
        assert "me:pass" not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or install the AWS CLI"),
        ({"AWS_ACCESS_KEY_ID": "a"}, "AWS_SECRET_ACCESS_KEY is not set"),
        ({"AWS_SECRET_ACCESS_KEY": "s3cret"}, "AWS_ACCESS_KEY_ID is not set"),
        ({"AWS_ACCESS_KEY_ID": "a:b", "AWS_SECRET_ACCESS_KEY": "s3cret"}, "access key id"),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s3cret\n"}, "secret access key"),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "s3cret\r"}, "session token"),
    ],
)
def test_keys_that_are_refused(environment: Mapping[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        credentials_for_aws({"PATH": "", **environment})
    assert "s3cret" not in str(caught.value)


def fake_program(folder: Path, name: str, script: str) -> dict[str, str]:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"PATH": str(folder)}


def test_keys_come_from_the_aws_cli(tmp_path: Path) -> None:
    answer = '{"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "s3/+=", "SessionToken": "t-%s"}'
    script = f'[ "$*" = "configure export-credentials --format process" ] && printf \'{answer}\' "$AWS_PROFILE"'
    environment = fake_program(tmp_path, "aws", script)
    assert credentials_for_aws({**environment, "AWS_PROFILE": "me"}) == Credentials("AKID", "s3/+=", "t-me")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo first >&2; echo The SSO session has expired >&2; exit 255", r"\(The SSO session has expired\); log in"),
        ("exit 3", r"\(exit code 3\)"),
        (
            'echo "aws: error: argument subcommand: Invalid choice, maybe you meant:" >&2; exit 252',
            "2.9 or newer is needed",
        ),
        ("echo usage: aws", "printed no JSON object"),
        ("echo '{}'", "access key id from the AWS CLI is missing"),
        ('echo \'{"AccessKeyId": "a"}\'', "secret access key from the AWS CLI is missing"),
        (r"printf '\377\376{}'", "printed no JSON object"),
        (
            r"printf 'Sitzung abgelaufen f\374r immer\n' >&2; exit 255",
            "\\(Sitzung abgelaufen f\ufffdr immer\\); log in",
        ),
        (r"""printf '{"AccessKeyId": "A\377"}'""", "access key id from the AWS CLI is missing or has characters"),
    ],
)
def test_an_aws_cli_without_keys_is_named(tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        credentials_for_aws(fake_program(tmp_path, "aws", script))


def test_a_wait_for_the_aws_cli_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = '{"AccessKeyId": "AKID", "SecretAccessKey": "s3cret"}'
    for patience, said in ((60.0, ""), (0.05, "probe: waiting for the AWS CLI, which was asked for credentials ")):
        monkeypatch.setattr(waiting, "PATIENCE_SECONDS", patience)
        credentials_for_aws(fake_program(tmp_path, "aws", f"/bin/sleep 0.5; echo '{answer}'"))
        lines = capsys.readouterr().err.splitlines()
        assert [line.startswith(said) for line in lines] == [True] * bool(said)


@pytest.mark.parametrize(
    ("says", "names_port", "token", "words"),
    [
        (None, False, None, "none on PATH"),
        ("echo curl 7.75.0", False, None, "7.75 is too old"),
        ("echo curl 7.85.0", True, None, "7.85 signs wrongly for a URL with a port"),
        ("echo curl 7.85.0", False, "t", "7.85 signs wrongly with temporary keys"),
        ("echo hello", False, None, "does not say its version"),
        (r"printf '\377'", False, None, "does not say its version"),
    ],
)
def test_curls_that_are_refused(
    tmp_path: Path, says: str | None, names_port: bool, token: str | None, words: str
) -> None:
    environment = fake_program(tmp_path, "curl", says) if says else {"PATH": str(tmp_path)}
    with pytest.raises(UsageError, match=words):
        require_curl([Target(URL, "eu-west-1", False, names_port)], Credentials("AKID", "s", token), environment)


@pytest.mark.parametrize(
    ("says", "names_port", "token"),
    [("7.76.1", False, None), ("7.86.0", True, "t"), ("8.0.1", True, "t"), ("10.1.0", True, "t")],
)
def test_curls_that_will_do(tmp_path: Path, says: str, names_port: bool, token: str | None) -> None:
    environment = fake_program(tmp_path, "curl", f"echo curl {says}")
    require_curl([Target(URL, "eu-west-1", False, names_port)], Credentials("AKID", "s", token), environment)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--sandbox", "--url", URL],
        ["--url", URL, "--ready-file", "x"],
        ["--sandbox", "--region", "us-east-1"],
        ["--url", URL, "--function", "Chat"],
        ["--url", URL, "--unsigned", "--region", "eu-west-1"],
        ["--sandbox", "--expect", "xml"],
        ["--compare", "x", "y", "--unsigned"],
        ["--compare", "x", "y", "--header", "a: b"],
        ["--compare", "x", "y", "--expect", "text"],
        ["--sandbox", "--runs", "0"],
        ["--sandbox", "--runs", "1.5"],
        ["--sandbox", "--max-tokens", "-1"],
        ["--sandbox", "--reuse", "--concurrency", "3", "--warm-up", "2"],
        ["--sandbox", "--against", "buffered", "--concurrency", "2"],
        ["--sandbox", "--prompt", "x", "--prompts", "y"],
        ["--compare", "x", "y", "--runs", "2"],
        ["--compare", "x", "y", "--output", "jsonl"],
        ["--sandbox", "--dry-run"],
        ["--sandbox", "--timeout", "0"],
        ["--sandbox", "--timeout", "nan"],
        ["--sandbox", "--timeout", "inf"],
        ["--sandbox", "--output", "xml"],
        ["--sandbox", "--out", "json"],
        ["--sandbox", "more"],
        ["--sandbox", "--service", "x"],
        ["--sandbox", "--probe", "x"],
        ["--sandbox", "--publish", "--service", ""],
        ["--sandbox", "--publish", "--service", "  "],
        ["--sandbox", "--publish", "--service", ":x"],
        ["--sandbox", "--publish", "--service", "x\n"],
        ["--sandbox", "--publish", "--probe", "\u00e9"],
        ["--sandbox", "--publish", "--probe", "x" * 1025],
    ],
)
def test_wrong_use(arguments: list[str]) -> None:
    with pytest.raises((UsageError, SystemExit)) as caught:
        parse(arguments)
    # argparse ends with a status of its own; the probe gives a UsageError the same one.
    assert getattr(caught.value, "code", 2) == 2


def test_what_is_asked_of_any_server() -> None:
    found = parse(["--url", URL, "--unsigned", "--header", "a: b", "--header", "@c", "--expect", "openai", "--publish"])
    assert (found.signed, found.headers, found.expect, found.function) == (False, ["a: b", "@c"], "openai", None)
    default = parse(["--sandbox", "--function", "Chat"])
    assert (default.signed, default.headers, default.expect, default.function) == (True, [], None, "Chat")


def test_what_is_published_is_named() -> None:
    silent, default = parse(["--sandbox"]), parse(["--sandbox", "--publish"])
    assert (silent.publish, default.publish, default.service, default.probe) == (False, True, "firstbyte", "manual")
    named = parse(["--sandbox", "--publish", "--service", "a b", "--probe", "~" * 1024])
    assert (named.service, named.probe) == ("a b", "~" * 1024)


def test_the_body_holds_what_was_asked_for_and_no_more() -> None:
    prompt = '"\n\u20ac\U0001f600'
    for arguments, expected in (
        (["--prompt", "@x"], {"prompt": "@x"}),
        (["--prompt", prompt, "--model", "m", "--max-tokens", "7"], {"prompt": prompt, "model": "m", "max_tokens": 7}),
    ):
        (body,) = read_bodies(parse(["--sandbox", *arguments]))
        assert json.loads(body) == expected
    with pytest.raises(UsageError, match="not text in UTF-8"):
        read_bodies(parse(["--sandbox", "--prompt", "\udcff"]))


def test_curl_is_told_in_its_own_quoting() -> None:
    secret = 'a"b\\c'
    credentials, headers = Credentials("AKID", secret, "tok/en+="), {"Accept": 'a "b"'}
    told = configuration(parse_url(URL, None, {}), credentials, "lambda", headers, 1.5).splitlines()
    assert f'url = "{URL}"' in told
    assert 'user = "AKID:a\\"b\\\\c"' in told
    assert 'aws-sigv4 = "aws:amz:eu-west-1:lambda"' in told
    assert 'header = "x-amz-security-token: tok/en+="' in told
    assert 'header = "Accept: a \\"b\\""' in told
    assert "max-time = 1.500" in told
    assert not [line for line in told if "noproxy" in line]
    local = configuration(parse_url("http://[::1]/", "r", {}), Credentials("AKID", secret, None), "lambda", {}, 1.5)
    assert 'noproxy = "*"' in local
    assert "security-token" not in local


def test_without_keys_curl_is_told_to_sign_nothing() -> None:
    told = configuration(parse_url(URL, None, {}, signed=False), None, "lambda", {"x-a": "b"}, 1.5)
    assert 'header = "x-a: b"' in told
    assert not [word for word in ("user", "aws-sigv4", "x-amz") if word in told]


def test_an_old_curl_will_do_for_a_port_where_nothing_is_signed(tmp_path: Path) -> None:
    require_curl([], None, fake_program(tmp_path, "curl", "echo curl 7.76.0"))


def test_keys_do_not_show_in_a_traceback() -> None:
    shown = repr(Credentials("AKID", "s3cret", "t0ken"))
    assert "s3cret" not in shown
    assert "t0ken" not in shown
