"""The evaluation of a metric alarm: the state that its latest datapoints put it into, and the reason for it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sandbox.cloudwatch.alarms.definitions import COMPARISONS, TREATMENTS, MetricAlarm
from sandbox.cloudwatch.times import from_ms

Datapoint = tuple[int, float | None]
"""When a period begins, in milliseconds since 1970, and its value; None is missing."""

# CloudWatch looks further back than the evaluation periods, for real datapoints in the place of missing ones. It does
# not say how far; in its examples there are 5 datapoints for 3 evaluation periods.
_MORE_DATAPOINTS = 2


@dataclass(frozen=True)
class Finding:
    """What an evaluation comes to; `reason_data` is JSON."""

    state: str
    reason: str
    reason_data: str


def evaluation_range(alarm: MetricAlarm) -> int:
    """Return how many datapoints an evaluation takes."""
    return alarm.evaluation_periods + _MORE_DATAPOINTS


def evaluate(alarm: MetricAlarm, datapoints: Sequence[Datapoint], last: str, now: datetime) -> Finding:
    """Return what an alarm's latest datapoints come to.

    Args:
        alarm: its definition.
        datapoints: those of its evaluation range, the latest last.
        last: the state so far.
        now: the time of the evaluation, in UTC.
    """
    real = [(time_ms, value) for time_ms, value in datapoints if value is not None]
    evaluated = real[-alarm.evaluation_periods :]
    state = _state(alarm, datapoints, evaluated, last)
    reason_data = {
        "version": "1.0",
        "queryDate": timestamp(now),
        **({"startDate": timestamp(from_ms(evaluated[0][0]))} if evaluated else {}),
        "period": alarm.period,
        "recentDatapoints": [value for _, value in evaluated],
        "threshold": alarm.threshold,
        "evaluatedDatapoints": [
            {"timestamp": timestamp(from_ms(time_ms)), "value": value} for time_ms, value in reversed(evaluated)
        ],
    }
    return Finding(state, _reason(alarm, evaluated, state), json.dumps(reason_data))


def timestamp(moment: datetime) -> str:
    """Return a time in UTC as CloudWatch writes it into JSON."""
    return f"{moment.isoformat(timespec='milliseconds')[:23]}+0000"


def _state(
    alarm: MetricAlarm, datapoints: Sequence[Datapoint], evaluated: Sequence[tuple[int, float]], last: str
) -> str:
    missing = alarm.evaluation_periods - len(evaluated)
    breaching = sum(_breaches(alarm, value) for _, value in evaluated)
    taken_for_breaching = missing if alarm.treatment == "breaching" else 0
    if breaching + taken_for_breaching >= alarm.datapoints_to_alarm:
        return "ALARM"
    if breaching < len(evaluated) or alarm.treatment in ("breaching", "notBreaching"):
        return "OK"
    if alarm.treatment == "ignore":
        return last
    if not evaluated:
        return "INSUFFICIENT_DATA"
    # Too few datapoints, and all of them breach. While others can still come in time, this is no alarm yet; which state
    # it is instead, CloudWatch does not say.
    age = next(age for age, (time_ms, _) in enumerate(reversed(datapoints), 1) if time_ms == evaluated[0][0])
    return "ALARM" if age >= alarm.datapoints_to_alarm else "OK"


def _breaches(alarm: MetricAlarm, value: float) -> bool:
    compare, _ = COMPARISONS[alarm.comparison]
    return compare(value, alarm.threshold)


def _reason(alarm: MetricAlarm, evaluated: Sequence[tuple[int, float]], state: str) -> str:
    missing = alarm.evaluation_periods - len(evaluated)
    if state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_counted(missing, 'datapoint')} unknown."
    parts = []
    if agreeing := [point for point in evaluated if _breaches(alarm, point[1]) == (state == "ALARM")]:
        values = ", ".join(f"{value} ({from_ms(time_ms):%d/%m/%y %H:%M:%S})" for time_ms, value in reversed(agreeing))
        verb = f"{'was' if len(agreeing) == 1 else 'were'}{'' if state == 'ALARM' else ' not'}"
        parts.append(
            f"{len(agreeing)} out of the last {alarm.evaluation_periods} datapoints [{values}] {verb} "
            f"{COMPARISONS[alarm.comparison][1]} the threshold ({alarm.threshold})"
        )
    if missing:
        parts.append(f"{_counted(missing, 'missing datapoint')} treated as [{TREATMENTS[alarm.treatment]}]")
    return f"Threshold Crossed: {' and '.join(parts)}."


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{' was' if number == 1 else 's were'}"
