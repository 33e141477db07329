"""The meter against a clock that the test moves: known schedules, every outcome, and any sequence of events."""

import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbyte.failures import ErrorType, Failure
from firstbyte.meter import MAX_SAMPLE, Figures, Meter, Objectives, Outcome
from firstbyte.model_events import Delta, ModelEvent, ModelUsage, Progress, ServiceMetrics, Stop, Usage
from firstbyte.pricing import Price, Prices

OBJECTIVES = Objectives(ttft_ms=500, tpot_ms=50)
NO_PRICES = Prices({})
# Failures that have an outcome of their own after the first byte, too.
BY_TIME = (ErrorType.DEADLINE_EXCEEDED, ErrorType.CLIENT_STALLED)
OUTCOMES = (
    "completed",
    "client_errors",
    "rejections",
    "throttles",
    "model_errors",
    "interrupted_streams",
    "deadline_exceeded",
    "internal_errors",
)


class Clock:
    """Stands still until it is moved; begins at 0, which is a time like any other. Moves by milliseconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def move(self, milliseconds: float) -> None:
        self.now += milliseconds / 1000


class Scene:
    """A response that goes as the test says."""

    def __init__(self, *, cold_start: bool = False) -> None:
        self.clock = Clock()
        self.meter = Meter(cold_start=cold_start, clock=self.clock)

    def ask(self, after: float = 0, model: str = "a.model") -> "Scene":
        self.clock.move(after)
        self.meter.model_asked(model, "ConverseStream")
        return self

    def event(self, event: ModelEvent, after: float = 0) -> "Scene":
        self.clock.move(after)
        self.meter.attempts[-1].observe(event)
        return self

    def text(self, *after: float, write: int = 10) -> "Scene":
        """A delta after each of these times, passed on at once."""
        for milliseconds in after:
            self.event(Delta("x"), milliseconds).write(write, has_text=True)
        return self

    def write(self, count: int, after: float = 0, *, has_text: bool = False) -> "Scene":
        self.clock.move(after)
        self.meter.bytes_written(count, has_text=has_text)
        return self

    def comment(self, count: int, after: float = 0) -> "Scene":
        self.clock.move(after)
        self.meter.comment_written(count)
        return self

    def fail(self, error_type: ErrorType, after: float = 0) -> "Scene":
        self.clock.move(after)
        self.meter.failed(Failure.of(error_type))
        return self

    def figures(self, prices: Prices = NO_PRICES) -> Figures:
        return self.meter.figures(OBJECTIVES, prices, random.Random(1))


def reported(**counts: int) -> ServiceMetrics:
    return ServiceMetrics(Usage(**counts), invocation_latency_ms=77, first_byte_latency_ms=33)


def test_a_known_schedule() -> None:
    scene = Scene(cold_start=True).ask(7).event(Progress("start"), 100).write(50, 1)
    scene.text(200, *[20] * 50, 1020, *[20] * 48)
    scene.event(reported(input_tokens=11, output_tokens=101, cache_read_input_tokens=0), 5).write(30, 2)
    assert scene.figures() == Figures(
        requests=1,
        completed=1,
        client_errors=0,
        rejections=0,
        throttles=0,
        model_errors=0,
        interrupted_streams=0,
        deadline_exceeded=0,
        internal_errors=0,
        good_responses=1,
        fallbacks=0,
        cold_start=1,
        ttfb_ms=108,
        first_text_ms=308,
        ttft_ms=301,
        first_reasoning_ms=None,
        inter_chunk_ms=(20.0,) * 50 + (1020.0,) + (20.0,) * 48,
        max_inter_chunk_ms=1020,
        tpot_ms=round((98 * 20 + 1020 + 7) / 100, 3),
        output_tokens_per_second=round(101 / ((98 * 20 + 1020 + 7) / 1000), 3),
        duration_ms=301 + 98 * 20 + 1020 + 7,
        input_tokens=11,
        output_tokens=101,
        cache_read_input_tokens=0,
        cache_write_input_tokens=None,
        response_bytes=50 + 100 * 10 + 30,
        estimated_cost_usd=None,
        bedrock_first_byte_ms=33,
        bedrock_invocation_ms=77,
    )


def test_nothing_but_a_refusal() -> None:
    figures = Scene().fail(ErrorType.INVALID_REQUEST, 3).write(99, 1).figures()
    present = {name: value for name, value in figures._asdict().items() if value is not None}
    assert {name: value for name, value in present.items() if value} == {
        "requests": 1,
        "client_errors": 1,
        "ttfb_ms": 4,
        "response_bytes": 99,
    }
    assert {name for name, value in present.items() if not value} == {
        *OUTCOMES,
        "good_responses",
        "fallbacks",
        "cold_start",
    } - {"client_errors"}


@pytest.mark.parametrize("usage", [Usage(), Usage(output_tokens=0), Usage(output_tokens=1)])
def test_no_rate_without_two_tokens(usage: Usage) -> None:
    figures = Scene().ask().text(100, 20).event(ServiceMetrics(usage)).figures()
    assert (figures.tpot_ms, figures.output_tokens_per_second) == (None, None)
    assert (figures.ttft_ms, figures.good_responses) == (100, 1)


def test_no_rate_for_text_that_came_in_one_piece() -> None:
    figures = Scene().ask().text(100).event(reported(output_tokens=60), 0.5).write(9).figures()
    assert (figures.tpot_ms, figures.output_tokens_per_second, figures.inter_chunk_ms) == (None, None, None)
    assert (figures.duration_ms, figures.max_inter_chunk_ms) == (100.5, None)


def test_no_rate_where_no_time_passed() -> None:
    figures = Scene().ask().text(100, 0).event(reported(output_tokens=60)).figures()
    assert (figures.tpot_ms, figures.output_tokens_per_second, figures.max_inter_chunk_ms) == (None, None, 0)


def test_an_answer_without_text_is_completed_and_not_good() -> None:
    figures = Scene().ask().event(Stop("tool_use"), 40).event(reported(output_tokens=9)).write(20).figures()
    assert (figures.completed, figures.good_responses, figures.ttft_ms, figures.duration_ms) == (1, 0, None, 40)


def test_an_empty_response_has_no_first_byte() -> None:
    figures = Scene().ask().event(Stop("end_turn"), 40).figures()
    assert (figures.completed, figures.ttfb_ms, figures.duration_ms, figures.response_bytes) == (1, None, None, 0)


@pytest.mark.parametrize(
    ("ttft", "gap", "good"), [(500, 50, 1), (500.1, 50, 0), (500, 50.1, 0), (0, 0.001, 1), (501, 1, 0)]
)
def test_a_good_response_meets_both_objectives(ttft: float, gap: float, good: int) -> None:
    scene = Scene().ask().text(ttft, *[gap] * 10).event(reported(output_tokens=11))
    assert scene.figures().good_responses == good


@pytest.mark.parametrize(("wait", "good"), [(379, 1), (381, 0)])
def test_a_good_response_is_one_that_the_caller_feels_to_be_good(wait: float, good: int) -> None:
    """The first model costs some of the 500 ms, the function's own work 20 ms, and the second model has 100 ms."""
    scene = Scene().ask(20).event(Progress("start"), wait)
    scene.meter.attempts[-1].end(Failure.of(ErrorType.MODEL_TIMEOUT))
    scene.ask(0, "b.model").text(100, 20).event(reported(output_tokens=2))
    figures = scene.figures()
    assert (figures.ttft_ms, figures.first_text_ms, figures.good_responses) == (100, 120 + wait, good)


@pytest.mark.parametrize(
    ("tokens", "at", "good"),
    [
        (11, 1000, 1),
        (11, 1000.1, 0),
        (1, 500, 1),
        (1, 500.1, 0),
        (0, 500, 1),
        (0, 500.1, 0),
        (None, 500, 1),
        (None, 501, 0),
    ],
)
def test_an_answer_in_one_piece_is_good_if_a_good_stream_would_have_been_whole(
    tokens: int | None, at: float, good: int
) -> None:
    scene = Scene().ask(10)
    scene.meter.in_one_piece = True
    # The model's own time to the first token and per token say nothing of what the caller waits for.
    scene.event(Delta("x"), 200).event(Delta("x"), 230).event(ServiceMetrics(Usage(output_tokens=tokens)))
    figures = scene.write(80, at - 440, has_text=True).figures()
    assert (figures.first_text_ms, figures.ttft_ms, figures.good_responses) == (at, 200, good)


def test_an_answer_in_one_piece_that_has_no_text_is_not_good() -> None:
    scene = Scene().ask()
    scene.meter.in_one_piece = True
    figures = scene.event(Stop("tool_use"), 40).write(20).figures()
    assert (figures.completed, figures.first_text_ms, figures.good_responses) == (1, None, 0)


def test_reasoning_before_the_first_text_is_timed() -> None:
    scene = Scene().ask(5).event(Progress("start"), 50).event(Progress("reasoning"), 100)
    scene.event(Progress("reasoning"), 100).text(100)
    assert (scene.figures().first_reasoning_ms, scene.figures().ttft_ms) == (150, 350)


def test_other_progress_and_reasoning_after_the_first_text_are_not() -> None:
    scene = Scene().ask().event(Progress("tool_use"), 50).text(100).event(Progress("reasoning"), 100)
    assert scene.figures().first_reasoning_ms is None


def test_reasoning_of_a_model_that_failed_is_not_the_answers() -> None:
    scene = Scene().ask().event(Progress("reasoning"), 50).ask(10, "b.model").text(100)
    assert scene.figures().first_reasoning_ms is None


def test_a_comment_counts_as_bytes_alone() -> None:
    scene = Scene().ask().comment(10, 100).comment(10, 100).text(100, 20).comment(10, 30)
    figures = scene.figures()
    assert (figures.ttfb_ms, figures.first_text_ms, figures.ttft_ms, figures.duration_ms) == (300, 300, 300, 320)
    assert (figures.response_bytes, figures.max_inter_chunk_ms) == (50, 20)


def test_what_fails_after_comments_alone_is_not_interrupted() -> None:
    scene = Scene().ask().comment(10, 100).fail(ErrorType.THROTTLED, 1).write(80)
    assert scene.meter.outcome is Outcome.THROTTLED


def test_silence_lasts_since_anything_was_written() -> None:
    scene = Scene()
    silent = [scene.ask(70).meter.silent_seconds, scene.ask(30).meter.silent_seconds]
    silent += [scene.comment(9, 40).meter.silent_seconds, scene.ask(70).meter.silent_seconds]
    silent += [scene.write(9, 40).meter.silent_seconds, scene.ask(80).meter.silent_seconds]
    silent += [scene.comment(9, 40).meter.silent_seconds, scene.ask(90).meter.silent_seconds]
    assert silent == pytest.approx([0.07, 0.1, 0, 0.07, 0, 0.08, 0, 0.09])


@pytest.mark.parametrize("error_type", ErrorType)
def test_outcomes_before_and_after_the_first_byte(error_type: ErrorType) -> None:
    before = {
        ErrorType.INVALID_REQUEST: Outcome.CLIENT_ERROR,
        ErrorType.ACCESS_DENIED: Outcome.REJECTED,
        ErrorType.REJECTED: Outcome.REJECTED,
        ErrorType.THROTTLED: Outcome.THROTTLED,
        ErrorType.MODEL_ERROR: Outcome.MODEL_ERROR,
        ErrorType.MODEL_UNAVAILABLE: Outcome.MODEL_ERROR,
        ErrorType.MODEL_TIMEOUT: Outcome.MODEL_ERROR,
        ErrorType.DEADLINE_EXCEEDED: Outcome.DEADLINE_EXCEEDED,
        ErrorType.CLIENT_STALLED: Outcome.CLIENT_STALLED,
        ErrorType.INTERNAL: Outcome.INTERNAL_ERROR,
    }[error_type]
    after = before if error_type in BY_TIME else Outcome.INTERRUPTED
    refused = Scene().ask().fail(error_type, 5).write(80)
    cut = Scene().ask().text(100, 20).event(reported(output_tokens=9)).fail(error_type, 5).write(80)
    assert (refused.meter.outcome, cut.meter.outcome) == (before, after)
    for scene, outcome in ((refused, before), (cut, after)):
        figures = scene.figures()
        told = {name for name in OUTCOMES if getattr(figures, name)}
        assert (
            told
            == {
                Outcome.CLIENT_ERROR: {"client_errors"},
                Outcome.CLIENT_STALLED: {"client_errors"},
                Outcome.REJECTED: {"rejections"},
                Outcome.MODEL_ERROR: {"model_errors"},
                Outcome.THROTTLED: {"throttles"},
                Outcome.DEADLINE_EXCEEDED: {"deadline_exceeded"},
                Outcome.INTERNAL_ERROR: {"internal_errors"},
                Outcome.INTERRUPTED: {"interrupted_streams"},
            }[outcome]
        )
        assert (figures.good_responses, figures.tpot_ms) == (0, None)
        assert figures.duration_ms == (5 if scene is refused else 125)


def test_a_client_that_stalls_while_something_fails_is_not_to_blame() -> None:
    scene = Scene().ask().text(100).fail(ErrorType.MODEL_TIMEOUT, 5).fail(ErrorType.CLIENT_STALLED, 900)
    assert scene.meter.outcome is Outcome.INTERRUPTED
    scene = Scene().ask().text(100).fail(ErrorType.DEADLINE_EXCEEDED, 5).fail(ErrorType.CLIENT_STALLED, 900)
    assert scene.meter.outcome is Outcome.DEADLINE_EXCEEDED


def test_an_invalid_request_is_the_clients_error_only_if_no_model_refused_it() -> None:
    scene = Scene().ask(5)
    scene.meter.failed(Failure.of(ErrorType.INVALID_REQUEST, model_id="a.model"))
    assert (scene.meter.outcome, scene.figures().rejections) == (Outcome.REJECTED, 1)
    assert Scene().fail(ErrorType.INVALID_REQUEST).meter.outcome is Outcome.CLIENT_ERROR


def test_what_failed_first_counts() -> None:
    scene = Scene().ask().text(1).fail(ErrorType.THROTTLED).fail(ErrorType.INTERNAL)
    assert scene.meter.failure == Failure.of(ErrorType.THROTTLED)
    scene = Scene().fail(ErrorType.INTERNAL).write(5).fail(ErrorType.THROTTLED)
    assert scene.meter.outcome is Outcome.INTERNAL_ERROR


def test_the_fallbacks_answer_is_the_responses() -> None:
    scene = Scene().ask(1).event(ModelUsage(Usage(input_tokens=5)), 50)
    scene.meter.attempts[-1].end(Failure.of(ErrorType.THROTTLED))
    scene.ask(10, "b.model").text(100, 20).event(ModelUsage(Usage(input_tokens=6, output_tokens=2)))
    scene.meter.attempts[-1].end()
    figures = scene.figures(Prices({"a.model": Price(1000, 0), "b.model": Price(1, 2)}))
    assert (figures.completed, figures.throttles, figures.fallbacks) == (1, 0, 1)
    assert (figures.ttfb_ms, figures.first_text_ms, figures.ttft_ms, figures.duration_ms) == (161, 161, 100, 120)
    assert (figures.input_tokens, figures.output_tokens) == (6, 2)
    assert figures.estimated_cost_usd == pytest.approx(10 / 1_000_000)
    first, second = scene.meter.attempts
    assert (first.model_id, second.model_id) == ("a.model", "b.model")
    assert [first.asked, first.ended, second.asked, second.ended] == pytest.approx([0.001, 0.051, 0.061, 0.181])


def test_a_request_sent_anew_is_timed_anew() -> None:
    scene = Scene().ask()
    scene.clock.move(2000)
    scene.meter.attempts[-1].asked_again()
    assert scene.text(100).figures().ttft_ms == 100


def test_the_end_of_an_attempt_is_marked_once() -> None:
    scene = Scene().ask()
    scene.clock.move(5)
    scene.meter.attempts[-1].end(Failure.of(ErrorType.MODEL_ERROR))
    scene.clock.move(5)
    scene.meter.attempts[-1].end()
    assert scene.meter.attempts[-1].ended == 0.005
    assert scene.meter.attempts[-1].failure is not None


def test_bedrocks_counts_win_and_missing_ones_are_the_models() -> None:
    scene = Scene().ask().event(ModelUsage(Usage(1, 2, 3, 4))).event(ModelUsage(Usage(output_tokens=20)))
    scene.event(ServiceMetrics(Usage(input_tokens=10, output_tokens=20)))
    figures = scene.figures()
    assert (figures.input_tokens, figures.output_tokens) == (10, 20)
    assert (figures.cache_read_input_tokens, figures.cache_write_input_tokens) == (3, 4)
    assert scene.meter.attempts[-1].usage_differs


def test_a_long_answers_sample_is_fair() -> None:
    """Every gap has the same chance: of 500 gaps, each is in about 1,980 of 10,000 samples (its deviation is 40)."""
    scene = Scene().ask().text(0, *range(1, 501))
    rng = random.Random(7)
    counts: Counter[float] = Counter()
    for _ in range(10_000):
        sample = scene.meter.figures(OBJECTIVES, NO_PRICES, rng).inter_chunk_ms
        assert sample is not None
        assert len(sample) == MAX_SAMPLE
        counts.update(sample)
    assert set(counts) == set(range(1, 501))
    assert all(abs(count - 1980) < 6 * 40 for count in counts.values())


def test_the_worst_gap_is_exact_even_where_the_sample_misses_it() -> None:
    scene = Scene().ask().text(0, *[20] * 1500, 1000, *[20] * 499)
    assert scene.figures().max_inter_chunk_ms == 1000


def test_so_far() -> None:
    scene = Scene()
    assert scene.meter.so_far() == {"ttfb_ms": None, "ttft_ms": None, "duration_ms": None}
    scene.ask(10).event(Progress("start"), 30).write(4).text(60, 100)
    scene.clock.move(5)
    assert scene.meter.so_far() == {"ttfb_ms": 40, "ttft_ms": 90, "duration_ms": 195}


EVENTS = st.one_of(
    st.just(Delta("x")),
    st.just(Progress("reasoning")),
    st.builds(Stop, st.sampled_from(["end_turn", "max_tokens"])),
    st.builds(ModelUsage, st.builds(Usage, *[st.none() | st.integers(0, 500)] * 4)),
    st.builds(ServiceMetrics, st.builds(Usage, *[st.none() | st.integers(0, 500)] * 4), st.none() | st.integers(0, 9)),
)
STEPS = st.lists(
    st.tuples(
        st.integers(0, 2000),
        st.one_of(
            st.tuples(st.just("ask"), st.sampled_from(["a.model", "b.model"])),
            st.tuples(st.just("event"), EVENTS),
            st.tuples(st.sampled_from(["write", "write text", "comment"]), st.integers(1, 9999)),
            st.tuples(st.just("fail"), st.sampled_from(ErrorType)),
        ),
    ),
    max_size=150,
)


@given(STEPS)
def test_any_sequence_of_events(steps: list[tuple[int, tuple[str, object]]]) -> None:
    """Figures against the same figures worked out from the list of what happened when."""
    scene = Scene()
    now = 0
    history: list[tuple[int, str, Any]] = []
    for after, (what, value) in steps:
        now += after
        if what == "event" and not any(entry[1] == "ask" for entry in history):
            scene.clock.move(after)
            continue
        history.append((now, what, value))
        match what, value:
            case "ask", str():
                scene.ask(after, value)
            case "event", _:
                scene.event(value, after)  # type: ignore[arg-type]
            case "write" | "write text", int():
                scene.write(value, after, has_text=what == "write text")
            case "comment", int():
                scene.comment(value, after)
            case "fail", ErrorType():
                scene.fail(value, after)
    figures = scene.figures()

    writes = [(at, value) for at, what, value in history if what in ("write", "write text")]
    written_texts = [at for at, what, _ in history if what == "write text"]
    comments = [value for _, what, value in history if what == "comment"]
    failures = [(index, value) for index, (_, what, value) in enumerate(history) if what == "fail"]
    asked = max((index for index, entry in enumerate(history) if entry[1] == "ask"), default=None)
    answer = [] if asked is None else [(at, value) for at, what, value in history[asked:] if what == "event"]
    texts = [at for at, value in answer if isinstance(value, Delta)]
    gaps = [later - earlier for earlier, later in pairwise(texts)]
    thoughts = [at for at, value in answer if value == Progress("reasoning")]
    # Of events at the same millisecond, the list's order tells.
    begun_by = [value for _, value in answer if isinstance(value, Delta) or value == Progress("reasoning")][:1]

    assert sum(getattr(figures, name) for name in OUTCOMES) == figures.requests == 1
    assert figures.completed == (not failures)
    if failures and failures[0][1] not in BY_TIME:
        begun = any(what in ("write", "write text") for _, what, _ in history[: failures[0][0]])
        assert figures.interrupted_streams == begun
    assert figures.response_bytes == sum(value for _, value in writes) + sum(comments)
    assert figures.first_text_ms == (pytest.approx(written_texts[0]) if written_texts else None)
    assert figures.ttfb_ms == (pytest.approx(writes[0][0]) if writes else None)
    if asked is None:
        assert figures.ttft_ms is figures.duration_ms is figures.input_tokens is figures.output_tokens is None
        return
    start = history[asked][0]
    assert figures.ttft_ms == (pytest.approx(texts[0] - start) if texts else None)
    reasoned_first = begun_by == [Progress("reasoning")]
    assert figures.first_reasoning_ms == (pytest.approx(thoughts[0] - start) if reasoned_first else None)
    assert figures.duration_ms == (pytest.approx(writes[-1][0] - start) if writes else None)
    assert figures.max_inter_chunk_ms == (pytest.approx(max(gaps)) if gaps else None)
    if gaps and len(gaps) <= MAX_SAMPLE:
        assert figures.inter_chunk_ms == pytest.approx(gaps)
    elif gaps:
        assert figures.inter_chunk_ms is not None
        assert len(figures.inter_chunk_ms) == MAX_SAMPLE
        assert not Counter(map(round, figures.inter_chunk_ms)) - Counter(gaps), "a gap that there was not"
    service = [value.usage for _, value in answer if isinstance(value, ServiceMetrics)][-1:]
    model = [value.usage for _, value in answer if isinstance(value, ModelUsage)]
    for name in ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_write_input_tokens"):
        reports = [count for usage in [*model, *service] if (count := getattr(usage, name)) is not None]
        assert getattr(figures, name) == (reports[-1] if reports else None)
    if figures.tpot_ms is not None:
        assert figures.output_tokens is not None
        decoding = writes[-1][0] - texts[0]
        assert figures.tpot_ms == pytest.approx(decoding / (figures.output_tokens - 1), abs=0.001)
        assert figures.output_tokens_per_second == pytest.approx(
            figures.output_tokens / decoding * 1000,
            abs=0.001,
        )
