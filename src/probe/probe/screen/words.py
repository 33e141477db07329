"""How a run's figures and its outcome are written for people."""

from ..formats import described
from ..measurement import HTTP_ERROR, Run
from ..terminal import harmless_line

# Of several runs these figures are shown without `--details`.
FIRST = ("ttft", "gap", "total", "output_tokens_per_second")


def number(value: float | None) -> str:
    """A figure without its unit, or a dash."""
    return "-" if value is None else f"{value:z.1f}"


def with_unit(milliseconds: float | None) -> str:
    """Milliseconds with their unit, or a dash."""
    return "-" if milliseconds is None else f"{milliseconds:z.1f} ms"


def interval(ends: tuple[float, float] | None) -> str:
    """An interval of a figure without its unit, or a dash."""
    return "-" if ends is None else f"{number(ends[0])} to {number(ends[1])}"


def difference(milliseconds: float) -> str:
    """A difference of milliseconds with its sign, without the unit."""
    return f"{milliseconds:+z.1f}"


def duration(milliseconds: float, decimals: int = 2) -> str:
    """A time, or the size of a difference, in the unit that suits it; seconds have so many decimals."""
    return f"{milliseconds / 1000:.{decimals}f} s" if milliseconds >= 1000 else f"{milliseconds:z.1f} ms"


def count(value: int | None) -> str:
    """A number of things, or a dash."""
    return "-" if value is None else str(value)


def format_of(run: Run) -> str:
    """The format of the run's answer and its compression; where no token is known, what is timed in its place.

    Empty without an answer.
    """
    if run.format is None:
        return ""
    compressed = f", compressed with {run.content_encoding}" if run.content_encoding else ""
    return harmless_line(f"{described(run.format)}{compressed}")


def start(run: Run) -> str:
    """Whether the execution environment was started for the run, as far as the function says."""
    return "-" if run.cold_start is None else "cold" if run.cold_start else "warm"


def outcome(run: Run) -> str:
    """How the run ended, with the status if that is why it failed."""
    return f"{run.outcome} {run.status}" if run.outcome == HTTP_ERROR else run.outcome


def outcome_and_type(run: Run) -> str:
    """How the run ended, and in a word why if it did not complete; one line."""
    if run.error is None or run.error.type == run.outcome:
        return outcome(run)
    return harmless_line(f"{outcome(run)}: {run.error.type}")


def outcome_and_reason(run: Run) -> str:
    """How the run ended, and why if it did not complete; one line."""
    return harmless_line(f"{outcome(run)}: {run.error.type}: {run.error.message}") if run.error else outcome(run)


def name(run_number: int, warm_up: bool, side: str) -> str:
    """What a run is called: its side's letter if there are two, `w` for the warm-up, its number."""
    return f"{side}{'w' if warm_up else ''}{run_number}"


def titled(side: str, title: str) -> str:
    """A title that says whose it is if there are two sides."""
    return f"{side}: {title}" if side else title
