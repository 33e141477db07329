"""The distribution of every figure over a series' completed runs, and how many runs there were of which outcome."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..delivery import BURST, STREAMED
from ..figures import FIGURES
from ..measurement import COMPLETED, INTERRUPTED, Run
from ..result import Series

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}

# How many values a percentile q takes: 1 / (1 - q), so that at least one of them is expected beyond it. With fewer it
# would be the largest value under another name. The median of a single value is that value, and claims nothing.
LEAST_VALUES = {"p50": 1, "p90": 10, "p95": 20, "p99": 100}

# Outside of a 95 % interval, on either side.
_TAIL = 0.025


@dataclass(frozen=True)
class Distribution:
    """One figure over several runs; percentiles and their intervals are None where there are too few values for them.

    Attributes:
        count: How many values there are.
        min: The smallest.
        p50: The median; this and the others interpolate linearly between the two nearest values.
        p90: The 90th percentile.
        p95: The 95th percentile.
        p99: The 99th percentile.
        max: The largest.
        intervals: Exact 95 % intervals by percentile (p50, p90, p95, p99): lower and upper end.
    """

    count: int
    min: float
    p50: float
    p90: float | None
    p95: float | None
    p99: float | None
    max: float
    intervals: Mapping[str, tuple[float, float] | None]


@dataclass(frozen=True)
class Summary:
    """A series in figures.

    Attributes:
        finished: How many counted runs came to an end; runs that were stopped and the warm-up are none.
        completed: How many of them completed.
        outcomes: How many of them had which outcome, by outcome; without those that none had.
        formats: How many of the completed ones had which format, as far as it is known.
        cold_starts: How many of them say that they were the first of their execution environment.
        bursts: How many of the completed ones came in one burst.
        streamed: How many of them were streamed; of the others neither can be told.
        figures: By the names of `FIGURES`, over the completed runs; a figure that no run has is not there.
        warm: The same over those that were no cold start, if `cold_starts` is not 0; else empty.
        cold: The same over the cold starts, if there were any; else empty.
    """

    finished: int
    completed: int
    outcomes: Mapping[str, int]
    formats: Mapping[str, int]
    cold_starts: int
    bursts: int
    streamed: int
    figures: Mapping[str, Distribution]
    warm: Mapping[str, Distribution]
    cold: Mapping[str, Distribution]


def summarize(series: Series) -> Summary:
    """A series' counted runs in figures."""
    finished = [run for run in series.counted if run.outcome != INTERRUPTED]
    completed = [run for run in finished if run.outcome == COMPLETED]
    cold_starts = sum(run.cold_start is True for run in finished)
    return Summary(
        finished=len(finished),
        completed=len(completed),
        outcomes=dict(Counter(run.outcome for run in finished)),
        formats=dict(Counter(run.format for run in completed if run.format)),
        cold_starts=cold_starts,
        bursts=sum(run.delivery == BURST for run in completed),
        streamed=sum(run.delivery == STREAMED for run in completed),
        figures=_figures(completed),
        warm=_figures(run for run in completed if run.cold_start is False) if cold_starts else {},
        cold=_figures(run for run in completed if run.cold_start is True),
    )


def distribution(values: Sequence[float], *, independent: bool = True) -> Distribution:
    """The distribution of one value or more; percentiles are rounded to three decimals, which are microseconds.

    Args:
        values: In any order.
        independent: Each comes from a run of its own. An interval counts every value as news of the distribution; the
            gaps of one run are much alike, so that a thousand of them say little more than a few, and the interval
            would be far too narrow. There is none without this.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    found = np.quantile(ordered, list(PERCENTILES.values()), method="linear").round(3).tolist()
    p90, p95, p99 = (
        value if len(ordered) >= LEAST_VALUES[name] else None
        for name, value in list(zip(PERCENTILES, found, strict=True))[1:]
    )
    return Distribution(
        count=len(ordered),
        min=float(ordered[0]),
        max=float(ordered[-1]),
        p50=found[0],
        p90=p90,
        p95=p95,
        p99=p99,
        intervals={name: _interval(ordered, q) if independent else None for name, q in PERCENTILES.items()},
    )


def _figures(runs: Iterable[Run]) -> dict[str, Distribution]:
    runs = list(runs)
    pooled = {name: figure.pooled(runs) for name, figure in FIGURES.items()}
    return {name: distribution(values, independent=name != "gap") for name, values in pooled.items() if values}


def _interval(ordered: "np.ndarray[tuple[int], np.dtype[np.float64]]", q: float) -> tuple[float, float] | None:
    """The values between which the true quantile is with a probability of 95 % or more, whatever the distribution.

    How many of n values are below it is binomial, so the ends are two of the values, found by their ranks alone.
    Hahn and Meeker, Statistical Intervals (Wiley 1991), section 5.2. None where that needs more values than there are,
    or all of them: the smallest and the largest are known anyway.
    """
    count = len(ordered)
    below, above = _outer_ranks(count, q), _outer_ranks(count, 1 - q)
    if not below or not above or (below, above) == (1, 1):
        return None
    return float(ordered[below - 1]), float(ordered[count - above])


@cache
def _outer_ranks(count: int, q: float) -> int:
    """How many of the smallest of so many values are below the quantile but with a probability of `_TAIL`; 0: none."""
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    successes = np.arange(count + 1)
    log_binomials = log_factorials[-1] - log_factorials - log_factorials[::-1]
    probabilities = np.exp(log_binomials + successes * np.log(q) + successes[::-1] * np.log(1 - q))
    return int(np.searchsorted(np.cumsum(probabilities), _TAIL, side="right"))
