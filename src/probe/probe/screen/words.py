"""How a run's figures and its outcome are written for people."""

from ..formats import described
from ..measurement import HTTP_ERROR, Run
from ..terminal import harmless_line


def milliseconds(value: float | None) -> str:
    """Milliseconds without their unit, or a dash."""
    return "-" if value is None else f"{value:.1f}"


def duration(milliseconds: float) -> str:
    """A time in the unit that suits it."""
    return f"{milliseconds / 1000:.2f} s" if milliseconds >= 1000 else f"{milliseconds:.1f} ms"


def count(value: int | None) -> str:
    """A number of things, or a dash."""
    return "-" if value is None else str(value)


def format_of(run: Run) -> str:
    """The format of the run's answer and its compression; where no token is known, what is timed in its place."""
    if run.format is None:
        return "-"
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
