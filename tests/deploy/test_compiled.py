"""The compiled modules in layer and function: that they are whole, that Python takes them, and what the build says."""

import json
import marshal
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import source_from_cache
from pathlib import Path
from types import CodeType

import pytest

from deploy.sam_project import checkout
from recorded import Recorded
from sandbox_client import call
from sandbox_process import RunningSandbox
from tools import REPOSITORY, environment, interpreters, uv

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
# What the function does not import of its packages. A larger zip makes a cold start longer, too.
NOT_IMPORTED = re.compile(r"aws_lambda_powertools/(event_handler/|utilities/(?!_|jmespath_utils/))|aws_xray_sdk/ext/")


@dataclass(frozen=True)
class Room:
    """A room with a Makefile, and where Lambda puts what the Makefile builds."""

    name: str
    place: str

    def build(self, folder: Path, *versions: str, variables: Mapping[str, str] = {}, root: Path = REPOSITORY) -> str:
        """Build it for the versions, with the sources under the root; return what the build says."""
        into = (f"ARTIFACTS_DIR={folder}", f"PYTHON_VERSIONS={' '.join(versions)}")
        folder.mkdir()
        done = subprocess.run(
            ["make", "--silent", "-C", root / "src" / self.name, "build-StreamingFunction", *into],
            env={**os.environ, "PATH": f"{Path(uv()[0]).parent}:{os.environ['PATH']}", **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


ROOMS = [Room("function", "/var/task"), Room("runtime", "/opt")]
rooms = pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)


def modules(folder: Path) -> set[str]:
    """The modules whose compiled form is to be in the folder, by their paths in it."""
    names = {str(path.relative_to(folder)) for path in folder.rglob("*.py")}
    return {name for name in names if not NOT_IMPORTED.match(name)}


def compiled(folder: Path, version: str) -> dict[str, bytes]:
    """The compiled modules of a Python version, by the paths of their sources."""
    tag = f".cpython-{version.replace('.', '')}.pyc"
    return {source_from_cache(name): content for name, content in every_compiled(folder).items() if name.endswith(tag)}


def every_compiled(folder: Path) -> dict[str, bytes]:
    """All compiled modules, by their own paths."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.pyc")}


def paths_in(code: CodeType) -> set[str]:
    """The paths that the code and every function in it name as that of their source."""
    inner = (paths_in(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return {code.co_filename}.union(*inner)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[Room, Path]:
    """Function and layer, built for each Python of this machine."""
    folder = tmp_path_factory.mktemp("built")
    for room in ROOMS:
        said = room.build(folder / room.name, *interpreters())
        assert said == f"StreamingFunction: compiled for Python {' '.join(interpreters())}.\n"
    return {room: folder / room.name for room in ROOMS}


@rooms
@pytest.mark.parametrize("version", interpreters())
def test_each_module_that_may_be_imported_is_compiled_and_never_compared_with_its_source(
    room: Room, version: str, built: dict[Room, Path]
) -> None:
    """The header: https://peps.python.org/pep-0552/. Of its flags, 1 says that there is a hash, and 2 to compare it."""
    found = compiled(built[room], version)
    assert set(found) == modules(built[room])
    magic = subprocess.run(
        [interpreters()[version], "-c", "import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert {content[:8].hex() for content in found.values()} == {magic + "01000000"}


@rooms
def test_compiled_modules_name_the_paths_on_lambda(room: Room, built: dict[Room, Path]) -> None:
    for name, content in compiled(built[room], RUNNING).items():
        assert paths_in(marshal.loads(content[16:])) == {f"{room.place}/{name}"}


@rooms
def test_the_same_python_compiles_the_same_bytes_whoever_builds(
    room: Room, built: dict[Room, Path], tmp_path: Path
) -> None:
    elsewhere = {"PYTHONPYCACHEPREFIX": str(tmp_path / "elsewhere"), "PYTHONPATH": str(tmp_path)}
    settings = {"PYTHONHASHSEED": "7", "PYTHONOPTIMIZE": "1", "PYTHONWARNINGS": "error", **elsewhere}
    room.build(tmp_path / "a folder", *interpreters(), variables=settings)
    assert every_compiled(tmp_path / "a folder") == every_compiled(built[room])


@rooms
def test_nothing_is_compiled_beside_the_sources(room: Room, tmp_path: Path) -> None:
    clone = checkout(tmp_path / "clone")
    before = sorted(clone.rglob("*"))
    room.build(tmp_path / "built", RUNNING, root=clone)
    assert compiled(tmp_path / "built", RUNNING)
    assert sorted(clone.rglob("*")) == before


@pytest.fixture
def hidden(tmp_path: Path) -> dict[str, str]:
    """Variables with which uv finds no Python. What installs packages needs one of any version, and is told of it."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("awk", "chmod", "cp", "env", "find", "make", "mkdir", "rm", "sh", "touch"):
        (programs / name).symlink_to(shutil.which(name) or name)
    (programs / "uv").symlink_to(uv()[0])
    hiding = {"PATH": str(programs), "PYENV_ROOT": str(tmp_path / "pyenv"), "VIRTUAL_ENV": "", "CONDA_PREFIX": ""}
    return {**hiding, "UV_PYTHON": sys.executable, "UV_PYTHON_INSTALL_DIR": str(tmp_path / "installed")}


def put_python(folder: Path) -> None:
    """Put the running Python into the folder, without the environment that it may be in."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"python{RUNNING}").symlink_to(Path(sys.executable).resolve())


@rooms
def test_a_build_without_the_python_goes_on_and_says_what_it_costs(
    room: Room, hidden: dict[str, str], tmp_path: Path
) -> None:
    # As pyenv leaves them on the PATH for what is installed but not switched on.
    stub = tmp_path / f"programs/python{RUNNING}"
    stub.write_text(f"#!/bin/sh\necho 'pyenv: python{RUNNING}: command not found' >&2\nexit 127\n")
    stub.chmod(0o755)
    said = room.build(tmp_path / "built", RUNNING, variables=hidden)
    assert said == (
        f"StreamingFunction: not compiled for Python {RUNNING}, which does not run on this machine: each cold start "
        f"there takes tens of milliseconds longer. Install it (`uv python install {RUNNING}`, or your system's "
        "package) and build again (`sam build` with `--no-cached`).\n"
    )
    assert modules(tmp_path / "built")
    assert every_compiled(tmp_path / "built") == {}


@rooms
@pytest.mark.parametrize("place", ["programs", "pyenv/versions/{}.99/bin", "installed/cpython-{}.99-linux-{}-gnu/bin"])
def test_a_python_on_the_path_of_pyenv_or_of_uv_compiles(
    place: str, room: Room, hidden: dict[str, str], tmp_path: Path
) -> None:
    put_python(tmp_path / place.format(RUNNING, os.uname().machine))
    said = room.build(tmp_path / "built", RUNNING, variables=hidden)
    assert said == f"StreamingFunction: compiled for Python {RUNNING}.\n"
    assert compiled(tmp_path / "built", RUNNING).keys() == modules(tmp_path / "built")


# What a Python runs at its start, in a stub that lets it (`-I` and `-S` would not): it says that it is another one.
ANOTHER = """
import collections, platform, sys
sys.executable = {stub!r}
if {kind!r} == "pypy":
    sys.implementation.name = "pypy"
else:
    numbers = collections.namedtuple("Version", "major minor micro releaselevel serial")
    sys.version_info = numbers(*sys.version_info[:2], 0, "alpha", 1)
    platform.python_version = lambda: "{running}.0a1"
"""


@rooms
@pytest.mark.parametrize("kind", ["pypy", "a pre-release"])
def test_only_a_release_of_the_python_on_lambda_compiles(
    kind: str, room: Room, hidden: dict[str, str], tmp_path: Path
) -> None:
    stub = tmp_path / f"programs/python{RUNNING}"
    (tmp_path / "sitecustomize.py").write_text(ANOTHER.format(stub=str(stub), kind=kind, running=RUNNING))
    stub.write_text(f"""#!/bin/sh
for each in "$@"; do
  shift
  case "$each" in -I | -S) ;; *) set -- "$@" "$each" ;; esac
done
PYTHONPATH="{tmp_path}" exec {Path(sys.executable).resolve()} "$@"
""")
    stub.chmod(0o755)
    said = room.build(tmp_path / "built", RUNNING, variables=hidden)
    assert said.startswith(f"StreamingFunction: not compiled for Python {RUNNING}, ")
    assert every_compiled(tmp_path / "built") == {}


@rooms
def test_a_module_that_does_not_compile_is_named_and_the_others_are_compiled(room: Room, tmp_path: Path) -> None:
    clone = checkout(tmp_path / "clone")
    (package,) = {path.parent for path in (clone / "src" / room.name).glob("*/__init__.py")}
    (package / "broken.py").write_text("def (\n")
    said = room.build(tmp_path / "built", RUNNING, root=clone).splitlines()
    assert f"{package.name}/broken.py" in said[0]
    assert said[-1] == f"StreamingFunction: not all compiled for Python {RUNNING}: what failed is above."
    missing = modules(tmp_path / "built") - compiled(tmp_path / "built", RUNNING).keys()
    assert {Path(name).name for name in missing} == {"broken.py"}


def test_a_cold_start_and_the_first_response_compile_nothing(
    built: dict[Room, Path], start_sandbox: Callable[..., RunningSandbox], tmp_path: Path
) -> None:
    """With `PYTHONVERBOSE` the interpreter names the file of each module: its compiled one, or the source."""
    function, layer = (built[room] for room in ROOMS)
    before = every_compiled(function) | every_compiled(layer)
    template = (checkout(tmp_path) / "template.yaml").read_text()
    for written, instead in (
        ("CodeUri: src/function/", f"CodeUri: {function}"),
        ("ContentUri: src/runtime/", f"ContentUri: {layer}"),
        ("MAX_PROMPT_CHARS:", 'PYTHONVERBOSE: "1"\n          MAX_PROMPT_CHARS:'),
    ):
        assert template.count(written) == 1
        template = template.replace(written, instead)
    (tmp_path / "template.yaml").write_text(template)
    # An interpreter with what the managed runtime has, and nothing of the development environment.
    managed = environment(f"boto3=={version('boto3')}", python=interpreters()[RUNNING])
    sandbox = start_sandbox("--template", str(tmp_path / "template.yaml"), "--python", str(managed))
    assert call(sandbox.ready, json.dumps({"prompt": "hello"})).status == 200
    # What records the response is imported after it.
    Recorded(sandbox.ready).wait_for_requests(1)
    taken = re.findall(r"# code object from '?(/\S+?\.pyc?)'?$", sandbox.log(), re.MULTILINE)
    ours = [path for path in taken if path.startswith((str(function), str(layer)))]
    assert {Path(path).name for path in ours if path.endswith(".py")} <= {"main.py"}
    assert len([path for path in ours if path.endswith(".pyc")]) > 100
    assert every_compiled(function) | every_compiled(layer) == before
