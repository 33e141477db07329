"""Alarms as templates define them, on metrics that a test puts and at times that it names."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloudwatch_calls import START, START_MS, CloudWatch
from sandbox.cloudwatch.alarms import api
from sandbox.cloudwatch.alarms.alarms import Alarms, Change
from sandbox.cloudwatch.alarms.definitions import CompositeAlarm, MetricAlarm, definitions
from template.resources import read_stack

REGION = "eu-north-1"
ARN = f"arn:aws:cloudwatch:{REGION}:123456789012:alarm:"
Resources = Mapping[str, Mapping[str, Any]]


def metric_alarm(alarm_name: str = "slow", **changes: Any) -> dict[str, Any]:
    """A resource: an alarm on the average of N/Latency above 10 in a minute; a change to None leaves a property out."""
    properties = {
        "AlarmName": alarm_name,
        "Namespace": "N",
        "MetricName": "Latency",
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 10,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        **changes,
    }
    given = {name: value for name, value in properties.items() if value is not None}
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": given}


def math_alarm(name: str = "math", *queries: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A resource: the alarm, on what queries return."""
    of_one_metric = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    return metric_alarm(name, **of_one_metric, Metrics=list(queries), **changes)


def composite_alarm(name: str, rule: str, **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudWatch::CompositeAlarm",
        "Properties": {"AlarmName": name, "AlarmRule": rule, **properties},
    }


def read_alarms(directory: Path, resources: Resources) -> list[MetricAlarm | CompositeAlarm]:
    """The alarms of a template with these resources."""
    path = directory / "template.json"
    path.write_text(json.dumps({"Resources": resources}))
    return definitions(read_stack(path, {}, REGION).resources, REGION)


class AlarmCalls(CloudWatch):
    """The operations on the alarms of a template; `alarms("DescribeAlarms")`. Times are seconds after START."""

    def __init__(self, directory: Path, resources: Resources, minute_seconds: int = 60) -> None:
        super().__init__()
        self.told: list[Change] = []
        self.alarms = Alarms(read_alarms(directory, resources), self.metrics, minute_seconds, self.told.append)
        self.alarms.created = START
        self._operations = api.operations(self.alarms)

    def evaluate(self, second: float) -> dict[str, str]:
        """The states by the alarms' names after an evaluation at a time."""
        self.alarms.evaluate(START_MS + int(second * 1000))
        return {alarm.name: state.value for alarm, state in self.alarms.all()}
