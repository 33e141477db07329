"""Answers that came in one burst, in words: how many, and what makes the first of them one."""

from ..delivery import BURST, account, is_held_back
from ..measurement import Run
from ..result import Series


def warning(series: Series) -> str | None:
    """A sentence for people, or None when no answer of the series came in one burst."""
    completed = series.completed
    bursts = [run for run in completed if run.delivery == BURST]
    if not bursts:
        return None
    share = f"{len(bursts)} of {len(completed)} answers came in one burst"
    return f"{share}: in run {bursts[0].number} {_explanation(bursts[0])}."


def _explanation(run: Run) -> str:
    wait = run.first_chunk_ms or 0.0
    arrival, first = (run.total_ms or 0.0) - wait, "piece" if run.ttft_ms is None else "text"
    came = f"the client waited {wait:.0f} ms for the first {first}, and the response was over {arrival:.0f} ms later"
    _, writing = account(run.timing)
    if is_held_back(arrival, writing):
        return f"{came}, though the function wrote for {writing:.0f} ms: something behind the model holds the text back"
    return f"{came}, all {len(run.gaps_ms) + 1} pieces at once: the answer was whole before its first byte was sent"
