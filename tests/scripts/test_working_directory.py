"""The scripts where the working directory has files that are called like modules: a function of one's own may."""

import subprocess
from pathlib import Path

import pytest

from tools import REPOSITORY

OWN = ("bench", "probe", "sandbox", "template", "verify")
OTHERS = ("argparse", "asyncio", "fcntl", "hashlib", "json", "logging", "numpy", "rich", "typing", "yaml", "zipfile")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (*OWN, *OTHERS):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('the working directory has run {name}')")
    return tmp_path


@pytest.mark.parametrize("script", ["bench.sh", "bom.sh", "dashboard.sh", "probe.sh", "sandbox.sh", "verify.sh"])
def test_a_script_runs_its_own_modules(script: str, folder: Path) -> None:
    done = subprocess.run(
        [REPOSITORY / "scripts" / script, "--help"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"scripts/{script}" in done.stdout


def test_env_reads_the_ready_file_with_its_own_modules(folder: Path) -> None:
    (folder / "ready").touch()
    command = [str(REPOSITORY / "scripts/env.sh"), "--ready-file", "ready"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert "the working directory" not in done.stdout + done.stderr


def test_the_layer_is_zipped_with_its_own_modules(folder: Path) -> None:
    command = [str(REPOSITORY / "scripts/layer.sh"), "--output", "layer.zip"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "SHA-256" in done.stderr
