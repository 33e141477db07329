"""Whatever changes about the function publishes a version: the URL leads to one, and would stay on the old one."""

import pytest

from stack_template import processed_templates

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
    templates = processed_templates(*CHANGES, {})
    return [
        name
        for template in templates
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Version"
    ]


def test_the_same_template_is_the_same_version(versions: list[str]) -> None:
    assert versions[0] == versions[-1]


@pytest.mark.parametrize("number", range(1, len(CHANGES)), ids=lambda number: str(CHANGES[number]))
def test_a_change_publishes_a_version(versions: list[str], number: int) -> None:
    assert versions[number] != versions[0]


def test_no_two_changes_are_one_version(versions: list[str]) -> None:
    assert len(set(versions)) == len(CHANGES)
