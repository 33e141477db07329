"""The stack to compare with: a copy of the repository's with its telemetry taken out."""

import shutil
import sys
from pathlib import Path

from bench.sandbox import ROOT

_NO_TELEMETRY = "def record(*_args: object, **_kwargs: object) -> None: ...\n"


def without_telemetry(directory: Path) -> Path:
    """Copy the stack into `directory`, in which it records nothing; return the copy's template."""
    shutil.copy(ROOT / "template.yaml", directory)
    (directory / "src").mkdir()
    (directory / "src/runtime").symlink_to(ROOT / "src/runtime")
    shutil.copytree(ROOT / "src/function", directory / "src/function", ignore=shutil.ignore_patterns("__pycache__"))
    telemetry = directory / "src/function/firstbyte/telemetry.py"
    if "def record(" not in telemetry.read_text(encoding="utf-8"):
        sys.exit("bench: firstbyte/telemetry.py has no function record() that could be taken out")
    telemetry.write_text(_NO_TELEMETRY, encoding="utf-8")
    return directory / "template.yaml"
