"""Two series compared: the difference of a figure's medians, with an interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..figures import TIMES, Figure
from ..result import Series
from ..rounding import milliseconds

# With fewer, resamples are too much alike: the interval would hold the true difference less often than it says.
LEAST_VALUES = 6

_RESAMPLES = 5_000
# So many values are drawn at a time, for the memory's sake.
_DRAWN_AT_A_TIME = 1_000_000


@dataclass(frozen=True)
class Difference:
    """One figure of two series; positive means that the series is slower than what it is compared with.

    Attributes:
        median: The series' median minus the other's.
        low: The lower end of its 95 % interval, or None when there are too few runs for one.
        high: The upper end, likewise.
        ratio: The series' median divided by the other's, or None when that is 0.
    """

    median: float
    low: float | None
    high: float | None
    ratio: float | None


def compare(series: Series, against: Series, *, paired: bool = False) -> dict[str, Difference]:
    """The times that both series have, over their completed runs without the warm-up.

    The figure `gap` has no interval: the gaps of one run are much alike, and no sample of their own.

    Args:
        series: What is compared.
        against: With what.
        paired: Runs with the same number were made in turn, one after the other. Then only those count that completed
            on both sides: a request that fails on one of them must not make the other look slower or faster.
    """
    differences = {}
    for name, figure in TIMES.items():
        values, others = (
            _pairs(series, against, figure)
            if paired
            else (figure.pooled(series.completed), figure.pooled(against.completed))
        )
        if values and others:
            has_interval = name != "gap" and min(len(values), len(others)) >= LEAST_VALUES
            low, high = median_difference_interval(values, others, paired=paired) if has_interval else (None, None)
            median, other = float(np.median(values)), float(np.median(others))
            differences[name] = Difference(milliseconds(median - other), low, high, median / other if other else None)
    return differences


def median_difference_interval(
    values: Sequence[float], others: Sequence[float], *, paired: bool
) -> tuple[float, float]:
    """The 95 % interval of the difference of two medians, as a percentile bootstrap; the same for the same values.

    Efron and Tibshirani, An Introduction to the Bootstrap (Chapman and Hall 1993), chapter 13.

    Args:
        values: Of the first side.
        others: Of the second side, whose median is taken from that of the first.
        paired: Values with the same index belong together and are drawn together, so that what they share, such as a
            busy machine, cancels out.
    """
    random = np.random.default_rng(0)
    first, second = np.array(values), np.array(others)
    step = max(1, _DRAWN_AT_A_TIME // (len(first) + len(second)))
    differences: list[float] = []
    for done in range(0, _RESAMPLES, step):
        times = min(step, _RESAMPLES - done)
        drawn = random.integers(len(first), size=(times, len(first)))
        other_drawn = drawn if paired else random.integers(len(second), size=(times, len(second)))
        differences += (np.median(first[drawn], axis=1) - np.median(second[other_drawn], axis=1)).tolist()
    low, high = np.quantile(differences, (0.025, 0.975)).tolist()
    return milliseconds(low), milliseconds(high)


def _pairs(series: Series, against: Series, figure: Figure) -> tuple[list[float], list[float]]:
    """The values of both sides that have a partner, in the same order."""
    others = {run.number: figure.values(run) for run in against.completed}
    pairs = [(figure.values(run), others.get(run.number, [])) for run in series.completed]
    both = [pair for pair in pairs if all(pair)]
    return [value for pair in both for value in pair[0]], [value for pair in both for value in pair[1]]
