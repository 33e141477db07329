"""Which releases of the SAM CLI deploy, and what is said when the SAM CLI, make or uv is missing or too old."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from deploy.sam_project import call_sam, checkout, run_sam
from deploy.stand_in_process import StandIn
from readme import table, unquoted
from tools import OLDEST_SAM_CLI

# The release before the oldest.
TOO_OLD = "aws-sam-cli==1.129.0"
# What the SAM CLI and the recipes of a Makefile need before there is anything to say.
PROGRAMS = ("awk", "dirname", "mkdir", "realpath", "sh")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return checkout(tmp_path / "clone")


@pytest.fixture
def programs(tmp_path: Path) -> Callable[..., str]:
    """Makes a PATH on which there are only these programs and those that every machine has."""

    def path_with(*names: str) -> str:
        folder = tmp_path / "programs"
        folder.mkdir()
        for name in (*PROGRAMS, *names):
            found = shutil.which(name)
            assert found, name
            (folder / name).symlink_to(found)
        return str(folder)

    return path_with


def known(said: str) -> list[str]:
    """The words of the README's table that the SAM CLI says."""
    words = [unquoted(row[0])[0] for row in table("src/template", "### When it fails")]
    return [one for one in words if one in said]


def test_the_oldest_sam_cli_deploys_what_the_newest_builds(clone: Path, project: Path, stand_in: StandIn) -> None:
    naming = ("--stack-name", "oldest", "--s3-prefix", "oldest")
    run_sam(clone, "build", package=OLDEST_SAM_CLI)
    run_sam(clone, "deploy", *naming, package=OLDEST_SAM_CLI, **stand_in.environment)
    assert "No changes to deploy" in run_sam(project, "deploy", *naming, **stand_in.environment)


def test_an_older_sam_cli_does_not_build(clone: Path) -> None:
    done = call_sam(clone, "build", package=TOO_OLD)
    assert done.returncode != 0
    assert known(done.stdout + done.stderr) == ["property PublishLambdaVersion not defined"]
    assert not (clone / ".aws-sam/build").exists()


def test_a_url_for_everybody_without_a_limit_is_not_deployed(project: Path, stand_in: StandIn) -> None:
    options = ("--stack-name", "open", "--s3-prefix", "open", "--parameter-overrides", "UrlAuthType=NONE")
    done = call_sam(project, "deploy", *options, **stand_in.environment)
    assert done.returncode == 1
    assert known(done.stdout + done.stderr) == ["UrlAuthType=NONE lets everybody"]
    with pytest.raises(ClientError, match="does not exist"):
        stand_in.client("cloudformation").describe_stacks(StackName="open")


def test_the_sam_cli_says_that_make_is_missing(clone: Path, programs: Callable[..., str]) -> None:
    done = call_sam(clone, "build", PATH=programs())
    assert done.returncode == 1
    assert known(done.stdout + done.stderr) == ["binary: make was not successful"]


def test_the_build_says_that_uv_is_missing(clone: Path, programs: Callable[..., str]) -> None:
    done = call_sam(clone, "build", PATH=programs("make"))
    assert done.returncode == 1
    assert known(done.stdout + done.stderr) == ["This build needs uv 0.4 or newer"]
    assert list((clone / ".aws-sam/build/StreamingLayer").iterdir()) == []
