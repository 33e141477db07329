"""What Try it says and draws of responses, and what it sends."""

import json
from typing import Any

import pytest

from console.try_it import choices, figures
from console.try_it.reading import Ending, Reading
from console.try_it.sentences import state, verdict
from console.try_it.timeline import MOST_TICKS, options, thinned
from look.charts import THRESHOLD
from probe.figures import FIGURES
from sandbox.bedrock.script import parse_directive


def reading(accept: str = "text/event-stream", ticks: int = 3, *, gap: float = 10, first: float = 300) -> Reading:
    """One that runs, of plain text."""
    made = Reading(accept)
    made.accepted(first, 200, {"content-type": "text/plain"})
    for number in range(ticks):
        made.take(first + number * gap, b"x")
    return made


def whole(accept: str = "text/event-stream", *, first: float = 300, cold: bool = False) -> Reading:
    made = reading(accept, first=first)
    made.finish(first + 100)
    made.model, made.cold_start = "m", cold
    return made


@pytest.mark.parametrize("models", [[], ["one.model-v1:0"], ["one.model-v1:0", "two.model-v1:0"]])
def test_each_fault_is_a_directive_that_the_sandbox_knows(models: list[str]) -> None:
    offered = choices.faults(models)
    assert next(iter(offered)) == ""
    assert len(set(offered.values())) == len(offered)
    for directive in filter(None, offered):
        assert parse_directive(directive).changes


def test_what_is_sent() -> None:
    assert choices.fields("hi", None, "") == {"prompt": "hi"}
    assert choices.fields("hi", "m", "fault=drop:5") == {"prompt": "[[sandbox: fault=drop:5]] hi", "model": "m"}


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0, "$0.00"), (1.488e-05, "$0.0000149"), (0.0123, "$0.0123"), (0.5, "$0.500"), (1234.5, "$1,234.50")],
)
def test_dollars(value: float | None, text: str) -> None:
    assert figures.dollars(value) == text


def test_figures_that_are_not_there_yet() -> None:
    rows = figures.rows(Reading("text/event-stream"), {})
    assert {(felt, recorded) for _, felt, recorded in rows} == {("-", "-")}


def test_an_answer_without_a_price() -> None:
    rows = {name: recorded for name, _, recorded in figures.rows(whole(), {"output_tokens": 5})}
    assert (rows["Cost"], rows["Tokens out"]) == ("no price", "5")


@pytest.mark.parametrize("ticks", [10, 10_000, 200_000])
def test_a_chart_does_not_grow_with_the_answer(ticks: int) -> None:
    drawn = options([reading(ticks=ticks, gap=0.5), reading("application/json", 0)], 300 + ticks * 0.5)
    (chunks,) = [series for series in drawn["series"] if series["name"] == "chunk"]
    assert len(chunks["data"]) == min(ticks, MOST_TICKS) or MOST_TICKS / 3 < len(chunks["data"]) <= MOST_TICKS
    assert len(json.dumps(drawn)) < 60_000


def test_thinned_ticks_keep_the_first_of_each_slot() -> None:
    assert thinned([1, 2, 3], 10) == [1, 2, 3]
    many = [number + 0.5 for number in range(3 * MOST_TICKS)]
    assert thinned(many, 3 * MOST_TICKS) == many[::3]


def test_marks_and_gap_are_where_they_were() -> None:
    made = reading(ticks=0)
    for at_ms in (310, 320, 500, 510):
        made.take(at_ms, b"x")
    made.finish(600)
    series: dict[str, Any] = {part["name"]: part["data"] for part in options([made], 600)["series"]}
    assert series["status (model accepted)"] == [[300, "streamed"]]
    assert series["TTFB"] == series["TTFT"] == [[310, "streamed"]]
    assert (series["end"], series["broke off"]) == ([[600, "streamed"]], [])
    assert series["max gap"][:2] == [[320, "streamed"], [500, "streamed"]]
    assert (series["waiting"], series["answering"]) == ([310], [290])


@pytest.mark.parametrize("ending", [Ending.FAILED, Ending.CUT])
def test_what_broke_off_has_a_mark_of_its_own(ending: Ending) -> None:
    made = reading()
    made.break_off(600, ending, "It broke.")
    drawn = options([made], 600)
    series = {part["name"]: part for part in drawn["series"]}
    assert (series["end"]["data"], series["broke off"]["data"]) == ([], [[600, "streamed"]])
    assert series["broke off"]["symbol"] != series["end"]["symbol"]
    assert "broke off" in drawn["legend"]["data"]


def test_red_is_for_what_broke_off() -> None:
    series = options([reading()], 600)["series"]
    assert [part["name"] for part in series if THRESHOLD in json.dumps(part)] == ["broke off"]


@pytest.mark.parametrize(
    ("stop_reason", "says", "end"),
    [
        ("max_tokens", "! Cut at the token limit after 0.40 s (max_tokens).", "cut at the token limit"),
        (
            "guardrail_intervened",
            "! Changed or blocked by a guardrail after 0.40 s (guardrail_intervened).",
            "changed or blocked by a guardrail",
        ),
    ],
)
def test_an_answer_that_is_not_whole(stop_reason: str, says: str, end: str) -> None:
    made = whole()
    made.stop_reason = stop_reason
    assert state(made) == (says, "look-warn")
    assert verdict([made]) == f"First text after 0.30 s, {end} after 0.40 s."
    shown = {name: (here, there) for name, here, there in figures.rows(made, {"outcome": "completed"})}
    assert shown["Outcome"] == ("not whole", "completed")


def test_an_answer_that_ended_by_itself_is_whole() -> None:
    made = whole()
    made.stop_reason = "stop_sequence"
    assert state(made) == ("✓ Whole after 0.40 s (stop_sequence).", "look-good")


def test_figures_have_the_names_of_the_probe() -> None:
    labels = {figure.label for figure in FIGURES.values()}
    assert {name for name, *_ in figures.rows(whole(), {})} & labels == {"TTFB", "TTFT", "Max gap", "Tokens/s"}


def test_verdicts() -> None:
    piece = Reading("application/json")
    assert verdict([Reading("text/event-stream"), piece]) == "No text yet."
    assert verdict([whole()]) == "First text after 0.30 s, whole after 0.40 s."
    assert verdict([whole(), piece]) == "First text after 0.30 s. In one piece there is no text yet."
    piece = whole("application/json", first=1500)
    assert verdict([whole(), piece]) == "First text 1.20 s earlier than in one piece."
    assert verdict([whole(first=1550), piece]) == "First text 50 ms later than in one piece."
    piece.cold_start = True
    assert verdict([whole(), piece]).endswith(
        "For the answer in one piece, an environment had to start first: send again to compare."
    )
    refused = Reading("application/json")
    refused.accepted(5, 429, {})
    refused.finish(6)
    assert verdict([whole(), refused]) == "First text after 0.30 s. In one piece no text came."
    assert verdict([refused]) == "No text came."
    left = Reading("application/json")
    left.break_off(2000, Ending.STOPPED, "You left.")
    assert verdict([whole(), left]) == "First text after 0.30 s. In one piece no text had come when you stopped."
    assert verdict([left, left]) == "No text had come when you stopped."


@pytest.mark.parametrize(
    ("ending", "problem", "says", "colour"),
    [
        (None, None, "… Streaming.", "look-note"),
        (Ending.WHOLE, None, "✓ Whole after 0.50 s.", "look-good"),
        (Ending.REFUSED, "throttled: later", "✕ Status 200 after 0.50 s. throttled: later", "look-bad"),
        (Ending.FAILED, "internal: off", "✕ Broke off after 0.50 s, after 3 chunks. internal: off", "look-bad"),
        (Ending.CUT, "It was cut.", "✕ Cut after 0.50 s, after 3 chunks. It was cut.", "look-bad"),
        (Ending.STOPPED, "You left.", "◼ Stopped after 0.50 s, after 3 chunks. You left.", "look-warn"),
    ],
)
def test_states(ending: Ending | None, problem: str | None, says: str, colour: str) -> None:
    made = reading()
    if ending:
        made.break_off(500, ending, problem or "")
    assert state(made) == (says, colour)
