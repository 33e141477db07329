"""Whatever changes about the function publishes a version: the URL leads to one, and would stay on the old one."""

import json
import subprocess

import pytest

from tools import REPOSITORY, sam_python

# The two transforms in their order, with SAM CLI's own code for the first and AWS's translator for the second.
TRANSFORM = """
import copy, json, sys
import boto3
from samcli.lib.cfn_language_extensions.sam_integration import expand_language_extensions
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

path, changes = sys.argv[1], json.loads(sys.argv[2])
versions = []
for change in changes:
    template = yaml_parse(open(path).read())
    values = {name: str(declared["Default"]) for name, declared in template["Parameters"].items()}
    for name, resource in template["Resources"].items():
        for key in ("CodeUri", "ContentUri"):
            if key in resource["Properties"]:
                resource["Properties"][key] = "s3://bucket/" + change.get(name, "as it was")
    values.update({name: value for name, value in change.items() if name in values})
    expanded = expand_language_extensions(template, parameter_values=values, enabled=True).expanded_template
    managed = {"AWSLambdaBasicExecutionRole": "arn:a", "AWSXRayDaemonWriteAccess": "arn:b"}
    translator = Translator(managed, Parser(), boto_session=boto3.Session(region_name="us-east-1"))
    resources = translator.translate(copy.deepcopy(expanded), values)["Resources"]
    versions += [name for name, found in resources.items() if found["Type"] == "AWS::Lambda::Version"]
print(json.dumps(versions))
"""
CHANGES: list[dict[str, str]] = [
    {},
    {"StreamingFunction": "new code"},
    {"StreamingLayer": "new code"},
    {"ModelId": "amazon.nova-pro-v1:0"},
    {"FallbackModelId": "amazon.nova-micro-v1:0"},
    {"InferenceProfile": "eu"},
    {"MaxOutputTokens": "77"},
    {"MaxPromptChars": "77"},
    {"ModelIdleTimeoutSeconds": "77"},
    {"TimeoutSeconds": "77"},
    {"MemoryMegabytes": "1024"},
]


@pytest.fixture(scope="module")
def versions() -> list[str]:
    command = sam_python(TRANSFORM, str(REPOSITORY / "template.yaml"), json.dumps([*CHANGES, {}]))
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_same_template_is_the_same_version(versions: list[str]) -> None:
    assert versions[0] == versions[-1]


@pytest.mark.parametrize("number", range(1, len(CHANGES)), ids=lambda number: str(CHANGES[number]))
def test_a_change_publishes_a_version(versions: list[str], number: int) -> None:
    assert versions[number] != versions[0]


def test_no_two_changes_are_one_version(versions: list[str]) -> None:
    assert len(set(versions)) == len(CHANGES)
