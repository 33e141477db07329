"""A stranger's template: every text is read, or refused in one line that says what is wrong."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given

from alarm_calls import composite_alarm, math_alarm, metric_alarm
from cloudwatch_calls import expression, stat
from mutations import as_json, examples, spoiled, spoiled_text
from sandbox.aws_api.contract import ApiError
from sandbox.cloudwatch import dashboards
from sandbox.cloudwatch.alarms.alarms import Alarms
from sandbox.cloudwatch.alarms.definitions import definitions
from sandbox.cloudwatch.metrics import Metrics
from sandbox.lambda_service.function import streaming_functions
from sandbox.lambda_service.schedule import schedules
from sandbox.store import Store
from template.document import _Loader
from template.errors import ParameterError, TemplateError
from template.resources import read_stack
from tools import REPOSITORY

REGION = "eu-west-1"
OWN: dict[str, Any] = yaml.load((REPOSITORY / "template.yaml").read_text(), _Loader)
SMALL: dict[str, Any] = {
    "Parameters": {
        "Limit": {"Type": "Number", "Default": 10, "MinValue": 1, "MaxValue": 20},
        "Name": {"Type": "String", "Default": "a", "AllowedPattern": "[a-z]+", "AllowedValues": ["a", "b"]},
        "List": {"Type": "CommaDelimitedList", "Default": "a,b"},
    },
    "Rules": {"R": {"Assertions": [{"Assert": {"Fn::Contains": [["a", "b"], {"Ref": "Name"}]}}]}},
    "Mappings": {"M": {"eu-west-1": {"key": "value"}}},
    "Conditions": {"C": {"Fn::Equals": [{"Ref": "Name"}, "a"]}, "D": {"Fn::Not": [{"Condition": "C"}]}},
    "Globals": {"Function": {"Timeout": 3, "Environment": {"Variables": {"A": "b"}}}},
    "Resources": {
        "F": {
            "Type": "AWS::Serverless::Function",
            "Condition": "C",
            "Properties": {
                "CodeUri": "src/function",
                "Handler": "app.handler",
                "Runtime": "python3.13",
                "MemorySize": {"Ref": "Limit"},
                "Environment": {"Variables": {"B": {"Fn::Sub": "${Name}-${AWS::Region}"}}},
                "FunctionUrlConfig": {"AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM"},
                "LoggingConfig": {"LogFormat": "Text"},
            },
        },
        "Alarm": metric_alarm("red", Threshold={"Ref": "Limit"}),
        "Math": math_alarm("green", expression("e", "a * 0"), stat("a", ReturnData=False)),
        "Page": composite_alarm("page", 'ALARM("red") OR (ALARM("green") AND ALARM("red"))'),
        "Schedule": {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "ScheduleExpression": "rate(5 minutes)",
                "Target": {"Arn": {"Fn::GetAtt": "F.Arn"}, "RetryPolicy": {"MaximumRetryAttempts": 0}},
            },
        },
        "Board": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"DashboardName": "d", "DashboardBody": {"Fn::ToJsonString": {"widgets": []}}},
        },
    },
    "Outputs": {"Url": {"Value": {"Fn::Join": ["", ["a", {"Fn::FindInMap": ["M", {"Ref": "AWS::Region"}, "key"]}]]}}},
}
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("template")
    for name in ("src", "dashboards"):
        (folder / name).symlink_to(REPOSITORY / name)
    return folder


def check(folder: Path, text: str | bytes) -> None:
    """Read a template as the sandbox does at its start, and look at all that it has."""
    path = folder / "template.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))
    begun = time.process_time()
    try:
        stack = read_stack(path, {}, REGION, function_url=lambda logical_id: f"http://{logical_id}/")
        resources = stack.resources
        for read in (
            lambda: streaming_functions(resources, path, REGION),
            lambda: schedules(resources, path, REGION),
            lambda: dashboards.operations(resources)["GetDashboard"]({"DashboardName": "d"}),
            lambda: Alarms(definitions(resources, REGION), Metrics(Store()), 60, lambda change: None),
            stack.outputs,
            *(lambda resource=resource: dict(resource.properties) for resource in resources.values()),
        ):
            with contextlib.suppress(TemplateError, ParameterError, ApiError):
                read()
    except (TemplateError, ParameterError) as error:
        str(error).encode(errors="replace")
    assert time.process_time() - begun < 20


@given(spoiled(SMALL))
@example({**SMALL, "Parameters": {"P": None}})
@example({**SMALL, "Parameters": {"P": {"Type": "String", "Default": "a", "AllowedPattern": "("}}})
@example({**SMALL, "Parameters": {"P": {"Type": "Number", "Default": 1, "MinValue": "a"}}})
@example({**SMALL, "Conditions": {"C": {"Condition": "C"}}})
@example({"Resources": {"A": {"Type": [], "Properties": {}}}})
@example({"Resources": {"A": {"Type": "AWS::SNS::Topic", "Condition": []}}})
@examples(0.5)
def test_a_template(folder: Path, template: Any) -> None:
    check(folder, as_json(template))


@given(spoiled(*({"Parameters": {}, name: OWN[name]} for name in ("Rules", "Conditions", "Mappings"))))
@examples(0.1)
def test_sections_of_the_repositorys_own_template(folder: Path, template: Any) -> None:
    check(folder, as_json({**OWN, **template} if isinstance(template, dict) else template))


TEXTS = (
    "Resources:\n  A: &a\n    Type: AWS::SNS::Topic\n    Properties: {TopicName: !Sub '${B}'}\n  B: *a\n",
    "Parameters:\n  P: {Type: String, Default: 2012-10-17}\nResources: !Ref P\n? [a]\n: b\n<<: {c: d}\n",
)


@given(spoiled_text(*TEXTS))
@example(BOMB)
@example(BOMB + "Resources: {A: {Type: 'AWS::SNS::Topic', Properties: {TopicName: *j}}}")
@example("a: &a [*a]\nResources: {A: {Type: 'AWS::SNS::Topic', Properties: &b {C: *b}}}")
@example("Resources: &a {<<: *a}")
@example("[" * 5000)
@example("a: " * 5000)
@example("{{a: b}: c}")
@example("a: !!python/object:os.system x")
@example("a: !!int 'x'")
@example("a: !!float x")
@example("a: !!binary '%'")
@example("a: !!timestamp [1]")
@example("a: 0x")
@example("a: 1:99999999999999999999999:1")
@example("a: " + "9" * 5000)
@example("\ud800")
@example("a: \x00")
@examples(0.5)
def test_text_that_is_yaml_or_not(folder: Path, text: str) -> None:
    check(folder, text)


@given(spoiled_text('ALARM("red") OR (ALARM("green") AND ALARM("red"))'))
@example("(" * 5000 + 'ALARM("red")' + ")" * 5000)
@example(" AND ".join(['ALARM("red")'] * 3000))
@examples(1)
def test_a_rule_of_a_composite_alarm(folder: Path, rule: str) -> None:
    resources = {"Red": metric_alarm("red"), "Green": metric_alarm("green"), "Page": composite_alarm("page", rule)}
    path = folder / "rule.json"
    path.write_text(json.dumps({"Resources": resources}))
    with contextlib.suppress(TemplateError):
        found = Alarms(definitions(read_stack(path, {}, REGION).resources, REGION), Metrics(Store()), 60, print)
        found.evaluate(1_790_000_000_000)
