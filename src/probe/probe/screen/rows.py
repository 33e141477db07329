"""Several runs, a line each: in the live display, below it, and in a pipe."""

from ..measurement import Run
from . import words

# The outcome begins in column 65, so that 80 columns hold it with its HTTP status; a message makes the line longer.
_ROW = "{:>5} {:>8} {:>8} {:>10} {:>8} {:>6} {:<5} {:<6} {}"

HEADER = _ROW.format("run", "TTFB ms", "TTFT ms", "max gap ms", "total ms", "tokens", "start", "conn", "outcome")


def row(run: Run, side: str) -> str:
    """The line of a run of this side ("" if there is one side)."""
    return _ROW.format(
        words.name(run.number, run.warm_up, side),
        words.milliseconds(run.ttfb_ms),
        words.milliseconds(run.ttft_ms),
        words.milliseconds(run.max_gap_ms),
        words.milliseconds(run.total_ms),
        words.count(run.output_tokens),
        words.start(run),
        run.connection or "-",
        words.outcome_and_type(run),
    )
