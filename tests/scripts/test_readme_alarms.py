"""What the README says of dashboard, alarms and their price, against the template; an alarm is made to go off."""

import re
import time
from pathlib import Path

from readme import ALARM_FAULT, ALARM_SANDBOX, in_the_foreground, section, shell
from tools import REPOSITORY, template_as_written

TEMPLATE = template_as_written()


def test_the_alarm_goes_off_and_comes_back(tmp_path: Path) -> None:
    with in_the_foreground(ALARM_SANDBOX, tmp_path / "log"):
        done = shell(ALARM_FAULT)
        assert "0 of 250 runs completed" in done.stdout, done.stderr
        until = time.monotonic() + 60
        while "alarm firstbyte-page: ALARM -> OK" not in (log := (tmp_path / "log").read_text()):
            assert time.monotonic() < until, log
            time.sleep(0.2)
    for alarm in ("page", "model-errors"):
        assert re.findall(rf"alarm firstbyte-{alarm}: \w+ -> (\w+)", log) == ["ALARM", "OK"]


def test_the_alarms_are_those_of_the_template() -> None:
    alarms = {
        alarm["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("${AWS::StackName}-"): alarm["Properties"]
        for alarm in TEMPLATE["Resources"].values()
        if alarm["Type"] in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    }
    rows = dict(
        re.findall(r"^\| `([a-z-]+)` \| .*? \| ([^|]*) \|$", section("## The dashboard and the alarms"), re.MULTILINE)
    )
    assert rows.keys() == alarms.keys()
    for name, threshold in rows.items():
        match alarms[name].get("Threshold"):
            case {"Ref": parameter}:
                assert threshold == f"`{parameter}` ({TEMPLATE['Parameters'][parameter]['Default']})", name
            case {"Fn::FindInMap": [mapping, key, value]}:
                assert threshold == TEMPLATE["Mappings"][mapping][key][value], name
            case None:
                assert name == "page"


def test_the_parameters_are_those_of_the_template() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.+) \|$", section("### Parameters"), re.MULTILINE)
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    declared = [(name, TEMPLATE["Parameters"][name]) for group in groups for name in group["Parameters"]]
    assert {name for name, _ in declared} == TEMPLATE["Parameters"].keys()
    assert rows == [
        (name, f"`{one['Default']}`" if str(one["Default"]) else "", " ".join(one["Description"].split()))
        for name, one in declared
    ]


def test_the_rows_of_the_dashboard_are_those_that_it_has() -> None:
    dashboard = (REPOSITORY / "dashboards/streaming.json").read_text()
    rows = re.findall(r"^\| ([^|`]+\?) \|", section("## The dashboard and the alarms"), re.MULTILINE)
    assert rows == re.findall(r"## ([^?]+\?)", dashboard)


def test_what_is_paid_for_is_counted() -> None:
    from firstbyte.catalogue import CLIENT_METRICS, METRICS

    table = section("## On AWS")
    resources = TEMPLATE["Resources"].values()
    unconditional = [resource for resource in resources if "Condition" not in resource]
    alarms = [resource["Properties"] for resource in unconditional if resource["Type"] == "AWS::CloudWatch::Alarm"]
    in_alarms = sum("MetricStat" in query for alarm in alarms for query in alarm["Metrics"])
    composites = sum(resource["Type"] == "AWS::CloudWatch::CompositeAlarm" for resource in unconditional)
    count = len(METRICS)
    assert f"at most {count} of the service and {count} of each model, 0.30 each | {2 * count * 0.30:.2f} with" in table
    assert composites == 1
    assert f"{in_alarms} metrics in them, 0.10 each, and one composite, 0.50 | {in_alarms * 0.1 + 0.5:.2f} |" in table
    assert f"An expected probe adds {2 * len(CLIENT_METRICS)} metrics and an alarm" in table
