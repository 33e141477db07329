"""What is deployed is what was tested: names from pyproject.toml, versions and hashes from requirements.lock."""

import json
import re
import tomllib

import pytest
from packaging.requirements import Requirement

from tools import REPOSITORY


def pins(file: str) -> dict[str, list[str]]:
    """Each package that a file of requirements pins, with its version first and then its hashes."""
    text = (REPOSITORY / file).read_text()
    blocks = re.findall(r"^([a-z0-9-]+)==(\S+)(.*?)(?=^\S|\Z)", text, re.DOTALL | re.MULTILINE)
    return {name: [version, *re.findall(r"--hash=(sha256:[0-9a-f]{64})\b", rest)] for name, version, rest in blocks}


@pytest.mark.parametrize("room", ["function", "runtime"])
def test_the_deployed_packages_are_those_of_the_lock(room: str) -> None:
    file = f"src/{room}/requirements.txt"
    settings = (REPOSITORY / "pyproject.toml").read_text()
    groups = tomllib.loads(settings)["dependency-groups"]
    locked = pins("requirements.lock")
    expected = {name: locked[name] for name in (Requirement(line).name for line in groups[room])}
    assert expected
    assert all(hashes for _, *hashes in expected.values())
    (command,) = re.findall(rf"^#   (uv pip compile .* -o {file})$", settings, re.MULTILINE)
    assert pins(file) == expected, f"make {file} anew: {command}"


def test_everything_that_the_nodejs_client_of_the_tests_needs_has_a_hash() -> None:
    lock = json.loads((REPOSITORY / "tests/node_client/package-lock.json").read_text())
    installed = {name: one for name, one in lock["packages"].items() if name}
    assert "node_modules/aws-lambda-ric" in installed
    assert [name for name, one in installed.items() if not one.get("integrity", "").startswith("sha512-")] == []
