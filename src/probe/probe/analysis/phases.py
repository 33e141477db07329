"""One run on a time axis: its phases, from its begin to its end without a break, and its chunks."""

from collections.abc import Iterator
from itertools import accumulate

from ..measurement import Run

# The phases that make a connection.
CONNECTING = ("DNS", "Connect", "TLS")


def phases(run: Run) -> Iterator[tuple[str, float, float]]:
    """The phases that the run got to: label, begin and end in milliseconds, each from where the one before ended.

    What a kept connection did not need is left out.
    """
    now = 0.0
    for label, spent in zip(CONNECTING, (run.dns_ms, run.connect_ms, run.tls_ms), strict=True):
        if spent is not None:
            yield label, now, now + spent
            now += spent
    first = f"Headers to first {'chunk' if run.ttft_ms is None else 'text'}"
    last = "Rest of the answer"
    if run.first_chunk_ms is None:
        last = "Wait for headers" if run.headers_ms is None else "After the headers"
    for label, moment in (("Wait for headers", run.headers_ms), (first, run.first_chunk_ms), (last, run.total_ms)):
        if moment is not None:
            # The reader's clock may see the last bytes a hair after curl's says that it was over.
            yield label, now, max(now, moment)
            now = max(now, moment)


def arrivals(run: Run) -> list[float]:
    """When each chunk came, in milliseconds from the begin; the run must have a first one."""
    assert run.first_chunk_ms is not None
    return list(accumulate(run.gaps_ms, initial=run.first_chunk_ms))
