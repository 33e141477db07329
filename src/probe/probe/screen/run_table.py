"""One run: how it ended, its trace, and its figures side by side."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from ..analysis.slowest import trace_url
from ..figures import FIGURES
from ..measurement import COMPLETED, CUT, Run
from ..result import Series
from ..terminal import harmless_line
from . import words

# What people look for; how the connection came about; what the server says.
_COLUMNS = (("ttfb", "ttft", "max_gap", "total"), ("dns", "connect", "tls", "headers"))


def ending(run: Run, series: Series, in_sandbox: bool, details: bool) -> Iterator[RenderableType]:
    """How the run ended, and where to look for more."""
    outcome = words.outcome_and_reason(run)
    if in_sandbox and _is_ended_by_the_platform(run):
        outcome += "; the sandbox's output has the reason"
    rows = {"Outcome": Text(outcome, style="green" if run.outcome == COMPLETED else "red")}
    if run.format:
        rows["Format"] = Text(f"{words.format_of(run)}{f', {run.connection} connection' if run.connection else ''}")
    if run.request_id and (details or run.outcome != COMPLETED):
        rows["Request"] = Text(harmless_line(run.request_id))
    url = trace_url(run, series)
    if run.trace_id and not url:
        rows["Trace"] = trace(run, None)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in rows.items():
        table.add_row(label, value)
    yield table
    if url:  # in the table it would be folded, and nobody could click or copy it
        yield Text.assemble(("Trace", "bold"), "    ", trace(run, url), no_wrap=True, overflow="ignore")


def trace(run: Run, url: str | None) -> Text:
    """The run's trace: where it can be looked at, which ends with its id, or the id alone."""
    return Text(harmless_line(url or run.trace_id or "-"), Style(link=url) if url else "")


def run_table(run: Run) -> RenderableType:
    """The figures; what there is no value for is a dash."""
    said = (
        ("Tokens", f"{words.count(run.input_tokens)} in, {words.count(run.output_tokens)} out"),
        (FIGURES["tpot"].label, words.with_unit(run.tpot_ms)),
        (FIGURES["output_tokens_per_second"].label, words.number(run.output_tokens_per_second)),
        ("Start", words.start(run)),
    )
    columns = [[(FIGURES[name].label, _value(run, name)) for name in names] for names in _COLUMNS]
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in columns:
        table.add_column(style="bold", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(width=2)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=True)
    for first, second, third in zip(*columns, said, strict=True):
        table.add_row(*first, "", *second, "", *third)
    return table


def _value(run: Run, name: str) -> str:
    value: float | None = getattr(run, FIGURES[name].field)
    return words.with_unit(value)


def _is_ended_by_the_platform(run: Run) -> bool:
    """Whether Lambda ended the answer for an error of the function: it tells no client which."""
    if run.error is None:
        return False
    return run.error.type == "http_502" or (run.outcome == CUT and run.error.type.startswith("curl_"))
