"""The repository's template: with parameters, resolved by the sandbox or transformed as on AWS; with other literals."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from template.resources import ACCOUNT_ID, STACK_NAME, read_stack
from tools import REPOSITORY, sam_python

Parameters = Mapping[str, str]

REGION = "us-east-1"
# Whatever a parameter can add to the stack, in any region. A URL for everybody is not among it.
EVERYTHING = {
    "ModelId": "global.amazon.nova-2-lite-v1:0",
    "FallbackModelId": "global.anthropic.claude-haiku-4-5-20251001-v1:0",
    "Guardrail": "abcd1234efgh:1",
    "ReservedConcurrency": "5",
    "ProbeEveryMinutes": "5",
    "ExpectedProbe": "office",
    "PageTo": "on-call@example.com",
    "TicketsTo": "team@example.com",
    "CallerPrincipal": "210987654321",
}

# The two transforms in their order, with SAM CLI's own code for the first and AWS's translator for the second.
_TRANSFORM = """
import copy, json, sys
import boto3
from samcli.lib.cfn_language_extensions.sam_integration import expand_language_extensions
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

path, changes, pseudo_parameters = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
processed = []
for change in changes:
    template = yaml_parse(open(path).read())
    values = {name: str(declared["Default"]) for name, declared in template["Parameters"].items()}
    for name, resource in template["Resources"].items():
        for key in ("CodeUri", "ContentUri"):
            if key in resource["Properties"]:
                resource["Properties"][key] = "s3://bucket/" + change.get(name, "as it was")
    values.update({name: value for name, value in change.items() if name in values}, **pseudo_parameters)
    expanded = expand_language_extensions(template, parameter_values=values, enabled=True).expanded_template
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=values["AWS::Region"]))
    processed.append(translator.translate(copy.deepcopy(expanded), values))
print(json.dumps(processed))
"""


def changed_template(folder: Path, changes: Mapping[str, str]) -> Path:
    """Write the template with other texts in place of some, beside what it refers to, and return its path."""
    text = (REPOSITORY / "template.yaml").read_text()
    for old, new in changes.items():
        assert old in text, f"the template has no {old}"
        text = text.replace(old, new)
    for name in ("src", "dashboards"):
        (folder / name).symlink_to(REPOSITORY / name)
    path = folder / "template.yaml"
    path.write_text(text)
    return path


def properties_of(kind: str, parameters: Parameters) -> dict[str, dict[str, Any]]:
    """The properties of the stack's resources of a type, by logical id."""
    resources = read_stack(REPOSITORY / "template.yaml", parameters, REGION).resources
    return {name: dict(resource.properties) for name, resource in resources.items() if resource.type == kind}


def arns_of_alarms(parameters: Parameters) -> list[str]:
    """The ARNs of the stack's alarms, the composite one among them."""
    resources = read_stack(REPOSITORY / "template.yaml", parameters, REGION).resources.values()
    kinds = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    return [str(resource.return_value("Arn")) for resource in resources if resource.type in kinds]


def dashboard_body(parameters: Parameters) -> dict[str, Any]:
    """The body of the stack's dashboard."""
    (dashboard,) = properties_of("AWS::CloudWatch::Dashboard", parameters).values()
    body: dict[str, Any] = json.loads(dashboard["DashboardBody"])
    return body


def processed_templates(*changes: Parameters, region: str = REGION) -> list[dict[str, Any]]:
    """What the transforms make of the template in a region, once for each set of parameters.

    A resource keeps its condition. A logical id among the parameters stands for other code of that function or layer.
    """
    pseudo_parameters = {
        "AWS::AccountId": ACCOUNT_ID,
        "AWS::Partition": "aws",
        "AWS::Region": region,
        "AWS::StackId": f"arn:aws:cloudformation:{region}:{ACCOUNT_ID}:stack/{STACK_NAME}/{UUID(int=0)}",
        "AWS::StackName": STACK_NAME,
    }
    command = sam_python(
        _TRANSFORM, str(REPOSITORY / "template.yaml"), json.dumps(changes), json.dumps(pseudo_parameters)
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    templates: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return templates
