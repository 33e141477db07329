"""Two series side by side: in words, what became faster or slower; in a table, every figure of both."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..analysis.comparison import Difference
from ..analysis.report import Report
from ..figures import FIGURES
from ..result import Series
from ..terminal import harmless_line
from .words import duration


def comparison(report: Report) -> Iterator[RenderableType]:
    """What there is to say about `report.result` and what it is compared with; nothing if it is not compared."""
    against = report.result.against
    if against is None or report.against is None:
        return
    series = report.result.series
    for one in (series, against):
        yield Text(f"{one.name}  {_what(one)}", no_wrap=True, overflow="ignore")
    if not report.differences:
        yield Text("There is no figure that both of them have.")
        return
    if "ttft" in report.differences:
        yield Text(headline(report.differences["ttft"], series, against), style="bold")
    names = (series.name, against.name)
    table = Table("p50, ms", *names, " - ".join(names), "95 % interval", "ratio", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for name, difference in report.differences.items():
        table.add_row(
            FIGURES[name].label,
            f"{report.summary.figures[name].p50:.1f}",
            f"{report.against.figures[name].p50:.1f}",
            f"{difference.median:+.1f}",
            "-" if difference.low is None else f"{difference.low:+.1f} to {difference.high:+.1f}",
            "-" if difference.ratio is None else f"{difference.ratio:.3f}",
        )
    yield table


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
        return f"{said}, which may be chance: the 95 % interval, {of.low:+.1f} to {of.high:+.1f} ms, holds 0."
    low, high = sorted((abs(of.low), abs(of.high)))
    return f"{said} (95 % interval {duration(low)} to {duration(high)})."


def _what(series: Series) -> str:
    began = min((run.started_at for run in series.runs), default="")
    how = "in one piece" if series.buffered else "streamed"
    return harmless_line(f"{series.url} ({series.region or 'not signed'}), {how}, from {began}")
