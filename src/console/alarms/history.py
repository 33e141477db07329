"""What DescribeAlarmHistory says of an alarm: how its state has changed, and on what grounds.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_AlarmHistoryItem.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from console.alarms.alarm import ON, Alarm, Datapoint, datapoints, parsed, reason_in_words

# How many changes a graph takes into account. One call returns a hundred of them.
_MOST_CHANGES = 500


@dataclass(frozen=True)
class Change:
    """One state after another; `evidence` is what the new one comes from, as `StateReasonData` has it."""

    time: datetime
    old: str
    new: str
    reason: str
    evidence: Mapping[str, Any]


def changes(
    cloudwatch: Any, name: str, start: datetime | None = None, before: datetime | None = None, most: int = _MOST_CHANGES
) -> list[Change]:
    """Return how an alarm's state has changed, the latest first.

    Args:
        cloudwatch: boto3's client.
        name: the alarm's.
        start: no earlier changes.
        before: no later changes.
        most: how many at most.

    Raises:
        ClientError, BotoCoreError: AWS refuses, or cannot be reached.
    """
    asked = {"StartDate": start, "EndDate": before}
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        AlarmName=name,
        AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        HistoryItemType="StateUpdate",
        ScanBy="TimestampDescending",
        PaginationConfig={"MaxItems": most},
        **{key: moment for key, moment in asked.items() if moment},
    )
    return [_change(item) for page in pages for item in page["AlarmHistoryItems"]]


def times_on(alarm: Alarm, found: Sequence[Change], start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return when an alarm was on between two moments.

    Args:
        alarm: it, as it is now.
        found: how its state has changed since the first moment, the latest first.
        start: the first moment.
        end: the second.
    """
    times, until = [], end
    for change in found:
        if change.new == ON and change.time < until:
            times.append((max(change.time, start), until))
        until = min(change.time, end)
    state = found[-1].old if found else alarm.state
    if state == ON and start < until and (found or alarm.since <= start):
        times.append((start, until))
    return times[::-1]


def judged_values(alarm: Alarm, found: Sequence[Change]) -> list[Datapoint]:
    """Return the values that changes of an alarm, and its state now, come from; the earliest first."""
    every = [*datapoints(alarm.evidence), *(point for change in found for point in datapoints(change.evidence))]
    return sorted({point.time: point for point in reversed(every)}.values(), key=lambda point: point.time)


def step(alarm: Alarm, found: Sequence[Change]) -> float:
    """Return after how many seconds an alarm has judged the next value.

    That is its period, unless AWS's own answers say less: values lie closer together, or the latest was judged before
    a whole period could be over.
    """
    lengths = [float(alarm.period)]
    for evidence in (alarm.evidence, *(change.evidence for change in found)):
        points = datapoints(evidence)
        lengths += [(later.time - earlier.time).total_seconds() for later, earlier in pairwise(points)]
        if points and "queryDate" in evidence:
            lengths.append((datetime.fromisoformat(evidence["queryDate"]) - points[0].time).total_seconds())
    return max(min(lengths), 1.0)


def _change(item: Mapping[str, Any]) -> Change:
    data = parsed(item.get("HistoryData"))
    old, new = data.get("oldState", {}), data.get("newState", {})
    evidence = new.get("stateReasonData", {})
    return Change(
        time=item["Timestamp"],
        old=old.get("stateValue", ""),
        new=new.get("stateValue", ""),
        reason=reason_in_words(str(new.get("stateReason") or item.get("HistorySummary"))),
        evidence=evidence if isinstance(evidence, dict) else parsed(evidence),
    )
