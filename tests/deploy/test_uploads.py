"""What `sam deploy` uploads: the same files, modes and times whoever builds them, and how large they are."""

import io
import json
import os
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deploy.sam_project import checkout, run_sam
from deploy.stand_in_process import StandIn

# The property that leads to the upload, and the most bytes that the upload may have: zipped, unpacked, and zipped for
# each Python that this machine compiles for, which is not in the other two. The limits are a quarter above what there
# is now, and half for the probe, which has no packages: a package that comes in by accident goes over them. Every byte
# is loaded at a cold start.
RESOURCES = {
    "StreamingLayer": ("ContentUri", 4_700_000, 14_000_000, 160_000),
    "StreamingFunction": ("CodeUri", 2_800_000, 10_700_000, 660_000),
    "ProbeFunction": ("CodeUri", 100_000, 250_000, 0),
}


def uploads(folder: Path, stand_in: StandIn) -> dict[str, tuple[str, bytes]]:
    """The name that the SAM CLI gives each upload, and the upload, by logical id."""
    prefix = folder.parent.name
    output = ("--use-json", "--output-template-file", "packaged.json")
    run_sam(folder, "package", "--s3-prefix", prefix, *output, **stand_in.environment)
    resources = json.loads((folder / "packaged.json").read_text())["Resources"]
    found = {}
    for name, (source, *_) in RESOURCES.items():
        location = urlsplit(resources[name]["Properties"][source])
        key = location.path.removeprefix("/")
        body = stand_in.client("s3").get_object(Bucket=location.netloc, Key=key)["Body"].read()
        found[name] = (key.removeprefix(f"{prefix}/"), body)
    return found


@pytest.fixture(scope="module")
def ours(project: Path, stand_in: StandIn) -> dict[str, tuple[str, bytes]]:
    return uploads(project, stand_in)


@pytest.fixture(scope="module")
def theirs(stand_in: StandIn, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, bytes]]:
    """The uploads of somebody with other settings, in another folder, to which other programs have added files."""
    folder = checkout(tmp_path_factory.mktemp("another") / "a folder")
    for path in folder.rglob("*"):
        executable = path.is_dir() or os.access(path, os.X_OK)
        path.chmod(0o700 if executable else 0o600)
    for package in ("runtime/lambda_streaming", "function/firstbyte", "probe/probe"):
        for other in (".DS_Store", "wire.py~", "__pycache__/wire.cpython-313.pyc"):
            path = folder / "src" / package / other
            path.parent.mkdir(exist_ok=True)
            path.touch()
    for path in folder.rglob("*"):
        os.utime(path, (0, 0))
    run_sam(folder, "build", umask="077", TZ="Asia/Tokyo", UV_COMPILE_BYTECODE="1")
    return uploads(folder, stand_in)


def zipped(upload: tuple[str, bytes]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(upload[1]))


@pytest.mark.parametrize("name", RESOURCES)
def test_whoever_builds_uploads_the_same(
    name: str, ours: dict[str, tuple[str, bytes]], theirs: dict[str, tuple[str, bytes]]
) -> None:
    """Only the order of the files in the zip is the file system's: the SAM CLI does not sort them."""
    (key, _), (key_of_theirs, _) = ours[name], theirs[name]
    assert key == key_of_theirs
    both = zipped(ours[name]), zipped(theirs[name])
    entries, entries_of_theirs = ({entry.filename: entry for entry in archive.infolist()} for archive in both)
    assert sorted(entries) == sorted(entries_of_theirs)
    for file, entry in entries.items():
        other = entries_of_theirs[file]
        assert (entry.external_attr, entry.date_time) == (other.external_attr, other.date_time), file
        assert both[0].read(file) == both[1].read(file), file


@pytest.mark.parametrize("name", RESOURCES)
def test_everybody_may_read_every_file_and_execute_the_bootstrap(
    name: str, theirs: dict[str, tuple[str, bytes]]
) -> None:
    """Lambda runs as another user than whoever built: with modes of umask 077 it could read nothing."""
    modes = {entry.filename: entry.external_attr >> 16 for entry in zipped(theirs[name]).infolist()}
    bootstrap = {"python/lambda_streaming/bootstrap"} if name == "StreamingLayer" else set()
    assert {file for file, mode in modes.items() if mode == 0o100755} == bootstrap
    assert {modes[file] for file in modes.keys() - bootstrap} == {0o100644}


@pytest.mark.parametrize("name", RESOURCES)
def test_an_upload_is_no_larger_than_it_must_be(name: str, ours: dict[str, tuple[str, bytes]]) -> None:
    _, most_zipped, most_unpacked, most_compiled = RESOURCES[name]
    entries = zipped(ours[name]).infolist()
    compiled = [entry for entry in entries if entry.filename.endswith(".pyc")]
    versions = len({entry.filename.split(".")[-2] for entry in compiled})
    unpacked = sum(entry.file_size for entry in entries) - sum(entry.file_size for entry in compiled)
    zipped_compiled = sum(entry.compress_size for entry in compiled)
    print(f"{name}: {len(ours[name][1]):,} bytes zipped, {zipped_compiled:,} of it compiled for {versions} Pythons")
    assert len(ours[name][1]) - zipped_compiled <= most_zipped
    assert unpacked <= most_unpacked
    assert zipped_compiled <= most_compiled * versions
