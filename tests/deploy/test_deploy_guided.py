"""`sam deploy --guided`: what it asks, what Enter and wrong answers do, and which stack later commands mean."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from deploy.sam_project import call_sam, run_sam
from deploy.snapshot import differences, snapshot
from deploy.stand_in_process import StandIn
from readme import section
from sandbox_process import RunningSandbox
from tools import REPOSITORY, template_as_written

STACK = "guided"
PARAMETERS = template_as_written()["Parameters"]
# Confirm changes, create roles, keep what was made when something fails; save the answers, in which file, which name.
OTHER_QUESTIONS = 6
# A parameter whose wrong value is refused with the template's own words, and which has a default to go back to.
CHECKED = next(name for name, one in PARAMETERS.items() if "ConstraintDescription" in one and one["Default"])


def answers(stack: str, given: Mapping[str, str]) -> str:
    """Lines for the guide: the stack's name, an answer for some parameters, and Enter to every other question."""
    lines = [stack, "", *(given.get(name, "") for name in PARAMETERS), *[""] * OTHER_QUESTIONS]
    return "\n".join([*lines, ""])


@pytest.fixture(scope="module")
def folder(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which one guide after another saves its answers."""
    return Path(shutil.copytree(project, tmp_path_factory.mktemp("guided") / "clone", symlinks=True))


@pytest.fixture(scope="module")
def said(folder: Path, stand_in: StandIn) -> str:
    """What the guide says to whoever names the stack and presses Enter from then on."""
    return run_sam(folder, "deploy", "--guided", answers=answers(STACK, {}), **stand_in.environment)


def test_guided_asks_for_every_parameter_and_deploys_the_defaults(said: str, stand_in: StandIn) -> None:
    for name, declared in PARAMETERS.items():
        assert f"Parameter {name} [{declared['Default']}]:" in said
    assert said.count("]: ") == 2 + len(PARAMETERS) + OTHER_QUESTIONS
    deployed = snapshot(stand_in, STACK)
    assert deployed.resources
    assert list(differences(deployed.asked, deployed.found)) == []


def test_the_url_of_what_was_deployed_is_timed_by_the_command_among_its_outputs(
    said: str, folder: Path, stand_in: StandIn, start_sandbox: Callable[..., RunningSandbox]
) -> None:
    """The stand-in's functions do not run: the sandbox runs them, as they were built, with the deployed parameters."""
    listed = run_sam(folder, "list", "stack-outputs", "--stack-name", STACK, "--output", "json", **stand_in.environment)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in json.loads(listed)}
    deployed = stand_in.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["Parameters"]
    overrides = [f"{one['ParameterKey']}={one['ParameterValue']}" for one in deployed]
    built = folder / ".aws-sam/build/template.yaml"
    sandbox = start_sandbox("--template", str(built), "--parameter-overrides", *overrides)
    command = outputs["ProbeCommand"].replace(outputs["FunctionUrl"], sandbox.ready["function_url"])
    credentials = {
        "AWS_REGION": sandbox.ready["region"],
        "AWS_ACCESS_KEY_ID": sandbox.ready["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": sandbox.ready["secret_access_key"],
    }
    timed = subprocess.run(
        ["bash", "-c", command],
        cwd=REPOSITORY,
        env={**os.environ, **credentials},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert timed.returncode == 0, timed.stderr + sandbox.log()
    assert "TTFT" in timed.stdout
    assert "completed" in timed.stdout


def test_the_next_commands_mean_the_same_stack_or_ask_which(said: str, folder: Path, stand_in: StandIn) -> None:
    again = run_sam(folder, "deploy", **stand_in.environment)
    assert f"No changes to deploy. Stack {STACK} is up to date" in again
    deleting = run_sam(folder, "delete", answers="n\n", **stand_in.environment)
    assert f"Are you sure you want to delete the stack {STACK} in the region" in deleting
    listing = call_sam(folder, "list", "stack-outputs", **stand_in.environment)
    assert listing.returncode == 2
    assert "Missing option '--stack-name'" in listing.stderr


def test_a_wrong_answer_is_refused_with_the_templates_words_and_offered_again(
    said: str, folder: Path, stand_in: StandIn
) -> None:
    guide, cloudformation = ("deploy", "--guided"), stand_in.client("cloudformation")
    refused = call_sam(folder, *guide, answers=answers("wrong", {CHECKED: "?"}), **stand_in.environment)
    assert refused.returncode == 1
    words = f"Parameter {CHECKED} failed to satisfy constraint: {PARAMETERS[CHECKED]['ConstraintDescription']}"
    assert words in refused.stdout + refused.stderr
    assert "`failed to satisfy constraint`" in section("src/template", "### When it fails")
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName="wrong")
    right = str(PARAMETERS[CHECKED]["Default"])
    corrected = run_sam(folder, *guide, answers=answers("wrong", {CHECKED: right}), **stand_in.environment)
    assert f"Parameter {CHECKED} [?]:" in corrected
    stack = cloudformation.describe_stacks(StackName="wrong")["Stacks"][0]
    assert {"ParameterKey": CHECKED, "ParameterValue": right} in stack["Parameters"]


def test_enter_does_not_open_the_url_to_everybody(folder: Path, stand_in: StandIn) -> None:
    given = answers("open", {"UrlAuthType": "NONE"})
    refused = call_sam(folder, "deploy", "--guided", answers=given, **stand_in.environment)
    assert refused.returncode == 1
    said = refused.stdout + refused.stderr
    assert "has no authentication. Is this okay? [y/N]" in said
    assert "Security Constraints Not Satisfied!" in said
    assert "`Security Constraints Not Satisfied!`" in section("src/template", "### When it fails")
