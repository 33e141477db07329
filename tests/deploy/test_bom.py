"""The bill of materials that scripts/bom.sh prints of an artifact: what is in it, and nothing else."""

import hashlib
import json
import os
import subprocess
import sysconfig
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from deploy.sam_project import checkout
from layer_zip import layer_zip, unpack_layer
from readme import BILLS
from tools import REPOSITORY

# The artifacts that hold packages, and the room whose requirements.txt names them.
ROOMS = {"StreamingFunction": "function", "StreamingLayer": "runtime", "ProbeFunction": None}


def bom(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [REPOSITORY / "scripts/bom.sh", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def bill_of(artifact: Path, pythonpath: str = "") -> dict[str, Any]:
    done = bom(artifact, PYTHONPATH=pythonpath)
    assert done.returncode == 0, done.stderr
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(done.stdout) is None
    bill: dict[str, Any] = json.loads(done.stdout)
    return bill


def packages(bill: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The bill's packages as what a registry calls them."""
    return {one["purl"]: one for one in bill["components"] if one["type"] == "library"}


def files(bill: dict[str, Any]) -> dict[str, str]:
    """The SHA-256 of each file that the bill lists."""
    found = {}
    for one in bill["components"]:
        if one["type"] == "file":
            (digest,) = one["hashes"]
            assert digest["alg"] == "SHA-256"
            found[one["name"]] = digest["content"]
    return found


def in_folder(folder: Path) -> tuple[set[str], dict[str, str]]:
    """The packages and the files of an artifact, by its own folders."""
    named = set()
    for metadata in folder.rglob("*.dist-info/METADATA"):
        head = HeaderParser().parsestr(metadata.read_text())
        named.add(f"pkg:pypi/{canonicalize_name(head['Name'])}@{head['Version']}")
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return named, {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture(scope="module")
def bills(project: Path) -> dict[str, dict[str, Any]]:
    return {name: bill_of(project / ".aws-sam/build" / name) for name in ROOMS}


@pytest.mark.parametrize("name", ROOMS)
def test_it_lists_what_is_in_the_artifact_and_nothing_else(
    name: str, project: Path, bills: dict[str, dict[str, Any]]
) -> None:
    folder, bill = project / ".aws-sam/build" / name, bills[name]
    assert bill["metadata"]["component"]["name"] == name
    assert (set(packages(bill)), files(bill)) == in_folder(folder)
    assert len(bill["components"]) == len(packages(bill)) + len(files(bill))


@pytest.mark.parametrize("name", ROOMS)
def test_its_packages_are_those_that_were_to_be_bundled_and_have_licences(
    name: str, bills: dict[str, dict[str, Any]]
) -> None:
    found = packages(bills[name])
    file = REPOSITORY / f"src/{ROOMS[name]}/requirements.txt"
    pinned = [line.split()[0] for line in file.read_text().splitlines() if "==" in line] if file.exists() else []
    assert set(found) == {f"pkg:pypi/{pin.replace('==', '@')}" for pin in pinned}
    assert all(package["licenses"] for package in found.values())


def test_the_readmes_commands_print_the_bills(project: Path, tmp_path: Path, bills: dict[str, dict[str, Any]]) -> None:
    clone = checkout(tmp_path / "clone")
    (clone / ".venv").symlink_to(REPOSITORY / ".venv")
    (clone / ".aws-sam").symlink_to(project / ".aws-sam")
    subprocess.run(["bash", "-ec", "\n".join(BILLS)], cwd=clone, check=True, timeout=120)
    assert json.loads((clone / "function.cdx.json").read_text()) == bills["StreamingFunction"]
    assert json.loads((clone / "layer.cdx.json").read_text()) == bills["StreamingLayer"]


def test_the_bill_of_a_zip_is_that_of_its_content_and_names_the_zips_hash(tmp_path: Path) -> None:
    # What is installed elsewhere is not in the artifact.
    bill = bill_of(layer_zip(), pythonpath=sysconfig.get_path("purelib"))
    digest = hashlib.sha256(layer_zip().read_bytes()).hexdigest()
    assert bill["metadata"]["component"] == {
        "type": "application",
        "name": "lambda_streaming.zip",
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }
    unpack_layer(tmp_path / "layer")
    assert bill["components"] == bill_of(tmp_path / "layer")["components"]


def test_nothing_of_the_artifact_is_run(tmp_path: Path) -> None:
    """It may come from anywhere. Python imports the first module at its start, and looks for others in the folder."""
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    for module in ("sitecustomize.py", "json.py"):
        (artifact / module).write_text(f"open({str(tmp_path / 'it ran')!r}, 'w')")
    done = bom(".", cwd=artifact)
    assert done.returncode == 0, done.stderr
    assert files(json.loads(done.stdout)).keys() == {"sitecustomize.py", "json.py"}
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "one artifact is needed; see --help"),
        (["a", "b"], 2, "one artifact is needed; see --help"),
        (["--zip"], 2, "unknown option --zip; see --help"),
        (["missing.zip"], 1, "there is no missing.zip: build it first, with `sam build` or scripts/layer.sh"),
        ([str(REPOSITORY / "LICENSE")], 1, f"{REPOSITORY / 'LICENSE'} is no folder and no zip"),
    ],
)
def test_what_is_no_artifact_is_refused(arguments: list[str], code: int, words: str) -> None:
    done = bom(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"bom: {words}\n")
