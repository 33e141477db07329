"""The alarms that templates define: what is read of them, and what is refused by name."""

import re
from pathlib import Path
from typing import Any

import pytest

from alarm_calls import ARN, Resources, composite_alarm, math_alarm, metric_alarm, read_alarms
from cloudwatch_calls import expression, stat
from sandbox.cloudwatch.alarms.alarms import Alarms
from sandbox.cloudwatch.alarms.definitions import CompositeAlarm, MetricAlarm
from sandbox.cloudwatch.metrics import Metrics
from sandbox.store import Store
from template.errors import TemplateError

HIDDEN: dict[str, Any] = {"ReturnData": False}


def read_metric_alarm(directory: Path, resource: dict[str, Any]) -> MetricAlarm:
    (alarm,) = read_alarms(directory, {"A": resource})
    assert isinstance(alarm, MetricAlarm)
    return alarm


def test_one_metric(tmp_path: Path) -> None:
    dimensions = [{"Name": "service", "Value": "firstbyte"}]
    alarm = read_metric_alarm(
        tmp_path, metric_alarm(Dimensions=dimensions, Unit="Milliseconds", DatapointsToAlarm=1, EvaluationPeriods=3)
    )
    metric = {"Namespace": "N", "MetricName": "Latency", "Dimensions": dimensions}
    assert [query["MetricStat"] for query in alarm.queries] == [
        {"Metric": metric, "Period": 60, "Stat": "Average", "Unit": "Milliseconds"}
    ]
    assert (alarm.period, alarm.evaluation_periods, alarm.datapoints_to_alarm) == (60, 3, 1)
    assert (alarm.threshold, alarm.comparison, alarm.treatment) == (10.0, "GreaterThanThreshold", "notBreaching")


def test_a_percentile_and_what_is_so_unless_said(tmp_path: Path) -> None:
    alarm = read_metric_alarm(
        tmp_path,
        metric_alarm(Statistic=None, ExtendedStatistic="p95", TreatMissingData=None, EvaluationPeriods=2),
    )
    assert alarm.queries[0]["MetricStat"]["Stat"] == "p95"
    assert (alarm.datapoints_to_alarm, alarm.treatment) == (2, "missing")


def test_texts_that_are_numbers(tmp_path: Path) -> None:
    queries = [expression("judged", "IF(a > 1, a, 0)"), {**stat("a", period=300), "ReturnData": "false"}]
    queries[1]["MetricStat"]["Period"] = "300"
    alarm = read_metric_alarm(tmp_path, math_alarm("m", *queries, Threshold="2000", EvaluationPeriods="3"))
    assert (alarm.threshold, alarm.evaluation_periods, alarm.period) == (2000.0, 3, 300)
    assert alarm.queries[1]["ReturnData"] is False
    assert alarm.queries[1]["MetricStat"]["Period"] == 300


def test_actions_are_by_state_and_can_be_disabled(tmp_path: Path) -> None:
    actions: dict[str, Any] = {
        "AlarmActions": ["arn:a"],
        "OKActions": ["arn:b", "arn:c"],
        "InsufficientDataActions": ["arn:d"],
    }
    alarm = read_metric_alarm(tmp_path, metric_alarm(**actions))
    assert {state: list(alarm.actions(state)) for state in ("ALARM", "OK", "INSUFFICIENT_DATA")} == {
        "ALARM": ["arn:a"],
        "OK": ["arn:b", "arn:c"],
        "INSUFFICIENT_DATA": ["arn:d"],
    }
    disabled = read_metric_alarm(tmp_path, metric_alarm(**actions, ActionsEnabled="false"))
    assert [list(disabled.actions(state)) for state in ("ALARM", "OK", "INSUFFICIENT_DATA")] == [[], [], []]


def test_composite_alarms_come_behind_what_they_are_made_of(tmp_path: Path) -> None:
    alarms = read_alarms(
        tmp_path,
        {
            "Top": composite_alarm("top", f'ALARM("middle") OR ALARM("{ARN}slow")'),
            "Middle": composite_alarm("middle", "OK(low) AND NOT ALARM(slow)"),
            "Low": composite_alarm("low", "ALARM(slow)"),
            "Slow": metric_alarm("slow"),
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"Unheard": "of"}},
        },
    )
    assert [alarm.name for alarm in alarms] == ["slow", "low", "middle", "top"]
    top = alarms[-1]
    assert isinstance(top, CompositeAlarm)
    assert top.rule.children == {"middle", "slow"}


@pytest.mark.parametrize(
    ("resource", "problem"),
    [
        (metric_alarm(ThresholdMetricId="band"), "A.ThresholdMetricId: the sandbox's alarms do not support"),
        (metric_alarm(EvaluateLowSampleCountPercentile="ignore"), "A.EvaluateLowSampleCountPercentile: the sandbox's"),
        (metric_alarm(EvaluationWindow={"SlidingWindow": {}}), "A.EvaluationWindow: the sandbox's"),
        (metric_alarm(EvaluationCriteria={}), "A.EvaluationCriteria: the sandbox's"),
        (metric_alarm(ComparisonOperator="LessThanLowerThreshold"), "do not support 'LessThanLowerThreshold'"),
        (math_alarm("m", stat("a", AccountId="1")), "A.Metrics[0].AccountId: the sandbox's"),
        (math_alarm("m", stat("a", period=30)), "a multiple of 60; there is 30"),
        (metric_alarm(Period=10), "a multiple of 60; there is 10"),
        (composite_alarm("c", "TRUE", ActionsSuppressor="x"), "A.ActionsSuppressor: the sandbox's"),
        (metric_alarm(AlarmName=None), "A.AlarmName is missing"),
        (metric_alarm(EvaluationPeriods=None), "A.EvaluationPeriods is missing"),
        (metric_alarm(Threshold=None), "A.Threshold is missing"),
        (metric_alarm(ComparisonOperator=None), "A.ComparisonOperator is missing"),
        (metric_alarm(Dimensions=[{"Name": "service"}]), "A.Dimensions[0].Value is missing"),
        (math_alarm("m", {"Expression": "1"}), "A.Metrics[0].Id is missing"),
        (math_alarm("m", {"Id": "a", "MetricStat": {"Stat": "Sum"}}), "A.Metrics[0].MetricStat.Metric is missing"),
        (metric_alarm(Threshold="high"), "A.Threshold: 'high' is no number"),
        (metric_alarm(EvaluationPeriods=1.5), "A.EvaluationPeriods: 1.5 is no whole number"),
        (metric_alarm(ActionsEnabled="maybe"), "A.ActionsEnabled: 'maybe' is no truth value"),
        (metric_alarm(AlarmActions="arn:a"), "A.AlarmActions: 'arn:a' is no such structure"),
        (metric_alarm(AlarmDescription=["a"]), "A.AlarmDescription: ['a'] is no text"),
        (metric_alarm(TreatMissingData="good"), "A.TreatMissingData must be one of missing, ignore"),
        (metric_alarm(DatapointsToAlarm=2), "from 1 to EvaluationPeriods, 1,"),
        (metric_alarm(DatapointsToAlarm=0), "from 1 to EvaluationPeriods, 1,"),
        (metric_alarm(Period=None), "a multiple of 60; there is 0"),
        (metric_alarm(Period=0), "a multiple of 60; there is 0"),
        (metric_alarm(Statistic=None), "A needs either Metrics, a Statistic or an ExtendedStatistic"),
        (metric_alarm(ExtendedStatistic="p95"), "A needs either Metrics, a Statistic or an ExtendedStatistic"),
        (metric_alarm(Metrics=[stat("a")]), "A.Namespace belongs to an alarm without Metrics"),
        (math_alarm("m", stat("a"), stat("b")), "A.Metrics: exactly one must return data"),
        (math_alarm("m", stat("a", **HIDDEN)), "A.Metrics: exactly one must return data"),
        (math_alarm("m", expression("e", "TIME_SERIES(1)", Period=60)), "one Period for all"),
        (math_alarm("m", stat("a"), stat("b", period=300, **HIDDEN)), "there is 60, 300"),
        (
            math_alarm("m", stat("a"), *(stat(f"a{number}", **HIDDEN) for number in range(10))),
            "an alarm can have 10 metrics at most",
        ),
        (
            math_alarm("m", expression("e", "SUM(SEARCH('{N}', 'Sum', 60))"), stat("a", **HIDDEN)),
            "an alarm cannot have a SEARCH",
        ),
        (composite_alarm("c", "ALARM(nobody)"), "A.AlarmRule: there is no alarm nobody"),
        (composite_alarm("c", "ALARM(c) OR TRUE"), "need each other's states: c -> c"),
        (composite_alarm("c", "AT_LEAST(1, ALARM, (a))"), "A.AlarmRule: syntax error at character 1"),
    ],
)
def test_what_is_refused(tmp_path: Path, resource: dict[str, Any], problem: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(problem)):
        read_alarms(tmp_path, {"A": resource})


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        ({"A": metric_alarm("x"), "B": composite_alarm("x", "TRUE")}, "B.AlarmName: A is called 'x', too"),
        ({"A": composite_alarm("a", "OK(b)"), "B": composite_alarm("b", "OK(a)")}, "need each other's states"),
    ],
)
def test_what_is_refused_of_several(tmp_path: Path, resources: Resources, problem: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(problem)):
        read_alarms(tmp_path, resources)


@pytest.mark.parametrize(
    ("queries", "problem"),
    [
        (["ANOMALY_DETECTION_BAND(a, 2)"], "alarm m: the sandbox does not support the metric math function ANOMALY"),
        (["SELECT AVG(Latency) FROM N"], "alarm m: the sandbox does not support Metrics Insights"),
        (["a +"], "alarm m: Error in expression 'a +': syntax error"),
        (["b"], "alarm m: there is no query with the Id b"),
        (["5"], "alarm m: e is a number and no time series"),
        (["[a, a]"], "alarm m has to watch one time series, not 2"),
        (["IF(a > 1, a, 0)"], ""),
    ],
)
def test_expressions_are_checked_before_anything_is_measured(tmp_path: Path, queries: list[str], problem: str) -> None:
    resource = math_alarm("m", stat("a", **HIDDEN), *(expression("e", query) for query in queries))
    alarms = read_alarms(tmp_path, {"A": resource})
    if not problem:
        assert Alarms(alarms, Metrics(Store()), 60, print).all()
        return
    with pytest.raises(TemplateError, match=re.escape(problem)):
        Alarms(alarms, Metrics(Store()), 60, print)


def test_a_statistic_that_does_not_exist(tmp_path: Path) -> None:
    alarms = read_alarms(tmp_path, {"A": metric_alarm(Statistic="Mean")})
    with pytest.raises(TemplateError, match="alarm slow: The value 'Mean' is not a statistic"):
        Alarms(alarms, Metrics(Store()), 60, print)
