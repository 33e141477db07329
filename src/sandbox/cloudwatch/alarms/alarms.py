"""The alarms at work: their states, how these have changed, and the evaluation that changes them."""

import json
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sandbox.aws_api.contract import ApiError
from sandbox.cloudwatch.alarms.definitions import Alarm, CompositeAlarm, MetricAlarm
from sandbox.cloudwatch.alarms.evaluation import Datapoint, Finding, evaluate, evaluation_range, timestamp
from sandbox.cloudwatch.metrics import Clock, Metrics
from sandbox.cloudwatch.queries import results
from sandbox.cloudwatch.series import Values
from sandbox.cloudwatch.times import from_ms
from template.errors import TemplateError

# CloudWatch keeps them for 30 days.
_CHANGES_KEPT = 10_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """An alarm's state since a moment; `reason_data` is JSON, and the very first state has none."""

    value: str
    reason: str
    reason_data: str | None
    since: datetime


@dataclass(frozen=True)
class Change:
    """One state after another."""

    alarm: Alarm
    old: State
    new: State


class Alarms:
    """The alarms of one stack. Their states are not kept for the next start."""

    def __init__(
        self,
        alarms: Sequence[MetricAlarm | CompositeAlarm],
        metrics: Metrics,
        minute_seconds: int,
        told: Callable[[Change], None],
    ) -> None:
        """Make the alarms; they have just been created, and nothing is known of their data.

        Args:
            alarms: their definitions, composite alarms last.
            metrics: what they watch.
            minute_seconds: how many seconds they count as a minute. With 1, a period of 300 s is over after 5 seconds.
            told: is called with every change of a state.

        Raises:
            TemplateError: what an alarm watches makes no sense, or is not supported; the message names it.
        """
        self._alarms = alarms
        self._metrics = metrics
        self._minute_seconds = minute_seconds
        self._told = told
        self.created = datetime.now(UTC)
        unchecked = State("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation", None, self.created)
        self._states = {alarm.name: unchecked for alarm in alarms}
        self._changes: tuple[Change, ...] = ()
        self._ended = threading.Event()
        self._warm: set[str] = set()  # the alarms whose data have ended their warming up before its time
        for alarm in alarms:
            if isinstance(alarm, MetricAlarm):
                _check(alarm, metrics)

    def all(self) -> list[tuple[Alarm, State]]:
        """Return the alarms with their states."""
        return [(alarm, self._states[alarm.name]) for alarm in self._alarms]

    def changes(self) -> Sequence[Change]:
        """Return how states have changed, the latest last."""
        return self._changes

    def end(self) -> None:
        """Evaluate nothing more: the metrics may be closed from now on. Callable on any thread."""
        self._ended.set()

    def evaluate(self, now_ms: int) -> None:
        """Evaluate all alarms: metric alarms as of the last minute that is over, then composite ones.

        A composite alarm sees what the whole minute has changed, not one change after another. Takes a while: call it
        on a thread of its own, and one at a time.

        Args:
            now_ms: the time, in milliseconds since 1970.
        """
        now = from_ms(now_ms)
        end_ms = now_ms - now_ms % (1000 * self._minute_seconds)
        changed: list[Alarm] = []
        for alarm in self._alarms:
            if self._ended.is_set():
                return
            last = self._states[alarm.name]
            try:
                if isinstance(alarm, MetricAlarm):
                    datapoints = self._datapoints(alarm, end_ms)
                    if self._warms_up(alarm, datapoints, now):
                        continue
                    finding = evaluate(alarm, datapoints, last.value, now)
                else:
                    children = [child for child in changed if child.name in alarm.rule.children]
                    finding = self._composed(alarm, children, now)
            except Exception as error:  # noqa: BLE001 - an alarm that cannot be evaluated does not end the others
                if self._ended.is_set():
                    return
                refused = isinstance(error, ApiError)
                _log.error("the alarm %s could not be evaluated: %s", alarm.name, error, exc_info=not refused)
                continue
            if finding.state != last.value:
                state = State(finding.state, finding.reason, finding.reason_data, now)
                self._states[alarm.name] = state
                change = Change(alarm, last, state)
                self._changes = (*self._changes, change)[-_CHANGES_KEPT:]
                changed.append(alarm)
                self._told(change)

    def _warms_up(self, alarm: MetricAlarm, datapoints: Sequence[Datapoint], now: datetime) -> bool:
        """Tell whether a new alarm stays as it was created, and out of the way of composite alarms.

        Unless it is to warm up for the whole time, that is over as soon as data fill its evaluation periods.
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-warm-up.html
        """
        end = self.created + timedelta(seconds=alarm.warm_up_minutes * self._minute_seconds)
        if alarm.name in self._warm or now >= end:
            return False
        latest = [value for _, value in datapoints[-alarm.evaluation_periods :]]
        if not alarm.warms_up_whole and None not in latest:
            self._warm.add(alarm.name)
            return False
        return True

    def _datapoints(self, alarm: MetricAlarm, end_ms: int) -> list[Datapoint]:
        """Return the datapoints of the evaluation range that ends at a moment.

        The last period ends with the last minute, whatever the period's length. An evaluation sees the values that have
        come before it.
        """
        minutes = alarm.period // 60
        number = evaluation_range(alarm)
        start_ms = end_ms - number * minutes * self._minute_seconds * 1000
        values = _values(alarm, self._metrics.by(Clock(start_ms, self._minute_seconds)), number)
        return [
            (start_ms + place * minutes * self._minute_seconds * 1000, values.get(place * alarm.period * 1000))
            for place in range(number)
        ]

    def _composed(self, alarm: CompositeAlarm, changed: Sequence[Alarm], now: datetime) -> Finding:
        """Return the state of a composite alarm by its children's; the reason is one that has just changed."""
        children = {name: self._states[name].value for name in alarm.rule.children}
        on = {name for name, state in children.items() if state == "ALARM"}
        value = "ALARM" if alarm.rule.holds(on) else "OK"
        reason = f"{alarm.described['AlarmArn']} was created and its alarm rule evaluates to {value}"
        if changed:
            # One that has this effect even alone, if there is one.
            alone = [one for one in changed if alarm.rule.holds(on & {one.name}) == (value == "ALARM")]
            last = (alone or changed)[-1]
            moment = f"{now:%A %d %B, %Y %H:%M:%S} UTC"
            reason = f"{last.described['AlarmArn']} transitioned to {children[last.name]} at {moment}"
        triggering = [
            {"arn": child.described["AlarmArn"], "state": {"value": children[child.name], "timestamp": timestamp(now)}}
            for child in changed
        ]
        return Finding(value, reason, json.dumps({"triggeringAlarms": triggering}))


def _check(alarm: MetricAlarm, metrics: Metrics) -> None:
    """Make sure that an alarm can be evaluated: evaluate its queries over an empty time range."""
    try:
        results(metrics, alarm.queries, 0, 0)
    except ApiError as error:
        raise TemplateError(f"the alarm {alarm.name}: {error}") from None


def _values(alarm: MetricAlarm, metrics: Metrics, periods: int) -> Values:
    ((_, series),) = results(metrics, alarm.queries, 0, periods * alarm.period * 1000)
    return series.values
