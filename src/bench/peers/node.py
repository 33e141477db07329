"""Node.js: AWS's runtime interface client and the benchmark's functions, installed and bundled on first use."""

import hashlib
import os
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path

from bench.peers.cache import CACHE, locked
from bench.peers.peer_process import PROGRAMS
from bench.peers.runtime_api import PeerError

_PACKAGES = [Path(__file__).with_name("node") / name for name in ("package.json", "package-lock.json")]
_FUNCTIONS = ("node_chat.mjs", "node_handler.mjs")
# Is compiled here. The last file of an installation.
_NATIVE_PART = "aws-lambda-ric/rapid-client.node"
# Debian has Node's headers in a package of their own. Elsewhere npm fetches them.
_HEADERS = Path("/usr/include/node/node_api.h")
# What compiling it takes, and the Debian package of each.
_TO_COMPILE = {"npm": "npm", "cmake": "cmake", "make": "make", "g++": "g++", "xz": "xz-utils"}
_INSTALL_SECONDS = 900


def runtime_interface_client() -> Path:
    """Return the entry file of AWS's runtime interface client: `node ENTRY` is what Lambda's base images run.

    Raises:
        PeerError: it cannot be installed.
    """
    return _installed() / "aws-lambda-ric/index.mjs"


def bundle(folder: Path) -> None:
    """Bundle the functions into the folder, as SAM's build method `esbuild` does.

    Their handlers are `node_chat.handler`, which asks Bedrock, and `node_handler.handler`, which only writes.

    The options are SAM's defaults:
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-using-build-typescript.html
    """
    modules = _installed()
    options = ("--bundle", "--minify", "--platform=node", "--format=cjs", "--target=es2020", "--log-level=error")
    sources = [str(PROGRAMS / name) for name in _FUNCTIONS]
    subprocess.run(  # noqa: S603 - no shell reads the paths
        [modules / ".bin/esbuild", *options, f"--outdir={folder}", *sources],
        check=True,
        env={**os.environ, "NODE_PATH": str(modules)},  # where esbuild looks for packages, beside the sources' folder
    )


@cache
def _installed() -> Path:
    """Return the folder `node_modules` with what the lock says. The first time takes one to two minutes."""
    _demand({"node": "nodejs"})
    folder = CACHE / f"node-{hashlib.sha256(b''.join(file.read_bytes() for file in _PACKAGES)).hexdigest()[:16]}"
    modules = folder / "node_modules"
    with locked(folder):
        if not (modules / _NATIVE_PART).exists():
            if platform.system() == "Darwin":
                raise PeerError(
                    "AWS's Node.js runtime interface client has a native part, which does not build on macOS."
                )
            _demand(_TO_COMPILE)
            for file in _PACKAGES:
                shutil.copy2(file, folder)
            _install(folder)
    return modules


def _demand(programs: dict[str, str]) -> None:
    if missing := [package for program, package in programs.items() if not shutil.which(program)]:
        raise PeerError(
            f"AWS's Node.js client needs programs that are not here. Install (as Debian calls it): {', '.join(missing)}"
        )


def _install(folder: Path) -> None:
    headers = {"npm_config_nodedir": "/usr"} if _HEADERS.exists() else {}
    log = folder / "install.log"
    with log.open("wb") as output:
        command = ["npm", "ci", "--no-audit", "--no-fund", "--prefix", str(folder)]
        done = subprocess.run(  # noqa: S603 - no shell reads the paths
            command, stdout=output, stderr=output, timeout=_INSTALL_SECONDS, env={**os.environ, **headers}, check=False
        )
    if done.returncode or not (folder / "node_modules" / _NATIVE_PART).exists():
        end = log.read_text(errors="replace")[-2000:]
        raise PeerError(f"AWS's Node.js client could not be installed. What npm said is in {log}. Its end:\n{end}")
