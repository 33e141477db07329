"""Objectives such as `ttft_p95=800ms`: read from the command line, and judged."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ..errors import UsageError
from ..figures import TIMES
from ..formats import WITHOUT_TOKENS
from .summary import LEAST_VALUES, Summary

STATISTICS = ("min", "p50", "p90", "p95", "p99", "max")

FAILURES, BURSTS = "failures", "bursts"

_NAMES = (*(f"{figure}_{statistic}" for figure in TIMES for statistic in STATISTICS), FAILURES, BURSTS)

# Those that a few runs with a text must not meet for many without.
_OF_TEXT = ("ttft", "tpot")

_LIMIT = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|%)")
# The units, the largest limit (a day, as for --timeout), and the words for people.
_TIME = ({"ms": 1, "s": 1000}, 86_400_000, "a time in ms or s, such as 800ms or 1.5s")
_SHARE = ({"%": 1}, 100, "a percentage from 0% to 100%, such as 1%")


@dataclass(frozen=True)
class Objective:
    """A limit of one statistic of one figure, or of a share of the runs.

    Attributes:
        name: As it was given, such as `ttft_p95`.
        limit: In milliseconds, or in percent for `failures` and `bursts`.
        text: The limit as it was given, such as `800ms`.
    """

    name: str
    limit: float
    text: str

    @property
    def unit(self) -> str:
        """That of the limit and of what is measured: `ms` or `%`."""
        return "%" if self.name in (FAILURES, BURSTS) else "ms"


@dataclass(frozen=True)
class Verdict:
    """What became of an objective.

    Attributes:
        objective: Which.
        value: What was measured, in the limit's unit, or None when there is no value to judge.
        met: Whether it was met; without a value it was not.
        missing: Without a value, why there is none.
    """

    objective: Objective
    value: float | None
    met: bool
    missing: str = ""

    @property
    def word(self) -> str:
        """`met`, `missed`, or `unproven` where there is no value to judge: that is no success, either."""
        return "unproven" if self.value is None else "met" if self.met else "missed"

    @property
    def finding(self) -> str:
        """What was measured, in words."""
        if self.value is None:
            return self.missing
        return f"it was {round(self.value, 3)} {self.objective.unit}"


def parse(text: str) -> list[Objective]:
    """The objectives in a list such as `ttft_p95=800ms,failures=1%`, in its order.

    Raises:
        UsageError: One is no objective, or there twice; the message says what is possible.
    """
    objectives = [_objective(item) for item in text.split(",")]
    names = [objective.name for objective in objectives]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--slo: {name} is there twice")
    return objectives


def require_runs(objectives: Sequence[Objective], runs: int, said: str) -> None:
    """Check that so many runs can carry the percentiles that the objectives are about.

    Args:
        objectives: Those that were given. How many gaps there will be is not known; one of `gap` is judged afterwards.
        runs: How many runs are asked for, or were.
        said: How to call that number, such as `--runs is 3`.

    Raises:
        UsageError: They are too few; the message says how many it takes.
    """
    for objective in objectives:
        figure, _, statistic = objective.name.rpartition("_")
        least = LEAST_VALUES.get(statistic, 1)
        if figure != "gap" and runs < least:
            raise UsageError(
                f"--slo: {objective.name} takes {least} runs or more, and {said}: of fewer, not one is expected beyond "
                f"the {statistic}; make more, or give a limit for {figure}_max"
            )


def judge(objectives: Sequence[Objective], summary: Summary) -> list[Verdict]:
    """Judge each objective, in the given order; it is met by a value up to its limit.

    Cold starts count like all other runs: clients feel them, too.
    """
    values = [_value(objective.name, summary) for objective in objectives]
    return [
        Verdict(objective, None, False, _missing(objective.name, summary))
        if value is None
        else Verdict(objective, value, value <= objective.limit)
        for objective, value in zip(objectives, values, strict=True)
    ]


def _objective(item: str) -> Objective:
    name, _, text = (part.strip() for part in item.partition("="))
    if not name or not text:
        raise UsageError(f"--slo: {item!r} is not an objective such as ttft_p95=800ms")
    if name not in _NAMES:
        close = " or ".join(difflib.get_close_matches(name, _NAMES))
        raise UsageError(
            f"--slo: there is no {name!r}{close and f' (did you mean {close}?)'}; there are {FAILURES}, {BURSTS}, and "
            f"{', '.join(TIMES)} with one of {', '.join(f'_{word}' for word in STATISTICS)} behind it"
        )
    limit = _LIMIT.fullmatch(text)
    units, most, meant = _SHARE if name in (FAILURES, BURSTS) else _TIME
    # In decimal: 1.001 times 1000 is less than 1001 in binary, and a value of 1001 ms would miss the limit of 1.001 s.
    value = Decimal(limit[1]) * units[limit[2]] if limit and limit[2] in units else None
    if value is None or value > most:
        raise UsageError(f"--slo: the limit of {name} is {meant}, not {text!r}")
    return Objective(name, float(value), text)


def _value(name: str, summary: Summary) -> float | None:
    if name == FAILURES:
        return _percent(summary.finished - summary.completed, summary.finished)
    if name == BURSTS:
        return _percent(summary.bursts, summary.bursts + summary.streamed)
    figure, _, statistic = name.rpartition("_")
    if figure in _OF_TEXT and _without_text(summary):
        return None
    distribution = summary.figures.get(figure)
    found: float | None = getattr(distribution, statistic) if distribution else None
    return found


def _missing(name: str, summary: Summary) -> str:
    """Why there is no value, if there is none."""
    if not summary.completed:
        return "no run completed"
    if name == BURSTS:
        return "the answers were too short or too quick to tell"
    figure, _, statistic = name.rpartition("_")
    if figure in _OF_TEXT and _without_text(summary):
        formats = [each for each in summary.formats if each in WITHOUT_TOKENS]
        why = f"tokens cannot be seen in the format {' and '.join(formats)}" if formats else "answers have no text"
        return f"{why} ({_without_text(summary)} of {summary.completed})"
    if figure in summary.figures:
        what = "gaps" if figure == "gap" else f"completed runs with a {TIMES[figure].label}"
        return f"a {statistic} takes {LEAST_VALUES[statistic]} {what}, and there are {summary.figures[figure].count}"
    return f"no completed run has a {TIMES[figure].label}" if figure in TIMES else "no run came to its end"


def _without_text(summary: Summary) -> int:
    """How many completed runs have no text that can be told: a login page, or tool calls only."""
    return summary.completed - (summary.figures["ttft"].count if "ttft" in summary.figures else 0)


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
