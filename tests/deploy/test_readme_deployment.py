"""The README's blocks that deploy, update, roll back and delete, pasted one after another into a shell in a clone.

Each moment is a fixture, and comes after the one that it names.
"""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.sam_project import checkout
from deploy.stand_in_process import StandIn
from readme import READMES, blocks, section
from tools import put_aws_cli, put_sam_cli, sam_environment, uv

STACK = "firstbyte"
ROOM = "src/template"
Shell = Callable[..., "subprocess.CompletedProcess[str]"]


def block(heading: str) -> str:
    """The first shell block below a heading."""
    (first, *_) = (one.text for one in blocks("sh", ROOM) if one.text in section(ROOM, heading))
    return first


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout(tmp_path_factory.mktemp("pasted") / "clone")


@pytest.fixture(scope="module")
def paste(clone: Path, stand_in: StandIn) -> Shell:
    programs = clone.parent / "programs"
    programs.mkdir()
    put_aws_cli(programs)
    put_sam_cli(programs)
    path = f"{programs}:{Path(uv()[0]).parent}:/usr/bin:/bin"
    settings = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    environment = {**sam_environment(path), **stand_in.environment, **settings}

    def run(script: str, answers: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=clone,
            env=environment,
            input=answers,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


def live(stand_in: StandIn) -> str:
    """The version to which the alias leads."""
    resources = stand_in.identifiers(STACK)
    name = resources["StreamingFunction"][1]
    version: str = stand_in.client("lambda").get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    return version


@pytest.fixture(scope="module")
def deployed(paste: Shell, stand_in: StandIn) -> tuple[str, str]:
    """What the first deployment prints, and the version that is live after it."""
    done = paste(block("## Deploy"))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, live(stand_in)


@pytest.fixture(scope="module")
def updated(deployed: object, paste: Shell, clone: Path, stand_in: StandIn) -> str:
    """The version that is live after an update with other code."""
    with (clone / "src/function/app.py").open("a") as handler:
        handler.write("# changed\n")
    done = paste(block("### Update"))
    assert done.returncode == 0, done.stdout + done.stderr
    return live(stand_in)


@pytest.fixture(scope="module")
def rolled_back(updated: object, paste: Shell, stand_in: StandIn) -> str:
    done = paste(block("### Roll back"))
    assert done.returncode == 0, done.stdout + done.stderr
    return live(stand_in)


@pytest.fixture(scope="module")
def too_far(rolled_back: object, paste: Shell, stand_in: StandIn) -> tuple[int, str]:
    """The exit code of rolling back where there is no version before, and the version that is live then."""
    return paste(block("### Roll back")).returncode, live(stand_in)


@pytest.fixture(scope="module")
def fixed(too_far: object, paste: Shell, clone: Path, stand_in: StandIn) -> str:
    """The version that is live after the older code has been deployed again."""
    handler = clone / "src/function/app.py"
    handler.write_text(handler.read_text().removesuffix("# changed\n"))
    done = paste(block("### Update"))
    assert done.returncode == 0, done.stdout + done.stderr
    return live(stand_in)


def test_the_first_deployment_prints_every_output(deployed: tuple[str, str]) -> None:
    printed, version = deployed
    assert version == "1"
    for line in section(ROOM, "## Deploy").splitlines():
        if line.startswith("| `"):
            assert f"Key                 {line.split('`')[1]}" in printed


def test_an_update_moves_the_alias_to_its_version(updated: str) -> None:
    assert updated == "2"


def test_rolling_back_moves_the_alias_to_the_version_before(rolled_back: str) -> None:
    assert rolled_back == "1"


def test_rolling_back_too_far_is_refused_and_changes_nothing(too_far: tuple[int, str]) -> None:
    code, version = too_far
    assert code != 0
    assert version == "1"


def test_the_next_deployment_moves_the_alias_on(fixed: str) -> None:
    assert fixed == "3"


def test_another_stack_in_another_region_has_a_section_of_its_own(
    fixed: object, paste: Shell, clone: Path, stand_in: StandIn
) -> None:
    heading = "### Another stack, another region, CI"
    (own,) = (one.text for one in blocks("toml", ROOM) if one.text in section(ROOM, heading))
    with (clone / "samconfig.toml").open("a") as settings:
        settings.write(f"\n{own}")
    deploy, delete = re.findall(r"`(sam \w+ --config-env chat)`", section(ROOM, heading))
    done = paste(deploy)
    assert done.returncode == 0, done.stdout + done.stderr
    client = stand_in.client("cloudformation")
    (stack,) = client.describe_stacks(StackName="chat")["Stacks"]
    values = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
    assert stack["StackId"].split(":")[3] == "eu-west-1"
    assert values["TimeoutSeconds"] == "600"
    assert client.describe_stacks(StackName=STACK)["Stacks"], "the first one is still there"
    done = paste(f"{delete} --no-prompts")
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.raises(client.exceptions.ClientError, match="Stack with id chat does not exist"):
        client.describe_stacks(StackName="chat")


def test_delete_asks_twice_and_leaves_no_stack(fixed: object, paste: Shell, stand_in: StandIn) -> None:
    done = paste(block("### Delete"), answers="y\ny\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("[y/N]") == 2
    client = stand_in.client("cloudformation")
    with pytest.raises(client.exceptions.ClientError, match=f"Stack with id {STACK} does not exist"):
        client.describe_stacks(StackName=STACK)


@pytest.mark.parametrize("heading", ["## Deploy", "### Delete"])
def test_the_first_readme_has_the_same_blocks(heading: str) -> None:
    assert f"```sh\n{block(heading)}```" in READMES["."]
