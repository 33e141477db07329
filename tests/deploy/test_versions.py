"""Whatever changes about the function publishes a version: the URL leads to one, and would stay on the old one."""

from typing import Any

import pytest

from stack_template import processed_templates

CHANGES: list[dict[str, str]] = [
    {},
    {"StreamingFunction": "new code"},
    {"StreamingLayer": "new code"},
    {"ModelId": "amazon.nova-pro-v1:0"},
    {"FallbackModelId": "amazon.nova-micro-v1:0"},
    {"ModelId": "us.amazon.nova-lite-v1:0"},
    {"Guardrail": "abcd1234efgh:1"},
    {"MaxOutputTokens": "77"},
    {"PythonRuntime": "python3.12"},
    {"Architecture": "x86_64"},
    {"TimeoutSeconds": "77"},
    {"ReservedConcurrency": "77"},
]
# What a version does not hold: https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
NOT_VERSIONED = {"ReservedConcurrentExecutions", "Tags"}


@pytest.fixture(scope="module")
def stacks() -> list[dict[str, Any]]:
    return [template["Resources"] for template in processed_templates(*CHANGES, {})]


@pytest.fixture(scope="module")
def versions(stacks: list[dict[str, Any]]) -> list[str]:
    return [name for resources in stacks for name, one in resources.items() if one["Type"] == "AWS::Lambda::Version"]


def test_the_same_template_is_the_same_version(versions: list[str]) -> None:
    assert versions[0] == versions[-1]


@pytest.mark.parametrize("number", range(1, len(CHANGES)), ids=lambda number: str(CHANGES[number]))
def test_a_change_publishes_a_version(versions: list[str], number: int) -> None:
    assert versions[number] != versions[0]


def test_no_two_changes_are_one_version(versions: list[str]) -> None:
    assert len(set(versions)) == len(CHANGES)


@pytest.mark.parametrize("number", range(1, len(CHANGES)), ids=lambda number: str(CHANGES[number]))
def test_what_publishes_a_version_changes_what_a_version_holds(stacks: list[dict[str, Any]], number: int) -> None:
    """Else Lambda has nothing to publish, and the deployment fails."""

    def held(resources: dict[str, Any]) -> dict[str, Any]:
        properties = resources["StreamingFunction"]["Properties"]
        return {name: value for name, value in properties.items() if name not in NOT_VERSIONED}

    assert held(stacks[number]) != held(stacks[0])
