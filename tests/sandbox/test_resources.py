"""The resources of a template: conditions, names, mappings and included files; what nobody asks for stops nobody."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stack_template import EVERYTHING
from template.errors import TemplateError
from template.resources import Resource, read_stack
from tools import REPOSITORY, template_as_written

TEMPLATE = """
Parameters:
  Limit: {Type: Number, Default: 5}
  Wanted: {Type: String, Default: ""}
Conditions:
  IsWanted: !Not [!Equals [!Ref Wanted, ""]]
Mappings:
  Rates: {Fast: {Value: "14.4"}, Slow: {Value: "6"}}
Resources:
  Named: {Type: "AWS::CloudWatch::Alarm", Properties: {AlarmName: !Sub "${AWS::StackName}-named"}}
  Unnamed: {Type: "AWS::CloudWatch::Alarm"}
  Both: {Type: "AWS::CloudWatch::CompositeAlarm", Properties: {AlarmName: both}}
  Function: {Type: "AWS::Serverless::Function", Properties: {}}
  Layer: {Type: "AWS::Serverless::LayerVersion", Properties: {LayerName: layer}}
  Log: {Type: "AWS::Logs::LogGroup", Properties: {LogGroupName: /the/log}}
  Topic: {Type: "AWS::SNS::Topic"}
  Board: {Type: "AWS::CloudWatch::Dashboard", Properties: {DashboardName: board}}
  Queue: {Type: "AWS::SQS::Queue"}
  Optional: {Type: "AWS::CloudWatch::Alarm", Condition: IsWanted}
  Circle: {Type: "AWS::CloudWatch::Alarm", Properties: {AlarmName: !Ref Circle}}
  Tested: {Type: "AWS::Some::Type", Properties: {Value: VALUE, Gone: !If [IsWanted, 1, !Ref "AWS::NoValue"]}}
"""

BOTH = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:both"


def read(
    directory: Path, value: str = "text", overrides: dict[str, str] | None = None, **identity: Any
) -> Mapping[str, Resource]:
    """The resources of the template above with a value, in YAML, in its last one."""
    path = directory / "template.yaml"
    path.write_text(TEMPLATE.replace("VALUE", value))
    return read_stack(path, overrides or {}, "eu-west-1", **identity).resources


def resolved(directory: Path, value: str, overrides: dict[str, str] | None = None, **identity: Any) -> Any:
    return read(directory, value, overrides, **identity)["Tested"].properties["Value"]


def include(file: str) -> str:
    return f"{{Fn::Transform: {{Name: AWS::Include, Parameters: {{Location: {file}}}}}}}"


def test_a_resource_is_there_if_its_condition_holds(tmp_path: Path) -> None:
    assert "Optional" not in read(tmp_path)
    assert read(tmp_path, overrides={"Wanted": "yes"})["Optional"].type == "AWS::CloudWatch::Alarm"


def test_a_property_without_a_value_is_absent(tmp_path: Path) -> None:
    absent, present = read(tmp_path)["Tested"], read(tmp_path, overrides={"Wanted": "yes"})["Tested"]
    assert dict(absent.properties) == {"Value": "text"}
    assert (len(absent.properties), "Gone" in absent.properties) == (1, False)
    assert dict(present.properties) == {"Value": "text", "Gone": 1}
    with pytest.raises(TemplateError, match=r"Resources\.Tested\.Properties\.Gone is missing"):
        absent.properties.required("Gone")


def test_what_cannot_be_resolved_is_refused_when_it_is_asked_for(tmp_path: Path) -> None:
    properties = read(tmp_path, "!GetAtt Queue.Arn", {"Wanted": "yes"})["Tested"].properties
    assert properties["Gone"] == 1
    with pytest.raises(TemplateError, match=r"Resources\.Tested\.Properties\.Value: Fn::GetAtt Arn of Queue"):
        properties.get("Value")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("!Ref Named", "firstbyte-named"),
        ("!GetAtt Named.Arn", "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:firstbyte-named"),
        ("{Fn::GetAtt: [Both, Arn]}", "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:both"),
        ("!Ref Unnamed", "firstbyte-Unnamed"),
        ("!Ref Function", "firstbyte-Function"),
        ("!GetAtt Function.Arn", "arn:aws:lambda:eu-west-1:123456789012:function:firstbyte-Function"),
        ("!Ref Layer", "arn:aws:lambda:eu-west-1:123456789012:layer:layer:1"),
        ("!Ref Log", "/the/log"),
        ("!GetAtt Log.Arn", "arn:aws:logs:eu-west-1:123456789012:log-group:/the/log:*"),
        ("!Ref Topic", "arn:aws:sns:eu-west-1:123456789012:firstbyte-Topic"),
        ("!GetAtt Topic.TopicName", "firstbyte-Topic"),
        ("!Ref Board", "board"),
        ("!Sub 'ALARM(\"${Named}\") ${Both.Arn}'", 'ALARM("firstbyte-named") ' + BOTH),
        ("!FindInMap [Rates, Fast, Value]", "14.4"),
        ("!FindInMap [Rates, !Select [1, [Fast, Slow]], Value]", "6"),
        ("!Sub ['TIME_SERIES(${Rate})', {Rate: !FindInMap [Rates, Slow, Value]}]", "TIME_SERIES(6)"),
        ("!Select ['1', !Split [',', 'a,b,c']]", "b"),
        ("!Join [' ', [a, 1, true]]", "a 1 true"),
        ("!If [IsWanted, a, b]", "b"),
    ],
)
def test_intrinsics_give_what_the_stack_has(tmp_path: Path, value: str, expected: str) -> None:
    assert resolved(tmp_path, value) == expected


def test_account_stack_and_made_up_names_are_the_callers(tmp_path: Path) -> None:
    stack_id = "arn:aws:cloudformation:eu-west-1:1:stack/chat/00000000-0000-0000-0000-000000000000"
    assert resolved(tmp_path, '!Ref "AWS::StackId"', account_id="1", stack_name="chat") == stack_id
    value = '!Sub "${AWS::AccountId} ${AWS::StackName} ${Function} ${Unnamed} ${Named.Arn}"'
    identity: dict[str, Any] = {
        "account_id": "1",
        "stack_name": "chat",
        "physical_names": {"Function": "chat-x1", "Named": "unused"},
    }
    assert resolved(tmp_path, value, **identity) == (
        "1 chat chat-x1 chat-Unnamed arn:aws:cloudwatch:eu-west-1:1:alarm:chat-named"
    )


def test_a_parameter_in_a_json_string_is_a_text_and_a_literal_what_it_is(tmp_path: Path) -> None:
    value = """{Fn::ToJsonString: {parameter: !Ref Limit, literal: 5, flag: true, gone: !Ref "AWS::NoValue",
      list: [!Ref "AWS::NoValue", {"é": !GetAtt Both.Arn}]}}"""
    text = resolved(tmp_path, value)
    assert isinstance(text, str)
    assert json.loads(text) == {"parameter": "5", "literal": 5, "flag": True, "list": [{"é": BOTH}]}


def test_a_file_is_included_in_place_of_a_property_or_of_all(tmp_path: Path) -> None:
    board = {"Body": {"Fn::ToJsonString": {"widgets": [{"Fn::Sub": "at most ${Limit}"}]}}, "Other": "\u2603"}
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards" / "board.json").write_text(json.dumps(board, ensure_ascii=False), "utf-8")
    expected = {"Body": '{"widgets": ["at most 5"]}', "Other": "\u2603"}
    assert resolved(tmp_path, include("boards/board.json")) == expected
    whole = tmp_path / "built" / "template.yaml"
    whole.parent.mkdir()
    properties = include("../boards/board.json")
    resources = f"{{Whole: {{Type: T, Properties: {properties}}}}}"
    whole.write_text(f"{{Parameters: {{Limit: {{Type: Number, Default: 5}}}}, Resources: {resources}}}")
    assert dict(read_stack(whole, {}, "eu-west-1").resources["Whole"].properties) == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("!Ref Optional", "no parameter, supported pseudo parameter or resource of the stack is named Optional"),
        ("!Sub '${Nothing.Arn}'", "is named Nothing"),
        ("!Ref Queue", "Ref of Queue, an AWS::SQS::Queue"),
        ("!GetAtt Named.Name", "Fn::GetAtt Name of Named, an AWS::CloudWatch::Alarm, is not supported"),
        ("!GetAtt Named", "Fn::GetAtt is not well formed: 'Named'"),
        ("!Ref Circle", "Resources.Circle.Properties.AlarmName: Ref leads back to itself: 'Circle'"),
        ("!FindInMap [Rates, Middling, Value]", "Mappings have no Rates.Middling.Value"),
        ("!FindInMap [Prices, Fast, Value]", "Mappings have no Prices.Fast.Value"),
        ("!FindInMap [Rates, Fast, Value, {DefaultValue: 1}]", "Fn::FindInMap is not well formed"),
        ("!FindInMap [Rates, Fast]", "Fn::FindInMap is not well formed"),
        ("!Select [3, [a, b, c]]", "Fn::Select is not well formed"),
        ("!Select [-1, [a, b, c]]", "Fn::Select is not well formed"),
        ("!Select [0, abc]", "Fn::Select is not well formed"),
        ("!Join ['', [{a: b}]]", "Fn::Join is not well formed"),
        ("!If [NoSuch, a, b]", "the template has no condition NoSuch"),
        ("{Fn::ToJsonString: !Ref Limit}", "Fn::ToJsonString is not well formed"),
        ("{Fn::Sub: a, other: b}", "Properties.Value: Fn::Sub is not supported"),
        (
            "{Fn::Transform: {Name: Own, Parameters: {Location: template.yaml}}}",
            "the only supported macro is AWS::Include",
        ),
        (include("none.json"), "cannot read the included file"),
        (include("template.yaml"), "template.yaml is not JSON"),
    ],
)
def test_refuses_in_clear_words(tmp_path: Path, value: str, words: str) -> None:
    with pytest.raises(TemplateError) as refused:
        resolved(tmp_path, value)
    assert words in str(refused.value)
    assert str(refused.value).startswith("Resources.")


@pytest.mark.parametrize("resource", ["{}", "[Type]", "{Properties: {}}"])
def test_a_resource_without_a_type_is_named(tmp_path: Path, resource: str) -> None:
    (tmp_path / "template.yaml").write_text(f"Resources: {{A: {resource}}}")
    with pytest.raises(TemplateError, match=r"Resources\.A has no Type"):
        read_stack(tmp_path / "template.yaml", {}, "eu-west-1")


@pytest.mark.parametrize("node", ["text", "[a]", "{Fn::If: [IsWanted, {}, {}]}"])
def test_properties_that_are_no_mapping_are_refused_when_one_is_asked_for(tmp_path: Path, node: str) -> None:
    (tmp_path / "template.yaml").write_text(f"Resources: {{A: {{Type: T, Properties: {node}}}}}")
    properties = read_stack(tmp_path / "template.yaml", {}, "eu-west-1").resources["A"].properties
    with pytest.raises(TemplateError, match=r"^Resources\.A\.Properties"):
        properties.get("Name")


def test_this_repositorys_optional_resources_are_there_if_parameters_ask_for_them() -> None:
    template = REPOSITORY / "template.yaml"
    everything = {**EVERYTHING, "UrlAuthType": "NONE"}
    few, all_of_them = (read_stack(template, overrides, "eu-west-1").resources for overrides in ({}, everything))
    assert all_of_them.keys() == template_as_written()["Resources"].keys()
    assert all_of_them.keys() - few.keys() == {
        "CallerMayInvokeUrl",
        "CallerMayInvokeFunctionThroughUrl",
        "EverybodyMayInvokeUrl",
        "EverybodyMayInvokeFunctionThroughUrl",
        "PageTopic",
        "ProbeAlarm",
        "ProbeFunction",
        "ProbeFunctionRole",
        "ProbeLogGroup",
        "ProbeSchedule",
        "ProbeScheduleRole",
        "TicketTopic",
    }


@pytest.mark.parametrize("overrides", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_this_repositorys_alarms_queries_and_dashboard_are_resolved(overrides: dict[str, str]) -> None:
    resources = read_stack(REPOSITORY / "template.yaml", overrides, "eu-west-1").resources
    observing = ("AWS::CloudWatch::", "AWS::Logs::", "AWS::ApplicationSignals::", "AWS::XRay::")
    read = {name: dict(found.properties) for name, found in resources.items() if found.type.startswith(observing)}
    assert "${" not in json.dumps(read)
    assert read["TtftAlarm"]["Threshold"] == "2000"
    widgets = json.loads(read["StreamingDashboard"]["DashboardBody"])["widgets"]
    alarms = [alarm for widget in widgets if widget["type"] == "alarm" for alarm in widget["properties"]["alarms"]]
    names = {properties["AlarmName"] for properties in read.values() if "AlarmName" in properties}
    assert set(alarms) == {f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{name}" for name in names}
