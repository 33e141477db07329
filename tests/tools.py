"""What tests need from outside: tools to compare with or build with (installed on first use), recordings, Pythons."""

import os
import shlex
import shutil
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from bench.peers.cache import environment as environment
from bench.peers.cache import locked as locked
from bench.peers.cache import uv as uv
from template.document import load

REPOSITORY = Path(__file__).resolve().parents[1]
# SAM CLI pins its own boto3: it lives in an environment of its own.
SAM_CLI = "aws-sam-cli==1.170.0"
# The oldest that knows every property in the template.
OLDEST_SAM_CLI = "aws-sam-cli==1.130.0"
# So does the AWS CLI.
_AWS_CLI = "awscli==1.46.2"
_CHECKOV = "checkov==3.3.30"


def sam(*arguments: str, package: str = SAM_CLI) -> list[str]:
    """The command line for a call of the SAM CLI, or of another release of it."""
    return _from_package(package, "sam", *arguments)


def sam_python(code: str, *arguments: str) -> list[str]:
    """The command line that runs code with the SAM CLI's own packages: AWS's translator among them."""
    return _beside_sam("python", "-c", code, *arguments)


def sam_and_moto(*arguments: str) -> list[str]:
    """The command line for a call of Python with the SAM CLI's own packages and, beside them, the server of moto."""
    moto = f"moto[server]=={metadata.version('moto')}"
    options = ("--quiet", "--python", sys.executable, "--from", SAM_CLI, "--with", moto)
    return uv("tool", "run", *options, "python", *arguments)


def aws_cli(*arguments: str) -> list[str]:
    """The command line for a call of the AWS CLI."""
    return _from_package(_AWS_CLI, "aws", *arguments)


def put_aws_cli(folder: Path) -> None:
    """Put a program `aws` into the folder, for a PATH."""
    _put(folder / "aws", aws_cli())


def put_sam_cli(folder: Path) -> None:
    """Put a program `sam` into the folder, for a PATH."""
    _put(folder / "sam", sam())


def _put(program: Path, command: list[str]) -> None:
    program.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    program.chmod(0o755)


def checkov(*arguments: str) -> list[str]:
    """The command line for a call of checkov, a security linter, on templates; it asks no server for anything."""
    return _from_package(_CHECKOV, "checkov", "--framework", "cloudformation", "--skip-download", *arguments)


def _beside_sam(*command: str) -> list[str]:
    return _from_package(SAM_CLI, *command)


def _from_package(package: str, *command: str) -> list[str]:
    return uv("tool", "run", "--quiet", "--python", sys.executable, "--from", package, *command)


def without_aws() -> dict[str, str]:
    """The environment without the credentials and settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def sam_environment(path: str) -> dict[str, str]:
    """An environment for the SAM CLI: no telemetry, no credentials of whoever runs the tests."""
    return {**without_aws(), "PATH": path, "SAM_CLI_TELEMETRY": "0", "AWS_REGION": "us-east-1"}


@cache
def runtime_interface_emulator() -> Path:
    """AWS's Runtime Interface Emulator, out of the SAM CLI's wheel."""
    locate = "import pathlib, samcli; print(pathlib.Path(samcli.__file__).parent)"
    folder = subprocess.run(sam_python(locate), check=True, capture_output=True, text=True, timeout=300).stdout.strip()
    machine = {"x86_64": "x86_64", "aarch64": "arm64"}[os.uname().machine]
    emulator = Path(folder) / f"local/rapid/aws-lambda-rie-{machine}"
    assert emulator.exists()
    emulator.chmod(emulator.stat().st_mode | 0o111)
    return emulator


def recordings() -> Path:
    """The folder with recorded responses; the test is skipped where it is absent."""
    folder = Path(os.environ.get("BEDROCK_RECORDINGS", REPOSITORY / "../shared/data/bedrock-recordings"))
    if not (folder / "README.md").exists():
        pytest.skip(f"no recorded Bedrock responses: set BEDROCK_RECORDINGS to their folder (looked in {folder})")
    return folder


def template_as_written() -> dict[str, Any]:
    """The repository's template, with every short form (`!Sub x`) in its long form."""
    return load(REPOSITORY / "template.yaml")


@cache
def interpreters() -> dict[str, str]:
    """The Python interpreters on this machine that the layer supports: version to path; the running one always."""
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": sys.executable}
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for version in ("3.11", "3.12", "3.13", "3.14"):
        on_path = shutil.which(f"python{version}")
        for candidate in filter(None, (on_path, *map(str, pyenv.glob(f"versions/{version}.*/bin/python3")))):
            if version not in found and _version(candidate) == version:
                found[version] = candidate
    return dict(sorted(found.items()))


def _version(interpreter: str) -> str:
    # One on the PATH may be a stub of a version manager that runs nothing.
    say = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([interpreter, "-c", say], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip()
