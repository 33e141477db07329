"""What checkov, a linter, finds in the template as written and as AWS's transforms make it: nothing unexplained."""

import copy
import json
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stack_template import EVERYTHING, REGION, Parameters, processed_templates
from template.resources import read_stack
from tools import REPOSITORY, checkov, template_as_written, without_aws

ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


class Check(NamedTuple):
    resource: str
    check: str


class Findings(NamedTuple):
    """Of one file; `skipped` has the reason of each."""

    passed: set[Check]
    failed: set[Check]
    skipped: dict[Check, str]


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Findings]:
    """What checkov finds in each of the templates, which it is given in one run."""
    given: list[Parameters] = [{}, EVERYTHING, {"UrlAuthType": "NONE", "ReservedConcurrency": "1"}]
    default, everything, public = map(of_the_stack, processed_templates(*given), given)
    templates = {
        "default.json": default,
        "everything.json": everything,
        "default-unexplained.json": unexplained(default),
        "everything-unexplained.json": unexplained(everything),
        "public.json": public,
        "wildcard.json": with_statement(everything, ANYTHING),
    }
    folder = tmp_path_factory.mktemp("templates")
    for name, template in templates.items():
        (folder / name).write_text(json.dumps(template))
    files = [REPOSITORY / "template.yaml", *(folder / name for name in templates)]
    command = checkov("--compact", "--output", "json", "--file", *map(str, files))
    done = subprocess.run(command, cwd=folder, env=without_aws(), capture_output=True, text=True, check=False)
    results = json.loads(done.stdout)["results"]
    assert results["parsing_errors"] == []
    return {file.name: findings_in(file, results) for file in files}


def of_the_stack(template: dict[str, Any], parameters: Parameters) -> dict[str, Any]:
    """The template without the resources that these parameters do not ask for: the transform leaves parts of them."""
    asked = read_stack(REPOSITORY / "template.yaml", parameters, REGION).resources
    others = template_as_written()["Resources"].keys() - asked.keys()
    return {**template, "Resources": {name: one for name, one in template["Resources"].items() if name not in others}}


def unexplained(template: dict[str, Any]) -> dict[str, Any]:
    """The template without the exceptions that stand beside its resources."""
    resources = {
        name: {key: value for key, value in resource.items() if key != "Metadata"}
        for name, resource in template["Resources"].items()
    }
    return {**template, "Resources": resources}


def with_statement(template: dict[str, Any], statement: dict[str, str]) -> dict[str, Any]:
    changed = copy.deepcopy(template)
    policies = changed["Resources"]["StreamingFunctionRole"]["Properties"]["Policies"]
    policies[0]["PolicyDocument"]["Statement"].append(statement)
    return changed


def findings_in(file: Path, results: dict[str, list[dict[str, Any]]]) -> Findings:
    passed, failed, skipped = (
        {
            Check(found["resource"], found["check_id"]): found["check_result"].get("suppress_comment", "")
            for found in results[f"{outcome}_checks"]
            if Path(found["file_abs_path"]).resolve() == file.resolve()
        }
        for outcome in ("passed", "failed", "skipped")
    )
    return Findings(set(passed), set(failed), skipped)


@pytest.mark.parametrize("file", ["template.yaml", "default.json", "everything.json"])
def test_the_template_is_clean(findings: dict[str, Findings], file: str) -> None:
    assert findings[file].failed == set()
    assert findings[file].passed


def test_every_exception_is_needed(findings: dict[str, Findings]) -> None:
    needed = findings["default-unexplained.json"].failed | findings["everything-unexplained.json"].failed
    assert needed == set(findings["default.json"].skipped) | set(findings["everything.json"].skipped)


def test_every_exception_has_a_reason(findings: dict[str, Findings]) -> None:
    reasons = {**findings["template.yaml"].skipped, **findings["everything.json"].skipped}
    assert reasons
    for check, reason in reasons.items():
        assert re.fullmatch(r"[A-Z].{20,}\.", reason), (check, reason)


def test_looks_at_every_kind_of_resource_that_it_knows(findings: dict[str, Findings]) -> None:
    found = findings["everything.json"]
    assert {check.resource.rpartition(".")[0] for check in found.passed | set(found.skipped)} == {
        "AWS::IAM::Role",
        "AWS::Lambda::Function",
        "AWS::Lambda::Url",
        "AWS::Logs::LogGroup",
        "AWS::SNS::Topic",
    }


def test_finds_a_url_for_everybody(findings: dict[str, Findings]) -> None:
    assert findings["public.json"].failed == {Check("AWS::Lambda::Url.StreamingFunctionUrl", "CKV_AWS_258")}


def test_finds_a_role_that_may_do_anything(findings: dict[str, Findings]) -> None:
    # "Ensure IAM policies that allow full administrative privileges are not created", among others.
    assert Check("AWS::IAM::Role.StreamingFunctionRole", "CKV_AWS_62") in findings["wildcard.json"].failed
