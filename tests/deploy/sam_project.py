"""The SAM CLI in a copy of this project, where neither the target's Python nor a container engine can be found."""

import shutil
import subprocess
import sys
from pathlib import Path

from tools import REPOSITORY, SAM_CLI, sam, sam_environment, uv


def call_sam(
    folder: Path, *arguments: str, answers: str = "", umask: str = "", package: str = SAM_CLI, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the SAM CLI in the folder, with a umask of its own if one is given; it reads the answers to what it asks."""
    path = f"{Path(uv()[0]).parent}:/usr/bin:/bin"
    if sys.version_info[:2] != (3, 13):
        assert shutil.which("python3.13", path=path) is None
    env = {**sam_environment(path), "DOCKER_HOST": "unix:///nonexistent", **environment}
    return subprocess.run(
        sam(*arguments, package=package),
        cwd=folder,
        env=env,
        input=answers,
        umask=int(umask, 8) if umask else -1,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def run_sam(
    folder: Path, *arguments: str, answers: str = "", umask: str = "", package: str = SAM_CLI, **environment: str
) -> str:
    """Run the SAM CLI, which is to succeed, and return what it says."""
    done = call_sam(folder, *arguments, answers=answers, umask=umask, package=package, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def checkout(folder: Path) -> Path:
    """Copy what a clone has, the files that git knows or would add."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listing.stdout.splitlines():
        if (REPOSITORY / name).exists() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    return folder
