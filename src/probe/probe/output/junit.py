"""The report as JUnit XML, which CI servers show: a test case for each run and for each objective.

A run that did not complete and an objective that was missed are failures; a run that was stopped counts as skipped. The
warm-up is left out: it is no part of the verdict. The summary is in the suite's properties, times in milliseconds.
"""

import io
import re
from collections.abc import Iterator

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from ..analysis.objectives import STATISTICS, Verdict
from ..analysis.report import Report
from ..analysis.summary import Summary
from ..figures import FIGURES, TIMES
from ..measurement import COMPLETED, INTERRUPTED, Run
from ..terminal import harmless_line
from .named import named_series

# https://www.w3.org/TR/xml/#charsets
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def suites(report: Report) -> str:
    """The XML: a suite for each series, of which the first has the objectives."""
    document = JUnitXml("probe")
    for name, series, summary in named_series(report):
        suite = TestSuite(f"{name}: {_text(series.url)}")
        suite.timestamp = report.result.started_at
        for key, value in _properties(summary):
            suite.add_property(key, value)
        suite.add_testcases([_run_case(run, name) for run in series.counted])
        document.add_testsuite(suite)
        if series is report.result.series:
            suite.add_testcases([_objective_case(verdict) for verdict in report.verdicts])
            for figure, difference in report.differences.items():
                for key, number in (("p50", difference.median), ("low", difference.low), ("high", difference.high)):
                    if number is not None:
                        suite.add_property(f"{figure}_difference_{key}_ms", f"{number:z.3f}")
    out = io.BytesIO()
    document.write(out, pretty=True)
    return out.getvalue().decode()


def _properties(summary: Summary) -> Iterator[tuple[str, str]]:
    for name in ("finished", "completed", "cold_starts", "bursts"):
        yield name, str(getattr(summary, name))
    yield "formats", ", ".join(summary.formats)
    for figure, distribution in summary.figures.items():
        yield f"{figure}_count", str(distribution.count)
        unit = f"_{FIGURES[figure].unit}" if figure in TIMES else ""
        for statistic in STATISTICS:
            value: float | None = getattr(distribution, statistic)
            if value is not None:
                yield f"{figure}_{statistic}{unit}", f"{value:.3f}"


def _run_case(run: Run, classname: str) -> TestCase:
    case = TestCase(f"run {run.number}", classname, None if run.total_ms is None else round(run.total_ms / 1000, 6))
    if run.outcome == INTERRUPTED:
        case.result = Skipped("stopped before it ended")
    elif run.outcome != COMPLETED:
        assert run.error is not None
        case.result = Failure(_text(f"{run.outcome}: {run.error.type}: {run.error.message}"), _text(run.error.type))
    return case


def _objective_case(verdict: Verdict) -> TestCase:
    case = TestCase(f"{verdict.objective.name} <= {_text(verdict.objective.text)}", "objectives")
    if not verdict.met:
        said = verdict.finding if verdict.value is not None else f"{verdict.word}: {verdict.finding}"
        case.result = Failure(said, "objective")
    return case


def _text(text: str) -> str:
    return _NO_XML.sub("\ufffd", harmless_line(text))
