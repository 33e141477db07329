"""The checks of what was recorded of the responses: log lines, metrics and traces, as AWS shows them after a while."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from probe.json_object import parse_object
from probe.measurement import COMPLETED
from verify.calls import DOCUMENT, Answer
from verify.deployed import Deployed
from verify.findings import FAILED, OK, UNCHECKED
from verify.responses import DEADLINE_EXPECTED, DEADLINE_TEXT, deadline_text, trace_id
from verify.waiting import Watch

LOG_LINES = "log lines"
LOG_FIGURES = "figures in the log"
REQUESTS = "metrics of requests"
TOKENS = "metrics of tokens"
LAMBDA = "metrics of Lambda"
BEDROCK = "metrics of Bedrock"
TRACE = "the trace"

# A function may note late that it has written, when the client has it already.
_ALLOWANCE_MS = 250.0
# Figures are rounded on their way into the event `end` and into the log.
_ROUNDING_MS = 1.0
_SUBSEGMENTS = ("## handler", "bedrock", "first token", "remaining tokens")
_ANNOTATIONS = ("model", "outcome", "ttft_ms")


class Log:
    """The function's log: its lines `response finished`, by request id, as far as they are there."""

    def __init__(self, deployed: Deployed, since: datetime) -> None:
        self._client = deployed.access.client("logs")
        self._group = deployed.outputs["LogGroup"]
        self._since = since
        self._lines: dict[str, dict[str, Any]] = {}

    def line(self, request_id: str) -> dict[str, Any] | None:
        """Return the line of a request, or None as long as it is not there."""
        if request_id not in self._lines:
            pattern = f'{{ $.message = "response finished" && $.request_id = "{request_id}" }}'
            pages = self._client.get_paginator("filter_log_events").paginate(
                logGroupName=self._group, filterPattern=pattern, startTime=int(self._since.timestamp() * 1000)
            )
            for event in (event for page in pages for event in page["events"]):
                self._lines[request_id] = parse_object(event["message"]) or {}
        return self._lines.get(request_id)


@dataclass(frozen=True)
class Sent:
    """What this run sent.

    Attributes:
        deployed: the stack.
        since: before the first request began.
        events: the answer as server-sent events that is looked at closely.
        reached: all answers that the function gave, refusals among them.
        deadline: the answer as bare text that ran into the function's deadline, if one was asked for.
    """

    deployed: Deployed
    since: datetime
    events: Answer
    reached: Sequence[Answer]
    deadline: Answer | None

    @property
    def completed(self) -> list[Answer]:
        """The answers that are whole. Of bare text after the deadline the client alone cannot tell."""
        return [answer for answer in self.reached if answer.run.outcome == COMPLETED and answer is not self.deadline]


def watches(sent: Sent) -> list[Watch]:
    """Return the checks, in the order of the report."""
    log = Log(sent.deployed, sent.since)
    xray = sent.deployed.access.client("xray")
    late = sent.deadline
    return [
        Watch(
            LOG_LINES, f"a line `response finished` for each of {len(sent.reached)} requests", lambda: _lines(sent, log)
        ),
        Watch(
            LOG_FIGURES,
            f"those of the event end; no longer than what the client saw, by more than {_ALLOWANCE_MS:.0f} ms",
            lambda: _figures(sent.events, log),
        ),
        *_metrics(sent),
        Watch(
            TRACE,
            f"subsegments {', '.join(_SUBSEGMENTS)}; annotations {', '.join(_ANNOTATIONS)} of the response",
            lambda: _trace(sent, xray),
        ),
        *(
            [Watch(DEADLINE_TEXT, DEADLINE_EXPECTED, lambda: deadline_text(late, log.line(late.request_id)))]
            if late
            else ()
        ),
    ]


def _lines(sent: Sent, log: Log) -> tuple[str | None, str]:
    if not sent.reached:
        return UNCHECKED, "no request reached the function"
    missing = [answer.request_id for answer in sent.reached if log.line(answer.request_id) is None]
    seen = f"{len(sent.reached) - len(missing)} of {len(sent.reached)}"
    return (None, f"{seen}; missing is {missing[0]}") if missing else (OK, seen)


def _figures(answer: Answer, log: Log) -> tuple[str | None, str]:
    if answer.run.outcome != COMPLETED:
        return UNCHECKED, "the answer is not whole"
    if not answer.request_id:
        return UNCHECKED, "the answer does not say its request id"
    line = log.line(answer.request_id)
    if line is None:
        return None, "no line"
    return compared(line, answer)


def compared(line: Mapping[str, Any], answer: Answer) -> tuple[str, str]:
    """Hold a response's log line against its event `end` and against the client's own figures."""
    run = answer.run
    said = {**(run.usage or {}), **(run.timing or {})}
    problems = [
        f"{name} is {line.get(name)}, in end {said.get(name)}"
        for name in ("input_tokens", "output_tokens")
        if line.get(name) is None or line.get(name) != said.get(name)
    ]
    problems += [
        f"{name} is {line.get(name)}, in end {said.get(name)}"
        for name in ("ttfb_ms", "ttft_ms")
        if not _is_near(line.get(name), said.get(name))
    ]
    if problems:
        return FAILED, "; ".join(problems)
    try:
        pairs = {
            "duration_ms": (float(said["duration_ms"]), float(line["duration_ms"]), float(run.total_ms or 0.0)),
            "first_text_ms": (0.0, float(line["first_text_ms"]), float(run.ttft_ms or 0.0)),
        }
    except (KeyError, TypeError, ValueError) as error:
        return FAILED, f"the log line or the event end lacks a figure: {error}"
    for name, (least, value, most) in pairs.items():
        if not least - _ROUNDING_MS <= value <= most + _ALLOWANCE_MS:
            problems.append(f"{name} is {value}, in end {least:g}, and the client's {most:.1f}")
    first, whole = pairs["first_text_ms"], pairs["duration_ms"]
    seen = (
        f"first text after {first[1]:.0f} ms, client {first[2]:.0f} ms; duration {whole[1]:.0f} ms, client "
        f"{whole[2]:.0f} ms; {line['input_tokens']} tokens in, {line['output_tokens']} out"
    )
    return (FAILED, "; ".join(problems)) if problems else (OK, seen)


def _is_near(value: object, other: object) -> bool:
    both = isinstance(value, int | float) and isinstance(other, int | float)
    return both and abs(value - other) <= _ROUNDING_MS  # type: ignore[operator]


@dataclass(frozen=True)
class _Sum:
    """A metric, and what its sum over the minutes of this run should at least be."""

    namespace: str
    name: str
    least: int
    dimensions: Mapping[str, str]


def _metrics(sent: Sent) -> list[Watch]:
    name, function, model = sent.deployed.name, sent.deployed.outputs["FunctionName"], sent.events.run.model or ""
    recorded = sent.deployed.recorded_as(model)
    whole = [answer.run for answer in sent.completed]
    ours = [run for run in whole if run.model == model]
    by_service, by_model = {"service": name}, {"service": name, "model": recorded}
    asked = len(sent.reached)
    requests = [_Sum("Firstbyte", *each, by_service) for each in (("Requests", asked), ("Completed", len(whole)))]
    tokens = [
        _Sum("Firstbyte", "InputTokens", sum(run.input_tokens or 0 for run in ours), by_model),
        _Sum("Firstbyte", "OutputTokens", sum(run.output_tokens or 0 for run in ours), by_model),
    ]
    invocations = [_Sum("AWS/Lambda", "Invocations", asked, {"FunctionName": function})]
    answered = [_Sum("AWS/Bedrock", "Invocations", len(ours), {"ModelId": recorded})]
    client = sent.deployed.access.client("cloudwatch")
    start = sent.since.replace(second=0, microsecond=0)

    def watch(name: str, expected: str, wanted: Sequence[_Sum]) -> Watch:
        return Watch(
            name,
            f"at least {expected}; others' requests in the same minutes count, too",
            lambda: _are_there(wanted, client, start),
        )

    bedrock = watch(BEDROCK, "the answers of this run, in AWS/Bedrock by ModelId", answered)
    if recorded.startswith("arn:"):
        why = "the model's id is an ARN: which value Bedrock's dimension ModelId then has is not known"
        bedrock = replace(bedrock, look=lambda: (UNCHECKED, why))
    return [
        watch(REQUESTS, f"what this run sent, in Firstbyte by service {name}", requests),
        watch(TOKENS, "those of this run, in Firstbyte by service and model", tokens),
        watch(LAMBDA, "the requests of this run, in AWS/Lambda by FunctionName", invocations),
        bedrock,
    ]


def _are_there(wanted: Sequence[_Sum], client: Any, start: datetime) -> tuple[str | None, str]:
    if not any(each.least for each in wanted):
        return UNCHECKED, "nothing was answered that counts"
    found = [(each, _total(each, client, start)) for each in wanted]
    seen = ", ".join(
        f"{each.name} {'none' if sum_ is None else f'{sum_:g}'}, at least {each.least}" for each, sum_ in found
    )
    return OK if all(sum_ is not None and sum_ >= each.least for each, sum_ in found) else None, seen


def _total(wanted: _Sum, client: Any, start: datetime) -> float | None:
    """The metric's sum since the start; None if it has no value."""
    metric = {
        "Namespace": wanted.namespace,
        "MetricName": wanted.name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in wanted.dimensions.items()],
    }
    query = {"Id": "wanted", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    end = datetime.now(UTC) + timedelta(minutes=1)
    answer = client.get_metric_data(MetricDataQueries=[query], StartTime=start, EndTime=end)
    values = answer["MetricDataResults"][0]["Values"]
    return sum(values) if values else None


def _trace(sent: Sent, xray: Any) -> tuple[str | None, str]:
    # X-Ray's pages write Sampled=1, some of Lambda's sampled=1:
    # https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_lambda.Tracing.html
    sampled = [answer for answer in sent.completed if "sampled=1" in answer.header("x-amzn-trace-id").lower()]
    # A document has no time between its first and its last text.
    streamed = [answer for answer in sampled if answer.seen.media_type != DOCUMENT]
    if not streamed:
        return UNCHECKED, "none of the answers was sampled: Lambda samples the first of each second, and one in twenty"
    answer = streamed[0]
    traces = xray.batch_get_traces(TraceIds=[trace_id(answer)])["Traces"]
    documents = [parse_object(segment["Document"]) or {} for trace in traces for segment in trace["Segments"]]
    return traced(documents, sent.deployed.recorded_as(answer.run.model or ""))


def traced(documents: Sequence[Mapping[str, Any]], model: str) -> tuple[str | None, str]:
    """Look for the function's own records in the segments of a trace of this model."""
    parts = [part for document in documents for part in _with_subsegments(document)]
    names = [part.get("name") for part in parts]
    annotations = {key: value for part in parts for key, value in (part.get("annotations") or {}).items()}
    missing = [name for name in _SUBSEGMENTS if name not in names]
    missing += [f"the annotation {key}" for key in _ANNOTATIONS if key not in annotations]
    if missing:
        return None, f"{len(documents)} segments, without {', '.join(missing)}"
    said = (annotations["model"], annotations["outcome"])
    if said != (model, COMPLETED):
        return FAILED, f"model and outcome are {said[0]} and {said[1]}, of {model} and {COMPLETED}"
    return OK, f"{len(documents)} segments, {len(parts)} parts; ttft_ms {annotations['ttft_ms']}"


def _with_subsegments(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield document
    for part in document.get("subsegments") or ():
        yield from _with_subsegments(part)
