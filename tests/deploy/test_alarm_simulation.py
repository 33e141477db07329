"""The template's alarms judge simulated traffic: what pages, how soon, and how often without a reason.

dashboards/README.md has the numbers that come out here. The simulation is checked against the sandbox's alarms.
"""

import math
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest

from alarm_simulation import (
    FAILED_AT_ONCE,
    FAULTS,
    STALLED,
    WITHOUT_RECORD,
    Minutes,
    Stack,
    States,
    Traffic,
    probe_runs,
    responses,
    short,
)
from readme import table, unquoted
from sandbox.cloudwatch.alarms.alarms import Alarms
from sandbox.cloudwatch.metrics import Metrics, Point
from sandbox.cloudwatch.queries import metric_of
from sandbox.store import Store
from tools import template_as_written

DAY = 24 * 60
HOURS_6 = 360
FAULT_DRAWS = 100
GOALS, RATES, SPACINGS = ("95", "99", "99.9"), (1, 6, 60, 600), ("random", "even")
LAGS = (1, 3)
PAGES = "page"


class Cell(NamedTuple):
    """A goal in percent, requests a minute, and whether these are Poisson distributed or evenly spaced."""

    goal: str
    rate: float
    spacing: str = "random"

    @property
    def allowed(self) -> float:
        """The share of responses that may be bad."""
        return (100 - float(self.goal)) / 100

    def asked(self, minutes: int, random: np.random.Generator) -> Minutes:
        """How many requests there are in each minute."""
        if self.spacing == "even":
            return np.full(minutes, float(self.rate))
        return random.poisson(self.rate, minutes).astype(float)


CELLS = tuple(Cell(*cell) for cell in product(GOALS, RATES, SPACINGS))
AT_RANDOM = tuple(cell for cell in CELLS if cell.spacing == "random")


@cache
def stack(goal: str) -> Stack:
    return Stack(GoodResponsePercent=goal)


def on(goal: str, alarm: str, traffic: Traffic, lag: int = 0) -> States:
    return stack(goal).pages(traffic, lag) if alarm == PAGES else stack(goal).on(alarm, traffic, lag)


def onsets(states: States) -> int:
    """How often it goes off."""
    return int(states[0]) + int((states[1:] & ~states[:-1]).sum())


class Times(NamedTuple):
    """Of each draw: minutes from a fault's begin until the alarm is on, and from its end until it is off for good."""

    told: Minutes
    gone: Minutes


@cache
def faults(
    cell: Cell, share: float, minutes: int, alarm: str = PAGES, fault: str = "model-errors", lag: int = 0
) -> Times:
    """How soon an alarm says that a share of the responses is bad for a while, after six hours without any."""
    random = np.random.default_rng(1)
    draws = FAULT_DRAWS
    before, length = HOURS_6 + 5, HOURS_6 + 5 + minutes + 60
    asked = cell.asked(length * draws, random)
    going_on = np.tile(np.arange(length) >= before, draws) & np.tile(np.arange(length) < before + minutes, draws)
    bad = random.binomial(asked.astype(int), share) * going_on
    states = on(cell.goal, alarm, responses(asked, bad.astype(float), fault), lag).reshape(draws, length)[:, before:]
    during, after = states[:, :minutes], states[:, minutes:]
    told = np.where(during.any(axis=1), during.argmax(axis=1) + 1.0, np.inf)
    last = after.shape[1] - after[:, ::-1].argmax(axis=1)
    return Times(told, np.where(after.any(axis=1), last + 1.0, 0.0))


@lru_cache(maxsize=4)
def days_300(cell: Cell, seed: int) -> tuple[Minutes, Minutes]:
    """The requests, and the bad ones among them: 0.8 of the allowed share."""
    random = np.random.default_rng(seed)
    asked = cell.asked(300 * DAY, random)
    return asked, random.binomial(asked.astype(int), 0.8 * cell.allowed).astype(float)


@cache
def without_reason(cell: Cell, seed: int, alarm: str = PAGES, fault: str = "model-errors", lag: int = 0) -> int:
    """How often an alarm goes off in 300 days in which the objective is met, all bad responses being of one kind."""
    return onsets(on(cell.goal, alarm, responses(*days_300(cell, seed), fault), lag))


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.rate >= 6], ids=str)
@pytest.mark.parametrize("minutes", [30, 180])
def test_a_total_outage_pages_within_10_minutes_and_is_gone_15_after_its_end(cell: Cell, minutes: int) -> None:
    times = faults(cell, 1, minutes)
    assert times.told.max() <= 10
    assert times.gone.max() <= 15


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_half_of_the_responses_pages_within_30_minutes(cell: Cell) -> None:
    told = faults(cell, 0.5, 60).told
    # One request a minute is too few to tell a half from an accident in each draw.
    assert (told <= 30).mean() >= (0.9 if cell.rate == 1 else 1)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_clients_that_take_nothing_page_nobody(cell: Cell) -> None:
    """Each is an error of Lambda's, so function-errors tells of them, and each has a record that says why."""
    assert np.isinf(faults(cell, 1, 60, PAGES, STALLED).told).all()
    told = faults(cell, 1, 60, "function-errors", STALLED).told
    assert cell.rate == 1 or np.isfinite(told).all()


# So few bad responses come in six hours that some draws have too few of them: 1.4, 8.6 and 14.4 on average.
FEW: dict[tuple[str, float], float] = {("99.9", 1): 0.7, ("99.9", 6): 0.9, ("99", 1): 0.95}


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_four_times_the_allowed_share_is_told_within_6_hours(cell: Cell) -> None:
    told = faults(cell, 4 * cell.allowed, HOURS_6, "budget-burn-slow").told
    assert (told <= HOURS_6).mean() >= FEW.get((cell.goal, cell.rate), 1)


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.spacing == "even"], ids=str)
def test_four_times_the_allowed_share_spread_evenly_is_told_within_6_hours(cell: Cell) -> None:
    asked = np.full(DAY, float(cell.rate))
    bad = np.diff(np.floor(np.cumsum(asked) * 4 * cell.allowed), prepend=0)
    assert on(cell.goal, "budget-burn-slow", responses(asked, bad))[:HOURS_6].any()


@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("seed", [1, 2])
def test_less_than_the_allowed_share_pages_at_most_once_in_300_days(cell: Cell, seed: int) -> None:
    assert without_reason(cell, seed) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_the_lowest_goal_that_the_template_takes_holds_at_the_lowest_rate(seed: int) -> None:
    lowest = str(template_as_written()["Parameters"]["GoodResponsePercent"]["MinValue"])
    assert without_reason(Cell(lowest, min(RATES)), seed) <= 1


def test_the_highest_goal_that_the_template_takes_is_simulated() -> None:
    assert str(template_as_written()["Parameters"]["GoodResponsePercent"]["MaxValue"]) == max(GOALS, key=float)


@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("share", [1, 0.3], ids=["a bad minute", "a deployment with cold starts"])
def test_a_bad_minute_pages_nobody(cell: Cell, share: float) -> None:
    random = np.random.default_rng(1)
    asked = cell.asked(2 * DAY, random)
    # In most minutes there are as many requests as usual. With a few more of them, a minute can be a longer one.
    asked[DAY] = cell.rate
    bad = np.zeros_like(asked)
    bad[DAY] = share * asked[DAY]
    assert not on(cell.goal, PAGES, responses(asked, bad)).any()


@pytest.mark.parametrize(("goal", "fewest"), [("94", 5), ("95", 5), ("96", 4), ("99", 4), ("99.9", 4)])
def test_on_a_quiet_stack_four_or_five_bad_responses_page(goal: str, fewest: int) -> None:
    for bad in (fewest - 1, fewest):
        minutes = np.zeros(DAY)
        minutes[600 : 600 + 3 * bad : 3] = 1
        assert on(goal, PAGES, responses(minutes, minutes)).any() == (bad == fewest)


@pytest.mark.parametrize("goal", GOALS)
def test_three_bad_responses_in_a_quiet_night_page_nobody(goal: str) -> None:
    for asked, bad in ((3, 3), (3, 1), (5, 2), (20, 3)):
        minutes = np.zeros(DAY)
        minutes[600] = asked
        assert not on(goal, PAGES, responses(minutes, np.where(minutes > 0, bad, 0.0))).any()


def bursts(cell: Cell, minutes: int) -> Minutes:
    """Once an hour, there are five times as many requests for five minutes."""
    return cell.asked(minutes, np.random.default_rng(1)) * np.where(np.arange(minutes) % 60 < 5, 5, 1)


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_records_that_are_late_set_off_nothing(cell: Cell, lag: int) -> None:
    """The newest minutes of good traffic have nothing but Lambda's own count of the invocations."""
    steady = cell.asked(DAY, np.random.default_rng(1))
    quiet = np.where(np.arange(DAY) % 17 == 16, 5.0, 0.0)
    for asked in (steady, bursts(cell, DAY), quiet):
        traffic = responses(asked, np.zeros_like(asked))
        assert not on(cell.goal, PAGES, traffic, lag).any()
        assert not [name for name in stack(cell.goal).alarms if on(cell.goal, name, traffic, lag).any()]


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("cell", AT_RANDOM, ids=str)
def test_with_late_records_less_than_the_allowed_share_pages_at_most_once_in_300_days(cell: Cell, lag: int) -> None:
    assert without_reason(cell, 1, lag=lag) <= 1


@pytest.mark.parametrize("fault", ["function-errors", FAILED_AT_ONCE])
@pytest.mark.parametrize("cell", AT_RANDOM, ids=str)
def test_with_late_records_few_errors_of_lambdas_page_at_most_once_in_300_days(cell: Cell, fault: str) -> None:
    """Some errors have a record, which may be late; none may count twice."""
    assert without_reason(cell, 1, fault=fault, lag=max(LAGS)) <= 1


@pytest.mark.parametrize("fault", ["model-errors", "function-errors", FAILED_AT_ONCE])
@pytest.mark.parametrize("lag", [0, *LAGS])
@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.rate >= 6], ids=str)
def test_with_late_records_an_outage_pages_within_10_minutes_and_is_gone_15_after_its_end(
    cell: Cell, lag: int, fault: str
) -> None:
    times = faults(cell, 1, 30, fault=fault, lag=lag)
    assert times.told.max() <= 10
    assert times.gone.max() <= 15


@pytest.mark.parametrize("lag", [0, *LAGS])
@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.rate >= 6], ids=str)
def test_without_any_records_there_is_a_ticket_within_15_minutes_and_no_page(cell: Cell, lag: int) -> None:
    asked = cell.asked(DAY, np.random.default_rng(1))
    lost = np.where(np.arange(DAY) >= HOURS_6, asked, 0.0)
    traffic = responses(asked, lost, WITHOUT_RECORD)
    states = {name: on(cell.goal, name, traffic, lag) for name in stack(cell.goal).alarms}
    assert {name for name, one in states.items() if one.any()} == {"function-errors"}
    assert not states["function-errors"][:HOURS_6].any()
    assert states["function-errors"][HOURS_6 + 15 :].all()


@cache
def pages_after(cell: Cell) -> float:
    """How many pages more there are in the six hours after an outage, in which 0.8 of the allowed share is bad."""
    random = np.random.default_rng(1)
    draws, before, outage = FAULT_DRAWS, HOURS_6 + 5, 30
    # The end of a draw is clean, and so is the begin of the next one.
    length = before + outage + HOURS_6
    asked = cell.asked(length * draws, random)
    minute = np.tile(np.arange(length), draws)
    share = np.select([minute < before, minute < before + outage], [0.0, 1.0], 0.8 * cell.allowed)
    bad = random.binomial(asked.astype(int), share).astype(float)
    states = on(cell.goal, PAGES, responses(asked, bad)).reshape(draws, length)[:, before:]
    return sum(onsets(one) for one in states) / draws - 1


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_after_an_outage_few_bad_responses_page_again_in_one_of_twenty_draws_at_most(cell: Cell) -> None:
    assert pages_after(cell) <= 0.05


@pytest.mark.parametrize("goal", GOALS)
def test_after_an_outage_two_bad_responses_page_nobody(goal: str) -> None:
    minutes = np.arange(DAY)
    asked = np.where(minutes < HOURS_6, 6.0, 0.0)
    bad = np.where((minutes >= HOURS_6 - 180) & (minutes < HOURS_6), 6.0, 0.0)
    asked[HOURS_6 + 60] = bad[HOURS_6 + 60] = 2
    traffic = responses(asked, bad)
    assert on(goal, "budget-burn-hours", traffic)[HOURS_6 + 60]
    assert onsets(on(goal, PAGES, traffic)) == 1


@pytest.mark.parametrize("goal", GOALS)
def test_no_traffic_sets_off_no_alarm(goal: str) -> None:
    none = np.zeros(2 * DAY)
    assert not [name for name in stack(goal).alarms if on(goal, name, responses(none, none)).any()]


EVERY = (1, 2, 3, 4, 5)


@cache
def probed(every: int) -> Stack:
    return Stack(ProbeEveryMinutes=str(every))


def probe(every: int, runs: Minutes, failed: Minutes) -> States:
    none = np.zeros_like(runs)
    traffic: Traffic = {**responses(none, none), **probe_runs(runs - failed, failed)}
    return probed(every).pages(traffic)


def runs_of(minutes: int, every: int, first: int = 0) -> Minutes:
    return np.where((np.arange(minutes) >= first) & ((np.arange(minutes) - first) % every == 0), 1.0, 0.0)


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("how", ["silent", "failing"])
def test_a_probe_without_responses_pages_within_15_minutes(every: int, how: str) -> None:
    for last in range(100, 100 + every):
        runs = runs_of(200, every)
        runs[last + 1 :] *= how == "failing"
        failed = np.where(np.arange(200) > last, runs, 0.0)
        states = probe(every, runs, failed)[20:]
        assert not states[: last - 20 + 1].any()
        assert states.argmax() - (last - 20) <= 15
        assert states.any()


@pytest.mark.parametrize("every", EVERY)
def test_two_failed_runs_of_a_probe_and_late_ones_page_nobody(every: int) -> None:
    runs = runs_of(400, every)
    failed = np.zeros(400)
    failed[np.flatnonzero(runs)[40:42]] = 1
    late = np.roll(runs, 1)
    late[:200] = runs[:200]
    assert not probe(every, runs, failed)[20:].any()
    assert not probe(every, late, np.zeros(400))[20:].any()


@pytest.mark.parametrize("every", EVERY)
def test_the_probe_of_a_new_stack_pages_nobody(every: int) -> None:
    warm_up = template_as_written()["Resources"]["ProbeAlarm"]["Properties"]["WarmUpConfiguration"]
    assert warm_up["OnlyStartEvaluatingAfterWarmUpPeriodEnds"], "silence, filled with failures, is data, too"
    minutes = warm_up["WarmUpPeriodDurationInMinutes"]
    for first in range(every + 3):
        states = probe(every, runs_of(60, every, first), np.zeros(60))
        assert states[0] == (first > 0), "without a warm-up it would page"
        assert not states[minutes - 1 :].any()


@pytest.mark.parametrize("fault", FAULTS)
def test_each_cause_has_a_ticket_and_no_other_cause_has(fault: str) -> None:
    random = np.random.default_rng(1)
    asked = random.poisson(60, 60).astype(float)
    told = {name for name in stack("95").alarms if on("95", name, responses(asked, asked, fault)).any()}
    assert told - {"budget-burn-fast", "budget-burn-hours", "budget-burn-now", "budget-burn-slow"} == {fault}


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_cause_makes_few_tickets_while_the_objective_is_met(fault: str, rate: int) -> None:
    assert without_reason(Cell("95", rate), 1, fault, fault) <= 10 * 10


def test_the_simulation_agrees_with_the_sandboxs_alarms() -> None:
    """An hour and a half of thin, bad traffic with gaps: every alarm changes its mind, and both say the same."""
    simulated = Stack(ProbeEveryMinutes="5", GoodResponsePercent="99")
    random = np.random.default_rng(3)
    length = 90
    minutes = np.arange(length)
    asked = random.poisson(5, length) * (minutes < 65) + random.poisson(2, length) * (minutes >= 75)
    traffic: dict[tuple[str, str], dict[float, Minutes]] = {}
    for fault in FAULTS:
        bad = np.where((minutes >= 15) & (minutes < 45), random.uniform(0, 9, length), 0.0).round()
        good = np.where(fault == FAULTS[0], asked, 0.0)
        for metric, counts in responses(good + bad, bad, fault).items():
            for value, count in counts.items():
                of = traffic.setdefault(metric, {})
                of[value] = of.get(value, np.zeros(length)) + count
    runs = runs_of(length, 5) * ((minutes < 30) | (minutes >= 60))
    failed = runs * (random.random(length) < 0.5)
    traffic.update({metric: dict(counts) for metric, counts in probe_runs(runs - failed, failed).items()})
    expected = {name: simulated.on(name, traffic) for name in simulated.alarms} | {PAGES: simulated.pages(traffic)}
    assert not [name for name, states in expected.items() if states.all() or not states.any()]

    metrics = Metrics(Store())
    alarms = Alarms(simulated.definitions, metrics, 60, lambda change: None)
    dimensions = {
        (query["MetricStat"]["Metric"]["Namespace"], query["MetricStat"]["Metric"]["MetricName"]): metric_of(
            query["MetricStat"]["Metric"]
        ).dimensions
        for alarm in simulated.alarms.values()
        for query in alarm.queries
        if "MetricStat" in query
    }
    # After every warm-up.
    begin_ms = (int(datetime.now(UTC).timestamp()) // 60 + 20) * 60_000
    metrics.put(
        Point(namespace, name, dimensions[namespace, name], "None", begin_ms + 60_000 * minute, value, count)
        for (namespace, name), counts in traffic.items()
        for value, of in counts.items()
        for minute, count in enumerate(of)
        if count
    )
    for minute in range(2, length, 3):
        alarms.evaluate(begin_ms + 60_000 * (minute + 1))
        found = {short(alarm.name) for alarm, state in alarms.all() if state.value == "ALARM"}
        assert found == {name for name, states in expected.items() if states[minute]}, minute


def text(minutes: float) -> str:
    """A time as the README has it."""
    if math.isinf(minutes):
        return "never"
    hours, rest = divmod(math.ceil(minutes), 60)
    return f"{hours} h {rest} min" if hours else f"{rest} min"


def a_month(number: float) -> str:
    return "0" if number == 0 else f"{max(number, 0.1):.1f}"


def test_the_readme_says_how_soon_each_alarm_tells_and_how_often_without_a_reason() -> None:
    names = [*stack("95").alarms, PAGES]
    faulty = {name: name if name in FAULTS else "model-errors" for name in names}
    soon = {
        name: [
            text(float(np.median(faults(Cell("95", 6), share, HOURS_6, name, faulty[name]).told))) for share in (1, 0.5)
        ]
        for name in names
    }
    often = [{name: without_reason(Cell("95", one), 1, name, faulty[name]) / 10 for name in names} for one in RATES]
    found = {name: [*soon[name], ", ".join(a_month(numbers[name]) for numbers in often)] for name in names}
    found["probe"] = probe_row()
    assert {unquoted(row[0])[0]: row[4:] for row in table("dashboards", "## Alarms")} == found


def probe_row() -> list[str]:
    """Of the probe that runs every five minutes: all or half of its runs fail, or 0.8 of the allowed share."""
    random = np.random.default_rng(1)
    runs = runs_of(1500 * DAY, 5)
    often = onsets(probe(5, runs, runs * (random.random(len(runs)) < 0.8 * 0.05))[20:]) / 50
    times = []
    for share in (1, 0.5):
        draws, length = 200, 400
        runs = np.tile(runs_of(length, 5), draws)
        # It begins just after a good run.
        failing = (random.random(len(runs)) < share) & np.tile(np.arange(length) > 40, draws)
        states = probe(5, runs, runs * failing).reshape(draws, length)[:, 41:]
        times.append(float(np.median(np.where(states.any(axis=1), states.argmax(axis=1) + 1.0, np.inf))))
    return [*map(text, times), a_month(often)]


def test_the_readme_has_the_simulations_table() -> None:
    rows = []
    for goal, one in product(GOALS, RATES):
        cell = Cell(goal, one)
        outage, half = faults(cell, 1, 30), faults(cell, 0.5, 60).told
        slow = faults(cell, 4 * cell.allowed, HOURS_6, "budget-burn-slow").told
        rows.append(
            [
                goal,
                str(one),
                f"{text(float(np.median(outage.told)))}, {text(outage.told.max())}",
                text(outage.gone.max()),
                f"{text(float(np.median(half)))}, {(half <= 30).mean():.0%}",
                f"{text(float(np.median(slow)))}, {(slow <= HOURS_6).mean():.0%}",
                f"{without_reason(cell, 1)}, {without_reason(cell, 2)}",
                a_month(without_reason(cell, 1, "budget-burn-slow") / 10),
            ]
        )
    assert table("dashboards", "### The simulation") == [[cell.replace("%", " %") for cell in row] for row in rows]
