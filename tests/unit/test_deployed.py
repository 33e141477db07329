"""Code and layers on disk: what counts as a change, what does not, and what becomes of a layer that has changed."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from platform_runs import SPEC
from sandbox.lambda_service.deployed import Deployed
from sandbox.lambda_service.layers import Layer
from template.errors import TemplateError


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "package").mkdir(parents=True)
    (folder / "app.py").write_text("import package.part\n")
    (folder / "package" / "part.py").write_text("x = 1\n")
    (folder / "prompt.txt").write_text("Hello")
    return folder


def deployed(code: Path, *layers: Path) -> Deployed:
    spec = replace(SPEC, code=code, layers=[Layer(path.stem, path, PurePosixPath()) for path in layers])
    layouts = code.parent / "layouts"
    layouts.mkdir(exist_ok=True)
    return Deployed(spec, layouts)


def touch(path: Path) -> None:
    """Change nothing but the time, as an editor does that saves what it has read."""
    later = path.stat().st_mtime_ns + 1
    os.utime(path, ns=(later, later))


def run(code: Path, program: str) -> str:
    """Run a program beside the code as a function's process runs: with no environment that forbids to compile."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=code, env={}, check=True, capture_output=True, text=True, timeout=60).stdout


CHANGES: dict[str, Callable[[Path], object]] = {
    "the handler's file": lambda code: touch(code / "app.py"),
    "a file of a package": lambda code: touch(code / "package" / "part.py"),
    "a file that is no Python": lambda code: (code / "prompt.txt").write_text("Hello there"),
    "a new file": lambda code: (code / "package" / "new.py").touch(),
    "a file that is gone": lambda code: (code / "package" / "part.py").unlink(),
    "a folder that is gone": lambda code: (code / "package").rename(code.parent / "elsewhere"),
    "a new folder": lambda code: (code.parent / "other").rename(code / "more"),
    "a link to a folder": lambda code: (code / "linked").symlink_to(code.parent / "other"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_makes_a_new_version(code: Path, change: str) -> None:
    (code.parent / "other").mkdir()
    (code.parent / "other" / "x.py").touch()
    of = deployed(code)
    assert of.version() == of.version() == 0
    CHANGES[change](code)
    assert of.version() == of.version() == 1


def test_a_change_is_said_by_name(code: Path, capsys: pytest.CaptureFixture[str]) -> None:
    of = deployed(code)
    touch(code / "app.py")
    of.version()
    assert capsys.readouterr().err == f"sandbox: Talk: new code in {code / 'app.py'}\n"


def test_a_change_behind_a_link_makes_a_new_version(code: Path) -> None:
    elsewhere = code.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.py").touch()
    (code / "linked").symlink_to(elsewhere)
    (code / "back").symlink_to(code)
    (code / "nowhere").symlink_to(code / "no such file")
    of = deployed(code)
    touch(elsewhere / "x.py")
    assert of.version() == 1


def test_what_running_code_and_tools_write_is_no_change(code: Path) -> None:
    (code / "environment").mkdir()
    (code / "environment" / "pyvenv.cfg").touch()
    of = deployed(code)
    run(code, "import app")
    assert list(code.rglob("*.pyc"))
    for name in ("environment/x.py", "sandbox.log", ".sandbox/telemetry.duckdb", ".git/index", "package/.x.swp"):
        (code / name).parent.mkdir(exist_ok=True)
        (code / name).touch()
    assert of.version() == 0


def test_a_change_within_a_second_that_keeps_the_size_runs(code: Path) -> None:
    """Python takes what it has compiled if the second and the size of the source are the same."""

    program = "import package.part; print(package.part.x)"
    part = code / "package" / "part.py"
    second = 1_795_000_000_000_000_000
    os.utime(part, ns=(second, second))
    of = deployed(code)
    assert run(code, program) == "1\n"
    part.write_text("x = 2\n")
    os.utime(part, ns=(second + 5, second + 5))
    assert run(code, program) == "1\n"
    assert of.version() == 1
    assert run(code, program) == "2\n"


def test_a_changed_layer_is_laid_out_again_beside_the_old_one(code: Path) -> None:
    layer = code.parent / "layer.zip"

    def build(text: str) -> None:
        with zipfile.ZipFile(layer, "w") as archive:
            archive.writestr("python/part.py", text)

    build("one")
    of = deployed(code, layer)
    first = of.opt()
    touch(code / "app.py")
    assert (of.version(), of.opt()) == (1, first)
    build("two!")
    assert of.version() == 2
    second = of.opt()
    assert first
    assert second
    assert [(opt / "python" / "part.py").read_text() for opt in (first, second)] == ["one", "two!"]

    layer.write_bytes(b"half of a zip")
    assert of.version() == 3
    with pytest.raises(TemplateError, match="is no zip that can be read"):
        of.opt()
    build("three")
    assert of.version() == 4
    third = of.opt()
    assert third
    assert (third / "python" / "part.py").read_text() == "three"


def test_a_changed_file_of_a_layers_directory_makes_a_new_version(code: Path) -> None:
    layer = code.parent / "layer"
    (layer / "python").mkdir(parents=True)
    of = deployed(code, layer)
    (layer / "python" / "x.py").touch()
    assert of.version() == 1


def test_what_the_sandbox_keeps_is_no_change(code: Path) -> None:
    """If --data names a folder within the code."""
    (code / "data").mkdir()
    of = deployed(code)
    for name in ("telemetry.duckdb", "telemetry.duckdb.wal"):
        (code / "data" / name).write_text("x")
    assert of.version() == 0


def test_a_layer_that_cannot_be_laid_out_leaves_nothing_behind(code: Path) -> None:
    broken = code.parent / "layer.zip"
    broken.write_bytes(b"no zip")
    of = deployed(code, broken)
    with pytest.raises(TemplateError):
        of.opt()
    assert list((code.parent / "layouts").iterdir()) == []
