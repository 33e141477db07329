"""DescribeAlarms and DescribeAlarmHistory, requests and results checked against botocore's model."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alarm_calls import ARN, AlarmCalls, composite_alarm, math_alarm, metric_alarm
from cloudwatch_calls import START, expression, stat

BOTH = ["MetricAlarm", "CompositeAlarm"]


@pytest.fixture
def alarms(tmp_path: Path) -> AlarmCalls:
    """Three alarms; `red` has been OK, then ALARM, then OK, then ALARM again, and the composite one with it."""
    resources = {
        "Red": metric_alarm("red", AlarmActions=["arn:topic"], AlarmDescription="too slow"),
        "Green": math_alarm("green", expression("e", "a * 0"), stat("a", ReturnData=False), Threshold="7"),
        "Page": composite_alarm("page", 'ALARM("red") OR ALARM("green")'),
    }
    alarms = AlarmCalls(tmp_path, resources)
    alarms.put({0: 5.0, 60: 15.0, 120: 5.0, 180: 15.0})
    for minute in (1, 2, 3, 4):
        alarms.evaluate(60 * minute)
    return alarms


def names(answer: dict[str, Any]) -> list[str]:
    return [alarm["AlarmName"] for kind in ("MetricAlarms", "CompositeAlarms") for alarm in answer[kind]]


def test_a_metric_alarm(alarms: AlarmCalls) -> None:
    (alarm,) = alarms("DescribeAlarms", AlarmNames=["red"])["MetricAlarms"]
    reason, data = alarm.pop("StateReason"), alarm.pop("StateReasonData")
    assert "15.0" in reason
    assert json.loads(data)["recentDatapoints"] == [15.0]
    updated = alarm.pop("AlarmConfigurationUpdatedTimestamp")
    assert updated == START
    assert alarm == {
        "AlarmName": "red",
        "AlarmArn": f"{ARN}red",
        "AlarmDescription": "too slow",
        "ActionsEnabled": True,
        "OKActions": [],
        "AlarmActions": ["arn:topic"],
        "InsufficientDataActions": [],
        "StateValue": "ALARM",
        "StateUpdatedTimestamp": START + timedelta(minutes=4),
        "StateTransitionedTimestamp": START + timedelta(minutes=4),
        "Namespace": "N",
        "MetricName": "Latency",
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 10.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }


def test_an_alarm_on_metric_math(alarms: AlarmCalls) -> None:
    (alarm,) = alarms("DescribeAlarms", AlarmNames=["green"])["MetricAlarms"]
    assert alarm["Metrics"] == [expression("e", "a * 0"), stat("a", ReturnData=False)]
    assert (alarm["Threshold"], alarm["StateValue"]) == (7.0, "OK")
    assert "Period" not in alarm


def test_a_composite_alarm(alarms: AlarmCalls) -> None:
    (alarm,) = alarms("DescribeAlarms", AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert (alarm["AlarmName"], alarm["AlarmArn"]) == ("page", f"{ARN}page")
    assert (alarm["AlarmRule"], alarm["StateValue"]) == ('ALARM("red") OR ALARM("green")', "ALARM")


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        ({}, ["green", "red"]),
        ({"AlarmTypes": []}, ["green", "red"]),
        ({"AlarmTypes": ["MetricAlarm"]}, ["green", "red"]),
        ({"AlarmTypes": ["CompositeAlarm"]}, ["page"]),
        ({"AlarmTypes": BOTH}, ["green", "red", "page"]),
        ({"AlarmNames": ["page", "red", "nobody"]}, ["red"]),
        ({"AlarmNames": ["page", "red"], "AlarmTypes": BOTH}, ["red", "page"]),
        ({"AlarmNamePrefix": "r"}, ["red"]),
        ({"AlarmNamePrefix": "ed"}, []),
    ],
)
def test_which_alarms(alarms: AlarmCalls, request_: dict[str, Any], found: list[str]) -> None:
    assert names(alarms("DescribeAlarms", **request_)) == found


def test_the_history(alarms: AlarmCalls) -> None:
    items = alarms("DescribeAlarmHistory", AlarmName="red")["AlarmHistoryItems"]
    assert [(item["Timestamp"], item["HistorySummary"]) for item in items] == [
        (START + timedelta(minutes=4), "Alarm updated from OK to ALARM"),
        (START + timedelta(minutes=3), "Alarm updated from ALARM to OK"),
        (START + timedelta(minutes=2), "Alarm updated from OK to ALARM"),
        (START + timedelta(minutes=1), "Alarm updated from INSUFFICIENT_DATA to OK"),
    ]
    assert {(item["AlarmName"], item["AlarmType"], item["HistoryItemType"]) for item in items} == {
        ("red", "MetricAlarm", "StateUpdate")
    }
    latest, first = (json.loads(items[place]["HistoryData"]) for place in (0, -1))
    assert (latest["version"], latest["oldState"]["stateValue"], latest["newState"]["stateValue"]) == (
        "1.0",
        "OK",
        "ALARM",
    )
    assert latest["newState"]["stateReasonData"]["recentDatapoints"] == [15.0]
    assert "15.0" in latest["newState"]["stateReason"]
    assert first["oldState"] == {
        "stateValue": "INSUFFICIENT_DATA",
        "stateReason": "Unchecked: Initial alarm creation",
    }


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        ({"ScanBy": "TimestampAscending"}, ["red 1", "green 1", "red 2", "red 3", "red 4"]),
        ({"ScanBy": "TimestampDescending"}, ["red 4", "red 3", "red 2", "green 1", "red 1"]),
        ({"HistoryItemType": "StateUpdate", "AlarmName": "green"}, ["green 1"]),
        ({"AlarmName": "page"}, []),
        ({"AlarmTypes": ["CompositeAlarm"]}, ["page 4", "page 3", "page 2", "page 1"]),
        ({"AlarmTypes": BOTH, "StartDate": START + timedelta(minutes=4)}, ["page 4", "red 4"]),
        ({"EndDate": START + timedelta(minutes=1)}, ["green 1", "red 1"]),
        ({"StartDate": START + timedelta(seconds=61), "EndDate": START + timedelta(seconds=179)}, ["red 2"]),
    ],
)
def test_which_part_of_the_history(alarms: AlarmCalls, request_: dict[str, Any], found: list[str]) -> None:
    items = alarms("DescribeAlarmHistory", **request_)["AlarmHistoryItems"]
    assert [f"{item['AlarmName']} {(item['Timestamp'] - START).seconds // 60}" for item in items] == found


@pytest.mark.parametrize(
    ("operation", "request_", "code", "words"),
    [
        ("DescribeAlarms", {"ChildrenOfAlarmName": "page"}, "NotImplementedException", "ChildrenOfAlarmName"),
        ("DescribeAlarms", {"ParentsOfAlarmName": "red"}, "NotImplementedException", "ParentsOfAlarmName"),
        ("DescribeAlarms", {"ActionPrefix": "arn"}, "NotImplementedException", "ActionPrefix"),
        ("DescribeAlarms", {"AlarmTypes": ["LogAlarm"]}, "NotImplementedException", "the alarm type LogAlarm"),
        ("DescribeAlarms", {"AlarmNames": ["a"], "AlarmNamePrefix": "a"}, "ValidationError", "exclude each other"),
        ("DescribeAlarms", {"StateValue": "OK"}, "NotImplementedException", "StateValue in DescribeAlarms"),
        ("DescribeAlarms", {"MaxRecords": 1}, "NotImplementedException", "MaxRecords in DescribeAlarms"),
        ("DescribeAlarms", {"NextToken": "x"}, "NotImplementedException", "NextToken in DescribeAlarms"),
        ("DescribeAlarmHistory", {"MaxRecords": 1}, "NotImplementedException", "MaxRecords in DescribeAlarmHistory"),
        ("DescribeAlarmHistory", {"AlarmContributorId": "a" * 16}, "NotImplementedException", "AlarmContributorId"),
        ("DescribeAlarmHistory", {"HistoryItemType": "Action"}, "NotImplementedException", "HistoryItemType Action"),
        ("DescribeAlarmHistory", {"ScanBy": "Name"}, "ValidationError", "ScanBy must be one of TimestampDescending"),
        ("DescribeAlarmHistory", {"AlarmTypes": ["LogAlarm"]}, "NotImplementedException", "the alarm type LogAlarm"),
    ],
)
def test_what_is_refused(alarms: AlarmCalls, operation: str, request_: dict[str, Any], code: str, words: str) -> None:
    refused, message = alarms.refusal(operation, **request_)
    assert (refused, words in message) == (code, True)
