"""The dashboard's body as a process prints it: plain JSON, the names of one stack, what it says of those it assumes."""

import json
import os
import subprocess
from typing import Any

import pytest

from tools import REPOSITORY, template_as_written, without_aws

ACCOUNT, FUNCTION = "111122223333", "chat-StreamingFunction-AbC1"
EVERY_NAME = ("--stack-name", "chat", "--region", "eu-west-1", "--account-id", ACCOUNT, "--function-name", FUNCTION)


def dashboard(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [str(REPOSITORY / "scripts/dashboard.sh"), *arguments]
    env = {**without_aws(), **environment}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=100, check=False)


def body(*arguments: str, **environment: str) -> Any:
    done = dashboard(*arguments, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def alarms(dashboard_body: Any) -> list[str]:
    shown = [widget["properties"]["alarms"] for widget in dashboard_body["widgets"] if widget["type"] == "alarm"]
    return [alarm for alarms in shown for alarm in alarms]


def test_the_body_is_plain_and_names_the_stack_that_was_asked_for() -> None:
    done = dashboard(*EVERY_NAME, "--parameter-overrides", "ExpectedProbe=office")
    assert (done.returncode, done.stderr) == (0, "")
    names = [
        resource["Properties"]["AlarmName"]["Fn::Sub"].replace("${AWS::StackName}", "chat")
        for resource in template_as_written()["Resources"].values()
        if "AlarmName" in resource["Properties"]
    ]
    assert sorted(alarms(json.loads(done.stdout))) == sorted(
        f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:{name}" for name in names
    )
    assert FUNCTION in done.stdout
    assert done.stdout == json.dumps(json.loads(done.stdout), indent=2) + "\n"
    for trace in ("Fn::", '"Ref"', "${", "firstbyte", "us-east-1", "123456789012", "00000000-"):
        assert trace not in done.stdout


def test_a_parameter_is_what_the_stack_was_deployed_with() -> None:
    text = json.dumps(body("--parameter-overrides", "TtftObjectiveMilliseconds=1234"))
    assert "TIME_SERIES(1234)" in text
    assert "TIME_SERIES(2000)" not in text


def test_the_region_is_that_of_the_environment_unless_said() -> None:
    assert all(":eu-north-1:" in arn for arn in alarms(body(AWS_REGION="eu-north-1")))
    assert all(":eu-south-1:" in arn for arn in alarms(body("--region", "eu-south-1", AWS_REGION="eu-north-1")))


@pytest.mark.parametrize(
    ("said", "assumed"),
    [
        ((), ["123456789012", "firstbyte-StreamingFunction"]),
        (("--account-id", ACCOUNT), ["firstbyte-StreamingFunction"]),
        (("--function-name", FUNCTION), ["123456789012"]),
    ],
)
def test_names_that_are_assumed_are_said(said: tuple[str, ...], assumed: list[str]) -> None:
    done = dashboard(*said)
    assert done.returncode == 0
    assert [line.split()[1] for line in done.stderr.splitlines()] == assumed
    for name in assumed:
        assert name in done.stdout


def test_the_commands_that_look_names_up_are_whole(tmp_path: Any) -> None:
    """What standard error says is pasted into a shell; a program called aws there writes down what it was asked."""
    program = tmp_path / "aws"
    program.write_text('#!/bin/sh\necho "$@" >> "$0.calls"\necho answer\n')
    program.chmod(0o755)
    lines = dashboard("--stack-name", "chat", "--region", "eu-west-1").stderr.splitlines()
    options = " ".join(line.partition("; add ")[2] for line in lines)
    script = f"printf '%s\\n' {options}"
    environment = {**without_aws(), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    said = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["--account-id", "answer", "--function-name", "answer"]
    assert (tmp_path / "aws.calls").read_text().splitlines() == [
        "sts get-caller-identity --query Account --output text",
        "cloudformation describe-stack-resource --stack-name chat --region eu-west-1 --logical-resource-id"
        " StreamingFunction --query StackResourceDetail.PhysicalResourceId --output text",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--account-id", "12"], "--account-id: '12' is not an account's twelve digits"),
        (["--stack-name", "1st"], "--stack-name: '1st' is not a stack's name"),
        (["--function-name", "a:live"], "--function-name: 'a:live' is not a function's name"),
        (["--region", "cn-north-1"], "--region: 'cn-north-1' is not a region such as eu-west-1"),
        (["--region", "us-gov-west-1"], "--region: 'us-gov-west-1' is not a region such as eu-west-1"),
        (["--parameter-overrides", "Nonsense=1"], "the template has no parameter Nonsense"),
        (["--parameter-overrides", "TimeoutSeconds"], "takes Key=Value"),
        (["--no-such-flag"], "unrecognized arguments"),
    ],
)
def test_refuses_in_clear_words(arguments: list[str], words: str) -> None:
    done = dashboard(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_help_has_every_flag_and_examples() -> None:
    done = dashboard("--help")
    assert done.returncode == 0
    for words in ("--stack-name", "--region", "--account-id", "--function-name", "--parameter-overrides", "examples:"):
        assert words in done.stdout
