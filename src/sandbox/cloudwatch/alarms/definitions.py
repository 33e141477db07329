"""The alarms that a template defines."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sandbox.cloudwatch.alarms.properties import METRIC_TYPE, SHAPES, typed
from sandbox.cloudwatch.alarms.rule import Rule, parse_rule
from template.errors import TemplateError
from template.resources import ACCOUNT_ID, Resource

COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
"""How a value can be compared with the threshold, and how a reason puts it."""
TREATMENTS = {"missing": "Missing", "ignore": "Ignored", "breaching": "Breaching", "notBreaching": "NonBreaching"}
"""What missing data can be taken for, and how a reason puts it."""

_ACTIONS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
_MOST_METRICS = 10
# Members of PutMetricAlarm that say which one metric is watched, where no Metrics do.
_OF_ONE_METRIC = ("Namespace", "MetricName", "Dimensions", "Period", "Statistic", "ExtendedStatistic", "Unit")


@dataclass(frozen=True)
class Alarm:
    """What alarms of both kinds have.

    Attributes:
        name: its own in the region.
        described: the members of DescribeAlarms that the template determines.
    """

    name: str
    described: Mapping[str, Any]

    def actions(self, state: str) -> Sequence[str]:
        """Return the ARNs of what a change to this state sets going."""
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
    """

    queries: Sequence[Mapping[str, Any]]
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    threshold: float
    comparison: str
    treatment: str


@dataclass(frozen=True)
class CompositeAlarm(Alarm):
    """An alarm on the states of other alarms."""

    rule: Rule


def definitions(resources: Mapping[str, Resource], region: str) -> list[MetricAlarm | CompositeAlarm]:
    """Return the alarms of a template, each behind those that its rule names.

    Args:
        resources: the template's; those that are no alarms are left out.
        region: the stack's.

    Raises:
        TemplateError: an alarm makes no sense, or has what the sandbox does not support; the message names it.
    """
    metric_alarms: list[MetricAlarm] = []
    composites: dict[str, Mapping[str, Any]] = {}
    places: dict[str, str] = {}
    arn_prefix = f"arn:aws:cloudwatch:{region}:{ACCOUNT_ID}:alarm:"
    for place, resource in resources.items():
        if resource.type not in SHAPES:
            continue
        described = _described(typed(dict(resource.properties), SHAPES[resource.type], place), arn_prefix)
        name = described["AlarmName"]
        if name in places:
            raise TemplateError(f"{place}.AlarmName: {places[name]} is called {name!r}, too")
        places[name] = place
        if resource.type == METRIC_TYPE:
            metric_alarms.append(_metric_alarm(place, described))
        else:
            composites[name] = described
    names = {name: name for name in places} | {arn_prefix + name: name for name in places}
    rules = {name: _rule(places[name], described, names) for name, described in composites.items()}
    order = _children_first({name: rule.children & composites.keys() for name, rule in rules.items()})
    return [*metric_alarms, *(CompositeAlarm(name, composites[name], rules[name]) for name in order)]


def _described(given: Mapping[str, Any], arn_prefix: str) -> Mapping[str, Any]:
    no_actions: Mapping[str, Sequence[str]] = {member: [] for member in _ACTIONS.values()}
    return {"AlarmArn": arn_prefix + given["AlarmName"], "ActionsEnabled": True, **no_actions, **given}


def _metric_alarm(place: str, described: Mapping[str, Any]) -> MetricAlarm:
    comparison, treatment = described["ComparisonOperator"], described.get("TreatMissingData", "missing")
    if comparison not in COMPARISONS:
        raise TemplateError(f"{place}.ComparisonOperator: the sandbox's alarms do not support {comparison!r}")
    if treatment not in TREATMENTS:
        raise TemplateError(f"{place}.TreatMissingData must be one of {', '.join(TREATMENTS)}, not {treatment!r}")
    evaluation_periods = described["EvaluationPeriods"]
    datapoints_to_alarm = described.get("DatapointsToAlarm", evaluation_periods)
    if not 1 <= datapoints_to_alarm <= evaluation_periods:
        raise TemplateError(f"{place}: from 1 to EvaluationPeriods, {evaluation_periods}, can be DatapointsToAlarm")
    queries = _queries(place, described)
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
    )


def _queries(place: str, described: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    of_one_metric = {member: described[member] for member in _OF_ONE_METRIC if member in described}
    if "Metrics" not in described:
        statistics = [of_one_metric.pop(kind) for kind in ("Statistic", "ExtendedStatistic") if kind in of_one_metric]
        if len(statistics) != 1:
            raise TemplateError(f"{place} needs either Metrics, a Statistic or an ExtendedStatistic")
        of_stat = {member: of_one_metric.pop(member) for member in ("Period", "Unit") if member in of_one_metric}
        return [{"Id": "metric", "MetricStat": {"Metric": of_one_metric, "Stat": statistics[0], **of_stat}}]
    queries: Sequence[Mapping[str, Any]] = described["Metrics"]
    if of_one_metric:
        raise TemplateError(f"{place}.{next(iter(of_one_metric))} belongs to an alarm without Metrics")
    if sum(query.get("ReturnData", True) for query in queries) != 1:
        raise TemplateError(f"{place}.Metrics: exactly one must return data, all others need ReturnData: false")
    if sum("MetricStat" in query for query in queries) > _MOST_METRICS:
        raise TemplateError(f"{place}.Metrics: an alarm can have {_MOST_METRICS} metrics at most")
    if any(re.search(r"\bSEARCH\s*\(", query.get("Expression", "")) for query in queries):
        raise TemplateError(f"{place}.Metrics: an alarm cannot have a SEARCH")
    return queries


def _period(place: str, queries: Sequence[Mapping[str, Any]]) -> int:
    periods = {query["MetricStat"].get("Period", 0) for query in queries if "MetricStat" in query}
    if len(periods) != 1 or not all(period > 0 and period % 60 == 0 for period in periods):
        found = ", ".join(map(str, sorted(periods))) or "none"
        raise TemplateError(
            f"{place}: the metrics of an alarm need one Period for all, and for the sandbox a multiple of 60; "
            f"there is {found}"
        )
    return int(periods.pop())


def _rule(place: str, described: Mapping[str, Any], names: Mapping[str, str]) -> Rule:
    try:
        return parse_rule(described["AlarmRule"], names)
    except ValueError as error:
        raise TemplateError(f"{place}.AlarmRule: {error}") from None


def _children_first(children: Mapping[str, frozenset[str]]) -> list[str]:
    try:
        return list(TopologicalSorter(children).static_order())
    except CycleError as error:
        raise TemplateError(f"composite alarms need each other's states: {' -> '.join(error.args[1])}") from None
