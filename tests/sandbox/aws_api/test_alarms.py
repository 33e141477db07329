"""The alarms of a running sandbox: asked for with the real boto3 in both protocols, and seen in the terminal."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from alarm_calls import composite_alarm, metric_alarm
from recorded import until
from sandbox_client import aws_client, write_stack
from sandbox_process import RunningSandbox, StartSandbox
from tools import REPOSITORY

TOPIC = "arn:aws:sns:us-east-1:123456789012:pager"


def stack_with(directory: Path, resources: Mapping[str, Any]) -> Path:
    """A template with a function and these resources."""
    path = write_stack(directory, "def handler(event, context): ...\n", {})
    template = json.loads(path.read_text())
    template["Resources"] |= resources
    path.write_text(json.dumps(template))
    return path


@pytest.fixture(scope="module")
def running(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> RunningSandbox:
    """A sandbox in which alarms count a second as a minute; one value of N/Latency above 10 sets all of them off."""
    resources = {
        "Slow": metric_alarm("slow", Dimensions=[{"Name": "service", "Value": "x"}]),
        "Page": composite_alarm("page", 'ALARM("slow")', AlarmActions=[TOPIC], OKActions=["arn:ok"]),
        "Muted": composite_alarm("muted", 'ALARM("slow")', AlarmActions=["arn:muted"], ActionsEnabled=False),
    }
    template = stack_with(tmp_path_factory.mktemp("alarms"), resources)
    return start_sandbox("--template", str(template), "--alarm-minute", "1")


@pytest.fixture(scope="module")
def states(running: RunningSandbox) -> dict[str, list[str]]:
    """The states that the alarms have had, after bad values and enough time without any."""
    cloudwatch = aws_client(running.ready, "cloudwatch")

    def found() -> dict[str, list[str]]:
        pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
            AlarmTypes=["MetricAlarm", "CompositeAlarm"], ScanBy="TimestampAscending"
        )
        states: dict[str, list[str]] = {}
        for item in (item for page in pages for item in page["AlarmHistoryItems"]):
            data = json.loads(item["HistoryData"])
            states.setdefault(item["AlarmName"], [data["oldState"]["stateValue"]]).append(
                data["newState"]["stateValue"]
            )
        return states

    def found_after_a_bad_value() -> dict[str, list[str]]:
        datum = {"MetricName": "Latency", "Value": 15.0, "Dimensions": [{"Name": "service", "Value": "x"}]}
        cloudwatch.put_metric_data(Namespace="N", MetricData=[datum])
        return found()

    until(found, lambda states: len(states) == 3)
    until(found_after_a_bad_value, lambda states: "ALARM" in states["muted"])
    return until(found, lambda states: all(len(of_one) >= 4 for of_one in states.values()))


def test_alarms_go_off_and_are_over(states: dict[str, list[str]]) -> None:
    assert states == {name: ["INSUFFICIENT_DATA", "OK", "ALARM", "OK"] for name in ("slow", "page", "muted")}


def test_both_protocols_tell_the_same(
    running: RunningSandbox, states: dict[str, list[str]], session: boto3.Session
) -> None:
    cloudwatch = aws_client(running.ready, "cloudwatch", session)
    found = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    (slow,) = found["MetricAlarms"]
    arn = f"arn:aws:cloudwatch:{running.ready['region']}:123456789012:alarm:"
    assert (slow["AlarmArn"], slow["StateValue"], slow["Threshold"]) == (f"{arn}slow", "OK", 10.0)
    assert (slow["Period"], slow["Dimensions"]) == (60, [{"Name": "service", "Value": "x"}])
    assert slow["StateUpdatedTimestamp"] >= slow["AlarmConfigurationUpdatedTimestamp"]
    muted, page = found["CompositeAlarms"]
    assert (muted["AlarmName"], muted["ActionsEnabled"]) == ("muted", False)
    assert (page["AlarmRule"], page["AlarmActions"], page["ActionsEnabled"]) == ('ALARM("slow")', [TOPIC], True)
    history = cloudwatch.describe_alarm_history(AlarmName="slow")["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in history][:2] == [
        "Alarm updated from ALARM to OK",
        "Alarm updated from OK to ALARM",
    ]


def test_the_terminal_shows_alarms_that_go_off_and_end_and_who_would_be_notified(
    running: RunningSandbox, states: dict[str, list[str]]
) -> None:
    lines = [line for line in running.log().splitlines() if " alarm " in line]
    (slow,) = (line for line in lines if "alarm slow: OK -> ALARM: " in line)
    assert "1 out of the last 1 datapoints [15.0 (" in slow
    assert "greater than the threshold (10.0)" in slow
    assert "notify" not in slow
    (page,) = (line for line in lines if "alarm page: OK -> ALARM: " in line)
    assert page.endswith(f"; would notify {TOPIC}")
    (over,) = (line for line in lines if "alarm page: ALARM -> OK: " in line)
    assert over.endswith("; would notify arn:ok")
    (muted,) = (line for line in lines if "alarm muted: OK -> ALARM: " in line)
    assert "notify" not in muted
    assert "\x1b" not in running.log()
    assert not [line for line in lines if "INSUFFICIENT_DATA" in line]


def test_ending_in_the_midst_of_it_breaks_nothing(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    many = {f"A{number}": metric_alarm(f"a{number}", TreatMissingData="breaching") for number in range(50)}
    running = start_sandbox("--template", str(stack_with(tmp_path, many)), "--alarm-minute", "1")
    until(lambda: "alarm a0:" in running.log())
    running.stop()
    assert "could not be evaluated" not in running.log()
    assert "Traceback" not in running.log()


def test_a_template_without_alarms_has_none(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start_sandbox("--template", str(stack_with(tmp_path, {})))
    found = aws_client(running.ready, "cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert (found["MetricAlarms"], found["CompositeAlarms"]) == ([], [])


@pytest.mark.parametrize(
    ("resource", "flags", "code", "words"),
    [
        (metric_alarm(ThresholdMetricId="x"), [], 1, "Alarm.ThresholdMetricId: the sandbox's alarms do not support"),
        (metric_alarm(Statistic="Mean"), [], 1, "Alarm: Statistic must be one of SampleCount, Average"),
        (composite_alarm("page", 'ALARM("nobody")'), [], 1, "Alarm.AlarmRule: there is no metric alarm 'nobody'"),
        (metric_alarm(), ["--alarm-minute", "0"], 2, "--alarm-minute must be from 1 to 60 seconds"),
        (metric_alarm(), ["--alarm-minute", "61"], 2, "--alarm-minute must be from 1 to 60 seconds"),
    ],
)
def test_a_sandbox_that_cannot_evaluate_its_alarms_does_not_start(
    tmp_path: Path, resource: Mapping[str, Any], flags: list[str], code: int, words: str
) -> None:
    template, ready = stack_with(tmp_path, {"Alarm": resource}), tmp_path / "ready.json"
    ended = subprocess.run(
        [sys.executable, "-m", "sandbox", "--template", str(template), "--ready-file", str(ready), *flags],
        env={"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (code, "")
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not ready.exists()


def test_the_help_says_what_a_minute_is() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "sandbox", "--help"],
        env={"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "--alarm-minute SECONDS" in ended.stdout
    assert "scripts/sandbox.sh --alarm-minute 1" in ended.stdout
