"""The one or two series of a report, under the names that tell them apart in every format."""

from collections.abc import Iterator

from ..analysis.report import Report
from ..analysis.summary import Summary
from ..result import Series


def named_series(report: Report) -> Iterator[tuple[str, Series, Summary]]:
    """Name, series and summary of what was measured and, in a comparison, of what it is compared with."""
    yield report.result.series.name, report.result.series, report.summary
    if report.result.against and report.against:
        yield report.result.against.name, report.result.against, report.against
