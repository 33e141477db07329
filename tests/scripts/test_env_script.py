"""scripts/env.sh: what it prints of a running sandbox, and what it says when there is none or it is called wrongly."""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import REPOSITORY, without_aws

NAMES = {
    "AWS_ENDPOINT_URL": "aws_endpoint_url",
    "AWS_REGION": "region",
    "AWS_DEFAULT_REGION": "region",
    "AWS_ACCESS_KEY_ID": "access_key_id",
    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
    "AWS_SESSION_TOKEN": "session_token",
    "FUNCTION_URL": "function_url",
}


@pytest.fixture
def ready() -> Iterator[dict[str, str]]:
    """A ready file's content whose function URL answers, with values that a shell could misread."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        odd = {name: f"{name} 'of' $HOME `x`; * \\ \"a\"" for name in NAMES.values()}
        yield {**odd, "function_url": url, "session_token": ""}


def env(*arguments: str, folder: Path = REPOSITORY) -> "subprocess.CompletedProcess[str]":
    command = [str(REPOSITORY / "scripts/env.sh"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)


def test_a_shell_that_evaluates_it_has_the_sandboxs_addresses_and_keys(tmp_path: Path, ready: dict[str, str]) -> None:
    (tmp_path / "ready file.json").write_text(json.dumps(ready))
    program = f"import json, os; print(json.dumps([os.environ[name] for name in {list(NAMES)}]))"
    script = f'eval "$({REPOSITORY}/scripts/env.sh --ready-file "ready file.json")"; python3 -c "$0"'
    done = subprocess.run(
        ["bash", "-c", script, program],
        cwd=tmp_path,
        env={**without_aws(), "AWS_SESSION_TOKEN": "of somebody else"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [ready[name] for name in NAMES.values()]


def test_the_function_that_is_named_is_meant(tmp_path: Path, ready: dict[str, str]) -> None:
    path = tmp_path / "ready.json"
    urls = {"First": ready["function_url"], "Second": ready["function_url"] + "second/"}
    path.write_text(json.dumps({**ready, "function_urls": urls}))
    for flags, url in (
        ([], urls["First"]),
        (["--function", "First"], urls["First"]),
        (["--function", "Second"], urls["Second"]),
    ):
        done = env("--ready-file", str(path), *flags)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"export FUNCTION_URL={url}\n" in done.stdout
    done = env("--ready-file", str(path), "--function", "Third")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "env: the sandbox has no function Third; it has First, Second\n"


def test_no_sandbox(tmp_path: Path, ready: dict[str, str]) -> None:
    path = tmp_path / "ready.json"
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"http://127.0.0.1:{server.getsockname()[1]}/"
    for content, words in (
        (None, f"no sandbox is running (there is no {path}): start one with scripts/sandbox.sh"),
        (json.dumps({**ready, "function_url": nobody}), f"no sandbox answers where {path} says"),
        (json.dumps({"function_url": ready["function_url"]}), f"{path} is not the ready file of a sandbox"),
        ("[]", f"{path} is not the ready file of a sandbox"),
        ("{", f"{path} is not the ready file of a sandbox"),
    ):
        if content is not None:
            path.write_text(content)
        done = env("--ready-file", str(path))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"env: {words}")
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--ready-file"], "env: --ready-file needs a path; see --help\n"),
        (["--function"], "env: --function needs a logical id; see --help\n"),
        (["--function", ""], "env: --function needs a logical id; see --help\n"),
        (["--no-such-flag"], "env: unknown argument --no-such-flag; see --help\n"),
        (["ready.json"], "env: unknown argument ready.json; see --help\n"),
    ],
)
def test_wrong_use(arguments: list[str], words: str) -> None:
    done = env(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", words)


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_has_every_name_and_examples(flag: str) -> None:
    done = env(flag)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(
        name in done.stdout
        for name in (*NAMES, "usage:", "--ready-file PATH", "--function LOGICAL_ID", "Examples:", "Exit codes:")
    )
