"""The figures that come out against the schedule that went in: scripted models, and what GetMetricData returns.

Counts and tokens are exact. Times are those of the schedule or later, never earlier: the model waits, then the figure
is taken by another process. How much later is the machine's doing (3-4 ms at the median on an idle one), so a single
time may be late by LATE_MS and what disturbs the machine; a time between two events, of which either may be late, is
that much off in either direction.
"""

import json

import pytest

from disturbance import allowance_ms
from function_calls import parse_sse
from recorded import OUTCOMES, Recorded
from sandbox_client import Call, call
from sandbox_process import StartSandbox

LATE_MS = 100.0
# The clocks of two processes are one, but each rounds.
EARLY_MS = 2.0
MODEL = "amazon.nova-lite-v1:0"
SSE, JSON = {"accept": "text/event-stream"}, {"accept": "application/json"}
NAMES = {
    *("TimeToFirstByte", "TimeToFirstToken", "InterChunkLatency", "MaxInterChunkLatency", "TimePerOutputToken"),
    *("OutputTokensPerSecond", "ResponseDuration", "InputTokens", "OutputTokens", "CacheReadInputTokens"),
    *("CacheWriteInputTokens", "TimeToFirstText", "EstimatedCost"),
    *("BedrockFirstByteLatency", "BedrockInvocationLatency"),
}
TIMES = {"TimeToFirstByte", "TimeToFirstText", "TimeToFirstToken", "ResponseDuration", "BedrockInvocationLatency"}
ALWAYS = {*TIMES, "BedrockFirstByteLatency"}
# This model's reports always have the cache's counts, zeros included.
TOKENS = {"InputTokens", "OutputTokens", "CacheReadInputTokens", "CacheWriteInputTokens"}
GAPS = {"InterChunkLatency", "MaxInterChunkLatency"}
RATES = {"TimePerOutputToken", "OutputTokensPerSecond"}


def in_bounds(value: float | None, due_ms: float) -> bool:
    return value is not None and due_ms - EARLY_MS <= value <= due_ms + allowance_ms(LATE_MS)


def near(value: float | None, due_ms: float) -> bool:
    """Of a time between two events."""
    return value is not None and abs(value - due_ms) <= allowance_ms(LATE_MS)


def recorded(
    start_sandbox: StartSandbox, script: str, *flags: str, accept: dict[str, str] = SSE, status: int = 200
) -> tuple[Recorded, bytes]:
    """What is recorded of one response of a fresh stack to a model that goes by this script, and its body."""
    running = start_sandbox(*flags)
    answer = call(running.ready, f'{{"prompt": "[[sandbox: {script}]] go"}}', headers=accept)
    assert answer.status == status
    assert answer.complete
    found = Recorded(running.ready, MODEL)
    found.wait_for_requests(1)
    return found, answer.body


def response_bytes(found: Recorded) -> int:
    """What the log line says; nothing reads a metric of it."""
    (line,) = found.log_lines('{ $.message = "response finished" }')
    return int(line["response_bytes"])


def present(found: Recorded) -> set[str]:
    return {name for name in NAMES if found.metric(name, "SampleCount") is not None}


def outcome(found: Recorded) -> set[str]:
    return {name for name in OUTCOMES.values() if found.metric(name, "Sum")}


@pytest.mark.alone
def test_the_first_token_after_300_ms(start_sandbox: StartSandbox) -> None:
    found, body = recorded(start_sandbox, "ttft=300 gap=0 chunks=2 input=3 output=2")
    assert parse_sse(body)[0][1]["cold_start"] is True
    assert present(found) == ALWAYS | TOKENS | GAPS | RATES
    assert outcome(found) == {"Completed"}
    for name in TIMES - {"TimeToFirstByte", "TimeToFirstText"}:
        assert in_bounds(found.metric(name, "Maximum"), 300), name
    # The model's own account: its first byte is the beginning of the message, which comes with the first token.
    assert in_bounds(found.metric("BedrockFirstByteLatency", "Maximum"), 300)
    assert response_bytes(found) == len(body)
    for name in ("Requests", "GoodResponses", "ColdStart"):
        assert found.metric(name, "Sum") == 1
    assert found.metric("Fallbacks", "Sum") == 0


@pytest.mark.alone
def test_a_hundred_chunks_20_ms_apart(start_sandbox: StartSandbox) -> None:
    found, _ = recorded(start_sandbox, "ttft=100 gap=20 chunks=100 output=100")
    assert found.metric("InterChunkLatency", "SampleCount") == 99
    # The sum is the time from the first to the last chunk.
    assert near(found.metric("InterChunkLatency", "Sum"), 99 * 20)
    median = found.metric("InterChunkLatency", "p50")
    assert median is not None
    assert abs(median - 20) <= allowance_ms(5)
    decoding = 99 * 20
    tpot, rate = found.metric("TimePerOutputToken", "Maximum"), found.metric("OutputTokensPerSecond", "Maximum")
    assert tpot is not None
    assert rate is not None
    assert near(tpot * 99, decoding)
    assert near(100 / rate * 1000, decoding)
    assert in_bounds(found.metric("ResponseDuration", "Maximum"), 100 + decoding)
    assert in_bounds(found.metric("TimeToFirstToken", "Maximum"), 100)


@pytest.mark.alone
def test_a_hundred_chunks_in_one_piece(start_sandbox: StartSandbox) -> None:
    """All figures are those of the model, but the first byte waits for the last token."""
    found, body = recorded(start_sandbox, "ttft=100 gap=20 chunks=100 input=3 output=100", accept=JSON)
    answer = json.loads(body)
    assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (3, 100)
    assert present(found) == ALWAYS | TOKENS | GAPS | RATES
    assert outcome(found) == {"Completed"}
    decoding = 99 * 20
    for name in ("TimeToFirstByte", "TimeToFirstText", "ResponseDuration"):
        assert in_bounds(found.metric(name, "Maximum"), 100 + decoding), name
    assert in_bounds(found.metric("TimeToFirstToken", "Maximum"), 100)
    assert in_bounds(answer["timing"]["ttft_ms"], 100)
    assert in_bounds(answer["timing"]["duration_ms"], 100 + decoding)
    assert found.metric("InterChunkLatency", "SampleCount") == 99
    assert near(found.metric("InterChunkLatency", "Sum"), decoding)
    tpot = found.metric("TimePerOutputToken", "Maximum")
    assert tpot is not None
    assert near(tpot * 99, decoding)
    assert response_bytes(found) == len(body)
    assert answer["cold_start"] is True
    assert found.metric("GoodResponses", "Sum") == 1


@pytest.mark.alone
def test_a_stall_of_a_second(start_sandbox: StartSandbox) -> None:
    found, _ = recorded(start_sandbox, "ttft=50 gap=20 chunks=20 stall=10:1000")
    assert near(found.metric("MaxInterChunkLatency", "Maximum"), 1020)
    assert found.metric("InterChunkLatency", "Maximum") == found.metric("MaxInterChunkLatency", "Maximum")
    assert found.metric("InterChunkLatency", "SampleCount") == 19
    ninetieth = found.metric("InterChunkLatency", "p90")
    assert ninetieth is not None
    assert ninetieth < 20 + allowance_ms(LATE_MS)


def test_given_usage_and_its_price(start_sandbox: StartSandbox) -> None:
    flags = ("--parameter-overrides", "ModelPrices=amazon.nova-lite-v1:0=2/10/1/4")
    script = "ttft=0 gap=1 chunks=3 input=900 output=120 cache_read=800 cache_write=50"
    found, _ = recorded(start_sandbox, script, *flags)
    assert found.metric("InputTokens", "Sum") == 900
    assert found.metric("OutputTokens", "Sum") == 120
    assert found.metric("CacheReadInputTokens", "Sum") == 800
    assert found.metric("CacheWriteInputTokens", "Sum") == 50
    dollars = (900 * 2 + 120 * 10 + 800 * 1 + 50 * 4) / 1_000_000
    assert found.metric("EstimatedCost", "Sum") == pytest.approx(dollars)
    assert found.metric("OutputTokenCount", "Sum", "AWS/Bedrock", ModelId=MODEL) == 120


def test_no_usage_is_no_count(start_sandbox: StartSandbox) -> None:
    found, _ = recorded(start_sandbox, "ttft=0 gap=1 chunks=3 usage=none")
    assert present(found) & (TOKENS | RATES | {"EstimatedCost"}) == set()
    assert outcome(found) == {"Completed"}


def test_one_chunk_has_no_gaps_and_no_rate(start_sandbox: StartSandbox) -> None:
    found, _ = recorded(start_sandbox, "ttft=30 chunks=1 output=60")
    assert present(found) == ALWAYS | TOKENS
    assert found.metric("OutputTokens", "Sum") == 60


def test_an_empty_answer_is_completed_and_not_good(start_sandbox: StartSandbox) -> None:
    found, _ = recorded(start_sandbox, "ttft=30 chunks=0 output=0 input=4")
    assert present(found) == (ALWAYS | TOKENS) - {"TimeToFirstToken", "TimeToFirstText"}
    assert outcome(found) == {"Completed"}
    assert found.metric("GoodResponses", "Sum") == 0


@pytest.mark.alone
@pytest.mark.parametrize("fault", ["drop", "model_stream_error", "throttling"])
def test_a_cut_after_the_seventh_chunk(start_sandbox: StartSandbox, fault: str) -> None:
    found, body = recorded(start_sandbox, f"ttft=40 gap=20 chunks=50 fault={fault}:7")
    assert outcome(found) == {"InterruptedStreams"}
    assert found.metric("InterChunkLatency", "SampleCount") == 6
    assert response_bytes(found) == len(body)
    assert present(found) & (TOKENS | RATES) == set()
    assert in_bounds(found.metric("ResponseDuration", "Maximum"), 40 + 7 * 20)
    assert found.metric("GoodResponses", "Sum") == 0


@pytest.mark.alone
@pytest.mark.parametrize(
    ("fault", "status", "recorded_as"),
    [("drop", 502, "ModelErrors"), ("model_stream_error", 502, "ModelErrors"), ("throttling", 429, "Throttles")],
)
def test_a_cut_after_the_seventh_chunk_of_an_answer_in_one_piece(
    start_sandbox: StartSandbox, fault: str, status: int, recorded_as: str
) -> None:
    """Nothing had been sent, so that the response is an error like any other, and not an interrupted one."""
    found, body = recorded(start_sandbox, f"ttft=40 gap=20 chunks=50 fault={fault}:7", accept=JSON, status=status)
    assert json.loads(body).keys() == {"error", "request_id", "trace_id"}
    assert outcome(found) == {recorded_as}
    assert found.metric("InterChunkLatency", "SampleCount") == 6
    assert response_bytes(found) == len(body)
    assert present(found) & (TOKENS | RATES) == set()
    for name in ("TimeToFirstByte", "ResponseDuration"):
        assert in_bounds(found.metric(name, "Maximum"), 40 + 7 * 20), name
    assert found.metric("GoodResponses", "Sum") == 0


def test_a_client_that_leaves_changes_no_figure(start_sandbox: StartSandbox) -> None:
    """Lambda runs a function to its end, whether or not somebody still listens."""
    running = start_sandbox()
    body = '{"prompt": "[[sandbox: ttft=0 gap=20 chunks=20 input=5 output=20]] go"}'
    Call(running.ready, body, headers=SSE).leave()
    found = Recorded(running.ready, MODEL)
    found.wait_for_requests(1)
    assert outcome(found) == {"Completed"}
    assert (found.metric("OutputTokens", "Sum"), found.metric("InterChunkLatency", "SampleCount")) == (20, 19)


@pytest.mark.alone
def test_a_token_that_is_late_for_its_objective_is_not_good(start_sandbox: StartSandbox) -> None:
    flags = ("--parameter-overrides", "TtftObjectiveMilliseconds=300")
    found, _ = recorded(start_sandbox, "ttft=400 gap=1 chunks=3", *flags)
    assert (found.metric("Completed", "Sum"), found.metric("GoodResponses", "Sum")) == (1, 0)
