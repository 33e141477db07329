"""The template's alarms over months of simulated traffic: the sandbox's definitions, evaluated for all minutes at once.

Traffic is how often each metric had each value in each minute. An alarm is evaluated after every minute, on all that
has happened until then. With a lag, it does not yet see the latest minutes of what the function records. The time that
CloudWatch takes to deliver all other metrics comes on top.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from lark import Token, Transformer, Tree, v_args
from numpy.typing import NDArray

from sandbox.cloudwatch.alarms.definitions import COMPARISONS, CompositeAlarm, MetricAlarm, definitions
from sandbox.cloudwatch.metric_math import _GRAMMAR
from sandbox.cloudwatch.percentiles import percent_of
from stack_template import REGION
from template.resources import STACK_NAME, read_stack
from tools import REPOSITORY

Minutes = NDArray[np.float64]
"""A number for each minute; NaN is missing."""
States = NDArray[np.bool_]
"""Whether an alarm is on after each minute."""
Traffic = Mapping[tuple[str, str], Mapping[float, Minutes]]
"""By namespace and name of a metric, and by value: how often it occurred in each minute."""

# As the sandbox's alarms, and as in CloudWatch's examples.
_MORE_DATAPOINTS = 2
LAMBDA, OURS = "AWS/Lambda", "Firstbyte"
# What reaches CloudWatch by way of the function's log; the probe publishes its own.
_PUBLISHED = (OURS, "ProbeFailures")
# The metrics that count the responses that are bad for one reason, by the alarm on them.
_OUTCOMES = {
    "interrupted-streams": "InterruptedStreams",
    "model-errors": "ModelErrors",
    "rejections": "Rejections",
    "throttles": "Throttles",
    "fallbacks": "Fallbacks",
}
FAULTS = ("ttft", "tokens-per-second", "function-errors", *_OUTCOMES)
"""Why responses can be bad, by the alarm on it."""
FAILED_AT_ONCE = "failed at once"
"""Another reason: the function failed before the first byte. Lambda counts an error, and there is a record, too."""
WITHOUT_RECORD = "without a record"
"""Another reason: the response left no record, and Lambda knows of no error."""
STALLED = "stalled"
"""Another reason: the client did not take its answer. Lambda counts an error; the record says whose doing it was."""


def responses(asked: Minutes, bad: Minutes, fault: str = "model-errors") -> Traffic:
    """The traffic of responses, some of which are bad for one reason."""
    good, none = asked - bad, np.zeros_like(asked)
    recorded = good if fault in ("function-errors", WITHOUT_RECORD) else asked
    errors = bad if fault in ("function-errors", FAILED_AT_ONCE, STALLED) else none
    stalled = bad if fault == STALLED else none
    traffic: dict[tuple[str, str], dict[float, Minutes]] = {
        (LAMBDA, "Invocations"): {1: asked},
        (LAMBDA, "Throttles"): {0: asked},
        (LAMBDA, "Errors"): {0: asked - errors, 1: errors},
        (OURS, "Requests"): {1: recorded},
        (OURS, "ClientErrors"): {0: recorded - stalled, 1: stalled},
        (OURS, "GoodResponses"): {0: recorded - good, 1: good},
        (OURS, "DeadlineExceeded"): {0: recorded},
        (OURS, "TimeToFirstToken"): {500: good, 5000: bad if fault == "ttft" else none},
        (OURS, "OutputTokensPerSecond"): {50: good, 5: bad if fault == "tokens-per-second" else none},
    }
    traffic[OURS, "InternalErrors"] = {1: bad if fault == FAILED_AT_ONCE else none}
    for name, metric in _OUTCOMES.items():
        failed = bad if fault == name else none
        traffic[OURS, metric] = {0: recorded - failed, 1: failed}
    return traffic


def probe_runs(completed: Minutes, failed: Minutes) -> Traffic:
    """The traffic of a probe, without the responses that it asks for."""
    return {(OURS, "ProbeFailures"): {0: completed, 1: failed}}


class Stack:
    """The stack with given parameters: `definitions` are all of its alarms, `alarms` its metric alarms by name."""

    def __init__(self, **parameters: str) -> None:
        resources = read_stack(REPOSITORY / "template.yaml", parameters, REGION).resources
        self.definitions = definitions(resources, REGION)
        self.alarms = {short(alarm.name): alarm for alarm in self.definitions if isinstance(alarm, MetricAlarm)}
        (self._page,) = (alarm for alarm in self.definitions if isinstance(alarm, CompositeAlarm))

    def on(self, name: str, traffic: Traffic, lag: int = 0) -> States:
        """When one of the metric alarms is on; the function's records are so many minutes late."""
        return _states(self.alarms[name], traffic, lag)

    def pages(self, traffic: Traffic, lag: int = 0) -> States:
        """When the composite alarm is on; the function's records are so many minutes late."""
        return _holds(self._page.rule.tree, lambda name: self.on(short(name), traffic, lag))


def short(name: str) -> str:
    """An alarm's name without the stack's."""
    return name.removeprefix(f"{STACK_NAME}-")


def _holds(node: Tree[Token] | Token, on: Callable[[str], States]) -> States:
    if isinstance(node, Token):
        return on(node.strip('"'))
    join = np.logical_or if node.data == "or" else np.logical_and
    held: States = join.reduce([_holds(child, on) for child in node.children])
    return held


def _states(alarm: MetricAlarm, traffic: Traffic, lag: int) -> States:
    assert alarm.treatment in ("breaching", "notBreaching"), "the states would depend on the ones before"
    before = _latest(alarm, {metric: {0: np.zeros(1)} for metric in traffic}, 0)[0]
    window = alarm.period // 60
    # Older windows are seen again, with the records that have come by then.
    ended = cache(lambda missing: _latest(alarm, traffic, missing))
    length = len(ended(lag))
    real, breaching = np.zeros(length, int), np.zeros(length, int)
    compare: Callable[[Any, float], Any] = COMPARISONS[alarm.comparison][0]
    for age in range(alarm.evaluation_periods + _MORE_DATAPOINTS):
        shift = min(age * window, length)
        point = np.concatenate([np.full(shift, before), ended(max(lag - age * window, 0))[: length - shift]])
        looked_at = ~np.isnan(point) & (real < alarm.evaluation_periods)
        breaching += looked_at & compare(point, alarm.threshold)
        real += looked_at
    if alarm.treatment == "breaching":
        breaching += alarm.evaluation_periods - real
    states: States = breaching >= alarm.datapoints_to_alarm
    return states


def _latest(alarm: MetricAlarm, traffic: Traffic, lag: int) -> Minutes:
    """The datapoint of the period that ends with each minute, without the function's records of its last minutes."""
    queries = {query["Id"]: query for query in alarm.queries}
    length = len(next(iter(next(iter(traffic.values())).values())))

    @cache
    def value(query_id: str) -> Any:
        query = queries[query_id]
        if "Expression" in query:
            return _Evaluation(value).transform(_parsed(query["Expression"]))
        stat = query["MetricStat"]
        metric = stat["Metric"]["Namespace"], stat["Metric"]["MetricName"]
        window, late = stat["Period"] // 60, lag if metric[0] == OURS and metric != _PUBLISHED else 0
        counts = traffic.get(metric, {0: np.zeros(length)})
        return _statistic(stat["Stat"], {number: _summed(of, window, late) for number, of in counts.items()})

    (judged,) = (query_id for query_id, query in queries.items() if query.get("ReturnData", True))
    latest: Minutes = value(judged)
    return latest


def _summed(counts: Minutes, window: int, late: int) -> Minutes:
    """The sum over the window that ends with each minute, without its last minutes."""
    total = np.concatenate([np.zeros(window), np.cumsum(counts)])
    sums: Minutes = total[window - late : len(total) - late] - total[:-window]
    return sums


def _statistic(name: str, counts: Mapping[float, Minutes]) -> Minutes:
    """A statistic of the values, each as often as its count; missing where there are none."""
    samples = np.sum(list(counts.values()), axis=0)
    if name.startswith("p"):
        found = _percentile(counts, samples, percent_of(name))
    else:
        found = {
            "SampleCount": lambda: samples,
            "Sum": lambda: np.sum([value * count for value, count in counts.items()], axis=0),
            "Average": lambda: (
                np.sum([value * count for value, count in counts.items()], axis=0) / np.maximum(samples, 1)
            ),
        }[name]()
    return np.where(samples > 0, found, np.nan)


def _percentile(counts: Mapping[float, Minutes], samples: Minutes, percent: float) -> Minutes:
    values = np.array(sorted(counts))
    ends = np.cumsum([counts[value] for value in values], axis=0)
    rank = np.round(percent * (np.maximum(samples, 1) - 1) / 100, 9)
    lower, upper = (
        values[np.minimum((ends <= place).sum(axis=0), len(values) - 1)] for place in (np.floor(rank), np.ceil(rank))
    )
    between: Minutes = lower + (upper - lower) * (rank - np.floor(rank))
    return between


@cache
def _parsed(expression: str) -> Tree[Token]:
    return _GRAMMAR.parse(expression)


@v_args(inline=True)
class _Evaluation(Transformer[Token, Any]):
    """Metric math for all minutes at once. Numbers are floats, series arrays; where two meet, a missing value is 0."""

    def __init__(self, value: Callable[[str], Any]) -> None:
        super().__init__()
        self._value = value

    def reference(self, token: Token) -> Any:
        return self._value(str(token))

    def number(self, token: Token) -> float:
        return float(token)

    def binary(self, left: Any, sign: Token, right: Any) -> Any:
        missing = np.isnan(left) & np.isnan(right) if _series(left) and _series(right) else np.isnan(left + right)
        operators: Mapping[str, Callable[[Any, Any], Any]] = {
            "+": np.add,
            "-": np.subtract,
            "*": np.multiply,
            "/": np.divide,
            ">=": np.greater_equal,
            ">": np.greater,
        }
        with np.errstate(divide="ignore", invalid="ignore"):
            result = operators[str(sign)](*(np.nan_to_num(one) if _series(one) else one for one in (left, right))) * 1.0
        return np.where(missing | ~np.isfinite(result), np.nan, result)

    def call(self, name: Token, *arguments: Any) -> Any:
        if name == "FILL":
            series, filler = arguments
            return np.where(np.isnan(series), filler, series)
        assert name == "IF"
        condition, then, other = arguments
        chosen = np.where(condition != 0, np.nan_to_num(then), other)
        return np.where(np.isnan(condition), np.nan, chosen)


def _series(value: Any) -> bool:
    return np.ndim(value) > 0
