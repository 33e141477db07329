"""The points in AWS/Lambda and AWS/Bedrock: which values, of which metrics, at which time."""

from dataclasses import replace
from typing import Any

import pytest

from platform_runs import ARN, RECEIVED, invocation, run
from sandbox.bedrock.served import Served
from sandbox.cloudwatch.metrics import Point
from sandbox.invocation import FunctionError
from sandbox.records import lambda_metrics
from sandbox.records.bedrock_metrics import bedrock_points
from sandbox.records.run import Phase

FUNCTION = (("FunctionName", "talk"),)


def values(points: list[Point]) -> dict[Any, tuple[float, str]]:
    """What each metric got: by dimensions and name; each only once."""
    found = {(point.dimensions, point.name): (point.value, point.unit) for point in points}
    assert len(found) == len(points)
    return found


def by_name(points: list[Point]) -> dict[str, tuple[float, str]]:
    """The same without the dimensions."""
    return {name: value for (_, name), value in values(points).items()}


@pytest.mark.parametrize("arn", [f"{ARN}:live", ARN, f"{ARN}:$LATEST"])
def test_each_value_counts_for_the_function_whatever_of_it_was_invoked(arn: str) -> None:
    found = values(lambda_metrics.end_points(run(invocation(arn=arn), invoke=0.25)))
    assert found == {
        (FUNCTION, "Invocations"): (1, "Count"),
        (FUNCTION, "Errors"): (0, "Count"),
        (FUNCTION, "Throttles"): (0, "Count"),
        (FUNCTION, "Duration"): (250, "Milliseconds"),
    }
    begun = lambda_metrics.start_points(invocation(arn=arn), 3)
    assert values(begun) == {(FUNCTION, "ConcurrentExecutions"): (3, "Count")}
    throttled = lambda_metrics.throttle_points(invocation(arn=arn))
    assert values(throttled) == {(FUNCTION, "Throttles"): (1, "Count")}


def test_points_have_the_time_of_the_request() -> None:
    phase = Phase(RECEIVED, 2)
    for points in (
        lambda_metrics.start_points(invocation(), 1),
        lambda_metrics.end_points(run(invocation())),
        lambda_metrics.throttle_points(invocation()),
        lambda_metrics.url_points(ARN, phase, 200),
    ):
        assert {(point.namespace, point.time_ms) for point in points} == {("AWS/Lambda", 1_795_000_000_000)}


def test_an_error_is_one_that_the_runtime_reported_or_that_cost_the_environment() -> None:
    reported = invocation()
    reported.end(FunctionError("ValueError", "no"))
    assert by_name(lambda_metrics.end_points(run(reported)))["Errors"] == (1, "Count")
    trailed = invocation()
    trailed.end(FunctionError("ValueError", "no"), in_trailers=True)
    assert by_name(lambda_metrics.end_points(run(trailed)))["Errors"] == (0, "Count")
    answered = invocation()
    answered.end()
    late = run(answered, failure=FunctionError("Sandbox.Timedout", "after the response"))
    assert by_name(lambda_metrics.end_points(late))["Errors"] == (1, "Count")
    assert by_name(lambda_metrics.end_points(run(answered)))["Errors"] == (0, "Count")


def test_an_init_phase_that_failed_is_the_duration() -> None:
    failed = run(invocation(), init=0.125, invoke=None, failure=FunctionError("Runtime.ExitError", "gone"))
    assert by_name(lambda_metrics.end_points(failed)) == {
        "Invocations": (1, "Count"),
        "Errors": (1, "Count"),
        "Throttles": (0, "Count"),
        "Duration": (125, "Milliseconds"),
    }


@pytest.mark.parametrize(
    ("status", "client_errors", "server_errors"),
    [(200, 0, 0), (399, 0, 0), (400, 1, 0), (403, 1, 0), (429, 1, 0), (499, 1, 0), (500, 0, 1), (502, 0, 1)],
)
def test_a_request_to_the_url(status: int, client_errors: int, server_errors: int) -> None:
    found = values(lambda_metrics.url_points(f"{ARN}:live", Phase(RECEIVED, 1.5), status))
    assert found == {
        (FUNCTION, "UrlRequestCount"): (1, "Count"),
        (FUNCTION, "Url4xxCount"): (client_errors, "Count"),
        (FUNCTION, "Url5xxCount"): (server_errors, "Count"),
        (FUNCTION, "UrlRequestLatency"): (1500, "Milliseconds"),
    }


SERVED = Served(
    model_id="us.amazon.nova-lite-v1:0",
    api="ConverseStream",
    outcome="completed",
    status=200,
    input_tokens=11,
    output_tokens=7,
    cache_read_tokens=None,
    cache_write_tokens=0,
    first_token_ms=300.5,
    duration_ms=900.25,
)


def served(**changes: Any) -> dict[str, tuple[float, str]]:
    points = bedrock_points(replace(SERVED, **changes), 1234)
    assert {(point.namespace, point.dimensions, point.time_ms) for point in points} <= {
        ("AWS/Bedrock", (("ModelId", "us.amazon.nova-lite-v1:0"),), 1234)
    }
    return {name: value for (_, name), value in values(points).items()}


def test_a_completed_request_is_an_invocation_with_its_latencies() -> None:
    assert served() == {
        "InputTokenCount": (11, "Count"),
        "OutputTokenCount": (7, "Count"),
        "CacheWriteInputTokens": (0, "Count"),
        "Invocations": (1, "Count"),
        "InvocationLatency": (900.25, "Milliseconds"),
        "TimeToFirstToken": (300.5, "Milliseconds"),
        "EstimatedTPMQuotaUsage": (18, "Count"),
    }
    assert "TimeToFirstToken" not in served(first_token_ms=None), "an answer without a token has no time to it"


@pytest.mark.parametrize(
    ("model", "output_counts"),
    [
        *((name, 1) for name in ("amazon.nova-lite-v1:0", "meta.llama3-8b-instruct-v1:0", "qwen.qwen3-32b-v1:0")),
        *((f"anthropic.claude-{name}", 1) for name in ("instant-v1", "v2:1", "3-haiku-20240307-v1:0")),
        ("us.anthropic.claude-3-5-sonnet-20240620-v1:0", 1),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", 5),
        *((f"global.anthropic.claude-{name}", 5) for name in ("sonnet-4-5-20250929-v1:0", "haiku-4-5-20251001-v1:0")),
        ("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-1-20250805-v1:0", 5),
    ],
)
def test_the_use_of_the_token_quota(model: str, output_counts: int) -> None:
    points = bedrock_points(replace(SERVED, model_id=model, cache_read_tokens=1000, cache_write_tokens=100), 1234)
    (usage,) = (point.value for point in points if point.name == "EstimatedTPMQuotaUsage")
    assert usage == 11 + 100 + output_counts * 7, "what is read from the cache is free"


def test_no_counts_are_no_use_of_the_quota() -> None:
    counts = dict.fromkeys(("input_tokens", "output_tokens", "cache_write_tokens"))
    assert "EstimatedTPMQuotaUsage" not in served(**counts)


@pytest.mark.parametrize(
    ("outcome", "status", "metric"),
    [
        ("ThrottlingException", 429, "InvocationThrottles"),
        ("ThrottlingException", 200, "InvocationThrottles"),
        ("ValidationException", 400, "InvocationClientErrors"),
        ("ValidationException", 200, "InvocationClientErrors"),
        ("AccessDeniedException", 403, "InvocationClientErrors"),
        ("ServiceQuotaExceededException", 400, "InvocationClientErrors"),
        ("ModelNotReadyException", 429, "InvocationClientErrors"),
        ("RequestEntityTooLargeException", 413, "InvocationClientErrors"),
        ("ModelStreamErrorException", 200, "InvocationClientErrors"),
        ("InternalServerException", 500, "InvocationServerErrors"),
        ("InternalServerException", 200, "InvocationServerErrors"),
        ("ServiceUnavailableException", 200, "InvocationServerErrors"),
        ("dropped", 200, "InvocationServerErrors"),
        ("error sent as a chunk", 200, "InvocationServerErrors"),
    ],
)
def test_a_failed_request_is_a_throttle_or_an_error(outcome: str, status: int, metric: str) -> None:
    counts = dict.fromkeys(("output_tokens", "cache_write_tokens"))
    assert served(outcome=outcome, status=status, **counts) == {
        "InputTokenCount": (11, "Count"),
        metric: (1, "Count"),
    }


def test_a_request_whose_client_left_counts_tokens_only() -> None:
    assert served(outcome="disconnected", output_tokens=None, cache_write_tokens=None) == {
        "InputTokenCount": (11, "Count")
    }
