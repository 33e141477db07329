"""An alarm as DescribeAlarms says it, and in words: its state, why, what it judges and whom it tells.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html and API_CompositeAlarm.html there
"""

import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from console.figures import figure

ON = "ALARM"
NOBODY = "Notifies nobody"
# What an alarm of each state is called, and the sign that stands before the word; those that are on come first.
STATES = {ON: ("▲", "In alarm"), "INSUFFICIENT_DATA": ("?", "Insufficient data"), "OK": ("✓", "OK")}
_COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "at least"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "at most"),
}
_MISSING = {
    "missing": "While all values are missing, it has insufficient data.",
    "ignore": "While values are missing, it keeps its state.",
    "breaching": "A missing value counts as a bad one.",
    "notBreaching": "A missing value counts as a good one.",
}
# What an expression gives where it has nothing to compute with: the last argument of IF or FILL around all of it.
_STAND_IN = re.compile(r"(?:IF|FILL)\(.*,\s*(-?\d+(?:\.\d+)?)\s*\)", re.DOTALL)
# AWS's reasons have 16 digits and dates such as 28/11/26: of values that were judged, and of composite alarms' parts.
_JUDGED_VALUE = re.compile(r"(-?\d[\d.]*(?:E-?\d+)?) \((\d\d/\d\d/\d\d \d\d:\d\d:\d\d)\)")
_THRESHOLD = re.compile(r"(?<=threshold \()(-?\d[\d.]*(?:E-?\d+)?)(?=\))")
_LONG_DATE = re.compile(r"\w+day (\d\d? \w+, \d{4} \d\d:\d\d:\d\d) UTC")
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Datapoint:
    """A value that an alarm has judged, and when its period began."""

    time: datetime
    value: float


@dataclass(frozen=True)
class Alarm:
    """A metric alarm or a composite alarm; `described` is AWS's own description of it."""

    described: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The alarm's name, which no other of the region has."""
        return str(self.described["AlarmName"])

    @property
    def state(self) -> str:
        """One of `STATES`."""
        return str(self.described["StateValue"])

    @property
    def since(self) -> datetime:
        """When its state began."""
        since: datetime = self.described.get("StateTransitionedTimestamp") or self.described["StateUpdatedTimestamp"]
        return since

    @property
    def rule(self) -> str:
        """The rule of a composite alarm; empty for a metric alarm."""
        return str(self.described.get("AlarmRule", ""))

    @property
    def children(self) -> list[str]:
        """The names of the alarms in its rule, in the rule's order."""
        found = re.findall(r'\b(?:ALARM|OK|INSUFFICIENT_DATA)\(\s*(?:"([^"]+)"|([^")\s]+))\s*\)', self.rule)
        # A rule may name an alarm by its ARN.
        return list(dict.fromkeys((quoted or bare).partition(":alarm:")[2] or quoted or bare for quoted, bare in found))

    @property
    def threshold(self) -> float | None:
        """What its values are compared with; None if that is no number."""
        return self.described.get("Threshold")

    @property
    def queries(self) -> list[dict[str, Any]]:
        """What it judges, as GetMetricData takes it; one of them returns data."""
        if self.described.get("Metrics"):
            return [dict(query) for query in self.described["Metrics"]]
        if "MetricName" not in self.described:
            return []
        metric = {name: self.described[name] for name in ("Namespace", "MetricName", "Dimensions")}
        stat = {
            "Metric": metric,
            "Period": self.described["Period"],
            "Stat": self.described.get("Statistic") or self.described["ExtendedStatistic"],
            **({"Unit": self.described["Unit"]} if "Unit" in self.described else {}),
        }
        return [{"Id": "metric", "MetricStat": stat}]

    @property
    def judged(self) -> Mapping[str, Any]:
        """The query that returns what is compared with the threshold; empty for a composite alarm."""
        return next((query for query in self.queries if query.get("ReturnData", True)), {})

    @property
    def unit(self) -> str:
        """What its values are, such as ms, as its query calls them; may be empty."""
        return str(self.judged.get("Label", ""))

    @property
    def period(self) -> int:
        """How many seconds of data a value covers; 0 for a composite alarm."""
        queries = self.queries
        periods = [query["MetricStat"]["Period"] for query in queries if "MetricStat" in query]
        return max((*periods, *(query["Period"] for query in queries if query.get("Period"))), default=0)

    @property
    def evidence(self) -> Mapping[str, Any]:
        """What AWS says that the state comes from (`StateReasonData`); empty if it says nothing."""
        return parsed(self.described.get("StateReasonData"))

    @property
    def judged_at(self) -> datetime:
        """When it judged the values of `evidence`; AWS keeps those of the latest change alone."""
        at = self.evidence.get("queryDate")
        return datetime.fromisoformat(at) if at else self.since

    @property
    def stand_in(self) -> float | None:
        """What its expression gives without data, such as 0 of `IF(FILL(count, 0) >= 20, time, 0)`; None if nothing."""
        found = _STAND_IN.fullmatch(str(self.judged.get("Expression", "")).strip())
        return float(found[1]) if found else None

    def is_bad(self, value: float) -> bool:
        """Tell whether a value is on the bad side of the threshold."""
        compare, _ = _COMPARISONS.get(self.described.get("ComparisonOperator", ""), (None, ""))
        return bool(compare and self.threshold is not None and compare(value, self.threshold))

    def judges(self) -> str:
        """Return what it judges, in sentences."""
        if self.rule:
            return f"On while {rule_in_words(self.rule)}."
        least, of = self.described.get("DatapointsToAlarm"), self.described["EvaluationPeriods"]
        least = least or of
        comparison = self.described["ComparisonOperator"]
        _, than = _COMPARISONS.get(comparison, (None, comparison))
        values = "the latest value is" if of == 1 else f"{least} of the latest {of} values are"
        limit = with_unit(self.threshold, self.unit) if self.threshold is not None else "its band"
        missing = _MISSING[self.described.get("TreatMissingData", "missing")]
        return f"Goes off when {values} {than} {limit}. A value covers {span(self.period)}. {missing}"

    def why(self, states: Mapping[str, str], without_data: bool = False) -> str:
        """Return why its state is what it is, in one line.

        Args:
            states: those of all alarms, by their names.
            without_data: what it judged was not there, so that its values are stand-ins of its expression.
        """
        if children := self.children:
            on = [name for name in children if states.get(name) == ON]
            if self.state == ON:
                return f"On: {', '.join(on)}" if on else "The alarms that set it off are no longer on"
            return f"On, but not enough: {', '.join(on)}" if on else f"None of its {len(children)} alarms is on"
        points = datapoints(self.evidence)
        if not points or self.state not in (ON, "OK"):
            return reason_in_words(str(self.described.get("StateReason", "")))
        if without_data and self.stand_in is not None:
            when = f"When it changed ({clock(self.judged_at)})"
            return f"{when}: no data. Its expression gives {figure(self.stand_in)} for that"
        return self._verdict(points)

    def _verdict(self, points: Sequence[Datapoint]) -> str:
        """Return how the values that it judged when it changed compare with the threshold, the latest first."""
        when = f"When it changed ({clock(self.judged_at)}):"
        of = self.described["EvaluationPeriods"]
        bad = sum(self.is_bad(point.value) for point in points)
        _, than = _COMPARISONS.get(self.described["ComparisonOperator"], (None, self.described["ComparisonOperator"]))
        limit = with_unit(self.threshold, self.unit) if self.threshold is not None else "its band"
        # Thousands have commas.
        shown = "; ".join(figure(point.value) for point in points[:5]) + ("; …" if len(points) > 5 else "")
        if len(points) == of == 1:
            return f"{when} {shown}, which is {'' if bad else 'not '}{than} {limit}"
        missing = f" ({of - len(points)} missing)" if of > len(points) else ""
        return f"{when} {shown}{missing}. {bad} of {of} {'was' if bad == 1 else 'were'} {than} {limit}"

    def tells(self, alarms: Iterable["Alarm"]) -> str:
        """Return what it does when it goes off: it pages, opens a ticket, or is in the rule of another alarm."""
        actions = self.described.get("AlarmActions", [])
        if actions and not self.described.get("ActionsEnabled", True):
            return "Notifies nobody: its actions are disabled"
        if actions:
            return ", ".join(dict.fromkeys(_notifies(action) for action in actions))
        parents = [alarm.name for alarm in alarms if self.name in alarm.children]
        if parents:
            return f"Is in the rule of {', '.join(parents)}"
        return "Would page, but notifies nobody" if self.name.endswith("-page") else NOBODY


def parsed(text: str | None) -> Mapping[str, Any]:
    """Parse a JSON object; return an empty one if the text is something else."""
    try:
        found = json.loads(text or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def datapoints(evidence: Mapping[str, Any]) -> list[Datapoint]:
    """Return the values that a `StateReasonData` says were evaluated, the latest first."""
    found = [
        Datapoint(datetime.fromisoformat(point["timestamp"]), float(point["value"]))
        for point in evidence.get("evaluatedDatapoints", ())
        if point.get("value") is not None
    ]
    return sorted(found, key=lambda point: point.time, reverse=True)


def rule_in_words(rule: str) -> str:
    """Return a composite alarm's rule as a sentence goes on after "on while"."""
    named = re.sub(r'\bALARM\(\s*"?([^")]+?)"?\s*\)', r"\1 is on", rule)
    named = re.sub(r'\bOK\(\s*"?([^")]+?)"?\s*\)', r"\1 is OK", named)
    named = re.sub(r'\bINSUFFICIENT_DATA\(\s*"?([^")]+?)"?\s*\)', r"\1 has insufficient data", named)
    return re.sub(r"\b(AND|OR|NOT)\b", lambda word: word[1].lower(), " ".join(named.split()))


def query_in_words(query: Mapping[str, Any]) -> str:
    """Return what a query of an alarm gives: its expression, or a statistic of a metric."""
    if "MetricStat" not in query:
        return str(query.get("Expression", ""))
    stat = query["MetricStat"]
    metric = stat["Metric"]
    of = ", ".join(f"{one['Name']} {one['Value']}" for one in metric.get("Dimensions", ()))
    return f"{stat['Stat']} of {metric['Namespace']} {metric['MetricName']}{f' ({of})' if of else ''}"


def with_unit(value: float, unit: str) -> str:
    """Return a number with its unit."""
    return f"{figure(value)} {unit.replace('percent', '%')}".rstrip()


def reason_in_words(reason: str) -> str:
    """Return a reason of AWS in one line, with numbers and dates as everywhere in the console."""

    def judged(found: re.Match[str]) -> str:
        try:
            return f"{figure(float(found[1]))} ({datetime.strptime(found[2], '%d/%m/%y %H:%M:%S')})"
        except ValueError:
            return found[0]

    def dated(found: re.Match[str]) -> str:
        try:
            return f"{datetime.strptime(found[1], '%d %B, %Y %H:%M:%S')} UTC"
        except ValueError:
            return found[0]

    line = re.sub(r"arn:\S+:alarm:", "", " ".join(reason.split()))
    line = _LONG_DATE.sub(dated, _JUDGED_VALUE.sub(judged, line))
    return _THRESHOLD.sub(lambda found: figure(float(found[1])), line)


def clock(moment: datetime) -> str:
    """Return a time of today to the minute, in UTC; of another day, with its date."""
    moment = moment.astimezone(UTC)
    day = "" if moment.date() == datetime.now(UTC).date() else f"{moment:%Y-%m-%d} "
    return f"{day}{moment:%H:%M} UTC"


def span(seconds: float) -> str:
    """Return a length of time in its largest whole unit, such as 15 min; of more than a minute, whole units alone."""
    for size, name in _UNITS:
        if seconds >= size and (seconds % size == 0 or seconds >= 2 * size):
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"


def _notifies(action: str) -> str:
    topic = action.rpartition(":")[2]
    for word, verb in (("page", "Pages"), ("ticket", "Opens a ticket")):
        if word in topic.lower():
            return f"{verb} ({topic})"
    return f"Notifies {topic}"
