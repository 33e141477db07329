"""What the tests of the deployment may use: a sandbox for the built artifacts, a stand-in for AWS to deploy them to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.sam_project import checkout, run_sam
from deploy.stand_in_process import StandIn, start
from sandbox_process import start_sandbox

__all__ = ["start_sandbox"]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this project after `sam build`, as the README has it."""
    folder = checkout(tmp_path_factory.mktemp("clone"))
    run_sam(folder, "build")
    return folder


@pytest.fixture(scope="session")
def stand_in() -> Iterator[StandIn]:
    """A stand-in for AWS, for all tests."""
    process, running = start()
    yield running
    process.communicate(timeout=30)
    assert process.returncode == 0
