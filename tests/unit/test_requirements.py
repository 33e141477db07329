"""What is installed has a hash, and what is deployed is what was tested: the lines of requirements.lock."""

import json
import re
import tomllib

import pytest
from packaging.requirements import Requirement

from tools import REPOSITORY


def pins(file: str) -> dict[tuple[str, str], list[str]]:
    """The hashes of what a file pins, by name and version: two versions may be for different Pythons."""
    text = (REPOSITORY / file).read_text()
    blocks = re.findall(r"^([^\s#=]+)==(\S+)(.*?)(?=^\S|\Z)", text, re.DOTALL | re.MULTILINE)
    return {(name, version): re.findall(r"--hash=(sha256:[0-9a-f]{64})\b", rest) for name, version, rest in blocks}


def test_everything_that_is_installed_has_a_hash() -> None:
    locked = pins("requirements.lock")
    lines = (REPOSITORY / "requirements.lock").read_text().splitlines()
    assert len(locked) == len([line for line in lines if line[:1] not in "# "]) > 100
    assert [pin for pin, hashes in locked.items() if not hashes] == []


@pytest.mark.parametrize("room", ["function", "runtime"])
def test_the_deployed_packages_are_those_of_the_lock(room: str) -> None:
    file = f"src/{room}/requirements.txt"
    settings = (REPOSITORY / "pyproject.toml").read_text()
    names = {Requirement(line).name for line in tomllib.loads(settings)["dependency-groups"][room]}
    expected = {pin: hashes for pin, hashes in pins("requirements.lock").items() if pin[0] in names}
    assert {name for name, _ in expected} == names
    (command,) = re.findall(rf"^#   (uv pip compile .* -o {file})$", settings, re.MULTILINE)
    assert pins(file) == expected, f"make {file} anew: {command}"


def test_everything_that_the_nodejs_client_of_the_tests_needs_has_a_hash() -> None:
    lock = json.loads((REPOSITORY / "src/bench/peers/node/package-lock.json").read_text())
    installed = {name: one for name, one in lock["packages"].items() if name}
    assert "node_modules/aws-lambda-ric" in installed
    assert [name for name, one in installed.items() if not one.get("integrity", "").startswith("sha512-")] == []
