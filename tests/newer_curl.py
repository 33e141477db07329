"""A newer curl than this machine's own: a later Debian release's packages, unpacked in a folder and not installed."""

import platform
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

# A stable release, whose curl gets security fixes and stays what it is.
RELEASE, VERSION = "trixie", "8.14.1"

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@pytest.fixture(scope="session")
def newer_curl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program `curl`, for a PATH; without Debian, or that release of it, the test is skipped."""
    if shutil.which("apt-get") is None or platform.freedesktop_os_release()["ID"] != "debian":
        pytest.skip("the newer curl comes out of Debian's packages, and this machine is no Debian")
    folder = tmp_path_factory.mktemp("curl")
    packages = _download(folder)
    system = folder / "system"
    for package in packages:
        subprocess.run(["dpkg-deb", "--extract", package, system], check=True)
    # It needs its own C library, hence that one's loader.
    library = next(system.glob("usr/lib/*/libcurl.so.4")).parent
    loader = next(system.glob("usr/lib*/ld-linux-*.so.*"))
    command = [loader, "--library-path", library, "--argv0", "curl", system / "usr/bin/curl"]
    (folder / "bin").mkdir()
    program = folder / "bin/curl"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, command))} "$@"\n')
    program.chmod(0o755)
    return program.parent


def _download(folder: Path) -> list[Path]:
    """The package of curl and all that it needs on a machine that has nothing."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    sources = folder / "sources.list"
    sources.write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {RELEASE} main\n")
    settings = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::State::Status": "/dev/null",
        "Dir::Cache": folder / "cache",
        "Debug::NoLocking": "true",
        "APT::Sandbox::User": "root",
    }
    apt_get = ["apt-get", "--quiet=2", *(f"--option={name}={value}" for name, value in settings.items())]
    if subprocess.run([*apt_get, "--error-on=any", "update"], timeout=300).returncode != 0:
        pytest.skip(f"the newer curl comes out of Debian {RELEASE}, which this machine's mirror does not have")
    install = ["--download-only", "--no-install-recommends", "--yes", "install", "curl"]
    subprocess.run([*apt_get, *install], check=True, timeout=300)
    return list((folder / "cache/archives").glob("*.deb"))


def _mirror() -> str:
    """Where this machine gets its own release from."""
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    form = ["--format", "$(REPO_URI)", "Created-By: Packages", f"Release: {release}", "Component: main"]
    done = subprocess.run(["apt-get", "indextargets", *form], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[0]
