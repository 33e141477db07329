"""scripts/layer.sh: the command that it prints publishes the layer, and what it says when it cannot build one."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from moto.server import ThreadedMotoServer

from layer_zip import layer_zip
from tools import REPOSITORY, put_aws_cli, template_as_written, without_aws

LAYER = template_as_written()["Resources"]["StreamingLayer"]["Properties"]


@pytest.fixture
def aws() -> Iterator[dict[str, str]]:
    """The environment in which the AWS CLI and boto3 call a stand-in for Lambda's API."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": "anything",
    }
    server.stop()


def layer(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [REPOSITORY / "scripts/layer.sh", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)


def test_what_it_prints_publishes_the_zip(aws: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    output = folder / "layer (1).zip"
    output.write_text("an older one")
    done = layer("--output", f"{folder.name}/{output.name}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    content = output.read_bytes()
    assert content == layer_zip().read_bytes()
    assert f"{len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}" in done.stderr
    (compiled_for,) = re.findall(r"^layer: compiled for Python (.+)\.$", done.stderr, re.MULTILINE)
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in compiled_for.split()

    put_aws_cli(tmp_path)
    environment = {**without_aws(), **aws, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    pasted = ["bash", "-e", "-c", done.stdout]
    published = subprocess.run(pasted, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert published.returncode == 0, published.stderr
    for name, value in aws.items():
        monkeypatch.setenv(name, value)
    there = boto3.client("lambda").get_layer_version(LayerName="lambda_streaming", VersionNumber=1)
    assert there["Content"]["CodeSize"] == len(content)
    assert {name: there[name] for name in ("CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo")} == {
        name: LAYER[name] for name in ("CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo")
    }


def test_lambda_knows_what_the_command_names(tmp_path: Path) -> None:
    words = shlex.split(layer("--output", tmp_path / "layer.zip").stdout.replace("\\\n", ""))
    assert words[:3] == ["aws", "lambda", "publish-layer-version"]
    options: dict[str, list[str]] = {}
    for word in words[3:]:
        if word.startswith("--"):
            values = options[word] = []
        else:
            values.append(word)
    model = botocore.session.get_session().get_service_model("lambda")
    members = model.operation_model("PublishLayerVersion").input_shape.members
    named = {re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower() for name in members}
    assert {option.removeprefix("--") for option in options} <= {*named, "zip-file"}
    assert set(options["--compatible-runtimes"]) <= set(model.shape_for("Runtime").enum)
    assert set(options["--compatible-architectures"]) <= set(model.shape_for("Architecture").enum)
    (name,) = options["--layer-name"]
    assert re.fullmatch(members["LayerName"].metadata["pattern"], name)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--output"], "--output needs a path"),
        (["--output", ""], "--output needs a path"),
        (["layer.zip"], "unknown argument layer.zip"),
        (["--output", "layer.zip", "--python"], "unknown argument --python"),
    ],
)
def test_wrong_use_is_refused(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = layer(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"layer: {words}; see --help\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("missing/layer.zip", "there is no directory missing for missing/layer.zip"),
        (".", ". is a directory: name a file in it"),
        ("/dev/full", "/dev/full cannot be written: No space left on device"),
        ("/proc/layer.zip", "/proc/layer.zip cannot be written: No such file or directory"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(output: str, words: str, tmp_path: Path) -> None:
    done = layer("--output", output, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(f"layer: {words}\n")


def test_the_examples_of_the_help_work_in_an_empty_folder(tmp_path: Path) -> None:
    examples = re.findall(r"^  scripts/layer.sh( --output \S+)?(?!.*\|)", layer("--help").stdout, re.MULTILINE)
    assert len(examples) == 2
    for example in examples:
        done = layer(*example.split(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.iterdir())) == 2


def test_a_build_that_fails_is_said_and_leaves_the_older_zip(tmp_path: Path) -> None:
    output = tmp_path / "layer.zip"
    output.write_text("an older one")
    done = layer("--output", output, env={**os.environ, "UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "empty")})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("layer: the build failed; what it said is above\n")
    assert "awslambdaric" in done.stderr
    assert output.read_text() == "an older one"


@pytest.mark.parametrize("room", ["runtime", "function"])
@pytest.mark.parametrize(
    ("said", "words"), [(None, "there is none"), ("uv 0.3.9 (abc)", "there is uv 0.3.9"), ("uv 0.13.9", None)]
)
def test_a_build_without_a_uv_that_can_do_it_says_so(
    room: str, said: str | None, words: str | None, tmp_path: Path
) -> None:
    """The oldest with which the build was tried is 0.4.0."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("make", "awk", "mkdir"):
        found = subprocess.run(["sh", "-c", f"command -v {name}"], capture_output=True, text=True, check=True)
        (programs / name).symlink_to(found.stdout.strip())
    if said:
        (programs / "uv").write_text(
            f'#!/bin/sh\nif [ "$1" = --version ]; then echo "{said}"; else echo asked >&2; exit 1; fi'
        )
        (programs / "uv").chmod(0o755)
    done = subprocess.run(
        ["make", "-C", REPOSITORY / f"src/{room}", "build-StreamingFunction", f"ARTIFACTS_DIR={tmp_path / 'built'}"],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    if words:
        assert f"This build needs uv 0.4 or newer on the PATH, and {words}" in done.stderr
        assert "asked" not in done.stderr
    else:
        assert "This build needs" not in done.stderr
        assert done.stderr.startswith("asked")


@pytest.mark.parametrize(
    ("hashes", "words"), [("", "all requirements must have a hash"), (" --hash=sha256:" + "0" * 64, "Hash mismatch")]
)
@pytest.mark.parametrize("room", ["runtime", "function"])
def test_a_package_without_its_hash_or_with_another_is_not_built_in(
    room: str, hashes: str, words: str, tmp_path: Path
) -> None:
    folder = shutil.copytree(REPOSITORY / f"src/{room}", tmp_path / room)
    pinned = re.findall(r"^[a-z0-9-]+==\S+", (folder / "requirements.txt").read_text(), re.MULTILINE)
    (folder / "requirements.txt").write_text("".join(f"{pin}{hashes}\n" for pin in pinned))
    done = subprocess.run(
        ["make", "-C", folder, "build-StreamingFunction", f"ARTIFACTS_DIR={tmp_path / 'built'}"],
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2
    assert words in done.stderr
