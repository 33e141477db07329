"""A thousand mixed requests in parallel: nothing is counted twice or lost, in metrics, log lines and traces alike."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from emf_document import values_of
from function_calls import parse_sse
from recorded import OUTCOMES, SERVICE, Recorded
from sandbox_client import call
from sandbox_process import StartSandbox
from stack_template import changed_template

MODEL, FALLBACK = "amazon.nova-lite-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"
COUNT = 1000
CLIENTS = 8


@dataclass(frozen=True)
class Plan:
    """A request, and the outcome and model that it must be recorded with."""

    outcome: str
    script: str = "chunks=3"
    accept: str = "text/event-stream"
    model: str | None = MODEL
    fields: tuple[tuple[str, Any], ...] = ()

    def body(self, number: int) -> str:
        # Token counts of its own for every request: one that is lost or taken for another shows in the sums.
        script = f"ttft=1 gap=1 input={number + 1} output={2 * number + 1} {self.script}"
        return json.dumps({"prompt": f"[[sandbox: {script}]]", "max_tokens": 4000, **dict(self.fields)})


ON_CLAUDE = (("model", FALLBACK),)
PLANS = (
    Plan("completed"),
    Plan("completed", "chunks=40"),
    Plan("completed", accept="application/x-ndjson"),
    Plan("completed", accept="application/json"),
    Plan("completed", fields=(("api", "converse"),)),
    Plan("completed", model=FALLBACK, fields=ON_CLAUDE),
    Plan("completed", "usage=none"),
    Plan("completed", "guardrail"),
    Plan("completed", "guardrail", fields=(("api", "converse"),)),
    Plan("completed", "chunks=0"),
    # Asked for the first model, answered by the other.
    Plan("completed", f"fault=throttling for={MODEL}", model=FALLBACK),
    Plan("completed", f"fault=unavailable for={MODEL}", model=FALLBACK),
    Plan("throttled", "fault=throttling", model=FALLBACK),
    Plan("throttled", "fault=quota", model=FALLBACK, fields=ON_CLAUDE),
    Plan("model_error", "fault=internal", model=FALLBACK),
    Plan("model_error", "fault=model_error", model=FALLBACK, fields=ON_CLAUDE),
    Plan("model_error", "fault=model_not_ready", model=FALLBACK, fields=ON_CLAUDE),
    Plan("rejected", "fault=access_denied", model=FALLBACK),
    Plan("rejected", "fault=not_found", model=FALLBACK, fields=ON_CLAUDE),
    Plan("rejected", "fault=validation", model=FALLBACK),
    Plan("completed", f"fault=validation for={MODEL}", model=FALLBACK),
    Plan("model_error", "fault=error_chunk:0", model=FALLBACK),
    Plan("completed", f"fault=error_chunk:0 for={MODEL}", model=FALLBACK),
    Plan("client_error", model=None, fields=(("max_tokens", 0),)),
    Plan("client_error", model=None, accept="image/png"),
    # In the middle of an answer in one piece, of which nothing was sent.
    Plan("completed", f"fault=throttling:2 for={MODEL}", accept="application/json", model=FALLBACK),
    Plan("throttled", "fault=throttling:2", accept="application/json", model=FALLBACK),
    Plan("interrupted", "fault=drop:2"),
    Plan("interrupted", "fault=throttling:1", model=FALLBACK, fields=ON_CLAUDE),
    Plan("interrupted", "fault=model_stream_error:3", model=FALLBACK, fields=ON_CLAUDE),
    Plan("interrupted", "fault=internal:2", accept="application/x-ndjson"),
    Plan("interrupted", "fault=error_chunk:2"),
)
# So long may a model be silent. On a busy machine one that is about to answer is silent, too.
IDLE_SECONDS = 5
# These take as long each, so there are fewer of them.
SLOW_PLANS = (
    Plan("interrupted", "fault=silent:1"),
    Plan("model_error", "fault=silent", model=FALLBACK, fields=ON_CLAUDE),
)


@dataclass
class Reported:
    """What one client was told."""

    status: int
    trace_id: str
    input_tokens: int
    output_tokens: int
    bytes: int


@dataclass
class Traffic:
    """What was sent, what the clients were told, and what was recorded."""

    plans: list[Plan]
    reported: list[Reported]
    recorded: Recorded


def send(ready: dict[str, str], plan: Plan, number: int) -> Reported:
    answer = call(ready, plan.body(number), headers={"accept": plan.accept})
    assert answer.complete, (plan, answer)
    expected = {
        "client_error": {400, 406},
        "throttled": {429},
        "rejected": {400, 403, 502},
        "model_error": {502, 503, 504},
    }
    assert answer.status in expected.get(plan.outcome, {200}), (plan, answer)
    usage: dict[str, int | None] = {}
    if answer.status == 200:
        if plan.accept == "text/event-stream":
            ((name, last),) = parse_sse(answer.body)[-1:]
        elif plan.accept == "application/json":
            name, last = "end", answer.json
        else:
            last = json.loads(answer.body.splitlines()[-1])
            name = last["type"]
            last = last.get("error", last)
        assert name == ("end" if plan.outcome == "completed" else "error"), (plan, answer)
        usage = last["usage" if name == "end" else "partial_usage"]
    elif plan.accept == "application/json":
        usage = answer.json["error"]["partial_usage"]
    trace = answer.header("x-amzn-trace-id")
    assert trace
    return Reported(
        answer.status,
        trace.partition(";")[0].removeprefix("Root="),
        usage.get("input_tokens") or 0,
        usage.get("output_tokens") or 0,
        len(answer.body),
    )


@pytest.fixture(scope="module")
def traffic(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> Traffic:
    idle = {'MODEL_IDLE_TIMEOUT_SECONDS: "60"': f'MODEL_IDLE_TIMEOUT_SECONDS: "{IDLE_SECONDS}"'}
    template = changed_template(tmp_path_factory.mktemp("stack"), idle)
    # More environments than clients: one that has just answered may still be writing its log.
    parameters = (f"FallbackModelId={FALLBACK}", f"ReservedConcurrency={3 * CLIENTS}")
    running = start_sandbox("--template", str(template), "--parameter-overrides", *parameters)
    slow = [SLOW_PLANS[number % len(SLOW_PLANS)] for number in range(CLIENTS)]
    plans = [*slow, *(PLANS[number % len(PLANS)] for number in range(COUNT - len(slow)))]
    with ThreadPoolExecutor(CLIENTS) as pool:
        reported = list(pool.map(lambda job: send(running.ready, *job), zip(plans, range(COUNT), strict=True)))
    recorded = Recorded(running.ready)
    recorded.wait_for_requests(COUNT)
    return Traffic(plans, reported, recorded)


pytestmark = pytest.mark.timeout(400)


def sums(traffic: Traffic) -> tuple[int, int, int]:
    tokens_in = sum(reported.input_tokens for reported in traffic.reported)
    tokens_out = sum(reported.output_tokens for reported in traffic.reported)
    return tokens_in, tokens_out, sum(reported.bytes for reported in traffic.reported)


def outcomes(traffic: Traffic) -> Counter[str]:
    return Counter(plan.outcome for plan in traffic.plans)


def test_metrics_are_what_the_clients_saw(traffic: Traffic) -> None:
    found = traffic.recorded
    assert found.metric("Requests", "Sum") == found.metric("Requests", "SampleCount") == COUNT
    counted = {name: found.metric(metric, "Sum") for name, metric in OUTCOMES.items()}
    assert counted == {name: outcomes(traffic)[name] for name in OUTCOMES}
    assert sum(counted[name] or 0 for name in OUTCOMES) == COUNT
    assert found.metric("Fallbacks", "Sum") == sum(plan.model == FALLBACK and not plan.fields for plan in traffic.plans)
    of_models = [
        sum(found.metric(name, "Sum", service=SERVICE, model=model) or 0 for model in (MODEL, FALLBACK))
        for name in ("InputTokens", "OutputTokens")
    ]
    assert tuple(of_models) == sums(traffic)[:2]


def test_metrics_by_model_are_those_of_the_model_that_answered(traffic: Traffic) -> None:
    for model in (MODEL, FALLBACK):
        counted = traffic.recorded.metric("TimeToFirstByte", "SampleCount", service=SERVICE, model=model)
        assert counted == sum(plan.model == model for plan in traffic.plans), model


def test_tokens_are_those_of_the_models_own_account(traffic: Traffic) -> None:
    """Bedrock's metrics are made by the stand-in for Bedrock, which knows nothing of the function."""
    found = traffic.recorded
    for metric, count in (("InputTokenCount", sums(traffic)[0]), ("OutputTokenCount", sums(traffic)[1])):
        counted = [found.metric(metric, "Sum", "AWS/Bedrock", ModelId=model) for model in (MODEL, FALLBACK)]
        assert sum(filter(None, counted)) == count, metric


def test_lambda_counts_the_same_requests(traffic: Traffic) -> None:
    name = {"FunctionName": "firstbyte-StreamingFunction"}
    found = traffic.recorded
    assert found.metric("Invocations", "Sum", "AWS/Lambda", **name) == COUNT
    assert found.metric("UrlRequestCount", "Sum", "AWS/Lambda", **name) == COUNT
    classes = Counter(reported.status // 100 for reported in traffic.reported)
    assert found.metric("Url4xxCount", "Sum", "AWS/Lambda", **name) == classes[4]
    assert found.metric("Url5xxCount", "Sum", "AWS/Lambda", **name) == classes[5]
    cold_starts = found.metric("ColdStart", "Sum")
    reports = list(reports_of(traffic))
    assert len(reports) == COUNT
    assert sum("Init Duration" in report for report in reports) == cold_starts


def reports_of(traffic: Traffic) -> list[str]:
    pages = traffic.recorded.logs.get_paginator("filter_log_events").paginate(
        logGroupName="/aws/lambda/firstbyte-streaming", filterPattern='"REPORT RequestId"'
    )
    return [event["message"] for page in pages for event in page["events"]]


def test_log_lines_say_the_same(traffic: Traffic) -> None:
    lines = list(traffic.recorded.log_lines('{ $.message = "response finished" }'))
    assert len(lines) == COUNT
    assert len({line["request_id"] for line in lines}) == COUNT
    assert Counter(line["outcome"] for line in lines) == outcomes(traffic)
    told = tuple(
        sum(line.get(name, 0) for line in lines) for name in ("input_tokens", "output_tokens", "response_bytes")
    )
    assert told == sums(traffic)
    by_trace = {line["trace_id"]: line for line in lines}
    for plan, reported in zip(traffic.plans, traffic.reported, strict=True):
        line = by_trace[reported.trace_id]
        assert (line["outcome"], line.get("model"), line.get("output_tokens", 0), line["response_bytes"]) == (
            plan.outcome,
            plan.model,
            reported.output_tokens,
            reported.bytes,
        )
        assert ("guardrail" in plan.script) == (line.get("stop_reason") == "guardrail_intervened")


def test_every_document_is_valid(traffic: Traffic) -> None:
    documents = list(traffic.recorded.log_lines("{ $._aws.Timestamp > 0 }"))
    assert len(documents) == COUNT
    for document in documents:
        assert values_of(document)["Requests"] == [1]


def test_traces_say_the_same(traffic: Traffic) -> None:
    summaries = {summary["Id"]: summary for summary in traffic.recorded.trace_summaries()}
    assert len(summaries) == COUNT
    for plan, reported in zip(traffic.plans, traffic.reported, strict=True):
        annotations = {
            name: next(iter(values[0]["AnnotationValue"].values()))
            for name, values in summaries[reported.trace_id]["Annotations"].items()
        }
        assert annotations["outcome"] == plan.outcome
        assert annotations.get("model") == plan.model
        assert annotations.get("output_tokens", 0) == reported.output_tokens
    throttled = traffic.recorded.trace_summaries('annotation.outcome = "throttled"')
    assert len(throttled) == outcomes(traffic)["throttled"]
    assert all(summary["HasThrottle"] for summary in throttled)
