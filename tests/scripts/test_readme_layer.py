"""The layer's README from an empty folder: its commands as a reader pastes them, and both examples in the sandbox."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.sam_project import call_sam
from readme import Clone, blocks
from sandbox_client import call
from sandbox_process import StartSandbox
from tools import REPOSITORY, environment, uv

EXAMPLE = REPOSITORY / "src/runtime/example"
CLIENTS = REPOSITORY / "src/runtime/example-clients"


def in_folder(folder: Path, clone: Clone, script: str) -> "subprocess.CompletedProcess[str]":
    """Run a script in the reader's folder; the clone lies where the README assumes it."""
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script.replace("~/firstbyte", str(clone.folder))],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone(tmp_path_factory.mktemp("layer"))


@pytest.fixture(scope="module")
def folder(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reader's folder after all commands but the last, which stays in the foreground."""
    folder = tmp_path_factory.mktemp("reader") / "empty"
    folder.mkdir()
    first, _ = blocks("sh", "src/runtime")
    commands = first.commands[:-1]
    if subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False).returncode:
        # Debian's Python cannot make environments without a package of its own.
        make = " ".join(uv("venv", "--quiet", "--seed", "--python", sys.executable, ".venv"))
        commands = [make if command == "python3 -m venv .venv" else command for command in commands]
    done = in_folder(folder, clone, "\n".join(commands))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "publish-layer-version" in done.stdout
    return folder


@pytest.fixture(scope="module")
def layer_zip(folder: Path) -> Path:
    return folder / "lambda_streaming.zip"


def test_the_examples_are_as_short_as_promised() -> None:
    assert len((EXAMPLE / "template.yaml").read_text().splitlines()) <= 30
    assert len((EXAMPLE / "countdown/app.py").read_text().splitlines()) <= 15


def test_from_an_empty_folder_to_the_probe(clone: Clone, folder: Path) -> None:
    first, second = blocks("sh", "src/runtime")
    setting, last = first.commands[0], first.commands[-1]
    sandbox = last.replace('"$FIRSTBYTE/scripts/sandbox.sh"', str(clone.folder / "scripts/sandbox.sh"))
    assert setting.startswith("FIRSTBYTE=")
    assert sandbox != last
    template = folder / "template.yaml"
    with clone.in_the_foreground(sandbox.replace("template.yaml", str(template))):
        done = in_folder(folder, clone, second.text)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.startswith("5 4 3 2 1")
        assert re.search(r"^Chunks +5\b", done.stdout, re.MULTILINE), done.stdout
        # "The next request runs the new code."
        app = folder / "countdown/app.py"
        app.write_text(app.read_text().replace("range(5, 0, -1)", "range(3, 0, -1)"))
        assert in_folder(folder, clone, second.text).stdout.startswith("3 2 1")


def test_the_example_is_valid_and_can_be_built(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns(".venv"))
    template = tmp_path / "copy/template.yaml"
    # SAM builds with an interpreter of the template's version.
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    template.write_text(template.read_text().replace("Runtime: python3.13", f"Runtime: {version}"))
    for arguments in (("validate", "--lint"), ("build",)):
        done = call_sam(template.parent, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    built = template.parent / ".aws-sam/build"
    assert (built / "Countdown/app.py").exists()


@pytest.fixture(scope="module")
def clients(
    start_sandbox: StartSandbox, layer_zip: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """The ready file of a sandbox with the second example, whose packages are in an environment of their own."""
    folder = tmp_path_factory.mktemp("clients") / "example"
    shutil.copytree(CLIENTS, folder)
    shutil.copy(layer_zip, folder)
    python = environment("--requirements", str(folder / "clients/requirements.txt"))
    script = "ttft=100 gap=300 chunks=12"
    sandbox = start_sandbox(
        "--template", str(folder / "template.yaml"), "--python", str(python), "--model-script", script
    )
    yield sandbox.ready
    sandbox.stop()


@pytest.mark.parametrize("function", ["Anthropic", "AnthropicAsync", "Strands"])
def test_another_library_streams_through_the_layer(clients: dict[str, Any], function: str) -> None:
    ready = {**clients, "function_url": clients["function_urls"][function]}
    for _ in range(2):
        answer = call(ready, json.dumps({"prompt": "Tell me about rivers"}))
        assert (answer.status, answer.complete) == (200, True)
        assert answer.body.startswith(b"A river begins")
        assert len(answer.chunks) == 12
        # The model needs 3.3 s from the first chunk to the last. Text that is collected comes at once.
        assert answer.chunks[-1][0] - answer.chunks[0][0] > 0.5
