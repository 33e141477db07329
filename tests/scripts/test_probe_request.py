"""What the probe's real curl sends, byte for byte, and where its keys do not show."""

import json
import os
import shutil
import threading
from pathlib import Path

from probe_process import PATIENCE_SECONDS, SECRET, Probe, shown_by
from scripted_server import END, LAST_CHUNK, STREAM_HEAD, Script, ScriptedServer, answer
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
        assert each.headers["accept"] == "text/event-stream"


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


def test_keys_are_in_no_command_line_and_not_in_curls_environment(probe: Probe) -> None:
    release = threading.Event()
    token = "a-token-that-must-not-show"
    script: Script = [(0.0, STREAM_HEAD), (release, END + LAST_CHUNK)]
    with ScriptedServer(script) as server:
        process = probe.start("--url", server.url, environment={**probe.environment, "AWS_SESSION_TOKEN": token})
        try:
            server.wait_for_request(1)
            commands, environments = shown_by(process)
        finally:
            release.set()
            out, error = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert len(environments) == 1
    assert b"HOME=" in environments[0]
    for secret in (SECRET.encode(), token.encode()):
        assert secret not in commands
        assert secret not in environments[0]
        assert secret not in out + error


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
    assert "--data-binary\n@/dev/fd/" in seen
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
