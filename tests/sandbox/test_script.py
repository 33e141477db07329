"""scripts/sandbox.sh: its help, its demo, that no process stays when it ends, and what its first run installs."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

from tools import REPOSITORY

SCRIPT = REPOSITORY / "scripts" / "sandbox.sh"


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    # The first run may install the development environment.
    return subprocess.run([SCRIPT, *arguments], cwd=cwd, capture_output=True, text=True, timeout=110, check=False)


def test_help_works_from_anywhere(tmp_path: Path) -> None:
    ended = run("--help", cwd=tmp_path)
    assert ended.returncode == 0
    assert "--demo" in ended.stdout
    assert "--model-script" in ended.stdout


@pytest.mark.parametrize(
    ("flags", "code", "shown"),
    [
        (["--model-script", "ttft=50 chunks=3"], 0, "completed"),
        (["--model-script", "fault=throttling"], 1, "throttled"),
        (["--template", "/no/such.yaml"], 1, "cannot read the template"),
    ],
)
def test_demo_ends_with_the_probes_exit_code(tmp_path: Path, flags: list[str], code: int, shown: str) -> None:
    ended = run("--demo", *flags, cwd=tmp_path)
    assert ended.returncode == code, ended.stderr
    assert shown in ended.stdout + ended.stderr
    # /proc shows the flags of every process that is still there.
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if flags[-1].encode() in content(path)]
    assert left == []


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("package", ["aws_lambda_powertools", "aws_xray_sdk", "awslambdaric", "botocore"])
def test_what_functions_import_is_compiled(package: str) -> None:
    """They write no bytecode themselves: each cold start would compile it again, and look slow for it."""
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    sources = list(Path(found.origin).parent.rglob("*.py"))
    assert sources
    assert [path for path in sources if not Path(importlib.util.cache_from_source(str(path))).exists()] == []
