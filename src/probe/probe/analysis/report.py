"""A result with everything that is said about it: what every way of showing it starts from."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..result import Result
from .comparison import Difference, compare
from .objectives import Objective, Verdict, judge
from .slowest import Breakdown, break_down
from .summary import Summary, summarize


@dataclass(frozen=True)
class Report:
    """One result, judged.

    Attributes:
        result: What was measured.
        summary: Of `result.series`.
        against: Of `result.against`, or None.
        differences: Of the two, by figure; empty when there is one series.
        verdicts: One for each objective, in the order in which they were given.
        slowest: Where the time of the run with the slowest first token went, or None when no run has one.
    """

    result: Result
    summary: Summary
    against: Summary | None
    differences: dict[str, Difference]
    verdicts: list[Verdict]
    slowest: Breakdown | None


def build(result: Result, objectives: Sequence[Objective], *, paired: bool) -> Report:
    """The report of a result.

    Args:
        result: What was measured.
        objectives: Those of its series.
        paired: Its two series took turns.
    """
    summary = summarize(result.series)
    return Report(
        result=result,
        summary=summary,
        against=summarize(result.against) if result.against else None,
        differences=compare(result.series, result.against, paired=paired) if result.against else {},
        verdicts=judge(objectives, summary),
        slowest=break_down(result.series),
    )
