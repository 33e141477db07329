"""scripts/verify.sh where nothing can be checked: wrong use, no keys, no stack, no curl; Ctrl-C; its help."""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.aws_api.contract import ApiError
from stack_on_paper import NAME, REGION, StackOnPaper
from tools import REPOSITORY, without_aws
from verify.access import PERMISSIONS
from verify_process import verify


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "usage: scripts/verify.sh"),
        (["--stack", "a", "--sandbox"], "not allowed with argument"),
        (["--stack", "a", "--wait", "-1"], "'-1' is not a number of seconds from 0 to 3600"),
        (["--stack", "a", "--wait", "x"], "'x' is not a number of seconds"),
        (["--stack", "a", "--output", "xml"], "invalid choice: 'xml'"),
        (["--stack", "a", "--ready-file", "x"], "--ready-file goes with --sandbox"),
        (["--sandbox", "--region", "eu-west-1"], "--region with --stack"),
        (["--sandbox", "--ready-file", "/nowhere/ready.json"], "verify: no sandbox is running: /nowhere/ready.json"),
        (["--stack", "a", "--region", "eu-west-1"], "verify: no AWS credentials: set AWS_PROFILE, or"),
    ],
)
def test_wrong_use(arguments: list[str], words: str) -> None:
    done = verify(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({**KEYS}, "no region: give --region, or set AWS_REGION"),
        ({"AWS_PROFILE": "missing"}, "no AWS credentials: The config profile (missing) could not be found"),
        (
            {**KEYS, "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
            "Could not connect to the endpoint",
        ),
    ],
)
def test_surroundings_that_lead_nowhere(environment: dict[str, str], words: str) -> None:
    done = verify("--stack", "a", environment=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"verify: {words}"[:40])
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("other", lambda stack: None, f"{REGION} has no stack other; --region names another region"),
        (
            NAME,
            lambda stack: stack.refused.update(DescribeStacks=ApiError("AccessDenied", "User: arn is not", 403)),
            "the keys have no permission for cloudformation:DescribeStacks",
        ),
        (
            NAME,
            lambda stack: stack.refused.update(DescribeStacks=ApiError("ExpiredToken", "The token is expired", 403)),
            "DescribeStacks: ExpiredToken: The token is expired",
        ),
        (
            NAME,
            lambda stack: stack.outputs.pop("LogGroup"),
            f"the stack {NAME} (UPDATE_COMPLETE) is not one of this project: it has no output LogGroup",
        ),
        (
            NAME,
            lambda stack: stack.parameters.pop("MaxOutputTokens"),
            f"the stack {NAME} (UPDATE_COMPLETE) is not one of this project: it has no parameter MaxOutputTokens",
        ),
    ],
)
def test_a_stack_that_cannot_be_checked(name: str, change: Callable[[StackOnPaper], Any], words: str) -> None:
    stack = StackOnPaper()
    change(stack)
    with stack.running() as variables:
        done = verify("--stack", name, environment=variables)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"verify: {words}\n")
    assert stack.requests == []


def test_no_curl(tmp_path: Path) -> None:
    for folder in map(Path, os.environ["PATH"].split(os.pathsep)):
        for program in folder.iterdir() if folder.is_dir() else ():
            if program.name != "curl" and not (tmp_path / program.name).is_symlink():
                (tmp_path / program.name).symlink_to(program)
    with StackOnPaper().running() as variables:
        done = verify("--stack", NAME, environment={**variables, "PATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "verify: curl is needed, and there is none on PATH\n"


def test_ctrl_c_while_it_waits() -> None:
    stack = StackOnPaper()
    stack.traces.clear()
    with (
        stack.running() as variables,
        subprocess.Popen(
            [str(REPOSITORY / "scripts/verify.sh"), "--stack", NAME],
            env={**without_aws(), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            assert process.stderr is not None
            waiting = next(line for line in process.stderr if "waiting for" in line)
            assert re.fullmatch(r"verify: waiting for .*the trace.* \(\d s of 300 s\)\n", waiting)
            process.send_signal(signal.SIGINT)
            out, error = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in error


def test_help_says_what_it_costs_and_needs() -> None:
    done = verify("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "deploys nothing",
        "scripts/verify.sh --stack firstbyte",
        "less than a cent",
        "exit codes:",
        *PERMISSIONS,
    ):
        assert words in " ".join(done.stdout.split())
