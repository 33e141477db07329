"""The alarms that templates define: what is read of them, and what is refused by name."""

import re
from pathlib import Path
from typing import Any

import pytest

from alarm_calls import composite_alarm, math_alarm, metric_alarm, read_alarms
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
    alarm = read_metric_alarm(tmp_path, metric_alarm(Dimensions=dimensions, DatapointsToAlarm=1, EvaluationPeriods=3))
    metric = {"Namespace": "N", "MetricName": "Latency", "Dimensions": dimensions}
    assert [query["MetricStat"] for query in alarm.queries] == [{"Metric": metric, "Period": 60, "Stat": "Average"}]
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


def test_how_long_an_alarm_warms_up(tmp_path: Path) -> None:
    whole = {"WarmUpPeriodDurationInMinutes": "15", "OnlyStartEvaluatingAfterWarmUpPeriodEnds": "true"}
    alarm = read_metric_alarm(tmp_path, metric_alarm(WarmUpConfiguration=whole))
    assert (alarm.warm_up_minutes, alarm.warms_up_whole) == (15, True)
    alarm = read_metric_alarm(tmp_path, metric_alarm(WarmUpConfiguration={"WarmUpPeriodDurationInMinutes": 1}))
    assert (alarm.warm_up_minutes, alarm.warms_up_whole) == (1, False)
    alarm = read_metric_alarm(tmp_path, metric_alarm())
    assert (alarm.warm_up_minutes, alarm.warms_up_whole) == (0, False)


@pytest.mark.parametrize("given", [{}, {"WarmUpPeriodDurationInMinutes": 0}, {"WarmUpPeriodDurationInMinutes": 2881}])
def test_a_warming_up_that_cannot_be_is_refused(tmp_path: Path, given: dict[str, int]) -> None:
    with pytest.raises(TemplateError, match=r"A: .*WarmUp"):
        read_alarms(tmp_path, {"A": metric_alarm(WarmUpConfiguration=given)})


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


def test_composite_alarms_come_last(tmp_path: Path) -> None:
    alarms = read_alarms(
        tmp_path,
        {
            "Page": composite_alarm("page", 'ALARM("slow") OR ALARM("down")'),
            "Slow": metric_alarm("slow"),
            "Down": metric_alarm("down"),
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"Unheard": "of"}},
        },
    )
    assert [alarm.name for alarm in alarms] == ["slow", "down", "page"]
    page = alarms[-1]
    assert isinstance(page, CompositeAlarm)
    assert page.rule.children == {"slow", "down"}


@pytest.mark.parametrize(
    ("resource", "problem"),
    [
        (metric_alarm(ThresholdMetricId="band"), "A.ThresholdMetricId: the sandbox's alarms do not support"),
        (metric_alarm(EvaluateLowSampleCountPercentile="ignore"), "A.EvaluateLowSampleCountPercentile: the sandbox's"),
        (metric_alarm(EvaluationWindow={"SlidingWindow": {}}), "A.EvaluationWindow: the sandbox's"),
        (metric_alarm(EvaluationCriteria={}), "A.EvaluationCriteria: the sandbox's"),
        (metric_alarm(Unit="Seconds"), "A.Unit: the sandbox's"),
        (metric_alarm(Tags=[]), "A.Tags: the sandbox's"),
        (composite_alarm("c", 'ALARM("a")', ActionsSuppressor="x"), "A.ActionsSuppressor: the sandbox's"),
        (metric_alarm(ComparisonOperator="LessThanLowerThreshold"), "do not support 'LessThanLowerThreshold'"),
        (metric_alarm(ComparisonOperator="MoreThanThreshold"), "A: ComparisonOperator must be one of Greater"),
        (metric_alarm(Statistic="Mean"), "A: Statistic must be one of SampleCount, Average"),
        (metric_alarm(AlarmName="a" * 256), "A: AlarmName is longer or greater than 255"),
        (metric_alarm(Namespace=":N"), "A: Namespace must match"),
        (metric_alarm(AlarmName=None), 'A: Missing required parameter in input: "AlarmName"'),
        (metric_alarm(EvaluationPeriods=None), "A.EvaluationPeriods is missing"),
        (metric_alarm(Threshold=None), "A.Threshold is missing"),
        (metric_alarm(ComparisonOperator=None), "A.ComparisonOperator is missing"),
        (metric_alarm(Dimensions=[{"Name": "service"}]), 'Missing required parameter in Dimensions[0]: "Value"'),
        (math_alarm("m", {"Expression": "1"}), 'Missing required parameter in Metrics[0]: "Id"'),
        (math_alarm("m", stat("a") | {"Colour": "red"}), 'Unknown parameter in Metrics[0]: "Colour"'),
        (metric_alarm(Threshold="high"), "Invalid type for parameter Threshold, value: high"),
        (metric_alarm(EvaluationPeriods=1.5), "Invalid type for parameter EvaluationPeriods, value: 1.5"),
        (metric_alarm(ActionsEnabled="maybe"), "Invalid type for parameter ActionsEnabled, value: maybe"),
        (metric_alarm(AlarmActions="arn:a"), "Invalid type for parameter AlarmActions, value: arn:a"),
        (metric_alarm(AlarmDescription=["a"]), "Invalid type for parameter AlarmDescription, value: ['a']"),
        (metric_alarm(TreatMissingData="good"), "A.TreatMissingData must be one of missing, ignore"),
        (metric_alarm(DatapointsToAlarm=2), "A.DatapointsToAlarm must be from 1 to EvaluationPeriods (1)"),
        (metric_alarm(DatapointsToAlarm=0), "Invalid value for parameter DatapointsToAlarm, value: 0"),
        (metric_alarm(Period=None), "A.Period is missing"),
        (math_alarm("m", expression("e", "TIME_SERIES(1)", Period=60)), "the same Period; found no metric"),
        (math_alarm("m", stat("a"), stat("b", period=300, **HIDDEN)), "the same Period; found [60, 300]"),
        (metric_alarm(Statistic=None), "A needs either Metrics, a Statistic or an ExtendedStatistic"),
        (metric_alarm(ExtendedStatistic="p95"), "A needs either Metrics, a Statistic or an ExtendedStatistic"),
        (metric_alarm(Metrics=[stat("a")]), "A.Namespace belongs to an alarm without Metrics"),
        (math_alarm("m", stat("a"), stat("b")), "A.Metrics: exactly one must return data"),
        (math_alarm("m", stat("a", **HIDDEN)), "A.Metrics: exactly one must return data"),
        (composite_alarm("c", 'ALARM("nobody")'), "A.AlarmRule: there is no metric alarm 'nobody'"),
        (composite_alarm("c", 'ALARM("c")'), "A.AlarmRule: there is no metric alarm 'c'"),
        (composite_alarm("c", 'OK("a")'), "A.AlarmRule: the sandbox's alarms support ALARM"),
    ],
)
def test_what_is_refused(tmp_path: Path, resource: dict[str, Any], problem: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(problem)):
        read_alarms(tmp_path, {"A": resource})


def test_two_alarms_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="AlarmName: another alarm is called 'x', too"):
        read_alarms(tmp_path, {"A": metric_alarm("x"), "B": metric_alarm("x")})


@pytest.mark.parametrize(
    ("queries", "problem"),
    [
        (["ANOMALY_DETECTION_BAND(a, 2)"], "alarm m: the sandbox does not support ANOMALY_DETECTION_BAND"),
        (["a +"], "alarm m: Error in expression 'a +': syntax error"),
        (["b"], "alarm m: there is no query with the Id b"),
        (["5"], "alarm m: e is a number and no time series"),
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


@pytest.mark.parametrize(
    ("resource", "problem"),
    [
        (metric_alarm(Statistic=None, ExtendedStatistic="tm90"), "alarm slow: the sandbox does not support the statis"),
        (metric_alarm(Period=10), "alarm slow: the sandbox does not support a period of 10 seconds"),
        (math_alarm("m", stat("a", AccountId="1")), "alarm m: the sandbox does not support metrics of other accounts"),
    ],
)
def test_metrics_are_checked_before_anything_is_measured(
    tmp_path: Path, resource: dict[str, Any], problem: str
) -> None:
    alarms = read_alarms(tmp_path, {"A": resource})
    with pytest.raises(TemplateError, match=problem):
        Alarms(alarms, Metrics(Store()), 60, print)
