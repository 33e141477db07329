"""What the probe's real curl sends, byte for byte, and where its keys do not show."""

import contextlib
import json
import os
import re
import shutil
import signal
import stat
import threading
from pathlib import Path

import pytest

from probe.connection import _listener
from probe.errors import UsageError
from probe.options import parse
from probe.requests import read_bodies
from probe_process import PATIENCE_SECONDS, SECRET, Probe, shown_by
from sandbox_process import alive, descendants
from scripted_server import END, LAST_CHUNK, STREAM_HEAD, Hang, Keep, Script, ScriptedServer, answer
from signatures import expected_signature, given_signature


def test_a_large_and_nasty_prompt_arrives_byte_for_byte_and_signed(probe: Probe) -> None:
    nasty = "@/etc/passwd \"quoted\" 'single' \\ \\n %{json} $HOME `id`\r\nline\ttab \u20ac \U0001f600 \u2028 \x01\n"
    prompt = (nasty * 2_000)[:70_000]
    assert 100_000 > len(prompt.encode()) > 70_000
    with ScriptedServer([(0.0, answer("hi"))]) as server:
        code, _ = probe.run_json("--url", server.url, "--prompt", prompt, "--model", "m", "--max-tokens", "9")
        large, exchange = "x" * 100_000 + "\U0001f600", server.exchanges[0]
        probe.run_json("--url", server.url, "--prompt", large)
    assert code == 0
    assert json.loads(exchange.body) == {"prompt": prompt, "model": "m", "max_tokens": 9}
    assert json.loads(server.exchanges[1].body) == {"prompt": large}
    for each in server.exchanges:
        assert given_signature(each) == expected_signature(each, SECRET)
        assert each.request_line.startswith("POST / HTTP/")
        assert each.headers["content-type"] == "application/json"
        assert each.headers["accept"] == "text/event-stream, application/x-ndjson;q=0.9, */*;q=0.8"


def test_temporary_keys_are_sent_and_signed(probe: Probe) -> None:
    with ScriptedServer([(0.0, answer("hi"))]) as server:
        environment = {**probe.environment, "AWS_SESSION_TOKEN": "FwoGZXIvYXdz//token+=="}
        code, _ = probe.run_json("--url", server.url, environment=environment)
        probe.run_json("--url", server.url)
        with_token, without = server.exchanges
    assert code == 0
    assert with_token.headers["x-amz-security-token"] == "FwoGZXIvYXdz//token+=="
    assert "x-amz-security-token" in with_token.headers["authorization"]
    assert given_signature(with_token) == expected_signature(with_token, SECRET)
    assert "x-amz-security-token" not in without.headers
    assert given_signature(without) == expected_signature(without, SECRET)
    assert given_signature(without) != expected_signature(without, "another")


@pytest.mark.parametrize(
    ("arguments", "number"), [([], 1), (["--runs", "6", "--concurrency", "2", "--reuse", "--think", "0.1"], 2)]
)
def test_keys_are_in_no_command_line_no_file_and_not_in_curls_environment_nor_is_a_prompt_left_in_a_file(
    probe: Probe, tmp_path: Path, arguments: list[str], number: int
) -> None:
    release = threading.Event()
    token, folder = "a-token-that-must-not-show", tmp_path / "temporary"
    folder.mkdir()
    surroundings = {**probe.environment, "AWS_SESSION_TOKEN": token, "TMPDIR": str(folder)}
    script: Script = [(0.0, STREAM_HEAD), (release, END + LAST_CHUNK), (0.0, Keep)]
    with ScriptedServer(script) as server:
        process = probe.start("--url", server.url, *arguments, environment=surroundings)
        try:
            server.wait_for_request(number)
            commands, environments = shown_by(process)
            directories = list(folder.iterdir())
            files = [file for directory in directories for file in directory.iterdir()]
            # A prompt is on the disk until curl has read it. Pipes and sockets hold nothing.
            assert [file for file in files if file.is_file()] == []
            assert {file.name for file in files} == {"gate", "header"}
            assert {stat.S_IMODE(directory.stat().st_mode) for directory in directories} == {0o700}
        finally:
            release.set()
            out, error = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert list(folder.iterdir()) == []
    assert len(environments) == number
    for environment in environments:
        assert b"HOME=" in environment
    for secret in (SECRET.encode(), token.encode()):
        assert secret not in commands
        assert secret not in b"".join(environments)
        assert secret not in out + error


def test_a_temporary_directory_whose_path_is_too_long_is_named(probe: Probe, tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    done = probe("--url", "http://127.0.0.1:1/", environment={**probe.environment, "TMPDIR": str(folder)})
    assert done.returncode == 2
    assert re.fullmatch(
        rf"probe: no socket can be made at {folder}/\S+ \(AF_UNIX path too long\): "
        r"set TMPDIR to another, short directory\n",
        done.stderr,
    )


def test_a_directory_that_takes_no_socket_is_named_with_the_reason(tmp_path: Path) -> None:
    """As a file system without sockets does; here the name is taken."""
    (tmp_path / "gate").touch()
    with (
        contextlib.ExitStack() as owner,
        pytest.raises(UsageError, match=r"/gate \(Address already in use\): set TMPDIR"),
    ):
        _listener(tmp_path / "gate", owner)


def test_curl_is_started_without_keys(probe: Probe, tmp_path: Path) -> None:
    """Running, curl blanks some of its arguments: what it was started with must be looked at too."""
    folder = tmp_path / "bin"
    folder.mkdir()
    spy = folder / "curl"
    log = tmp_path / "log"
    spy.write_text(f'#!/bin/sh\n{{ printf "%s\\n" "$@"; env; }} >> "{log}"\nexec "{shutil.which("curl")}" "$@"\n')
    spy.chmod(0o700)
    surroundings = {**probe.environment, "AWS_SESSION_TOKEN": "t0ken", "PATH": f"{folder}:{os.environ['PATH']}"}
    with ScriptedServer([(0.0, answer("hi"))]) as server:
        code, _ = probe.run_json("--url", server.url, environment=surroundings)
    seen = log.read_text()
    assert code == 0
    assert "-q\n-K\n-\n" in seen
    for part in ("AKIDEXAMPLE", SECRET, "t0ken"):
        assert part not in seen


def test_a_proxy_does_not_come_between_the_probe_and_this_machine(probe: Probe) -> None:
    environment = {**probe.environment, "http_proxy": "http://127.0.0.1:1/", "ALL_PROXY": "http://127.0.0.1:1/"}
    with ScriptedServer([(0.0, answer("hi"))]) as server:
        code, _ = probe.run_json("--url", server.url, environment=environment)
    assert code == 0


def test_the_users_curl_configuration_is_not_read(probe: Probe) -> None:
    (probe.home / ".curlrc").write_text('user-agent = "mine"\ninclude\ntrace-ascii = "-"\n')
    with ScriptedServer([(0.0, answer("hi"))]) as server:
        code, _ = probe.run_json("--url", server.url)
        assert server.exchanges[0].headers["user-agent"] != "mine"
    assert code == 0


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_no_file_is_left_after_a_stop(probe: Probe, tmp_path: Path, stop: signal.Signals) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    surroundings = {**probe.environment, "TMPDIR": str(folder)}
    arguments = ["--runs", "9", "--concurrency", "3", "--reuse", "--think", "60", "--output", "json"]
    with ScriptedServer([(0.0, answer("hi")), (0.0, Keep)], [(0.0, Hang)]) as server:
        process = probe.start("--url", server.url, *arguments, environment=surroundings)
        server.wait_for_request(3)
        curls = descendants(process.pid)
        process.send_signal(stop)
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert sorted(run["outcome"] for run in json.loads(out)["runs"])[-2:] == ["interrupted"] * 2
    assert list(folder.iterdir()) == []
    assert len(curls) == 3
    assert not any(map(alive, curls))


def bodies(*arguments: str) -> list[object]:
    """What the probe would send with these options."""
    return [json.loads(body) for body in read_bodies(parse(["--sandbox", *arguments]))]


def test_every_line_of_a_file_is_a_prompt(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_bytes('\ufefffirst \u2028 line\r\n\n  \n @second\t\n{"prompt": 1}'.encode())
    prompts = ["first \u2028 line", " @second\t", '{"prompt": 1}']
    assert bodies("--prompts", str(file)) == [{"prompt": prompt} for prompt in prompts]
    common = {"model": "m", "max_tokens": 9}
    assert bodies("--prompts", str(file), "--model", "m", "--max-tokens", "9") == [
        {"prompt": prompt, **common} for prompt in prompts
    ]


def test_every_line_of_a_jsonl_file_is_a_request(tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    talk = {"messages": [{"role": "user", "content": "hi"}], "temperature": 0.5}
    foreign = {"input": {"question": ["\u2028", 1, 0.1, None]}, "stream": True}
    file.write_text('{"prompt": "\\u20ac", "model": "own"}\n\n' + json.dumps(talk))
    assert bodies("--prompts", str(file)) == [{"prompt": "\u20ac", "model": "own"}, talk]
    other = tmp_path / "foreign.jsonl"
    other.write_text(json.dumps(foreign))
    assert bodies("--prompts", str(other)) == [foreign], "nothing is added to what another server wants"
    assert bodies("--prompts", str(file), "--model", "m", "--max-tokens", "9") == [
        {"prompt": "\u20ac", "model": "own", "max_tokens": 9},
        {**talk, "model": "m", "max_tokens": 9},
    ]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", None, "a.txt cannot be read: No such file or directory"),
        ("a.txt", b"", "a.txt holds no prompts"),
        ("a.jsonl", b"\n \n\r\n", "a.jsonl holds no prompts"),
        ("a.txt", b"fine\n\xe4h\n", "a.txt, line 2: the file is not UTF-8 text"),
        ("a.txt", b"x" * 1024 * 1024, "a.txt, line 1: the request is 1048590 bytes long"),
        ("a.jsonl", b'{"prompt": "a"}\n\n{"prompt": \n', "a.jsonl, line 3: this is not JSON: Expecting value"),
        ("a.jsonl", b"[" * 100_000, "a.jsonl, line 1: this is not JSON"),
        ("a.jsonl", b'["prompt"]', "a.jsonl, line 1: this is not a JSON object"),
        ("a.jsonl", b'{"prompt": "\\ud800"}', "a.jsonl, line 1: it holds what is not text in UTF-8"),
        ("a.jsonl", b'{"prompt": "a", "temperature": NaN}', "a.jsonl, line 1: this is not JSON: NaN"),
    ],
)
def test_a_file_of_prompts_that_cannot_be_used(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=re.escape(words)):
        bodies("--prompts", str(tmp_path / name))


def test_the_longest_request() -> None:
    fits = "x" * (1024 * 1024 - 1 - len('{"prompt": ""}'))
    assert bodies("--prompt", fits) == [{"prompt": fits}]
    with pytest.raises(UsageError, match="1048576 bytes long"):
        bodies("--prompt", fits + "x")


def test_the_longest_request_is_sent_without_asking_first(probe: Probe) -> None:
    file = probe.home / "prompts.txt"
    file.write_text("x" * (1024 * 1024 - 1 - len('{"prompt": ""}')))
    with ScriptedServer([(0.0, answer("hi")), (0.0, Keep)]) as server:
        done = probe("--url", server.url, "--prompts", str(file), "--runs", "2", "--reuse")
    assert done.returncode == 0
    for exchange in server.exchanges:
        assert "expect" not in exchange.headers
        assert given_signature(exchange) == expected_signature(exchange, SECRET)
