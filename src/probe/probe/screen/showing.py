"""The report on standard output: which tables and charts there are, and in which order."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping

from rich.console import Group, RenderableType
from rich.text import Text

from ..analysis.report import Report
from ..analysis.slowest import Breakdown, taken_apart
from ..analysis.summary import Distribution, Summary
from ..figures import FIGURES
from ..result import Series
from . import judgement
from .comparison import comparison, sentence
from .console import console
from .distributions import brief, full
from .histogram import histogram
from .run_table import ending, run_table, trace
from .waterfall import waterfall
from .words import FIRST, duration, titled

# A narrower window wraps lines by itself, where a table that is squeezed into it would cut numbers; in a wider one
# figures would stand far from their labels.
_LEAST_COLUMNS, _MOST_COLUMNS = 80, 100


def show(report: Report, *, in_sandbox: bool = False, details: bool = False) -> None:
    """Print it: one run with all its figures, or what matters of several.

    Args:
        report: What is shown.
        in_sandbox: The runs were made just now in the sandbox, whose output has more on a failure.
        details: Of several runs, show every figure, cold starts apart, a distribution, and the slowest run.
    """
    shown_on = console(sys.stdout, os.environ)
    shown_on.width = min(max(shown_on.width, _LEAST_COLUMNS), _MOST_COLUMNS)
    is_alone = report.result.conditions.runs == 1 and report.result.against is None
    found = _of_one(report, in_sandbox, details) if is_alone else _of_several(report, details)
    sections = [section for section in map(list, found) if section]
    with shown_on.capture() as shown:
        for number, section in enumerate(sections):
            if number:
                shown_on.print()
            shown_on.print(Group(*section), crop=False)
    # Without the spaces that fill up what has columns.
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in shown.get().splitlines())


def _of_one(report: Report, in_sandbox: bool, details: bool) -> Iterator[Iterable[RenderableType]]:
    series = report.result.series
    for run in series.counted:
        yield ending(run, series, in_sandbox, details)
        yield [run_table(run)]
        if run.total_ms:
            yield [waterfall(run, None if run.ttft_ms is None else taken_apart(run, series))]
    yield judgement.bursts(series, "")
    yield judgement.objectives(report.verdicts)
    if not series.counted:
        yield [judgement.completed(report.summary, report.result.conditions, "")]


def _of_several(report: Report, details: bool) -> Iterator[Iterable[RenderableType]]:
    result = report.result
    if result.against and report.against:
        sides = [
            (result.series.name, result.series, report.summary),
            (result.against.name, result.against, report.against),
        ]
    else:
        sides = [("", result.series, report.summary)]
    yield sentence(report)
    yield comparison(report, details)
    conditions = (result.conditions, result.conditions_against or result.conditions)
    yield [
        judgement.completed(summary, made, name) for (name, _, summary), made in zip(sides, conditions, strict=False)
    ]
    if not details and result.against is None:
        yield _distributions(report.summary, brief, FIRST)
    for name, series, _ in sides:
        yield judgement.failures(series, name)
        yield judgement.bursts(series, name)
    yield judgement.objectives(report.verdicts)
    if details:
        for name, series, summary in sides:
            yield from _in_full(name, series, summary)
    if report.slowest:
        yield _slowest(sides[0][0], report.slowest, details)


def _distributions(
    summary: Summary,
    table: Callable[[Mapping[str, Distribution]], Iterator[RenderableType]],
    names: Iterable[str],
) -> Iterator[RenderableType]:
    rows = {FIGURES[name].labelled: summary.figures[name] for name in names if name in summary.figures}
    if rows:
        yield from table(rows)


def _in_full(name: str, series: Series, summary: Summary) -> Iterator[Iterable[RenderableType]]:
    if summary.figures:
        names = [*FIRST, *(each for each in FIGURES if each not in FIRST)]
        yield _section(titled(name, "All figures"), _distributions(summary, full, names))
    apart = {
        f"{FIGURES[figure].labelled}, {start}": figures[figure]
        for figure in ("ttfb", "ttft")
        for start, figures in (("cold", summary.cold), ("warm", summary.warm))
        if figure in figures
    }
    if apart:
        yield _section(titled(name, "Cold starts told apart"), full(apart))
    values = [run.ttft_ms for run in series.completed if run.ttft_ms is not None]
    if values:
        yield _section(titled(name, "TTFT, and how many runs had it"), [histogram(values)])


def _slowest(side: str, of: Breakdown, details: bool) -> Iterable[RenderableType]:
    said = titled(side, f"Slowest TTFT: run {of.run.number}, {duration(of.run.ttft_ms or 0.0)}")
    where = trace(of.run, of.trace_url) if of.run.trace_id else ""
    # A link has a line of its own, which is long.
    between = "\n" if of.trace_url else ", trace " if where else ""
    yield Text.assemble((said, "bold"), between, where, no_wrap=True, overflow="ignore")
    if details:
        yield waterfall(of.run, of)


def _section(title: str, parts: Iterable[RenderableType]) -> list[RenderableType]:
    return [Text(title, style="bold"), *parts]
