"""The evaluation of metric alarms, the documentation's tables first: 0 is good, X breaches, - is missing."""

import json
from pathlib import Path
from typing import Any

import pytest

from alarm_calls import metric_alarm, read_alarms
from cloudwatch_calls import START, START_MS
from sandbox.cloudwatch.alarms.definitions import MetricAlarm
from sandbox.cloudwatch.alarms.evaluation import Finding, evaluate, evaluation_range

VALUES = {"0": 5.0, "X": 15.0, "-": None}
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
# No state, so that it shows where the state stays what it was.
LAST = "as it was"
UNKNOWN = "INSUFFICIENT_DATA"


def finding(directory: Path, pattern: str, **properties: Any) -> Finding:
    (alarm,) = read_alarms(directory, {"A": metric_alarm(**properties)})
    assert isinstance(alarm, MetricAlarm)
    points = [(START_MS + 60_000 * place, VALUES[sign]) for place, sign in enumerate(pattern.split())]
    assert len(points) == evaluation_range(alarm)
    return evaluate(alarm, points, LAST, START)


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize(
    ("datapoints_to_alarm", "pattern", "states"),
    [
        # the first table of "Configuring how CloudWatch alarms treat missing data"
        (3, "0 - X - X", ("OK", "OK", "OK", "OK")),
        (3, "0 - - - -", ("OK", "OK", "OK", "OK")),
        (3, "- - - - -", (UNKNOWN, LAST, "ALARM", "OK")),
        (3, "0 X X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (3, "- - X - -", ("ALARM", LAST, "ALARM", "OK")),
        # the second one
        (2, "0 - X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "0 0 X 0 X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "0 - X - -", ("OK", "OK", "ALARM", "OK")),
        (2, "- - - - 0", ("OK", "OK", "ALARM", "OK")),
        (2, "- - - X -", ("ALARM", LAST, "ALARM", "OK")),
        # its text: no alarm while the next datapoint can still be good; the state then is this sandbox's choice
        (3, "- - - - X", ("OK", LAST, "ALARM", "OK")),
        (3, "- - - X -", ("OK", LAST, "ALARM", "OK")),
        (3, "- - - X 0", ("OK", "OK", "OK", "OK")),
        # enough real datapoints: older ones don't count
        (3, "X X 0 X X", ("OK", "OK", "OK", "OK")),
        (3, "0 0 X X X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "X X 0 0 X", ("OK", "OK", "OK", "OK")),
        # enough breaching ones, whatever is missing
        (2, "- X - - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
    ],
)
def test_states(
    tmp_path: Path, datapoints_to_alarm: int, pattern: str, states: tuple[str, ...], treatment: str
) -> None:
    found = finding(
        tmp_path,
        pattern,
        EvaluationPeriods=3,
        DatapointsToAlarm=datapoints_to_alarm,
        TreatMissingData=treatment,
    )
    assert found.state == states[TREATMENTS.index(treatment)]


def test_without_more_all_datapoints_must_breach_and_missing_ones_are_missing(tmp_path: Path) -> None:
    properties = {"EvaluationPeriods": 3, "TreatMissingData": None}
    assert finding(tmp_path, "0 0 0 X X", **properties).state == "OK"
    assert finding(tmp_path, "0 0 X X X", **properties).state == "ALARM"
    assert finding(tmp_path, "- - - - -", **properties).state == UNKNOWN


@pytest.mark.parametrize(
    ("comparison", "below", "equal", "above"),
    [
        ("GreaterThanThreshold", "OK", "OK", "ALARM"),
        ("GreaterThanOrEqualToThreshold", "OK", "ALARM", "ALARM"),
        ("LessThanThreshold", "ALARM", "OK", "OK"),
        ("LessThanOrEqualToThreshold", "ALARM", "ALARM", "OK"),
    ],
)
def test_comparisons(tmp_path: Path, comparison: str, below: str, equal: str, above: str) -> None:
    states = [
        finding(tmp_path, "- - X", ComparisonOperator=comparison, Threshold=threshold).state
        for threshold in ("15.5", "15", "14.5")
    ]
    assert states == [below, equal, above]


@pytest.mark.parametrize(
    ("pattern", "treatment", "reason"),
    [
        ("- X 0 X -", "notBreaching", "2 out of the last 3 datapoints [15.0 ({3}), 15.0 ({1})] were greater than"),
        ("0 0 X 0 0", "notBreaching", "2 out of the last 3 datapoints [5.0 ({4}), 5.0 ({3})] were not greater than"),
        ("- - - - 0", "breaching", "2 missing datapoints were treated as [Breaching]."),
        (
            "- - - 0 0",
            "notBreaching",
            "] were not greater than the threshold (10.0) and 1 missing datapoint was",
        ),
        ("- - - - -", "missing", "Insufficient Data: 3 datapoints were unknown."),
    ],
)
def test_reasons(tmp_path: Path, pattern: str, treatment: str, reason: str) -> None:
    minutes = [f"{START:%d/%m/%y %H}:{minute:02}:00" for minute in range(5)]
    properties = {"EvaluationPeriods": 3, "DatapointsToAlarm": 2, "TreatMissingData": treatment}
    assert reason.format(*minutes) in finding(tmp_path, pattern, **properties).reason


def test_the_reason_as_data(tmp_path: Path) -> None:
    data = json.loads(finding(tmp_path, "X 0 - X -", EvaluationPeriods=3, DatapointsToAlarm=1).reason_data)
    minutes = [f"{START:%Y-%m-%dT%H}:{minute:02}:00.000+0000" for minute in range(5)]
    assert data == {
        "version": "1.0",
        "queryDate": minutes[0],
        "startDate": minutes[0],
        "period": 60,
        "recentDatapoints": [15.0, 5.0, 15.0],
        "threshold": 10.0,
        "evaluatedDatapoints": [
            {"timestamp": minutes[3], "value": 15.0},
            {"timestamp": minutes[1], "value": 5.0},
            {"timestamp": minutes[0], "value": 15.0},
        ],
    }
    assert "startDate" not in json.loads(finding(tmp_path, "- - -").reason_data)
