"""Where and when it was measured: the machine, the commit, and the versions of what is compared."""

import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bench.peers.plan import Plan

_NODE_PACKAGES = Path(__file__).with_name("node") / "package.json"
_PACKAGES = ("awslambdaric", "boto3", "botocore", "fastapi", "uvicorn", "uvloop", "httptools")


def described(root: Path, plan: Plan) -> dict[str, str]:
    """Return what a reader needs to know beside the figures, by names for people.

    Args:
        root: the checkout that is measured.
        plan: how much was measured.
    """
    node_packages = json.loads(_NODE_PACKAGES.read_bytes())["dependencies"]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "rounds": f"{plan.rounds}, short ones: not enough to compare" if plan.is_quick else str(plan.rounds),
        "commit": _said("git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"),
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Node.js": _said("node", "--version").removeprefix("v"),
        "packages": ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES),
        "npm packages": ", ".join(f"{name} {version}" for name, version in node_packages.items()),
    }


def _processor() -> str:
    """Return the model's name, which only Linux and macOS say, each in its way."""
    if platform.system() == "Darwin":
        return _said("sysctl", "-n", "machdep.cpu.brand_string")
    file = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.+)$", file.read_text(), re.MULTILINE) if file.exists() else None
    return found[1] if found else platform.machine()


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - no shell reads it
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
