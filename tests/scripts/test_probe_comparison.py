"""The probe's comparison of two series: whose median is larger, by how much, and how sure that is."""

import math

import numpy as np
import pytest

from probe.analysis.comparison import compare, median_difference_interval
from probe.measurement import Run
from probe_runs import a_failed_run, a_run, a_series


def runs(*ttfts: float) -> list[Run]:
    return [a_run(number=number, ttft_ms=ttft) for number, ttft in enumerate(ttfts, 1)]


def test_positive_is_slower() -> None:
    found = compare(a_series(*runs(500.0, 700.0, 900.0)), a_series(*runs(350.0, 100.0, 400.0)))["ttft"]
    assert (found.median, found.ratio) == (350.0, 2.0)
    assert (found.low, found.high) == (None, None), "three runs have no interval"


def test_every_pair_the_same_apart_is_an_interval_without_width() -> None:
    slow, quick = runs(*range(111, 122)), runs(*range(100, 111))
    found = compare(a_series(*slow), a_series(*quick), paired=True)["ttft"]
    assert (found.median, found.low, found.high) == (11.0, 11.0, 11.0)
    # In another order of the runs the pairs are the same, for they are made by number.
    assert compare(a_series(*slow[::-1]), a_series(*quick), paired=True)["ttft"] == found
    apart = compare(a_series(*slow), a_series(*quick))["ttft"]
    assert apart.low is not None
    assert apart.high is not None
    assert apart.low < 11.0 < apart.high, "without pairs it is not known what they share"


@pytest.mark.parametrize("paired", [True, False])
def test_an_interval_needs_six_values_of_each(paired: bool) -> None:
    six = runs(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    assert compare(a_series(*six), a_series(*six), paired=paired)["ttft"].low is not None
    assert compare(a_series(*six[1:]), a_series(*six), paired=paired)["ttft"].low is None
    assert compare(a_series(*six), a_series(*six[1:]), paired=paired)["ttft"].low is None


def test_only_completed_runs_after_the_warm_up_count() -> None:
    noise = [a_run(number=1, warm_up=True, ttft_ms=9000.0), a_failed_run("cut", number=4, ttft_ms=5.0)]
    side, other = runs(100.0, 200.0, 300.0), runs(10.0, 20.0, 30.0)
    for paired in (True, False):
        found = compare(a_series(*noise, *side), a_series(*noise, *other), paired=paired)
        assert (found["ttft"].median, found["ttft"].ratio) == (180.0, 10.0)


def test_a_request_that_fails_on_one_side_counts_on_neither_of_a_pair() -> None:
    # The third request is a long one. One side fails it; without pairs that side seems quicker.
    side = [*runs(100.0, 200.0), a_failed_run("cut", number=3)]
    other = runs(90.0, 190.0, 5000.0)
    assert compare(a_series(*side), a_series(*other), paired=True)["ttft"].median == 10.0
    assert compare(a_series(*side), a_series(*other), paired=False)["ttft"].median == -40.0


def test_figures_that_both_have_are_compared() -> None:
    streamed = a_series(*[a_run(number=number) for number in range(1, 8)])
    buffered = a_series(
        *[a_run(number=number, gaps_ms=[], dns_ms=None, output_tokens=5, ttft_ms=505.0) for number in range(1, 8)],
        buffered=True,
    )
    found = compare(streamed, buffered, paired=True)
    assert list(found) == ["connect", "tls", "headers", "ttfb", "ttft", "total"]
    assert (found["ttft"].median, found["ttft"].low, found["ttft"].high) == (-105.0, -105.0, -105.0)
    assert compare(streamed, a_series(a_failed_run())) == {}


def test_no_difference_is_a_negative_zero() -> None:
    side = a_series(*runs(*[1.0] * 6))
    other = a_series(*runs(*[1.000_4] * 6))
    found = compare(side, other, paired=True)["ttft"]
    assert str((found.median, found.low, found.high)) == "(0.0, 0.0, 0.0)"


def test_gaps_are_pooled_and_have_no_interval() -> None:
    side = a_series(*[a_run(number=number, gaps_ms=[10.0, 30.0, 50.0]) for number in range(1, 9)])
    other = a_series(*[a_run(number=number, gaps_ms=[10.0, 10.0]) for number in range(1, 9)])
    for paired in (True, False):
        found = compare(side, other, paired=paired)["gap"]
        assert (found.median, found.low, found.high, found.ratio) == (20.0, None, None, 3.0)


def test_nothing_has_a_ratio_to_zero() -> None:
    found = compare(a_series(a_run(tls_ms=3.0)), a_series(a_run(tls_ms=0.0)))["tls"]
    assert (found.median, found.ratio) == (3.0, None)


@pytest.mark.parametrize("paired", [True, False])
def test_the_interval_holds_the_true_difference_as_often_as_it_says(paired: bool) -> None:
    random = np.random.default_rng(1)
    rounds = 100
    held = 0
    for _ in range(rounds):
        shared = random.normal(200.0, 40.0, 40) if paired else 0.0
        # The median of an exponential distribution is ln 2 times its scale; pairs differ by 7 in distribution.
        values = shared + random.exponential(20.0, 40) + 7.0
        others = shared + random.exponential(20.0 if paired else 30.0, 40)
        truth = 7.0 if paired else 7.0 - 10.0 * math.log(2)
        low, high = median_difference_interval(values.tolist(), others.tolist(), paired=paired)
        held += low <= truth <= high
    # 95 are to be expected; with this seed the number is always the same.
    assert 92 <= held <= 100


@pytest.mark.parametrize("paired", [True, False])
def test_the_interval_is_that_of_all_possible_resamples(paired: bool) -> None:
    """The median of 13 resampled ranks is at most k when seven or more of them are: a binomial probability."""

    def at_most(rank: int) -> float:
        return sum(math.comb(13, k) * (rank / 13) ** k * (1 - rank / 13) ** (13 - k) for k in range(7, 14))

    low, high = (next(rank for rank in range(1, 14) if at_most(rank) >= part) for part in (0.025, 0.975))
    assert (low, high) == (4, 10)
    ranks = [float(rank) for rank in range(1, 14)]
    assert median_difference_interval(ranks, [0.0] * 13, paired=paired) == (low, high)


def test_what_a_pair_shares_cancels_out() -> None:
    random = np.random.default_rng(2)
    shared = random.normal(200.0, 40.0, 40)
    values, others = (shared + 7.0).tolist(), (shared + random.normal(0.0, 1.0, 40)).tolist()
    width = {}
    for paired in (True, False):
        low, high = median_difference_interval(values, others, paired=paired)
        width[paired] = high - low
    assert width[True] < width[False] / 3


def test_many_values_are_drawn_in_parts() -> None:
    # Only fifty resamples of these are drawn at a time.
    values = [float(value % 2) for value in range(9_999)]
    assert median_difference_interval([value + 3.0 for value in values], values, paired=True) == (3.0, 3.0)


def test_the_same_values_have_the_same_interval() -> None:
    random = np.random.default_rng(3)
    sides = random.exponential(100.0, 40).tolist(), random.exponential(100.0, 40).tolist()
    for paired in (True, False):
        first, second = (median_difference_interval(*sides, paired=paired) for _ in range(2))
        assert first == second
