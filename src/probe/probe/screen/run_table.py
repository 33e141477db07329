"""One run's figures, one below the other."""

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..measurement import COMPLETED, CUT, Run
from ..terminal import harmless_line
from . import words


def run_table(run: Run, in_sandbox: bool) -> RenderableType:
    """The table; times are milliseconds, and what there is no value for is a dash."""
    outcome = words.outcome_and_reason(run)
    if in_sandbox and _is_ended_by_the_platform(run):
        outcome += "; the sandbox's output has the reason"
    table = Table.grid(padding=(0, 1))
    table.add_column(style="bold", no_wrap=True, min_width=10)
    table.add_column(overflow="fold")
    for label, value in (
        ("DNS", run.dns_ms),
        ("Connect", run.connect_ms),
        ("TLS", run.tls_ms),
        ("Headers", run.ttfb_headers_ms),
        ("TTFB", run.ttfb_ms),
        ("TTFT", run.ttft_ms),
        ("Max gap", run.max_gap_ms),
        ("TPOT", run.tpot_ms),
        ("Total", run.total_ms),
    ):
        table.add_row(label, f"{words.milliseconds(value):>9}{'' if value is None else ' ms'}")
    table.add_row("Format", words.format_of(run))
    table.add_row("Tokens", f"{words.count(run.input_tokens)} in, {words.count(run.output_tokens)} out")
    table.add_row("Start", words.start(run))
    table.add_row("Connection", run.connection or "-")
    table.add_row("Outcome", Text(outcome, style="green" if run.outcome == COMPLETED else "red"))
    table.add_row("Request", harmless_line(run.request_id or "-"))
    table.add_row("Trace", harmless_line(run.trace_id or "-"))
    return table


def _is_ended_by_the_platform(run: Run) -> bool:
    """Whether Lambda ended the answer for an error of the function: it tells no client which."""
    if run.error is None:
        return False
    return run.error.type == "http_502" or (run.outcome == CUT and run.error.type.startswith("curl_"))
