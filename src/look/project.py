"""Which project a page is of, and which version."""

import tomllib
from functools import cache
from pathlib import Path

_PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


@cache
def project() -> str:
    """Return name and version, such as `Firstbyte 1.2.3`."""
    said = tomllib.loads(_PYPROJECT.read_text())["project"]
    return f"{said['name'].capitalize()} {said['version']}"
