"""Several runs, a line each: in the live display, below it, and in a pipe."""

from ..figures import FIGURES
from ..measurement import Run
from . import words

# The outcome begins in column 65, so that 80 columns hold it with its HTTP status; a message makes the line longer.
_ROW = "{:>5} {:>8} {:>8} {:>10} {:>8} {:>6} {:<5} {:<6} {}"

_FIGURES = ("ttfb", "ttft", "max_gap", "total")
HEADER = _ROW.format("Run", *(FIGURES[name].labelled for name in _FIGURES), "Tokens", "Start", "Conn", "Outcome")


def row(run: Run, side: str) -> str:
    """The line of a run of this side ("" if there is one side)."""
    return _ROW.format(
        words.name(run.number, run.warm_up, side),
        *(words.number(getattr(run, FIGURES[name].field)) for name in _FIGURES),
        words.count(run.output_tokens),
        words.start(run),
        run.connection or "-",
        words.outcome_and_type(run),
    )
