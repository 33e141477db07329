"""The stack that the soak runs: a copy of the repository's, with short waits and a handler that has faults."""

import shutil
import sys
from pathlib import Path

from bench.sandbox import ROOT
from bench.soak.plans import FALLBACK_MODEL

TIMEOUT_SECONDS = 5
ENVIRONMENTS = 10
# The template's text, and what the copy has in its place.
_CHANGES = {
    "      Handler: app.handler\n": "      Handler: faulty.handler\n",
    'MODEL_IDLE_TIMEOUT_SECONDS: "60"': 'MODEL_IDLE_TIMEOUT_SECONDS: "2"',
    'MAX_PROMPT_CHARS: "200000"': 'MAX_PROMPT_CHARS: "2500000"',
}


def flags(directory: Path) -> list[str]:
    """Return the sandbox's flags: telemetry in a file of this directory, few environments, a short timeout."""
    parameters = {
        "FallbackModelId": FALLBACK_MODEL,
        "ReservedConcurrency": ENVIRONMENTS,
        "TimeoutSeconds": TIMEOUT_SECONDS,
    }
    overrides = [f"{name}={value}" for name, value in parameters.items()]
    return ["--data", str(directory / "data"), "--parameter-overrides", *overrides]


def faulty_stack(directory: Path) -> Path:
    """Copy the stack into `directory`, and return the copy's template."""
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    for before, after in _CHANGES.items():
        if text.count(before) != 1:
            sys.exit(f"bench: template.yaml does not have {before.strip()!r} once")
        text = text.replace(before, after)
    template = directory / "template.yaml"
    template.write_text(text, encoding="utf-8")
    (directory / "src").mkdir()
    for folder in ("runtime", "probe"):
        (directory / "src" / folder).symlink_to(ROOT / "src" / folder)
    shutil.copytree(ROOT / "src/function", directory / "src/function", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(Path(__file__).with_name("faulty.py"), directory / "src/function")
    return template
