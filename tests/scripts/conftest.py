"""What the tests here may use: the probe as a process, and the sandbox."""

from pathlib import Path

import pytest

from probe_process import Probe
from sandbox_process import sandbox, start_sandbox

__all__ = ["probe", "sandbox", "start_sandbox"]


@pytest.fixture
def probe(tmp_path: Path) -> Probe:
    return Probe(tmp_path)
