"""The report on standard output: which tables and charts there are, and in which order."""

import os
import sys
from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from ..analysis.report import Report
from ..analysis.summary import Summary
from ..figures import FIGURES
from ..formats import described
from ..result import Series
from . import judgement
from .comparison import comparison
from .console import console
from .distributions import distributions
from .histogram import histogram
from .run_table import run_table
from .waterfall import waterfall
from .whereabouts import whereabouts
from .words import titled

# A narrower window wraps lines by itself, where a table that is squeezed into it would cut numbers; in a wider one
# figures would stand far from their labels.
_LEAST_COLUMNS, _MOST_COLUMNS = 80, 100


def show(report: Report, *, in_sandbox: bool = False) -> None:
    """Print it: one run in full, or several in summary, the verdict last.

    Args:
        report: What is shown.
        in_sandbox: The runs were made just now in the sandbox, whose output has more on a failure.
    """
    shown_on = console(sys.stdout, os.environ)
    shown_on.width = min(max(shown_on.width, _LEAST_COLUMNS), _MOST_COLUMNS)
    is_alone = report.result.conditions.runs == 1 and report.result.against is None
    sections = [
        section for section in map(list, _of_one(report, in_sandbox) if is_alone else _of_several(report)) if section
    ]
    with shown_on.capture() as shown:
        for number, section in enumerate(sections):
            if number:
                shown_on.print()
            shown_on.print(Group(*section), crop=False)
    # Without the spaces that fill up what has columns.
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in shown.get().splitlines())


def _of_one(report: Report, in_sandbox: bool) -> Iterator[Iterable[RenderableType]]:
    runs = report.result.series.counted
    for run in runs:
        yield [run_table(run, in_sandbox)]
        if run.total_ms:
            yield [waterfall(run)]
    if report.slowest:
        yield _section("Where the time went", whereabouts(report.slowest))
    yield judgement.bursts(report.result.series, "")
    yield judgement.objectives(report.verdicts)
    if not runs:
        yield [judgement.completed(report.summary, report.result.conditions, "")]


def _of_several(report: Report) -> Iterator[Iterable[RenderableType]]:
    result = report.result
    if result.against and report.against:
        sides = [
            (result.series.name, result.series, report.summary),
            (result.against.name, result.against, report.against),
        ]
    else:
        sides = [("", result.series, report.summary)]
    for name, series, summary in sides:
        yield from _distributions(name, series, summary)
    if report.slowest:
        title = titled(sides[0][0], f"The slowest first token, run {report.slowest.run.number}")
        yield _section(title, [waterfall(report.slowest.run), *whereabouts(report.slowest)])
    yield comparison(report)
    for name, series, _ in sides:
        yield judgement.failures(series, name)
        yield judgement.bursts(series, name)
    yield judgement.objectives(report.verdicts)
    conditions = (result.conditions, result.conditions_against or result.conditions)
    yield [
        judgement.completed(summary, made, name) for (name, _, summary), made in zip(sides, conditions, strict=False)
    ]


def _distributions(name: str, series: Series, summary: Summary) -> Iterator[Iterable[RenderableType]]:
    if summary.figures:
        if summary.formats:
            yield [Text(titled(name, f"Format: {', '.join(map(described, summary.formats))}"))]
        figures = {FIGURES[figure].label: of for figure, of in summary.figures.items()}
        yield _section(titled(name, "Figures of the completed runs"), distributions(figures))
    apart = {
        f"{FIGURES[figure].label} {start}": figures[figure]
        for figure in ("ttfb", "ttft")
        for start, figures in (("cold", summary.cold), ("warm", summary.warm))
        if figure in figures
    }
    if apart:
        yield _section(titled(name, "Cold starts told apart"), distributions(apart))
    values = [run.ttft_ms for run in series.completed if run.ttft_ms is not None]
    if values:
        yield _section(titled(name, "TTFT, and how many runs had it"), [histogram(values)])


def _section(title: str, parts: Iterable[RenderableType]) -> list[RenderableType]:
    return [Text(title, style="bold"), *parts]
