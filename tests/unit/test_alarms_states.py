"""The alarms at work: sliding periods, minutes of any length, composite alarms, and what does not stop the others."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alarm_calls import ARN, AlarmCalls, composite_alarm, math_alarm, metric_alarm
from cloudwatch_calls import START, expression, stat

BAD, GOOD = 15.0, 5.0


def test_it_begins_without_data_and_is_told_of_changes_only(tmp_path: Path) -> None:
    alarms = AlarmCalls(tmp_path, {"A": metric_alarm()})
    ((_, state),) = alarms.alarms.all()
    assert (state.value, state.reason, state.reason_data) == (
        "INSUFFICIENT_DATA",
        "Unchecked: Initial alarm creation",
        None,
    )
    alarms.put({125: BAD, 185: BAD, 245: GOOD})
    states = [alarms.evaluate(second)["slow"] for second in (60, 120, 180, 240, 300)]
    assert states == ["OK", "OK", "ALARM", "ALARM", "OK"]
    assert [(change.old.value, change.new.value) for change in alarms.told] == [
        ("INSUFFICIENT_DATA", "OK"),
        ("OK", "ALARM"),
        ("ALARM", "OK"),
    ]
    assert [change.new.since for change in alarms.told] == [
        START + timedelta(seconds=second) for second in (60, 180, 300)
    ]
    assert [change.old for change in alarms.told[1:]] == [change.new for change in alarms.told[:-1]]
    assert alarms.alarms.changes() == tuple(alarms.told)


def test_only_whole_minutes_count_and_a_late_value_from_when_it_has_come(tmp_path: Path) -> None:
    alarms = AlarmCalls(tmp_path, {"A": metric_alarm()})
    alarms.put({61: BAD})
    assert [alarms.evaluate(second)["slow"] for second in (60, 119.9, 120)] == ["OK", "OK", "ALARM"]
    alarms.put({119: -100.0})
    assert alarms.evaluate(121)["slow"] == "OK"


@pytest.mark.parametrize("minute_seconds", [1, 7, 60])
def test_periods_slide_by_the_minute(tmp_path: Path, minute_seconds: int) -> None:
    """Five values in five minutes that no multiple of five minutes begins: at no other time are there as many."""
    alarms = AlarmCalls(tmp_path, {"A": metric_alarm(Statistic="Sum", Period=300, Threshold=4.5)}, minute_seconds)
    # Times are whole minutes of this length since 1970.
    begin = -(START.timestamp() % minute_seconds)
    alarms.put({int(begin + (minute + 0.5) * minute_seconds): 1.0 for minute in range(8, 13)})
    states = [alarms.evaluate(begin + minute * minute_seconds + 0.1)["slow"] for minute in range(8, 17)]
    assert states == ["OK"] * 5 + ["ALARM"] + ["OK"] * 3


def test_a_minute_of_another_length_is_one_in_metric_math_too(tmp_path: Path) -> None:
    """PERIOD says what the definition says."""
    queries = [stat("a", period=300, ReturnData=False), expression("e", "a * PERIOD(a)")]
    alarms = AlarmCalls(tmp_path, {"A": math_alarm("m", *queries, Threshold=1000)}, minute_seconds=1)
    alarms.put({1: 1.0, 6: 2.0, 11: 5.0})
    assert alarms.evaluate(10.5)["m"] == "OK"  # 2 times 300
    assert alarms.evaluate(15.5)["m"] == "ALARM"  # 5 times 300
    assert '"period": 300' in (alarms.told[-1].new.reason_data or "")
    assert f"[1500.0 ({START + timedelta(seconds=10):%d/%m/%y %H:%M:%S})]" in alarms.told[-1].new.reason


def test_real_datapoints_from_further_back_stand_in_for_missing_ones(tmp_path: Path) -> None:
    alarms = AlarmCalls(tmp_path, {"A": metric_alarm()})
    alarms.put({59: BAD})
    assert [alarms.evaluate(60 * minute)["slow"] for minute in (1, 2, 3, 4)] == ["ALARM", "ALARM", "ALARM", "OK"]


def test_metric_math(tmp_path: Path) -> None:
    queries = [
        expression("judged", "IF(samples >= 3, latency, 0)"),
        stat("latency", "p50", ReturnData=False),
        stat("samples", "SampleCount", ReturnData=False),
    ]
    alarms = AlarmCalls(tmp_path, {"A": math_alarm("m", *queries)})
    alarms.put([BAD, BAD])
    assert alarms.evaluate(60) == {"m": "OK"}
    assert '"recentDatapoints": [0.0]' in (alarms.told[-1].new.reason_data or "")
    alarms.put([BAD])
    assert alarms.evaluate(61) == {"m": "ALARM"}


@pytest.mark.parametrize("period", [600, 900, 21600])
@pytest.mark.parametrize("minute_seconds", [1, 60])
def test_long_periods_end_with_the_minute_of_the_evaluation(tmp_path: Path, period: int, minute_seconds: int) -> None:
    """One value in one minute is in the latest period for as many minutes as that has."""
    alarms = AlarmCalls(tmp_path, {"A": metric_alarm(Statistic="Sum", Period=period, Threshold=0)}, minute_seconds)
    minutes, begin = period // 60, -(START.timestamp() % minute_seconds)
    alarms.put({int(begin + 0.5 * minute_seconds): 1.0})
    wanted = {0: "OK", 1: "ALARM", minutes - 1: "ALARM", minutes: "ALARM", 3 * minutes: "ALARM", 3 * minutes + 1: "OK"}
    states = {minute: alarms.evaluate(begin + minute * minute_seconds + 0.1)["slow"] for minute in wanted}
    assert states == wanted, "and two periods longer in the place of missing values"
    filled = math_alarm("f", stat("a", period=period, ReturnData=False), expression("e", "FILL(a, 0)"), Threshold=0)
    alarms = AlarmCalls(tmp_path, {"A": filled}, minute_seconds)
    alarms.put({int(begin + 0.5 * minute_seconds): 1.0})
    wanted = {0: "OK", 1: "ALARM", minutes - 1: "ALARM", minutes: "ALARM", minutes + 1: "OK"}
    assert {minute: alarms.evaluate(begin + minute * minute_seconds + 0.1)["f"] for minute in wanted} == wanted


def test_a_metric_that_never_had_a_value_can_be_filled(tmp_path: Path) -> None:
    silent = math_alarm(
        "silent",
        stat("failures", "Average", "NeverPut", period=600, ReturnData=False),
        expression("e", "FILL(failures, 1)"),
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        Threshold=1,
        EvaluationPeriods=2,
    )
    alarms = AlarmCalls(tmp_path, {"A": silent})
    assert alarms.evaluate(60) == {"silent": "ALARM"}
    assert json.loads(alarms.told[-1].new.reason_data or "")["recentDatapoints"] == [1, 1]


def warming(minutes: int, only_after: bool = False, **changes: Any) -> dict[str, Any]:
    configuration = {"WarmUpPeriodDurationInMinutes": minutes, "OnlyStartEvaluatingAfterWarmUpPeriodEnds": only_after}
    return metric_alarm("w", WarmUpConfiguration=configuration, AlarmActions=["arn:a"], **changes)


@pytest.mark.parametrize("minute_seconds", [1, 60])
def test_an_alarm_that_warms_up_says_nothing_and_sets_off_no_composite(tmp_path: Path, minute_seconds: int) -> None:
    silent = warming(10, TreatMissingData="breaching")
    composite = composite_alarm("c", 'ALARM("w")', AlarmActions=["arn:b"])
    alarms = AlarmCalls(tmp_path, {"A": silent, "C": composite}, minute_seconds)
    states = [alarms.evaluate(minute * minute_seconds)["w"] for minute in range(12)]
    assert states == ["INSUFFICIENT_DATA"] * 10 + ["ALARM"] * 2
    told = [(change.alarm.name, change.new.value, change.alarm.actions(change.new.value)) for change in alarms.told]
    assert told == [("c", "OK", []), ("w", "ALARM", ["arn:a"]), ("c", "ALARM", ["arn:b"])]


@pytest.mark.parametrize(("only_after", "first"), [(False, 3), (True, 10)])
def test_data_that_fill_the_window_end_the_warming_up(tmp_path: Path, only_after: bool, first: int) -> None:
    alarms = AlarmCalls(tmp_path, {"A": warming(10, only_after, EvaluationPeriods=2, DatapointsToAlarm=1)})
    alarms.put({60 * minute + 30: BAD for minute in range(1, 12)})
    states = [alarms.evaluate(60 * minute)["w"] for minute in range(12)]
    assert states == ["INSUFFICIENT_DATA"] * first + ["ALARM"] * (12 - first)
    alarms = AlarmCalls(tmp_path, {"A": warming(10, only_after, EvaluationPeriods=2, DatapointsToAlarm=1)})
    alarms.put({60 * minute + 30: BAD for minute in range(1, 4)})
    states = [alarms.evaluate(60 * minute)["w"] for minute in range(9)]
    after = "INSUFFICIENT_DATA" if only_after else "OK"
    assert states[-1] == after, "what has begun goes on: no data are nothing new"


def test_the_warming_up_is_described(tmp_path: Path) -> None:
    alarms = AlarmCalls(tmp_path, {"A": warming(7)})
    (described,) = alarms("DescribeAlarms")["MetricAlarms"]
    assert described["WarmUpConfiguration"]["WarmUpPeriodDurationInMinutes"] == 7


def two_and_a_composite(directory: Path, rule: str) -> AlarmCalls:
    resources = {
        "A": metric_alarm("a", MetricName="A"),
        "B": metric_alarm("b", MetricName="B"),
        "C": composite_alarm("c", rule),
    }
    return AlarmCalls(directory, resources)


def test_a_composite_alarm_follows_its_children(tmp_path: Path) -> None:
    alarms = two_and_a_composite(tmp_path, 'ALARM("a") AND ALARM("b")')
    alarms.put({0: GOOD, 60: BAD, 120: BAD, 180: GOOD}, "A")
    alarms.put({0: GOOD, 60: GOOD, 120: BAD, 180: BAD}, "B")
    found = [alarms.evaluate(60 * minute) for minute in (1, 2, 3, 4)]
    assert [tuple(states.values()) for states in found] == [
        ("OK", "OK", "OK"),
        ("ALARM", "OK", "OK"),
        ("ALARM", "ALARM", "ALARM"),
        ("OK", "ALARM", "OK"),
    ]
    page = [change for change in alarms.told if change.alarm.name == "c"]
    assert page[0].new.reason.startswith(f"{ARN}b transitioned to OK at ")
    triggering = json.loads(page[0].new.reason_data or "")["triggeringAlarms"]
    assert [child["arn"] for child in triggering] == [f"{ARN}a", f"{ARN}b"]
    third = START + timedelta(minutes=3)
    assert page[1].new.reason == f"{ARN}b transitioned to ALARM at {third:%A %d %B, %Y %H:%M:%S} UTC"
    assert page[1].new.reason_data == (
        f'{{"triggeringAlarms": [{{"arn": "{ARN}b", "state": '
        f'{{"value": "ALARM", "timestamp": "{third:%Y-%m-%dT%H:%M:%S}.000+0000"}}}}]}}'
    )


def test_a_composite_alarm_sees_all_that_a_minute_changes_at_once(tmp_path: Path) -> None:
    """One alarm goes off in the minute in which the other one ends: at no time are both on."""
    alarms = two_and_a_composite(tmp_path, 'ALARM("a") AND ALARM("b")')
    alarms.put({0: GOOD, 60: BAD}, "A")
    alarms.put({0: BAD, 60: GOOD}, "B")
    assert [alarms.evaluate(60 * minute)["c"] for minute in (1, 2)] == ["OK", "OK"]
    assert [change.new.value for change in alarms.told if change.alarm.name == "c"] == ["OK"]


def test_the_reason_is_a_child_that_has_the_effect_even_alone(tmp_path: Path) -> None:
    alarms = two_and_a_composite(tmp_path, 'ALARM("a") OR (ALARM("a") AND ALARM("b"))')
    alarms.put({0: GOOD, 60: BAD}, "A")
    alarms.put({0: GOOD, 60: BAD}, "B")
    assert [alarms.evaluate(60 * minute)["c"] for minute in (1, 2)] == ["OK", "ALARM"]
    assert alarms.told[-1].new.reason.startswith(f"{ARN}a transitioned to ALARM at ")


def test_a_composite_alarm_whose_children_have_not_changed(tmp_path: Path) -> None:
    unknown = metric_alarm("a", TreatMissingData="missing")
    alarms = AlarmCalls(tmp_path, {"A": unknown, "C": composite_alarm("c", 'ALARM("a")')})
    assert alarms.evaluate(60) == {"a": "INSUFFICIENT_DATA", "c": "OK"}
    assert alarms.told[0].new.reason == f"{ARN}c was created and its alarm rule evaluates to OK"


def test_an_alarm_that_cannot_be_evaluated_does_not_stop_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alarms = two_and_a_composite(tmp_path, 'ALARM("b")')
    alarms.put([BAD], "A", unit="Seconds")
    alarms.put([BAD], "A", unit="Milliseconds")
    alarms.put([BAD], "B")
    assert alarms.evaluate(60) == {"a": "INSUFFICIENT_DATA", "b": "ALARM", "c": "ALARM"}
    assert "the alarm a could not be evaluated: the sandbox does not support values of several units" in caplog.text
