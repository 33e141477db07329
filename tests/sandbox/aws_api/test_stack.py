"""What a running sandbox says of its stack and its dashboard, asked with the real boto3."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox_client import aws_client, write_stack
from sandbox_process import StartSandbox
from tools import template_as_written


def stack_id(ready: dict[str, str]) -> str:
    region = ready["region"]
    return f"arn:aws:cloudformation:{region}:123456789012:stack/firstbyte/00000000-0000-0000-0000-000000000000"


def refusal(call: Any, **parameters: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"], raised.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_the_stack_has_its_parameters_and_outputs(sandbox: dict[str, str]) -> None:
    client = aws_client(sandbox, "cloudformation")
    (stack,) = client.describe_stacks()["Stacks"]
    for name in ("firstbyte", stack_id(sandbox)):
        assert client.describe_stacks(StackName=name)["Stacks"] == [stack]
    template = template_as_written()
    assert (stack["StackId"], stack["StackName"]) == (stack_id(sandbox), "firstbyte")
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]} == {
        key: str(declared["Default"]) for key, declared in template["Parameters"].items()
    }
    outputs = {each["OutputKey"]: each for each in stack["Outputs"]}
    assert {key: each["Description"] for key, each in outputs.items()} == {
        key: declared["Description"] for key, declared in template["Outputs"].items()
    }
    values = {key: each["OutputValue"] for key, each in outputs.items()}
    assert values["FunctionUrl"] == sandbox["function_url"]
    assert values["ProbeCommand"] == f"scripts/probe.sh --url {sandbox['function_url']}"
    assert values["FunctionName"] == "firstbyte-StreamingFunction"
    assert values["LogGroup"] == "/aws/lambda/firstbyte-streaming"


def test_the_dashboard_that_the_output_leads_to_is_there(sandbox: dict[str, str]) -> None:
    (stack,) = aws_client(sandbox, "cloudformation").describe_stacks()["Stacks"]
    (url,) = [each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == "DashboardUrl"]
    name = url.rpartition("/")[2]
    cloudwatch = aws_client(sandbox, "cloudwatch")
    found = cloudwatch.get_dashboard(DashboardName=name)
    assert found["DashboardName"] == name
    assert found["DashboardArn"] == f"arn:aws:cloudwatch::123456789012:dashboard/{name}"
    assert '"Firstbyte", "Requests", "service", "firstbyte"' in found["DashboardBody"]
    assert json.loads(found["DashboardBody"])["widgets"]
    code, message, status = refusal(cloudwatch.get_dashboard, DashboardName="other")
    assert (code, message, status) == ("ResourceNotFound", "Dashboard other does not exist", 404)


def test_another_stack_and_another_operation_are_refused(sandbox: dict[str, str]) -> None:
    client = aws_client(sandbox, "cloudformation")
    assert refusal(client.describe_stacks, StackName="other") == (
        "ValidationError",
        "Stack with id other does not exist",
        400,
    )
    words = "the sandbox does not support {}"
    assert refusal(client.describe_stacks, NextToken="x") == (
        "NotImplementedException",
        words.format("DescribeStacks with NextToken"),
        501,
    )
    assert refusal(client.list_stacks) == (
        "NotImplementedException",
        words.format("ListStacks of AWS CloudFormation"),
        501,
    )
    wrong = aws_client(sandbox, "cloudformation", aws_secret_access_key="wrong")
    assert refusal(wrong.describe_stacks)[2] == 403


def test_a_stack_of_ones_own(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    path = write_stack(tmp_path, "def handler(event, context): ...\n", {})
    (tmp_path / "layer").mkdir()
    template = json.loads(path.read_text())
    template["Parameters"] = {
        "Places": {"Type": "CommaDelimitedList", "Default": "a, b"},
        "Secret": {"Type": "String", "NoEcho": True, "Default": "hush"},
    }
    template["Conditions"] = {"No": {"Fn::Equals": ["a", "b"]}}
    template["Outputs"] = {
        "Number": {"Value": 3},
        "Absent": {"Condition": "No", "Value": "x"},
        "Url": {"Value": {"Fn::GetAtt": ["RawUrl", "FunctionUrl"]}},
    }
    path.write_text(json.dumps(template))
    ready = start_sandbox("--template", str(path)).ready
    (stack,) = aws_client(ready, "cloudformation").describe_stacks()["Stacks"]
    assert {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]} == {
        "Places": "a,b",
        "Secret": "****",
    }
    assert stack["Outputs"] == [
        {"OutputKey": "Number", "OutputValue": "3"},
        {"OutputKey": "Url", "OutputValue": ready["function_url"]},
    ]


def test_an_output_or_a_dashboard_that_only_aws_knows_is_refused(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    path = write_stack(tmp_path, "def handler(event, context): ...\n", {})
    (tmp_path / "layer").mkdir()
    template = json.loads(path.read_text())
    template["Outputs"] = {"Bucket": {"Value": {"Fn::ImportValue": "bucket"}}}
    body = {"Fn::ImportValue": "body"}
    template["Resources"]["Board"] = {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {"DashboardName": "board", "DashboardBody": body},
    }
    path.write_text(json.dumps(template))
    ready = start_sandbox("--template", str(path)).ready
    code, message, _ = refusal(aws_client(ready, "cloudformation").describe_stacks)
    assert code == "NotImplementedException"
    assert "Outputs.Bucket.Value" in message
    assert "Fn::ImportValue" in message
    code, message, _ = refusal(aws_client(ready, "cloudwatch").get_dashboard, DashboardName="board")
    assert code == "NotImplementedException"
    assert "DashboardBody" in message


def test_dashboards_are_listed(sandbox: dict[str, str]) -> None:
    cloudwatch = aws_client(sandbox, "cloudwatch")
    (listed,) = cloudwatch.list_dashboards()["DashboardEntries"]
    found = cloudwatch.get_dashboard(DashboardName=listed["DashboardName"])
    assert listed == {name: found[name] for name in ("DashboardName", "DashboardArn")}
    for prefix, entries in ((listed["DashboardName"][:4], [listed]), ("other", [])):
        assert cloudwatch.list_dashboards(DashboardNamePrefix=prefix)["DashboardEntries"] == entries
