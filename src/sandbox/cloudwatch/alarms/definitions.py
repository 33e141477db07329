"""The alarms that a template defines."""

import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.cloudwatch.alarms.properties import METRIC_TYPE, OF_ONE_METRIC, is_alarm, properties_of
from sandbox.cloudwatch.alarms.rule import Rule, parse_rule
from template.errors import TemplateError, well_formed
from template.resources import ACCOUNT_ID, Resource

COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
"""How a value can be compared with the threshold, and how a reason puts it."""
TREATMENTS = {"missing": "Missing", "ignore": "Ignored", "breaching": "Breaching", "notBreaching": "NonBreaching"}
"""How an alarm can treat missing data, and how a reason puts it."""

_ACTIONS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}


@dataclass(frozen=True)
class Alarm:
    """What alarms of both kinds have.

    Attributes:
        name: unique in the region.
        described: the members of DescribeAlarms that the template determines.
    """

    name: str
    described: Mapping[str, Any]

    def actions(self, state: str) -> Sequence[str]:
        """Return the ARNs that a change to this state notifies."""
        actions: Sequence[str] = self.described[_ACTIONS[state]] if self.described["ActionsEnabled"] else ()
        return actions


@dataclass(frozen=True)
class MetricAlarm(Alarm):
    """An alarm on a metric, or on what metric math makes of several.

    Attributes:
        queries: as for GetMetricData; one of them returns data.
        period: of all of them, in seconds; whole minutes.
        evaluation_periods: how many datapoints are looked at.
        datapoints_to_alarm: how many of these must be breaching.
        threshold: what a datapoint is compared with.
        comparison: one of `COMPARISONS`.
        treatment: one of `TREATMENTS`.
        warm_up_minutes: for so long after its creation it is not evaluated.
        warms_up_whole: whether not even then if its data fill the evaluation periods.
    """

    queries: Sequence[Mapping[str, Any]]
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    threshold: float
    comparison: str
    treatment: str
    warm_up_minutes: int
    warms_up_whole: bool


@dataclass(frozen=True)
class CompositeAlarm(Alarm):
    """An alarm on the states of metric alarms."""

    rule: Rule


def definitions(resources: Mapping[str, Resource], region: str) -> list[MetricAlarm | CompositeAlarm]:
    """Return the alarms of a template, composite alarms last.

    Args:
        resources: the template's; other resources are ignored.
        region: the stack's.

    Raises:
        TemplateError: an alarm makes no sense, or has what the sandbox does not support; the message names it.
    """
    alarms = {}
    for place, resource in resources.items():
        if is_alarm(resource):
            with well_formed(place):
                alarms[place] = _alarm(place, resource, region)
    names = Counter(alarm.name for alarm in alarms.values())
    metric_alarms = {alarm.name for alarm in alarms.values() if isinstance(alarm, MetricAlarm)}
    for place, alarm in alarms.items():
        if names[alarm.name] > 1:
            raise TemplateError(f"{place}.AlarmName: another alarm is called {alarm.name!r}, too")
        for name in alarm.rule.children - metric_alarms if isinstance(alarm, CompositeAlarm) else ():
            raise TemplateError(f"{place}.AlarmRule: there is no metric alarm {name!r}")
    return sorted(alarms.values(), key=lambda alarm: isinstance(alarm, CompositeAlarm))


def _alarm(place: str, resource: Resource, region: str) -> MetricAlarm | CompositeAlarm:
    given = properties_of(resource, place)
    described = {
        "AlarmArn": f"arn:aws:cloudwatch:{region}:{ACCOUNT_ID}:alarm:{given['AlarmName']}",
        "ActionsEnabled": True,
        **{member: [] for member in _ACTIONS.values()},
        **given,
    }
    if resource.type == METRIC_TYPE:
        return _metric_alarm(place, described)
    try:
        return CompositeAlarm(given["AlarmName"], described, parse_rule(given["AlarmRule"]))
    except ValueError as error:
        raise TemplateError(f"{place}.AlarmRule: {error}") from None


def _metric_alarm(place: str, described: Mapping[str, Any]) -> MetricAlarm:
    comparison, treatment = described["ComparisonOperator"], described.get("TreatMissingData", "missing")
    if comparison not in COMPARISONS:
        raise TemplateError(f"{place}.ComparisonOperator: the sandbox's alarms do not support {comparison!r}")
    if treatment not in TREATMENTS:
        raise TemplateError(f"{place}.TreatMissingData must be one of {', '.join(TREATMENTS)}, not {treatment!r}")
    evaluation_periods = described["EvaluationPeriods"]
    datapoints_to_alarm = described.get("DatapointsToAlarm", evaluation_periods)
    if not 1 <= datapoints_to_alarm <= evaluation_periods:
        raise TemplateError(f"{place}.DatapointsToAlarm must be from 1 to EvaluationPeriods ({evaluation_periods})")
    queries = _queries(place, described)
    warm_up = described.get("WarmUpConfiguration", {})
    return MetricAlarm(
        name=described["AlarmName"],
        described=described,
        queries=queries,
        period=_period(place, queries),
        evaluation_periods=evaluation_periods,
        datapoints_to_alarm=datapoints_to_alarm,
        threshold=described["Threshold"],
        comparison=comparison,
        treatment=treatment,
        warm_up_minutes=warm_up.get("WarmUpPeriodDurationInMinutes", 0),
        warms_up_whole=warm_up.get("OnlyStartEvaluatingAfterWarmUpPeriodEnds", False),
    )


def _queries(place: str, described: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    of_one_metric = {member: described[member] for member in OF_ONE_METRIC if member in described}
    if "Metrics" in described:
        queries: Sequence[Mapping[str, Any]] = described["Metrics"]
        if of_one_metric:
            raise TemplateError(f"{place}.{next(iter(of_one_metric))} belongs to an alarm without Metrics")
        if sum(query.get("ReturnData", True) for query in queries) != 1:
            raise TemplateError(f"{place}.Metrics: exactly one must return data, all others need ReturnData: false")
        return queries
    statistics = [of_one_metric.pop(kind) for kind in ("Statistic", "ExtendedStatistic") if kind in of_one_metric]
    if len(statistics) != 1:
        raise TemplateError(f"{place} needs either Metrics, a Statistic or an ExtendedStatistic")
    if "Period" not in of_one_metric:
        raise TemplateError(f"{place}.Period is missing")
    period = of_one_metric.pop("Period")
    return [{"Id": "metric", "MetricStat": {"Metric": of_one_metric, "Stat": statistics[0], "Period": period}}]


def _period(place: str, queries: Sequence[Mapping[str, Any]]) -> int:
    periods = {query["MetricStat"]["Period"] for query in queries if "MetricStat" in query}
    if len(periods) != 1:
        raise TemplateError(
            f"{place}: all metrics of an alarm need the same Period; found {sorted(periods) or 'no metric'}"
        )
    return int(periods.pop())
