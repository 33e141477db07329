"""Headers of one's own: what is taken, what is refused, what is signed, and where their values do not show."""

import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from probe.errors import UsageError
from probe.headers import Header, merged, read_headers
from probe.masking import masked
from probe.target import parse_url
from probe_process import PATIENCE_SECONDS, SECRET, Probe, shown_by
from scripted_server import END, LAST_CHUNK, START, STREAM_HEAD, Script, ScriptedServer, answer, plain
from signatures import expected_signature, given_signature
from tools import REPOSITORY

KEY = "sk-a-key-that-must-not-show"


def test_headers_come_from_the_command_line_and_from_files(tmp_path: Path) -> None:
    file = tmp_path / "headers.txt"
    file.write_text(f"\ufeffAuthorization: Bearer {KEY}\n\r\nx-api-key:k\r\n")
    assert read_headers(["X-Tenant: blue ", f"@{file}", "accept:*/*"], signed=False) == [
        Header("x-tenant", "blue"),
        Header("authorization", f"Bearer {KEY}", is_secret=True),
        Header("x-api-key", "k", is_secret=True),
        Header("accept", "*/*"),
    ]


REFUSED: dict[str, tuple[Sequence[str], bool, str]] = {
    "no colon": (["x-tenant"], False, "not a header such as 'x-tenant: blue'"),
    "no value": (["x-tenant:  "], False, "not a header such as"),
    "no name": ([": blue"], False, "not a header such as"),
    "a space in the name": (["x tenant: blue"], False, "not a header such as"),
    "two lines": (["x-tenant: a\nhost: b"], False, "not a header such as"),
    "a carriage return": (["x-tenant: a\rhost: b"], False, "not a header such as"),
    "beyond ASCII": (["x-tenant: bl\u00fc"], False, "printable ASCII"),
    "too long": (["x-tenant: " + "a" * 8001], False, "not a header such as"),
    "twice": (["x-a: 1", "X-A: 2"], False, "x-a is there twice"),
    "curl's own": (["Host: a.example"], False, "host follows from the URL"),
    "its length": (["content-length: 3"], True, "content-length follows from"),
    "a secret": ([f"Authorization: Bearer {KEY}"], False, "the value of authorization would stand in the list of proc"),
    "another secret": ([f"x-api-key: {KEY}"], True, "--header @FILE"),
    "a cookie": ([f"Cookie: session={KEY}"], True, "--header @FILE"),
    "a bearer of another name": ([f"x-upstream: bearer {KEY}"], False, "the value of x-upstream would stand in"),
    "a password of another name": ([f"x-upstream: Basic {KEY}"], False, "--header @FILE"),
    "a signature's": (["@signed"], True, "authorization is what the signature sets; with --unsigned"),
    "a date of the signature": (["x-amz-date: 20260101T000000Z"], True, "x-amz-date is what the signature sets"),
    "a name that begins with another": (["x-a: 1", "x-a-b: 2"], True, "curl signs x-a-b wrongly beside x-a"),
    "a name that begins with the host's": (["host-name: 1"], True, "curl signs host-name wrongly beside host"),
    "a name that another begins with": (["content: 1"], True, "curl signs content-type wrongly beside content"),
    "no file": (["@none"], False, "none cannot be read: No such file"),
    "no file's name": (["@"], False, "cannot be read"),
    "an empty file": (["@empty"], False, "empty holds no header"),
    "a file that is none": (["@bad"], False, "bad, line 2: this is not a header"),
    "a file of bytes": (["@bytes"], False, "bytes is not UTF-8 text"),
}


@pytest.mark.parametrize(("given", "signed", "words"), REFUSED.values(), ids=REFUSED)
def test_headers_that_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Sequence[str], signed: bool, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("signed").write_text(f"authorization: Bearer {KEY}")
    Path("empty").write_text("\n \n")
    Path("bad").write_text(f"x-a: 1\n{KEY}\n")
    Path("bytes").write_bytes(b"x-a: \xff\n")
    with pytest.raises(UsageError, match=words) as caught:
        read_headers(given, signed=signed)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("names", [["x-a", "x-ab"], ["x-a", "x-a_b"], ["hos"], ["x-amzn-trace-id", "user-agent"]])
def test_names_that_look_alike_and_can_be_signed(names: list[str]) -> None:
    assert [header.name for header in read_headers([f"{name}: 1" for name in names], signed=True)] == names


def test_without_a_signature_any_two_names_go_together() -> None:
    assert len(read_headers(["x-a: 1", "x-a-b: 2", "x-amz-date: 3"], signed=False)) == 3


def test_ones_own_take_the_place_of_the_probes() -> None:
    assert merged([Header("accept", "a"), Header("x-b", "c")], {"Accept": "d", "Content-Type": "e"}) == {
        "accept": "a",
        "content-type": "e",
        "x-b": "c",
    }


def test_values_are_masked_and_not_shown() -> None:
    header = Header("authorization", f'Bearer {KEY}"x', is_secret=True)
    assert KEY not in repr(header)
    text = f'you sent Bearer {KEY}"x, {{"key": "{KEY}\\"x"}}, on'
    assert masked(text, header.secrets) == 'you sent ***, {"key": "***"}, on'
    cookie = Header("cookie", f"theme=dark; session={KEY}==", is_secret=True)
    assert masked(f"no session {KEY} of a dark theme", cookie.secrets) == "no session *** of a dark theme"
    assert Header("x-tenant", "blue; v=2", is_secret=True).secrets == ["blue; v=2"]
    assert Header("x-flag", "on", is_secret=True).secrets == [], "a message without any `on` would be a riddle"
    assert Header("x-tenant", "blue; v=2").secrets == [], "everyone on the machine could see it"


OWN = ["a-first: 1", "x-tenant: a  b", "zz-last: z", "content-type: application/json; v=2", "X-Amz-Meta: m", "x-ab: 1"]


@pytest.mark.parametrize("token", ["", "a-token"])
def test_headers_are_sent_and_signed(probe: Probe, token: str) -> None:
    arguments = [part for header in OWN for part in ("--header", header)]
    environment = {**probe.environment, "AWS_SESSION_TOKEN": token}
    with ScriptedServer([(0.0, answer("hi"))]) as server:
        code, _ = probe.run_json("--url", server.url, *arguments, environment=environment)
    [exchange] = server.exchanges
    assert code == 0
    for header in OWN:
        name, _, value = header.partition(": ")
        assert exchange.headers[name.lower()] == value
        assert name.lower() in exchange.headers["authorization"]
    assert given_signature(exchange) == expected_signature(exchange, SECRET)


def test_unsigned_requests_carry_ones_own_key_and_no_other(probe: Probe) -> None:
    """No AWS key in the surroundings, and no region: none is needed."""
    (probe.home / "key.txt").write_text(f"Authorization: Bearer {KEY}\nanthropic-version: 2023-06-01\n")
    bare = {name: value for name, value in probe.environment.items() if not name.startswith("AWS_")}
    path = "v1/chat/completions?api-version=2026-01-01&x=%20"
    with ScriptedServer([(0.0, answer("hi"))]) as server:
        code, run = probe.run_json(
            *("--url", f"{server.url}{path}", "--unsigned", "--header", "@key.txt", "--header", "accept: text/plain"),
            environment=bare,
        )
        unneeded = probe.run_json("--url", server.url, "--unsigned")
        needed = probe("--url", server.url, environment=bare)
    assert (code, run["outcome"], unneeded[0]) == (0, "completed", 0)
    assert needed.returncode == 2
    with_key, without = server.exchanges
    assert with_key.request_line == f"POST /{path} HTTP/1.1"
    assert (with_key.headers["authorization"], with_key.headers["accept"]) == (f"Bearer {KEY}", "text/plain")
    assert with_key.headers["anthropic-version"] == "2023-06-01"
    assert not [name for name in (*with_key.headers, *without.headers) if name.startswith("x-amz")]
    assert "authorization" not in without.headers


def test_a_header_comes_from_standard_input(probe: Probe) -> None:
    with ScriptedServer([(0.0, answer("hi"))]) as server:
        done = subprocess.run(
            [REPOSITORY / "scripts/probe.sh", "--url", server.url, "--unsigned", "--header", "@/dev/stdin"],
            env=probe.environment,
            input=f"x-api-key: {KEY}".encode(),
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )
    assert (done.returncode, server.exchanges[0].headers["x-api-key"]) == (0, KEY)


def test_values_are_in_no_command_line_and_not_in_curls_environment(probe: Probe) -> None:
    release = threading.Event()
    (probe.home / "key.txt").write_text(f"authorization: Bearer {KEY}")
    script: Script = [(0.0, STREAM_HEAD + START), (release, END + LAST_CHUNK)]
    with ScriptedServer(script) as server:
        process = probe.start("--url", server.url, "--unsigned", "--header", "@key.txt")
        server.wait_for_request(1)
        commands, environments = shown_by(process)
        release.set()
        out, error = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert b"@key.txt" in commands
    assert len(environments) == 1
    for shown in (commands, *environments, out, error):
        assert KEY.encode() not in shown


def test_a_server_that_quotes_a_header_shows_nothing(probe: Probe) -> None:
    (probe.home / "key.txt").write_text(f"authorization: Bearer {KEY}")
    refusal = plain(401, f'{{"error": {{"message": "Incorrect API key: {KEY}"}}}}'.encode(), "application/json")
    redirect = plain(302, b"", "text/plain", Location=f"https://a.example/?key={KEY}")
    for output in ("table", "json", "csv", "html"):
        with ScriptedServer([(0.0, refusal)], [(0.0, redirect)]) as server:
            arguments = ("--url", server.url, "--unsigned", "--header", "@key.txt", "--runs", "2", "--output", output)
            done = probe(*arguments)
        assert done.returncode == 1
        assert KEY not in done.stdout + done.stderr
        assert "Incorrect API key: ***" in done.stdout


def test_what_is_no_secret_leaves_the_probes_own_words_alone(probe: Probe) -> None:
    """Names of types are the probe's even beside a secret; what a server puts in their place is not."""
    (probe.home / "key.txt").write_text("x-env: http")
    quoting = plain(500, b'{"error": {"type": "http", "message": "http"}}', "application/json")
    for response, arguments, kind, message in (
        (plain(200, b"{}", "application/json"), ("--header", "x-variant: json"), "unexpected_format", "format json in"),
        (plain(503, b"a", "text/plain"), ("--header", "@key.txt"), "http_503", "a"),
        (quoting, ("--header", "@key.txt"), "***", "***"),
    ):
        with ScriptedServer([(0.0, response)]) as server:
            _, run = probe.run_json("--url", server.url, "--unsigned", "--expect", "text", *arguments)
        assert run["error"]["type"] == kind
        assert message in run["error"]["message"]


SECRET_NAMES = (
    *("authorization", "proxy-authorization", "x-auth", "auth", "cookie", "x-jwt", "x-session-id", "x-pat", "x-pwd"),
    *(
        "x-hmac",
        "x-amz-sig",
        "sig",
        "x-amz-signature",
        "client_secret",
        "app_key",
        "x-functions-key",
        "apikey",
        "token",
    ),
    *(
        "token",
        "access_token",
        "accesstoken",
        "x-csrftoken",
        "password",
        "passwd",
        "x-amz-credential",
        "api.key",
        "code",
    ),
)
OTHER_NAMES = ("x-path", "pattern", "max_tokens", "x-author", "keyword", "country-code", "design", "session2x", "path")


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_name_that_stands_for_a_secret(name: str) -> None:
    with pytest.raises(UsageError, match="--header @FILE"):
        read_headers([f"{name.title()}: {KEY}"], signed=False)
    with pytest.raises(UsageError, match="a parameter"):
        parse_url(f"https://a.example/?x=1&{name.title()}={KEY}", None, {}, signed=False)


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_a_name_that_only_holds_such_a_word(name: str) -> None:
    assert read_headers([f"{name}: 1"], signed=False)
    assert parse_url(f"https://a.example/?{name}=1", None, {}, signed=False)


def test_a_header_that_is_refused_ends_the_probe(probe: Probe) -> None:
    done = probe("--url", "http://127.0.0.1:9/", "--header", f"x-api-key: {KEY}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("probe: --header: the value of x-api-key would stand in")
    assert KEY not in done.stderr
