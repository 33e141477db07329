"""The package `lambda-streaming` as pip installs it for a function's own tests: what is in it, that it is typed."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.sam_project import checkout
from tools import REPOSITORY, interpreters, uv

ROOM = REPOSITORY / "src/runtime"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's folder in a fresh clone."""
    return checkout(tmp_path_factory.mktemp("clone")) / "src/runtime"


@pytest.fixture(scope="module")
def installed(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An environment of each interpreter here, after `pip install ./src/runtime`, by version."""
    made = {}
    for version, interpreter in interpreters().items():
        folder = tmp_path_factory.mktemp("environment") / version
        run(*uv("venv", "--quiet", "--seed", "--python", interpreter, str(folder)))
        run(str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(clone))
        made[version] = folder / "bin/python"
    return made


def run(*command: str) -> str:
    """Run a command outside of the repository, where the package could be imported from its sources."""
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def sources(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_license_is_the_projects() -> None:
    assert (ROOM / "LICENSE").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()


def test_the_wheel_holds_the_package_and_nothing_else(clone: Path, tmp_path: Path) -> None:
    run(*uv("build", "--quiet", "--wheel", "--out-dir", str(tmp_path), str(clone)))
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
    about = f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info"
    described = {f"{about}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "licenses/LICENSE")}
    ours = {f"lambda_streaming/{name}" for name in sources(clone / "lambda_streaming")}
    assert "lambda_streaming/py.typed" in ours
    assert set(modes) == ours | described
    executable = [name for name, mode in modes.items() if mode != 0o644]
    assert executable == ["lambda_streaming/bootstrap"]
    assert modes["lambda_streaming/bootstrap"] == 0o755


def test_pip_leaves_nothing_in_the_sources(clone: Path, installed: object, tmp_path: Path) -> None:
    assert sources(clone) == sources(checkout(tmp_path) / "src/runtime")


@pytest.mark.parametrize("version", interpreters())
def test_the_installed_package_is_importable_and_needs_no_other(version: str, installed: dict[str, Path]) -> None:
    code = (
        "import importlib.util, os; from importlib import metadata; import lambda_streaming\n"
        "print(importlib.util.find_spec('awslambdaric'), metadata.requires('lambda-streaming'))\n"
        "print(os.access(os.path.dirname(lambda_streaming.__file__) + '/bootstrap', os.X_OK))"
    )
    assert run(str(installed[version]), "-c", code).split() == ["None", "None", "True"]


def test_the_installed_package_is_typed(installed: dict[str, Path], tmp_path: Path) -> None:
    module = tmp_path / "app.py"
    module.write_text(
        "from lambda_streaming import ResponseStream, streamify_response\n"
        "@streamify_response\n"
        "def handler(event: object, context: object, *, response_stream: ResponseStream) -> None:\n"
        "    response_stream.write('text')\n"
        "    response_stream.write(3)\n"
    )
    python = str(next(iter(installed.values())))
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental", "--python-executable"]
    done = subprocess.run([*command, python, str(module)], cwd=tmp_path, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert [line.split(": ")[0] for line in lines if ": error: " in line] == [f"{module.name}:5"], done.stdout
    assert "[arg-type]" in done.stdout
