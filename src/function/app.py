"""The Lambda handler: a request in, a model's answer out, chunk by chunk; each step is a module of `firstbyte`."""

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools import Logger

from firstbyte.bedrock import Answer, create_client, open_answer
from firstbyte.config import Config
from firstbyte.deadline import Deadline
from firstbyte.failures import ErrorType, Failure, RequestError
from firstbyte.model_call import check_api
from firstbyte.model_events import Delta
from firstbyte.rendering import Rendering, choose_rendering, error_body, error_fields, usage_fields
from firstbyte.request import header, parse_request
from firstbyte.timing import Timing
from lambda_streaming import ResponseStream, streamify_response

# Made while the environment starts, so that a mistake in the settings shows there and no request pays for the client.
config = Config.from_environment(os.environ)
client = create_client(config)
logger = Logger()


@dataclass(slots=True)
class _Exchange:
    """One request, and what is known of it when the client has its last byte."""

    ids: dict[str, str]
    stream: ResponseStream
    timing: Timing
    failures: list[Failure] = field(default_factory=list)
    answer: Answer | None = None


@streamify_response
@logger.inject_lambda_context
def handler(event: object, context: Any, *, response_stream: ResponseStream) -> None:
    """Answer one request; the contract is in the README."""
    exchange = _Exchange({"request_id": context.aws_request_id, "trace_id": _trace_id()}, response_stream, Timing())
    try:
        with Deadline(context.get_remaining_time_in_millis() / 1000) as deadline:
            _answer(event, exchange, deadline)
    finally:
        _record(exchange)


def _answer(event: object, exchange: _Exchange, deadline: Deadline) -> None:
    try:
        rendering = choose_rendering(header(event, "accept"))
        request = parse_request(event, config)
        check_api(request)
        answer = open_answer(
            client,
            request,
            config.fallback_model_id,
            wanted=rendering.begins_with,
            deadline=deadline,
            timing=exchange.timing,
            on_failure=exchange.failures.append,
        )
    except RequestError as error:
        if error.failure not in exchange.failures:
            exchange.failures.append(error.failure)
        _refuse(error.failure, exchange)
    else:
        exchange.answer = answer
        with closing(answer):
            _stream(answer, rendering, exchange)


def _refuse(failure: Failure, exchange: _Exchange) -> None:
    headers = _headers("application/json", exchange.ids)
    if failure.retry_after_seconds is not None:
        headers["retry-after"] = str(failure.retry_after_seconds)
    exchange.stream.start(status_code=failure.status, headers=headers)
    exchange.stream.write(error_body(failure, exchange.ids))
    exchange.timing.bytes_written()
    exchange.stream.end()


def _stream(answer: Answer, rendering: Rendering, exchange: _Exchange) -> None:
    def write(name: str, fields: Mapping[str, Any]) -> None:
        if frame := rendering.frame(name, fields):
            exchange.stream.write(frame)
            exchange.timing.bytes_written()

    def write_error(failure: Failure) -> None:
        exchange.failures.append(failure)
        write("error", {**error_fields(failure), "partial_usage": usage_fields(answer.usage)})

    exchange.stream.start(status_code=200, headers=_headers(rendering.content_type, exchange.ids))
    write("start", {**exchange.ids, "model": answer.model_id})
    try:
        for event in answer:
            if isinstance(event, Delta):
                write("delta", {"text": event.text})
        end = {
            "stop_reason": answer.stop_reason,
            "usage": usage_fields(answer.usage),
            "timing": exchange.timing.so_far(),
        }
        write("end", end)
    except RequestError as error:
        write_error(error.failure)
        if not rendering.has_events:
            raise  # bare text has no way to say that it is not whole: it is cut
    except OSError:
        raise  # the response itself is broken: there is nobody to tell
    except Exception:
        write_error(Failure.of(ErrorType.INTERNAL))
        raise
    exchange.stream.end()


def _record(exchange: _Exchange) -> None:
    """Record what happened, now that the handler has sent all it has to send: nothing here holds the client up."""
    for failure in exchange.failures:
        # Neither the message nor the field: both may hold what the client wrote.
        logger.warning(
            "request failed",
            error_type=failure.type.value,
            code=failure.code,
            model_id=failure.model_id,
            detail=failure.detail,
        )
    answer = exchange.answer
    if answer is not None and answer.usage_differs:
        logger.info(
            "the model's own token counts differ from Bedrock's",
            model_id=answer.model_id,
            model_usage=usage_fields(answer.model_usage),
            bedrock_usage=usage_fields(answer.service_metrics.usage),
        )


def _headers(content_type: str, ids: Mapping[str, str]) -> dict[str, str]:
    headers = {
        "content-type": content_type,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-request-id": ids["request_id"],
    }
    if trace_header := os.environ.get("_X_AMZN_TRACE_ID"):
        headers["x-amzn-trace-id"] = trace_header
    return headers


def _trace_id() -> str:
    """The X-Ray trace id, as it is looked up: the Root of the trace header that Lambda sets for each invocation."""
    for part in os.environ.get("_X_AMZN_TRACE_ID", "").split(";"):
        name, _, value = part.partition("=")
        if name.strip() == "Root":
            return value
    return ""
