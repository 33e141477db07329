"""Two series side by side: in words, what became faster or slower; in a table, the figures of both."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..analysis.comparison import Difference
from ..analysis.report import Report
from ..figures import FIGURES
from ..result import Series
from ..terminal import harmless_line
from .words import FIRST, difference, duration, number


def sentence(report: Report) -> Iterator[RenderableType]:
    """How much earlier or later the first text came; nothing without a comparison of it."""
    against, differences = report.result.against, report.differences
    if against and "ttft" in differences:
        yield Text(headline(differences["ttft"], report.result.series, against), style="bold")
    elif against and not differences:
        yield Text("There is no figure that both of them have.")


def comparison(report: Report, details: bool) -> Iterator[RenderableType]:
    """The medians of both series, and what they are; nothing if there is one."""
    against = report.result.against
    if against is None or report.against is None:
        return
    series = report.result.series
    names = (series.name, against.name)
    table = Table("p50, ms", *names, " - ".join(names), "95 % interval", "ratio", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    shown = [name for name in report.differences if details or name in FIRST]
    for name in shown:
        of = report.differences[name]
        table.add_row(
            FIGURES[name].label,
            number(report.summary.figures[name].p50),
            number(report.against.figures[name].p50),
            difference(of.median),
            "-" if of.low is None or of.high is None else f"{difference(of.low)} to {difference(of.high)}",
            "-" if of.ratio is None else f"{of.ratio:z.3f}",
        )
    if shown:
        yield table
        yield Text()
    for one in (series, against):
        yield Text(f"{one.name}  {_what(one)}", no_wrap=True, overflow="ignore")


def headline(of: Difference, series: Series, against: Series) -> str:
    """The difference of the first text's time, as a sentence."""
    if against.buffered and not series.buffered:
        first, other = "Streamed, the first text came", "in one piece"
    else:
        first, other = f"{series.name}'s first text came", f"{against.name}'s"
    how = "earlier" if of.median < 0 else "later"
    said = f"{first} {duration(abs(of.median))} {how} than {other}"
    if of.low is None or of.high is None:
        return f"{said} (too few runs for an interval)."
    if of.low <= 0 <= of.high:
        interval = f"{difference(of.low)} to {difference(of.high)} ms"
        return f"{said}, which may be chance: the 95 % interval, {interval}, holds 0."
    low, high = sorted((abs(of.low), abs(of.high)))
    return f"{said} (95 % interval {duration(low, 3)} to {duration(high, 3)})."


def _what(series: Series) -> str:
    began = min((run.started_at for run in series.runs), default="")
    how = "in one piece" if series.buffered else "streamed"
    return harmless_line(f"{series.url} ({series.region or 'not signed'}), {how}, from {began}")
