"""The probe's objectives: how they are read, and when they are met."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.analysis.objectives import Objective, judge, parse, require_runs
from probe.analysis.summary import Summary, summarize
from probe.errors import UsageError
from probe.figures import TIMES
from probe_runs import a_failed_run, a_run, a_series


def summary_of(*ttfts: float) -> Summary:
    return summarize(a_series(*[a_run(ttft_ms=ttft) for ttft in ttfts]))


def test_a_list_is_read_in_its_order() -> None:
    assert parse("ttft_p95=800ms, ttfb_p50=0.2s,max_gap_max = 10s ,failures=1%,bursts=0.5%") == [
        Objective("ttft_p95", 800.0, "800ms"),
        Objective("ttfb_p50", 200.0, "0.2s"),
        Objective("max_gap_max", 10_000.0, "10s"),
        Objective("failures", 1.0, "1%"),
        Objective("bursts", 0.5, "0.5%"),
    ]


@pytest.mark.parametrize("figure", TIMES)
@pytest.mark.parametrize("statistic", ["min", "p50", "p90", "p95", "p99", "max"])
def test_every_statistic_of_every_time_can_have_one(figure: str, statistic: str) -> None:
    name = f"{figure}_{statistic}"
    summary = summarize(a_series(*[a_run() for _ in range(99)], a_run(**slow_in_every_figure())))
    (verdict,) = judge(parse(f"{name}=9000s"), summary)
    assert verdict.value == getattr(summary.figures[figure], statistic)
    assert verdict.met


def slow_in_every_figure() -> dict[str, object]:
    names = ("dns_ms", "connect_ms", "tls_ms", "headers_ms", "ttfb_ms", "ttft_ms", "tpot_ms", "total_ms")
    return dict.fromkeys(names, 8e6) | {"gaps_ms": [8e6, 1.0]}


REFUSED = {
    "": "'' is not an objective such as ttft_p95=800ms",
    "ttft_p95=800ms,": "'' is not an objective",
    "ttft_p95": "'ttft_p95' is not an objective",
    "ttft_p95=": "'ttft_p95=' is not an objective",
    "=800ms": "'=800ms' is not an objective",
    "ttft=800ms": "there is no 'ttft' (did you mean ttft_",
    "tfft_p95=800ms": "there is no 'tfft_p95' (did you mean ttft_p95",
    "ttft_p75=800ms": "there is no 'ttft_p75' (did you mean ttft_p95",
    "TTFT_P95=800ms": "there is no 'TTFT_P95'; there are failures, bursts, and dns, connect, tls, headers, ttfb, ",
    "failure=1%": "there is no 'failure' (did you mean failures",
    "failures_p95=1%": "there is no 'failures_p95' (did you mean failures",
    "output_tokens_per_second_p50=1ms": "there is no 'output_tokens_per_second_p50'",
    "tokens_p50=1ms": "with one of _min, _p50, _p90, _p95, _p99, _max behind it",
    "ttft_p95=800": "the limit of ttft_p95 is a time in ms or s, such as 800ms or 1.5s, not '800'",
    "ttft_p95=5%": "the limit of ttft_p95 is a time",
    "ttft_p95=1m": "the limit of ttft_p95 is a time",
    "ttft_p95=-1ms": "the limit of ttft_p95 is a time",
    "ttft_p95=nanms": "the limit of ttft_p95 is a time",
    "ttft_p95=infs": "the limit of ttft_p95 is a time",
    "ttft_p95=1e3ms": "the limit of ttft_p95 is a time",
    "ttft_p95=.5s": "the limit of ttft_p95 is a time",
    "ttft_p95=\u0661s": "the limit of ttft_p95 is a time",
    "ttft_p95==1s": "the limit of ttft_p95 is a time",
    "failures=1": "the limit of failures is a percentage from 0% to 100%, such as 1%, not '1'",
    "failures=1s": "the limit of failures is a percentage",
    "bursts=-1%": "the limit of bursts is a percentage",
    "bursts=100.1%": "the limit of bursts is a percentage",
    f"ttft_p95={'9' * 400}s": "the limit of ttft_p95 is a time",
    "ttft_p95=1s,total_max=2s,ttft_p95=3s": "ttft_p95 is there twice",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items())
def test_what_is_no_objective_is_named(text: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text)
    said = str(refused.value)
    assert said.startswith("--slo: ")
    assert message in said


@given(st.text())
def test_any_text_is_an_objective_or_refused(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert parse(text)


@pytest.mark.parametrize(
    ("limit", "met"), [("800ms", True), ("0.8s", True), ("799.999ms", False), ("800.001ms", True), ("0s", False)]
)
def test_a_value_up_to_the_limit_meets_it(limit: str, met: bool) -> None:
    (verdict,) = judge(parse(f"ttft_p50={limit}"), summary_of(700.0, 900.0))
    assert (verdict.value, verdict.met) == (800.0, met)


def test_limits_are_read_in_decimal() -> None:
    (verdict,) = judge(parse("ttft_p50=1.001s"), summary_of(1001.0))
    assert verdict.met, "1.001 * 1000 is less than 1001 in binary"


def test_verdicts_stand_in_the_order_of_the_objectives() -> None:
    objectives = parse("total_p50=1s,ttft_max=100ms")
    verdicts = judge(objectives, summary_of(400.0))
    assert [verdict.objective for verdict in verdicts] == objectives
    assert [(verdict.value, verdict.met) for verdict in verdicts] == [(505.0, True), (400.0, False)]


def test_cold_starts_count_like_all_other_runs() -> None:
    summary = summarize(a_series(a_run(ttft_ms=3000.0, cold_start=True), a_run(ttft_ms=300.0)))
    (verdict,) = judge(parse("ttft_max=1s"), summary)
    assert (verdict.value, verdict.met) == (3000.0, False)


def test_a_figure_without_values_does_not_meet_its_objective() -> None:
    summary = summarize(a_series(a_run(gaps_ms=[])))
    (verdict,) = judge(parse("gap_p95=1s"), summary)
    assert (verdict.value, verdict.met, verdict.word) == (None, False, "unproven")


@pytest.mark.parametrize(("statistic", "least"), [("p90", 10), ("p95", 20), ("p99", 100)])
def test_an_objective_of_a_percentile_that_the_runs_cannot_carry_is_refused(statistic: str, least: int) -> None:
    objectives = parse(f"total_max=1s,failures=0%,ttft_p50=1s,gap_{statistic}=1s,max_gap_{statistic}=1s")
    require_runs(objectives, least, "")
    with pytest.raises(UsageError) as refused:
        require_runs(objectives, least - 1, "--runs is too small")
    assert str(refused.value) == (
        f"--slo: max_gap_{statistic} takes {least} runs or more, and --runs is too small: of fewer, not one is "
        f"expected beyond the {statistic}; make more, or give a limit for max_gap_max"
    )


def test_an_objective_that_too_few_runs_completed_for_is_unproven() -> None:
    runs = [a_run(number=number) for number in range(1, 20)]
    (verdict,) = judge(parse("ttft_p95=9s"), summarize(a_series(*runs, a_failed_run(number=20))))
    assert (verdict.value, verdict.met, verdict.word) == (None, False, "unproven")
    assert verdict.finding == "a p95 takes 20 completed runs with a TTFT, and there are 19"
    (verdict,) = judge(parse("ttft_p95=9s"), summarize(a_series(*runs, a_run(number=20))))
    assert (verdict.met, verdict.word) == (True, "met")


def test_an_objective_of_gaps_counts_gaps() -> None:
    few, enough = (summarize(a_series(a_run(gaps_ms=[1.0] * count))) for count in (19, 20))
    ((unproven,), (met,)) = (judge(parse("gap_p95=9s"), summary) for summary in (few, enough))
    assert (unproven.word, unproven.finding) == ("unproven", "a p95 takes 20 gaps, and there are 19")
    assert met.met


def test_failures_are_a_share_of_the_runs_that_ended() -> None:
    runs = [*[a_run() for _ in range(96)], *[a_failed_run() for _ in range(4)]]
    left_out = [a_failed_run("interrupted"), a_failed_run("cut", warm_up=True)]
    summary = summarize(a_series(*runs, *left_out))
    met, missed = judge(parse("failures=4%"), summary) + judge(parse("failures=3.9%"), summary)
    assert (met.value, met.met) == (4.0, True)
    assert (missed.value, missed.met) == (4.0, False)


def test_bursts_are_a_share_of_the_runs_of_which_it_can_be_told() -> None:
    runs = [a_run(delivery=delivery) for delivery in ("burst", "streamed", None, "streamed", "streamed")]
    summary = summarize(a_series(*runs, a_failed_run("cut")))
    met, missed = judge(parse("bursts=25%"), summary) + judge(parse("bursts=0%"), summary)
    assert (met.value, met.met) == (25.0, True)
    assert (missed.value, missed.met) == (25.0, False)


def test_without_runs_there_is_nothing_to_be_content_with() -> None:
    only_interrupted = summarize(a_series(a_failed_run("interrupted")))
    only_failed = summarize(a_series(a_failed_run()))
    found = judge(parse("failures=100%,bursts=100%,ttft_p50=9s"), only_interrupted)
    assert [(verdict.value, verdict.met) for verdict in found] == [(None, False)] * 3
    found = judge(parse("failures=100%,bursts=100%"), only_failed)
    assert [(verdict.value, verdict.met) for verdict in found] == [(100.0, True), (None, False)]


TEXTLESS = {
    "a page in place of the answer": ("json", "tokens cannot be seen in the format json (5 of 6)"),
    "tool calls only": ("openai", "answers have no text (5 of 6)"),
}


@pytest.mark.parametrize(("name", "reason"), TEXTLESS.values(), ids=TEXTLESS)
def test_the_few_answers_with_a_text_do_not_stand_for_the_others(name: str, reason: str) -> None:
    others = [a_run(format=name, ttft_ms=None, tpot_ms=None) for _ in range(5)]
    summary = summarize(a_series(a_run(format="openai"), *others, a_failed_run(ttft_ms=None)))
    ttft, tpot, total = judge(parse("ttft_p50=1s,tpot_p50=1s,total_p50=1s"), summary)
    assert [(verdict.value, verdict.met, verdict.missing) for verdict in (ttft, tpot)] == [(None, False, reason)] * 2
    assert total.met
