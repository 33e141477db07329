"""AWS/Lambda, AWS/Bedrock and what the function prints as metrics: counted exactly, by what the tests did."""

import contextlib
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError

from bedrock_service import CLAUDE, NOVA, converse_body
from recorded import Recorded, until
from sandbox_client import Call, aws_client, call, half_sent, raw_stack, steps
from sandbox_process import RunningSandbox, StartSandbox

TIMEOUT = 1
NAME = "firstbyte-Raw"
OF_FUNCTION = {"FunctionName": NAME}


@pytest.fixture
def raw(start_sandbox: StartSandbox, tmp_path: Path) -> RunningSandbox:
    """A sandbox that nobody else has asked anything, with one environment."""
    template = raw_stack(tmp_path, Timeout=TIMEOUT, AutoPublishAlias="live", ReservedConcurrentExecutions=1)
    return start_sandbox("--template", str(template))


@pytest.fixture
def recorded(raw: RunningSandbox) -> Recorded:
    return Recorded(raw.ready)


def total(recorded: Recorded, name: str, **dimensions: str) -> tuple[float, float]:
    """Sum and number of a metric's values."""
    found = recorded.totals("AWS/Lambda", name, **dimensions)
    return (found["Sum"], found["SampleCount"]) if found else (0, 0)


def test_counts_invocations_errors_and_requests(raw: RunningSandbox, recorded: Recorded) -> None:
    head = json.dumps({"statusCode": 404}) + "\0" * 8
    good = steps(["buffered", "1"])
    programs = [
        (good, 200),
        (steps(["head", "application/vnd.awslambda.http-integration-response"], ["chunk", head], ["end"]), 404),
        (steps(["error", "ValueError", "no"]), 502),
        (steps(["head"], ["chunk", "x"], ["end", "ValueError"]), 200),
        (steps(["exit", 1]), 502),
        (steps(["sleep", 600]), 502),
    ]
    for program, status in programs:
        assert call(raw.ready, program).status == status
    assert call(raw.ready, good, sign=False).status == 403
    assert call(raw.ready, b" " * (6 * 1024 * 1024 + 1)).status == 413
    until(lambda: total(recorded, "UrlRequestCount", **OF_FUNCTION), lambda found: found[1] == 8)
    until(lambda: total(recorded, "Invocations", **OF_FUNCTION), lambda found: found[1] == 6)
    assert total(recorded, "Invocations", **OF_FUNCTION) == (6, 6)
    assert total(recorded, "Errors", **OF_FUNCTION) == (3, 6), "an exit and a timeout are errors, trailers are not"
    assert total(recorded, "Throttles", **OF_FUNCTION) == (0, 6)
    assert recorded.totals("AWS/Lambda", "Duration", **OF_FUNCTION)["Maximum"] == TIMEOUT * 1000
    assert total(recorded, "ConcurrentExecutions", **OF_FUNCTION) == (6, 6)
    assert total(recorded, "UrlRequestCount", **OF_FUNCTION) == (8, 8)
    assert total(recorded, "Url4xxCount", **OF_FUNCTION) == (3, 8), "a 404, a refused signature, a body too large"
    assert total(recorded, "Url5xxCount", **OF_FUNCTION) == (3, 8)


def test_a_throttled_request_is_no_invocation(raw: RunningSandbox, recorded: Recorded) -> None:
    busy = Call(raw.ready, steps(["head"], ["chunk", "x"], ["sleep", 0.8], ["end"]))
    time.sleep(0.4)
    assert call(raw.ready, steps(["buffered", "1"])).status == 429
    busy.finish()
    until(lambda: total(recorded, "Throttles", **OF_FUNCTION), lambda found: found[1] == 2)
    until(lambda: total(recorded, "UrlRequestCount", **OF_FUNCTION), lambda found: found[1] == 2)
    assert total(recorded, "Throttles", **OF_FUNCTION) == (1, 2)
    assert total(recorded, "Invocations", **OF_FUNCTION) == (1, 1)
    assert total(recorded, "Errors", **OF_FUNCTION) == (0, 1)
    assert total(recorded, "Url4xxCount", **OF_FUNCTION) == (1, 2)


def asked(recorded: Recorded) -> float:
    """The objective's total, as the alarms compute it: what Lambda counted, less what the function refused itself."""

    def query(name: str, namespace: str, metric: str, **dimensions: str) -> dict[str, Any]:
        listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        of = {"Namespace": namespace, "MetricName": metric, "Dimensions": listed}
        return {"Id": name, "MetricStat": {"Metric": of, "Period": 7200, "Stat": "Sum"}, "ReturnData": False}

    now = datetime.now(UTC)
    answer = recorded.cloudwatch.get_metric_data(
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        MetricDataQueries=[
            query("invocations", "AWS/Lambda", "Invocations", **OF_FUNCTION),
            query("turned_away", "AWS/Lambda", "Throttles", **OF_FUNCTION),
            query("refused", "Firstbyte", "ClientErrors", service="firstbyte"),
            {"Id": "asked", "Expression": "FILL(invocations, 0) + FILL(turned_away, 0) - FILL(refused, 0)"},
        ],
    )
    ((total,),) = (result["Values"] for result in answer["MetricDataResults"])
    return float(total)


REFUSED = {
    "_aws": {
        "Timestamp": int(time.time() * 1000),
        "CloudWatchMetrics": [
            {"Namespace": "Firstbyte", "Dimensions": [["service"]], "Metrics": [{"Name": "ClientErrors"}]}
        ],
    },
    "service": "firstbyte",
    "ClientErrors": 1,
}
GOOD = steps(["buffered", "1"])


@pytest.mark.parametrize(
    ("program", "counts"),
    [
        (GOOD, True),
        (steps(["print", json.dumps(REFUSED)], ["buffered", "1"]), False),
        (steps(["exit", 1]), True),
        (steps(["head"], ["chunk", "x"], ["crash"]), True),
        (steps(["sleep", 600]), True),
        (steps(["head"], ["chunk", "x"], ["end", "ValueError"]), True),
    ],
    ids=["good", "refused by the function", "its environment died", "died in mid-stream", "timeout", "trailers"],
)
def test_each_request_is_once_in_the_objectives_total(
    raw: RunningSandbox, recorded: Recorded, program: str, counts: bool
) -> None:
    for one in (GOOD, program, GOOD):
        call(raw.ready, one)
    until(lambda: total(recorded, "Invocations", **OF_FUNCTION), lambda found: found[1] == 3)
    assert asked(recorded) == 2 + counts


def test_a_throttled_request_is_once_in_the_objectives_total(raw: RunningSandbox, recorded: Recorded) -> None:
    busy = Call(raw.ready, steps(["head"], ["chunk", "x"], ["sleep", 0.8], ["end"]))
    time.sleep(0.4)
    assert call(raw.ready, GOOD).status == 429
    busy.finish()
    until(lambda: total(recorded, "Invocations", **OF_FUNCTION), lambda found: found[1] == 1)
    assert asked(recorded) == 2


@pytest.mark.parametrize("init", ["exit", "error"])
def test_a_request_whose_init_phase_fails_is_an_invocation_with_an_error(
    start_sandbox: StartSandbox, tmp_path: Path, init: str
) -> None:
    running = start_sandbox("--template", str(raw_stack(tmp_path, {"RAW_INIT": init})))
    for _ in range(2):
        assert call(running.ready, GOOD).status == 502
    recorded = Recorded(running.ready)
    until(lambda: total(recorded, "Invocations", **OF_FUNCTION), lambda found: found == (2, 2))
    assert total(recorded, "Errors", **OF_FUNCTION) == (2, 2)
    assert total(recorded, "Throttles", **OF_FUNCTION) == (0, 2)
    assert asked(recorded) == 2
    running.stop()


def test_concurrent_executions_are_the_environments_at_work(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start_sandbox("--template", str(raw_stack(tmp_path)))
    calls = [Call(running.ready, steps(["sleep", 1], ["buffered", "1"])) for _ in range(3)]
    recorded = Recorded(running.ready)
    found = until(
        lambda: recorded.totals("AWS/Lambda", "ConcurrentExecutions", **OF_FUNCTION),
        lambda found: found.get("SampleCount") == 3,
    )
    assert (found["Minimum"], found["Maximum"], found["Sum"]) == (1, 3, 1 + 2 + 3)
    for one in calls:
        one.finish()
    until(lambda: total(recorded, "Invocations", **OF_FUNCTION), lambda found: found[1] == 3)
    call(running.ready, steps(["buffered", "1"]))
    found = recorded.totals("AWS/Lambda", "ConcurrentExecutions", **OF_FUNCTION)
    assert found["Sum"] == 6 + 1, "two of three environments are idle now"
    running.stop()


@pytest.mark.alone
def test_latency_ends_with_the_response_and_duration_with_the_work(raw: RunningSandbox, recorded: Recorded) -> None:
    call(raw.ready, steps(["buffered", "1"]))
    program = steps(["head"], ["chunk", "x"], ["sleep", 0.2], ["chunk", "x"], ["end"], ["sleep", 0.5])
    assert call(raw.ready, program).complete
    duration = until(
        lambda: recorded.totals("AWS/Lambda", "Duration", **OF_FUNCTION), lambda found: found.get("SampleCount") == 2
    )
    latency = recorded.totals("AWS/Lambda", "UrlRequestLatency", **OF_FUNCTION)
    assert latency["Maximum"] >= 200
    assert 700 <= duration["Maximum"] < TIMEOUT * 1000
    assert latency["Maximum"] - 300 < duration["Maximum"]


def test_a_request_whose_client_leaves_counts(raw: RunningSandbox, recorded: Recorded) -> None:
    with half_sent(raw.ready, raw.ready["function_url"]):
        time.sleep(0.2)
    Call(raw.ready, steps(["head"], ["chunk", "x" * 10000, 500], ["end"])).leave()
    until(lambda: total(recorded, "UrlRequestCount", **OF_FUNCTION), lambda found: found[1] == 2)
    assert total(recorded, "Url4xxCount", **OF_FUNCTION) == (1, 2), "the request that was never complete"
    assert total(recorded, "Url5xxCount", **OF_FUNCTION) == (0, 2)
    until(lambda: total(recorded, "Invocations", **OF_FUNCTION), lambda found: found[1] == 1)
    assert total(recorded, "Errors", **OF_FUNCTION) == (0, 1), "the function has done its work"


def test_the_api_invokes_what_its_caller_names(raw: RunningSandbox, recorded: Recorded) -> None:
    client = aws_client(raw.ready, "lambda")
    payload = json.dumps({"body": steps(["show", "head"])})
    told = {}
    for qualifier in (None, "live", "$LATEST"):
        named = {"Qualifier": qualifier} if qualifier else {}
        stream = client.invoke_with_response_stream(FunctionName=NAME, Payload=payload, **named)["EventStream"]
        shown = json.loads(b"".join(event["PayloadChunk"]["Payload"] for event in stream if "PayloadChunk" in event))
        told[qualifier] = shown["shown"]["lambda-runtime-invoked-function-arn"]
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{NAME}"
    assert told == {None: arn, "live": f"{arn}:live", "$LATEST": f"{arn}:$LATEST"}
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke_with_response_stream(FunctionName=f"{NAME}:live", Qualifier="$LATEST", Payload=payload)
    until(lambda: total(recorded, "Invocations", **OF_FUNCTION), lambda found: found[1] == 3)
    assert total(recorded, "UrlRequestCount", **OF_FUNCTION) == (0, 0)


def test_a_document_of_metrics_in_the_log_becomes_metrics(raw: RunningSandbox, recorded: Recorded) -> None:
    document = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {"Namespace": "Own", "Dimensions": [["service"]], "Metrics": [{"Name": "Gap", "Unit": "Milliseconds"}]}
            ],
        },
        "service": "talk",
        "Gap": [10, 20, 60],
    }
    call(raw.ready, steps(["print", json.dumps(document)], ["buffered", "1"]))
    found = until(lambda: recorded.totals("Own", "Gap", service="talk"), bool)
    assert found == {"Sum": 90, "SampleCount": 3, "Minimum": 10, "Maximum": 60}


def test_a_document_counts_at_its_own_time(raw: RunningSandbox, recorded: Recorded) -> None:
    """The function books a response when its handler was entered, maybe minutes before it prints the document."""
    then = int(time.time() - 240) // 60 * 60
    directive = {"Namespace": "Own", "Dimensions": [["service"]], "Metrics": [{"Name": "Good"}]}
    for seconds, good in ((1, 1), (59, 0), (60, 1)):
        document = {
            "_aws": {"Timestamp": (then + seconds) * 1000, "CloudWatchMetrics": [directive]},
            "service": "past",
            "Good": good,
        }
        call(raw.ready, steps(["print", json.dumps(document)], ["buffered", "1"]))
    until(lambda: recorded.totals("Own", "Good", service="past"), lambda found: found.get("SampleCount") == 3)
    datapoints = aws_client(raw.ready, "cloudwatch").get_metric_statistics(
        Namespace="Own",
        MetricName="Good",
        Dimensions=[{"Name": "service", "Value": "past"}],
        Period=60,
        Statistics=["Sum", "SampleCount"],
        StartTime=then - 60,
        EndTime=time.time() + 60,
    )["Datapoints"]
    assert sorted((int(one["Timestamp"].timestamp()) - then, one["Sum"], one["SampleCount"]) for one in datapoints) == [
        (0, 1, 2),
        (60, 1, 1),
    ]


def bedrock(ready: dict[str, str]) -> Any:
    return aws_client({**ready, "aws_endpoint_url": ready["bedrock_url"]}, "bedrock-runtime")


def test_the_models_keep_their_own_account(raw: RunningSandbox, recorded: Recorded) -> None:
    client = bedrock(raw.ready)
    for tokens in (10, 20):
        script = f"[[sandbox: ttft=100 gap=100 chunks=2 input=7 output={tokens} cache_read=3]]"
        list(client.converse_stream(modelId=NOVA, **converse_body(script))["stream"])
    for fault in ("throttling", "validation", "internal", "model_stream_error:1"):
        with contextlib.suppress(ClientError, EventStreamError):
            body = converse_body(f"[[sandbox: ttft=0 gap=0 fault={fault}]]")
            # After an exception event botocore leaves the connection open.
            with contextlib.closing(client.converse_stream(modelId=NOVA, **body)["stream"]) as stream:
                list(stream)
    sums = until(
        lambda: {
            name: recorded.totals("AWS/Bedrock", name, ModelId=NOVA)
            for name in (
                "Invocations",
                "InputTokenCount",
                "OutputTokenCount",
                "CacheReadInputTokens",
                "CacheWriteInputTokens",
                "InvocationThrottles",
                "InvocationClientErrors",
                "InvocationServerErrors",
                "EstimatedTPMQuotaUsage",
            )
        },
        lambda found: found["InvocationClientErrors"].get("Sum") == 2,
    )
    assert {name: found.get("Sum", 0) for name, found in sums.items()} == {
        "Invocations": 2,
        "InputTokenCount": 14,
        "OutputTokenCount": 30,
        "CacheReadInputTokens": 6,
        "CacheWriteInputTokens": 0,
        "InvocationThrottles": 1,
        "InvocationClientErrors": 2,
        "InvocationServerErrors": 1,
        "EstimatedTPMQuotaUsage": 14 + 30,
    }
    first = recorded.totals("AWS/Bedrock", "TimeToFirstToken", ModelId=NOVA)
    whole = recorded.totals("AWS/Bedrock", "InvocationLatency", ModelId=NOVA)
    assert first["SampleCount"] == whole["SampleCount"] == 2
    assert 100 <= first["Minimum"] < whole["Minimum"]
    assert whole["Minimum"] >= 200
    assert recorded.totals("AWS/Bedrock", "Invocations", ModelId=CLAUDE) == {}
