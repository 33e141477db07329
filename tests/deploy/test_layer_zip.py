"""The layer's zip: what is in it for which Python and machine, and that the same sources make the same bytes."""

import re
import struct
import subprocess
import sys
import zipfile
from importlib.metadata import files, version
from importlib.util import source_from_cache
from pathlib import Path

import pytest

from deploy.sam_project import checkout
from layer_zip import layer_zip, unpack_layer
from tools import REPOSITORY, template_as_written

LAYER = template_as_written()["Resources"]["StreamingLayer"]["Properties"]
# As CPython names native files: https://peps.python.org/pep-3149/
VERSIONS = [runtime.removeprefix("python").replace(".", "") for runtime in LAYER["CompatibleRuntimes"]]
# A machine as native files call it, and e_machine in the ELF header.
MACHINES = {"arm64": ("aarch64", 183), "x86_64": ("x86_64", 62)}
BUNDLED = ("awslambdaric", "simplejson", "snapshot_restore_py")
# Of each file of a bundled package that the layer goes without, the reason is in src/runtime/Makefile.
LEFT_OUT = {"INSTALLER", "RECORD", "REQUESTED", "WHEEL"}

# Each native file that there must be, the version of its Python, and the number of its machine.
NATIVES = [
    (f"{name}.cpython-{python}-{machine}-linux-gnu.so", python, number)
    for name in ("runtime_client", "simplejson/_speedups")
    for python in VERSIONS
    for machine, number in map(MACHINES.__getitem__, LAYER["CompatibleArchitectures"])
]


@pytest.fixture(scope="module")
def entries() -> dict[str, zipfile.ZipInfo]:
    """The zip's entries by name, without the `python/` that all of them begin with; no directories."""
    with zipfile.ZipFile(layer_zip()) as archive:
        return {entry.filename.removeprefix("python/"): entry for entry in archive.infolist() if not entry.is_dir()}


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that Lambda puts on the search path: /opt/python."""
    return unpack_layer(tmp_path_factory.mktemp("opt"))


def test_the_zip_holds_our_files_the_bundled_packages_and_nothing_else(entries: dict[str, zipfile.ZipInfo]) -> None:
    room = REPOSITORY / "src/runtime"
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "lambda_streaming"]
    ours = subprocess.run(listing, cwd=room, check=True, capture_output=True, text=True).stdout.splitlines()
    expected = {"lambda_streaming/LICENSE", *ours, *(name for name, _, _ in NATIVES)}
    assert expected <= set(entries)
    bundled = re.compile(
        r"(awslambdaric|simplejson)/\w+\.py|snapshot_restore_py\.py"
        rf"|({'|'.join(BUNDLED)})-[\d.]+\.dist-info/(METADATA|top_level\.txt|(licenses/)?(LICENSE(\.txt)?|NOTICE))"
    )
    sources = {source_from_cache(name) if name.endswith(".pyc") else name for name in entries}
    assert [name for name in sources - expected if not bundled.fullmatch(name)] == []
    assert sources <= set(entries)


@pytest.mark.parametrize("package", BUNDLED)
def test_a_bundled_package_is_whole_and_is_the_one_that_was_tested(package: str, layer: Path) -> None:
    """The development environment has each file of the pinned wheel, and installs no other version."""
    of_the_wheel = [file for file in files(package) or [] if file.name not in LEFT_OUT and "tests" not in file.parts]
    assert len(of_the_wheel) > 3
    for file in of_the_wheel:
        if "__pycache__" not in file.parts and file.suffix != ".so":
            assert (layer / file).read_bytes() == Path(file.locate()).read_bytes(), file


def test_the_versions_of_the_bundled_packages_can_be_asked_for(layer: Path) -> None:
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    command = [sys.executable, "-S", "-c", code, *BUNDLED]
    done = subprocess.run(command, env={"PYTHONPATH": str(layer)}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [version(package) for package in BUNDLED]


@pytest.mark.parametrize(("name", "python", "machine"), NATIVES)
def test_a_native_file_is_for_its_machine_and_for_the_c_library_there(
    name: str, python: str, machine: int, layer: Path
) -> None:
    content = (layer / name).read_bytes()
    assert content[:4] == b"\x7fELF"
    assert struct.unpack_from("<H", content, 18) == (machine,)
    needed = {(int(major), int(minor)) for major, minor in re.findall(rb"\bGLIBC_(\d+)\.(\d+)", content)}
    # https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html: python3.11 runs on Amazon Linux 2.
    assert needed
    assert max(needed) <= ((2, 26) if python == "311" else (2, 34))


def test_modes_and_times_are_the_same_whoever_builds_it() -> None:
    with zipfile.ZipFile(layer_zip()) as archive:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
        assert len({entry.date_time for entry in archive.infolist()}) == 1
    for name, mode in modes.items():
        executable = name.endswith("/") or name == "python/lambda_streaming/bootstrap"
        assert mode == (0o755 if executable else 0o644), name


def test_the_same_sources_make_the_same_bytes(tmp_path: Path) -> None:
    clone = checkout(tmp_path)
    (clone / ".venv").symlink_to(REPOSITORY / ".venv")
    # What a run of the clone's sources would have left.
    (clone / "src/runtime/lambda_streaming/__pycache__").mkdir()
    (clone / "src/runtime/lambda_streaming/__pycache__/wire.cpython-313.pyc").touch()
    build = 'umask 077 && TZ=Asia/Tokyo exec scripts/layer.sh --output "$1"'
    subprocess.run(["bash", "-c", build, "bash", tmp_path / "again.zip"], cwd=clone, check=True, timeout=300)
    assert (tmp_path / "again.zip").read_bytes() == layer_zip().read_bytes()


def test_the_zip_leaves_room_for_what_functions_bring(entries: dict[str, zipfile.ZipInfo]) -> None:
    """A function and its layers may have 250 MB unpacked, and 50 MB can be uploaded without S3.

    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html. The bounds are a quarter above what the zip
    has now, so that a package that comes in by accident is seen.
    """
    compiled = [entry for name, entry in entries.items() if name.endswith(".pyc")]
    versions = len({entry.filename.split(".")[-2] for entry in compiled})
    zipped = layer_zip().stat().st_size - sum(entry.compress_size for entry in compiled)
    unpacked = sum(entry.file_size for entry in entries.values()) - sum(entry.file_size for entry in compiled)
    print(f"the layer: {zipped / 1e6:.1f} MB zipped, {unpacked / 1e6:.1f} MB unpacked, without what is compiled")
    assert zipped < 4_700_000
    assert unpacked < 14_000_000
    assert sum(entry.compress_size for entry in compiled) < 160_000 * versions
    assert sum(entry.file_size for entry in compiled) < 330_000 * versions
