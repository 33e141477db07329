"""Where to go on from an alarm that went off: the traces and the log lines of the time that it judged."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from console.alarms.alarm import ON, Alarm, datapoints
from console.alarms.history import Change, step
from console.frame import address
from console.time_range import TimeRange

# The outcome of the responses that a metric counts, as their traces and log lines have it.
_OUTCOMES = {
    "ModelErrors": ("model_error", "model errors"),
    "Rejections": ("rejected", "rejected requests"),
    "Throttles": ("throttled", "throttled requests"),
    "InterruptedStreams": ("interrupted", "interrupted streams"),
    "DeadlineExceeded": ("deadline_exceeded", "streams that ran out of time"),
}
_TIMES = {"TimeToFirstToken", "TimeToFirstByte"}
# A response counts when it has ended, its trace and its first log lines when it began. The clocks are not one.
_BEFORE, _AFTER = timedelta(seconds=60), timedelta(seconds=5)


def went_off(alarm: Alarm, found: Sequence[Change], alarms: Sequence[Alarm]) -> TimeRange | None:
    """Return the time whose data set an alarm off the last time; None if it never was, so far as is known.

    Args:
        alarm: it.
        found: how its state has changed, the latest first.
        alarms: all, among which are those in its rule.
    """
    change = next((change for change in found if change.new == ON), None)
    if change is None:
        return None
    judged = [one.period for one in alarms if one.name in alarm.children and one.period]
    length = timedelta(seconds=min(judged, default=step(alarm, found)))
    points = datapoints(change.evidence)
    begin = min((point.time for point in points if alarm.is_bad(point.value)), default=change.time - length)
    return TimeRange(begin - _BEFORE, change.time + _AFTER)


def trace_links(alarm: Alarm, window: TimeRange) -> dict[str, str]:
    """Return links to the traces of a time, by their names: those that fit what the alarm judges, and all of them."""
    metrics = [query["MetricStat"]["Metric"] for query in alarm.queries if "MetricStat" in query]
    names = {metric["MetricName"] for metric in metrics if not metric["Namespace"].startswith("AWS/")}
    links = {}
    # An alarm on good responses reads other counts, too, but not as what is bad.
    if "GoodResponses" not in names:
        for metric, (outcome, words) in _OUTCOMES.items():
            if metric in names:
                links[f"Traces of {words}"] = address("/traces", **window.query, outcome=outcome)
    if names & _TIMES and alarm.threshold is not None and alarm.is_bad(alarm.threshold + 1):
        links["Traces of slow answers"] = address("/traces", **window.query, slow=f"{alarm.threshold:.0f}")
    links["All traces"] = address("/traces", **window.query)
    return links


def log_link(window: TimeRange) -> str:
    """Return the link to the log lines of a time."""
    return address("/logs", **window.query)


def around(change_time: datetime, length: float) -> Mapping[str, str]:
    """Return what an address says to show what a change comes from, and what came after it."""
    before, after = timedelta(seconds=18 * length), timedelta(seconds=6 * length)
    return TimeRange(change_time - before, change_time + after).query
