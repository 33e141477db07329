"""How the probe tells text that is streamed from text that comes in one burst."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.analysis.bursts import warning
from probe.delivery import judge
from probe_process import Probe
from probe_runs import a_run, a_series
from scripted_server import LAST_CHUNK, START, STREAM_HEAD, Script, ScriptedServer, event

# Gaps, TTFT, total, the function's ttft_ms and duration_ms (None: it does not say), and what is to be told.
CASES: dict[str, tuple[list[float], float, float, tuple[float, float] | None, str | None]] = {
    "passed on as it was written": ([20.0] * 59, 350.0, 1540.0, (300.0, 1480.0), "streamed"),
    "passed on, no account": ([20.0] * 59, 350.0, 1540.0, None, "streamed"),
    "passed on, short": ([20.0] * 2, 350.0, 391.0, (300.0, 341.0), "streamed"),
    "a short text and then a tool's long input": ([15.0] * 3, 900.0, 4100.0, (850.0, 4040.0), "streamed"),
    "clumps of a model, passed on": ([0.0, 0.0, 120.0] * 10, 700.0, 1950.0, (650.0, 1900.0), "streamed"),
    "blocks of a proxy": ([*[0.0] * 30, 600.0, *[0.0] * 30], 900.0, 1510.0, (300.0, 1500.0), "streamed"),
    "held back whole": ([0.0] * 59, 1520.0, 1523.0, (300.0, 1480.0), "burst"),
    "held back whole, three pieces": ([0.0] * 2, 1520.0, 1523.0, (300.0, 1480.0), "burst"),
    "held back, then on a slow line": ([3.0] * 59, 1520.0, 1700.0, (300.0, 1480.0), "burst"),
    "held back by the handler": ([0.4] * 59, 1520.0, 1545.0, (300.0, 1540.0), "burst"),
    "held back, no account": ([0.0] * 59, 1520.0, 1523.0, None, "burst"),
    "held back for a moment": ([0.0] * 20, 420.0, 423.0, (200.0, 440.0), None),
    "a stall of the network at the first token": ([10.0] * 20, 600.0, 800.0, (200.0, 700.0), "streamed"),
    "whole before it was sent": ([0.3] * 19, 860.0, 868.0, (800.0, 806.0), "burst"),
    "whole before it was sent, little text": ([0.3] * 3, 860.0, 862.0, (800.0, 801.0), None),
    "whole before it was sent, little text, no account": ([0.3] * 3, 860.0, 862.0, None, None),
    "a model that answers at once": ([0.4] * 19, 25.0, 35.0, (5.0, 13.0), None),
    "a model that answers at once, in a cold start": ([0.4] * 19, 1400.0, 1410.0, (5.0, 13.0), None),
    "a very fast model after a wait": ([1.5] * 40, 700.0, 762.0, (650.0, 712.0), "streamed"),
    "text at once, and much later an end": ([0.1] * 19, 860.0, 1800.0, (800.0, 1740.0), None),
    "held back, two pieces": ([0.0], 1520.0, 1523.0, (300.0, 1480.0), "burst"),
    "held back, one piece": ([], 1520.0, 1523.0, (300.0, 1480.0), "burst"),
    "two pieces, no account": ([0.0], 1520.0, 1523.0, None, None),
    "one piece, no account": ([], 1520.0, 1523.0, None, None),
    "an account that runs backwards": ([20.0] * 59, 350.0, 1540.0, (1480.0, 300.0), "streamed"),
}


@pytest.mark.parametrize(("gaps", "ttft", "total", "account", "expected"), CASES.values(), ids=CASES)
def test_delivery(
    gaps: list[float], ttft: float, total: float, account: tuple[float, float] | None, expected: str | None
) -> None:
    timing = None if account is None else {"ttft_ms": account[0], "duration_ms": account[1]}
    assert judge(ttft, gaps, total, timing) == expected


@pytest.mark.parametrize(("ttft", "total"), [(None, 1523.0), (1520.0, None)])
def test_without_its_times_nothing_is_told(ttft: float | None, total: float | None) -> None:
    assert judge(ttft, [0.0] * 59, total, None) is None


@pytest.mark.parametrize(
    "timing",
    [
        {},
        {"ttft_ms": None, "duration_ms": None},
        {"ttft_ms": "5", "duration_ms": [7]},
        {"ttft_ms": True, "duration_ms": False},
        {"ttft_ms": -1, "duration_ms": 10**400},
    ],
)
def test_what_is_no_account_is_left_out(timing: dict[str, Any]) -> None:
    assert judge(1520.0, [0.0] * 59, 1523.0, timing) == "burst"
    assert judge(350.0, [20.0] * 59, 1540.0, timing) == "streamed"


@pytest.mark.parametrize(
    ("arrival", "writing", "expected"),
    [(249.0, 1000.0, "burst"), (250.0, 1000.0, "streamed"), (83.0, 333.0, "burst"), (82.0, 331.0, None)],
)
def test_the_limits_of_holding_back(arrival: float, writing: float, expected: str | None) -> None:
    assert judge(1000.0, [20.0] * 4, 1000.0 + arrival, {"ttft_ms": 100, "duration_ms": 100 + writing}) == expected


@pytest.mark.parametrize(
    ("deltas", "gap", "wait", "arrival", "expected"),
    [
        (5, 0.99, 250.0, 62.0, "burst"),
        (4, 0.99, 250.0, 62.0, None),
        (5, 1.0, 250.0, 62.0, "streamed"),
        (5, 0.99, 249.0, 62.0, None),
        (5, 0.99, 250.0, 63.0, None),
    ],
)
def test_the_limits_of_an_answer_that_was_whole(
    deltas: int, gap: float, wait: float, arrival: float, expected: str | None
) -> None:
    timing = {"ttft_ms": wait, "duration_ms": wait + 5}
    assert judge(2000.0, [gap] * (deltas - 1), 2000.0 + arrival, timing) == expected
    assert judge(wait, [gap] * (deltas - 1), wait + arrival, None) == expected


@given(
    gaps=st.lists(st.floats(2.0, 500.0), min_size=2, max_size=60),
    model_wait=st.floats(0.0, 5_000.0),
    way=st.floats(0.0, 3_000.0),
    jitter=st.floats(-100.0, 100.0),
)
def test_what_is_passed_on_within_a_networks_jitter_is_never_a_burst(
    gaps: list[float], model_wait: float, way: float, jitter: float
) -> None:
    writing = sum(gaps)
    timing = {"ttft_ms": model_wait, "duration_ms": model_wait + writing}
    ttft = model_wait + way
    arrival = max(0.0, writing + jitter)
    assert judge(ttft, gaps, ttft + arrival, timing) != "burst"


@given(st.lists(st.floats(2.0, 500.0), min_size=2).filter(lambda gaps: sum(gaps) > 350.0), st.floats(0.0, 80.0))
def test_what_is_held_back_to_the_end_is_always_a_burst(gaps: list[float], arrival: float) -> None:
    timing = {"ttft_ms": 200.0, "duration_ms": 200.0 + sum(gaps)}
    assert judge(1000.0, [0.0] * len(gaps), 1000.0 + arrival, timing) == "burst"


def test_a_gateway_that_holds_the_text_back_is_seen_through(probe: Probe) -> None:
    account = event("end", timing={"ttfb_ms": 100.0, "ttft_ms": 100.0, "duration_ms": 900.0})
    texts = [event("delta", text="a") for _ in range(5)]
    streamed: Script = [
        (0.0, STREAM_HEAD + START),
        *[(0.1 + 0.2 * number, text) for number, text in enumerate(texts)],
        (0.9, account + LAST_CHUNK),
    ]
    held_back: Script = [(0.0, STREAM_HEAD + START), (0.9, b"".join(texts) + account + LAST_CHUNK)]
    with ScriptedServer(streamed, held_back) as server:
        done = probe("--url", server.url, "--runs", "2", "--output", "jsonl")
    assert [json.loads(line)["delivery"] for line in done.stdout.splitlines()] == ["streamed", "burst"]


def test_the_warning_names_the_numbers() -> None:
    account = {"ttft_ms": 300.0, "duration_ms": 1480.0}
    held_back = a_run(delivery="burst", ttft_ms=1520.0, total_ms=1523.0, gaps_ms=[0.0] * 59, timing=account)
    assert warning(a_series(a_run(), held_back)) == (
        "1 of 2 answers came in one burst: in run 1 the client waited 1520 ms for the first text, and the response was "
        "over 3 ms later, though the function wrote for 1180 ms: something behind the model holds the text back."
    )
    account = {"ttft_ms": 800.0, "duration_ms": 806.0}
    whole = a_run(number=2, delivery="burst", ttft_ms=860.0, total_ms=868.0, gaps_ms=[0.3] * 19, timing=account)
    assert warning(a_series(whole, whole)) == (
        "2 of 2 answers came in one burst: in run 2 the client waited 860 ms for the first text, and the response was "
        "over 8 ms later, all 20 pieces at once: the answer was whole before its first byte was sent."
    )
    assert warning(a_series(a_run())) is None
