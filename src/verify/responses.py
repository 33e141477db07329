"""The checks of single responses: what the client got, held against the function's contract. They send nothing."""

import re
from typing import Any

from probe.delivery import STREAMED, account, is_held_back
from probe.formats import BY_FIRSTBYTE
from probe.measurement import COMPLETED, CUT, ERROR
from verify.calls import DOCUMENT, EVENTS, LINES, TEXT, Answer
from verify.deployed import Deployed
from verify.findings import FAILED, OK, UNCHECKED, Finding, judged

HEADERS = "status and headers"
STREAMS = "the answer streams"
START = "start, delta, end"
FORMATS = {LINES: "NDJSON", TEXT: "bare text", DOCUMENT: "JSON document"}
REFUSED = "a request that does not fit"
SETTINGS = "the newest settings"
UNSIGNED = "a call without a signature"
DEADLINE_EVENTS = "events after the deadline"
DEADLINE_TEXT = "bare text after the deadline"
INVOKED = "InvokeWithResponseStream"

# The function's word for it, as an error's type and as a log line's outcome.
DEADLINE_EXCEEDED = "deadline_exceeded"
DEADLINE_EXPECTED = (
    "the function cuts the transfer shortly before its timeout: curl ends with 18, and the log line says "
    f"{DEADLINE_EXCEEDED}"
)
# curl's CURLE_PARTIAL_FILE: https://curl.se/libcurl/c/libcurl-errors.html
_PARTIAL_FILE = 18

# Above it nobody waits for the function's deadline.
LONGEST_TIMEOUT = 30
_LEAST_MOMENTS = 3
_TRACE_ID = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")
_KINDS = {LINES: BY_FIRSTBYTE[1], TEXT: "text", DOCUMENT: "json"}


def trace_id(answer: Answer) -> str:
    """Return the id in the response's trace header, empty if there is none."""
    found = _TRACE_ID.search(answer.header("x-amzn-trace-id"))
    return found[0] if found else ""


def headers(answer: Answer) -> Finding:
    """Check what the function sent before the first chunk: status and headers, which it puts into the prelude."""
    said = answer.seen.facts
    problems = []
    if answer.status != 200:
        problems.append(_refused(answer))
    elif answer.seen.media_type != EVENTS:
        problems.append(f"the content type is {answer.header('content-type') or 'missing'}")
    if answer.status == 200:
        if not answer.request_id or answer.request_id != said.get("request_id"):
            problems.append(
                f"x-request-id is {answer.request_id or 'missing'}, in start it is {said.get('request_id')}"
            )
        if not trace_id(answer) or trace_id(answer) != said.get("trace_id"):
            header = answer.header("x-amzn-trace-id") or "missing"
            problems.append(f"x-amzn-trace-id is {header}, in start the trace is {said.get('trace_id')}")
    expected = f"200, {EVENTS}, x-request-id and x-amzn-trace-id with the ids of the event start"
    seen = "" if problems else f"200, {answer.header('content-type')}, both ids are those of start"
    return judged(HEADERS, expected, problems, seen)


def streams(answer: Answer, deployed: Deployed, name: str = STREAMS) -> Finding:
    """Check that the answer came piece by piece while it was written.

    A guardrail may hold text back until Bedrock has checked it, so that the function itself gets it in few pieces:
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-streaming.html. Few pieces then prove nothing. But
    text that the function wrote over a longer time than it arrived in was held back behind the function.
    """
    expected = (
        f"text at {_LEAST_MOMENTS} moments or more, spread over the time in which the function says it wrote; a "
        "transfer that ends properly"
    )
    run = answer.run
    if run.outcome != COMPLETED:
        return Finding(name, expected, FAILED, answer.outline())
    if run.ttft_ms is None or run.total_ms is None:
        return Finding(name, expected, FAILED, f"no text in the format {run.format}")
    problems = []
    if answer.moments < _LEAST_MOMENTS:
        problems.append("too few moments")
    if run.delivery != STREAMED:
        problems.append("it came in one burst" if run.delivery else "too short or too quick to tell")
    _, writing = account(run.timing)
    seen = (
        f"{len(answer.seen.chunks)} pieces of text at {answer.moments} moments: the first after {run.ttft_ms:.0f} ms, "
        f"the end after {run.total_ms:.0f} ms, the longest gap {run.max_gap_ms or 0:.0f} ms; the function wrote for "
        f"{writing:.0f} ms"
    )
    if problems and deployed.parameters["Guardrail"] and not is_held_back(run.total_ms - run.ttft_ms, writing):
        why = "the guardrail may hold text back until it is checked: deploy without Guardrail to see it"
        return Finding(name, expected, UNCHECKED, "; ".join([*problems, why, seen]))
    return judged(name, expected, problems, seen)


def start_delta_end(answer: Answer, deployed: Deployed) -> Finding:
    """Check the events of a stream, and which model answered."""
    parameters = deployed.parameters
    expected = f"server-sent events start, delta, end; the model {parameters['ModelId']}, or its profile, in start"
    seen, run = answer.seen, answer.run
    if run.outcome != COMPLETED:
        return Finding(START, expected, FAILED, answer.outline())
    problems = []
    if run.format != BY_FIRSTBYTE[0]:
        problems.append(f"the format is {run.format}")
    if seen.broken:
        problems.append(f"{seen.broken} events hold no JSON object")
    missing = [name for name in ("stop_reason", "usage", "timing") if not seen.facts.get(name)]
    if not missing and (run.input_tokens is None or run.output_tokens is None):
        missing = ["input_tokens or output_tokens"]
    if missing:
        problems.append(f"end has no {missing[0]}")
    model = run.model or ""
    recorded = deployed.recorded_as(model)
    if not is_model(recorded, parameters["ModelId"]):
        fell_back = is_model(recorded, parameters["FallbackModelId"])
        problems.append(f"the {'fallback ' if fell_back else ''}model {model or 'without a name'} answered")
    counts = f"{run.input_tokens} tokens in, {run.output_tokens} out"
    return judged(START, expected, problems, f"{seen.messages} events, model {model}, {counts}")


def is_model(model: str, parameter: str) -> bool:
    """Return whether a model's id is that of a parameter: as it stands there, or with a geography in front."""
    return bool(parameter) and (model == parameter or model.partition(".")[2] == parameter)


def whole(answer: Answer, accept: str) -> Finding:
    """Check that an answer in another format is whole, and in that format."""
    expected = f"a whole answer of the type {accept}; curl ends with 0"
    if answer.run.outcome != COMPLETED:
        return Finding(FORMATS[accept], expected, FAILED, answer.outline())
    problems = []
    if answer.seen.media_type != accept or answer.run.format != _KINDS[accept]:
        problems.append(f"the content type is {answer.header('content-type')}, the format {answer.run.format}")
    if not answer.run.bytes:
        problems.append("it is empty")
    if answer.run.ttft_ms is None:
        problems.append("it has no text")
    seen = f"{answer.run.bytes} bytes in {answer.run.total_ms or 0:.0f} ms, {answer.header('content-type')}"
    return judged(FORMATS[accept], expected, problems, seen)


def refused(answer: Answer, field: str) -> Finding:
    """Check that a request with a field that does not fit is refused with its name."""
    return judged(REFUSED, f"400, and the error names {field}", *_names(answer, field))


def settings(above: Answer, at: Answer, most: int) -> Finding:
    """Check that the URL runs a version with the stack's parameter: one token more is refused, the limit is not."""
    expected = (
        f"max_tokens {most + 1} is a 400 that names max_tokens; {most}, the parameter MaxOutputTokens, is accepted"
    )
    problems, seen = _names(above, "max_tokens")
    if at.refusal.get("field") == "max_tokens":
        problems.append(f"{most} is not accepted: {_refused(at)}")
    elif at.status != 200:
        return Finding(SETTINGS, expected, FAILED if problems else UNCHECKED, f"{seen}; for {most}: {_refused(at)}")
    return judged(SETTINGS, expected, problems, f"{seen}; status {at.status}")


def _names(answer: Answer, field: str) -> tuple[list[str], str]:
    """What is wrong with a refusal that should name a field, and what it is."""
    named = answer.refusal.get("field")
    seen = f"{answer.status} {answer.refusal.get('type', 'without an error')}, field {named}"
    return ([] if answer.status == 400 and named == field else [f"{field} is not refused as it should be"]), seen


def unsigned(answer: Answer, deployed: Deployed) -> Finding:
    """Check who gets in without a signature: with AWS_IAM nobody, else everybody. The request was an empty object."""
    seen = f"{answer.status}, {'by the function' if answer.request_id else 'the function did not run'}"
    if deployed.parameters["UrlAuthType"] == "AWS_IAM":
        is_right = answer.status == 403 and not answer.request_id
        return judged(
            UNSIGNED, "403, and the function does not run", [] if is_right else ["it is not refused with 403"], seen
        )
    expected = "UrlAuthType is NONE: it gets in, and the function refuses an empty request with 400"
    is_right = answer.status == 400 and bool(answer.request_id)
    return judged(UNSIGNED, expected, [] if is_right else ["it does not get in"], seen)


def deadline_events(answer: Answer) -> Finding:
    """Check that events tell of the deadline."""
    expected = f"an error event {DEADLINE_EXCEEDED} shortly before the function's timeout, then a proper end"
    if answer.run.outcome == COMPLETED:
        return Finding(DEADLINE_EVENTS, expected, UNCHECKED, _too_short(answer))
    failure = answer.run.error
    is_told = answer.run.outcome == ERROR and failure is not None and failure.type == DEADLINE_EXCEEDED
    problems = [] if is_told else ["the deadline is not told"]
    if answer.run.curl_exit_code:
        problems.append(f"the transfer does not end properly: curl ended with {answer.run.curl_exit_code}")
    seen = f"after {answer.run.total_ms or 0:.0f} ms: {answer.outline()}"
    return judged(DEADLINE_EVENTS, expected, problems, seen)


def deadline_text(answer: Answer, line: dict[str, Any] | None) -> tuple[str | None, str]:
    """Check that the function cuts bare text, which has no events, by error trailers.

    A cut alone proves little: Lambda's own timeout cuts a response, too, but then the function writes no log line.

    Args:
        answer: the response.
        line: its log line, or None as long as it is not there.

    Returns:
        A verdict, or None as long as the log line is missing that says why the response ended; and what was seen.
    """
    seen = f"after {answer.run.total_ms or 0:.0f} ms: {answer.outline()}; curl ended with {answer.run.curl_exit_code}"
    is_cut = answer.run.outcome == CUT and answer.run.curl_exit_code == _PARTIAL_FILE
    if not is_cut and answer.run.outcome != COMPLETED:
        return FAILED, seen
    if line is None:
        return None, f"{seen}; no log line says why"
    outcome = line.get("outcome")
    if not is_cut and outcome == "completed":
        return UNCHECKED, _too_short(answer)
    is_right = is_cut and outcome == DEADLINE_EXCEEDED
    return OK if is_right else FAILED, f"{seen}; the log line says {outcome}"


def _too_short(answer: Answer) -> str:
    return f"the answer was whole after {answer.run.total_ms or 0:.0f} ms, before the deadline: ask a slower model"


def _refused(answer: Answer) -> str:
    """What a response that should be an answer is."""
    if answer.status == 403 and not answer.request_id:
        return "403: the keys need lambda:InvokeFunctionUrl and lambda:InvokeFunction"
    return answer.outline()
