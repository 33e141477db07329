"""scripts/environment.sh where there is no uv: it fetches the one of requirements.lock, and no other."""

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tools import REPOSITORY

LOCK = (REPOSITORY / "requirements.lock").read_text()


@pytest.fixture(scope="module", params=["pip", "venv"])
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter with pip, and one that has only venv: that of the development environment."""
    if request.param == "pip":
        folder = tmp_path_factory.mktemp("with pip")
        venv.create(folder, with_pip=True)
        return str(folder / "bin/python")
    has_pip = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    assert has_pip.returncode != 0
    return sys.executable


def find_uv(python: str, lock: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Ask for the path of uv where none is on the PATH, and let it say its version."""
    for name in ("programs", "tools"):
        (folder / name).mkdir()
    (folder / "requirements.lock").write_text(lock)
    found = subprocess.run(["sh", "-c", "command -v awk"], capture_output=True, text=True, check=True)
    (folder / "programs/awk").symlink_to(found.stdout.strip())
    script = 'set -e; source "$1"; uv="$(environment::find_uv "$2" "$3" "$4")"; "${uv}" --version'
    functions, lock = str(REPOSITORY / "scripts/environment.sh"), str(folder / "requirements.lock")
    return subprocess.run(
        ["/bin/bash", "-c", script, "bash", functions, python, str(folder / "tools"), lock],
        env={**os.environ, "PATH": str(folder / "programs")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_it_is_the_one_of_the_lock(python: str, tmp_path: Path) -> None:
    done = find_uv(python, LOCK, tmp_path)
    assert done.returncode == 0, done.stderr
    (locked,) = re.findall(r"^uv==(\S+)", LOCK, re.MULTILINE)
    assert done.stdout.split()[:2] == ["uv", locked]


def test_another_file_than_the_locks_is_refused(python: str, tmp_path: Path) -> None:
    before, uv, after = re.split(r"^(uv==(?:.*\n)(?: .*\n)*)", LOCK, flags=re.MULTILINE)
    done = find_uv(python, before + re.sub(r"sha256:\w+", "sha256:" + "0" * 64, uv) + after, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "DO NOT MATCH THE HASHES" in done.stderr
