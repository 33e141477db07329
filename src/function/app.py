"""The Lambda handler: takes a request, sends a model's answer chunk by chunk. Each step is a module of `firstbyte`."""

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from firstbyte.bedrock import Answer, create_client, open_answer
from firstbyte.config import Config
from firstbyte.deadline import Deadline
from firstbyte.failures import ErrorType, Failure, RequestError
from firstbyte.meter import Meter
from firstbyte.model_call import check_api
from firstbyte.model_events import Delta, Usage
from firstbyte.rendering import Rendering, choose_rendering, error_body, error_fields, usage_fields
from firstbyte.request import header, parse_request
from firstbyte.trace_header import TraceHeader, parse_trace_header
from lambda_streaming import ResponseStream, streamify_response

# Made while the environment starts: a mistake in the settings shows at once, and no request waits for the client.
config = Config.from_environment(os.environ)
client = create_client(config)
# Whether this environment has served a request. A provisioned one starts before any client waits, so it counts as warm.
is_warm = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "provisioned-concurrency"


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One request and its response."""

    request_id: str
    trace: TraceHeader
    stream: ResponseStream
    meter: Meter

    @property
    def ids(self) -> dict[str, str]:
        """The ids with which a client can ask about this response."""
        return {"request_id": self.request_id, "trace_id": self.trace.root}


@streamify_response
def handler(event: object, context: Any, *, response_stream: ResponseStream) -> None:
    """Answer one request. The contract is in the README beside this file.

    Args:
        event: what a Function URL sends, payload format 2.0.
        context: the invocation's context, as Lambda makes it.
        response_stream: takes status, headers and body; from `streamify_response`.

    Raises:
        RequestError: an answer in bare text broke off; the runtime then cuts the response.
    """
    global is_warm
    meter = Meter(cold_start=not is_warm)
    is_warm = True
    trace = parse_trace_header(os.environ.get("_X_AMZN_TRACE_ID", ""))
    exchange = _Exchange(context.aws_request_id, trace, response_stream, meter)
    response_stream.on_finish(lambda: _record(exchange))
    try:
        with Deadline(context.get_remaining_time_in_millis() / 1000) as deadline:
            _answer(event, exchange, deadline)
    except BaseException:
        meter.failed(Failure.of(ErrorType.INTERNAL))  # counts only if no failure is known yet
        raise


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
            meter=exchange.meter,
            request_id=exchange.request_id,
        )
    except RequestError as error:
        _refuse(error.failure, exchange)
    else:
        send = _send_whole if rendering.in_one_piece else _stream
        with closing(answer):
            send(answer, rendering, exchange)


def _refuse(failure: Failure, exchange: _Exchange) -> None:
    exchange.meter.failed(failure)
    headers = _headers("application/json", exchange)
    if failure.retry_after_seconds is not None:
        headers["retry-after"] = str(failure.retry_after_seconds)
    exchange.stream.start(status_code=failure.status, headers=headers)
    usage = exchange.meter.answer.usage if exchange.meter.answer else Usage()
    _write(error_body(failure, usage, exchange.ids).encode(), exchange)
    exchange.stream.end()


def _stream(answer: Answer, rendering: Rendering, exchange: _Exchange) -> None:
    def write(name: str, fields: Mapping[str, Any]) -> None:
        if frame := rendering.frame(name, fields):
            _write(frame, exchange)

    def write_error(failure: Failure) -> None:
        exchange.meter.failed(failure)
        write("error", {**error_fields(failure), "partial_usage": usage_fields(answer.attempt.usage)})

    exchange.stream.start(status_code=200, headers=_headers(rendering.content_type, exchange))
    write("start", _opening(answer, exchange))
    try:
        for event in answer:
            if isinstance(event, Delta):
                write("delta", {"text": event.text})
        write("end", _closing(answer, exchange))
    except RequestError as error:
        write_error(error.failure)
        if not rendering.has_events:
            raise  # bare text cannot say that it is not whole, so the runtime cuts the response
    except OSError:
        raise  # the response itself is broken: no client is left to tell
    except Exception:
        write_error(Failure.of(ErrorType.INTERNAL))
        raise
    exchange.stream.end()


def _send_whole(answer: Answer, rendering: Rendering, exchange: _Exchange) -> None:
    text = "".join(event.text for event in answer if isinstance(event, Delta))
    fields = {"text": text, **_closing(answer, exchange), **_opening(answer, exchange)}
    exchange.stream.start(status_code=200, headers=_headers(rendering.content_type, exchange))
    _write(rendering.frame("answer", fields), exchange)
    exchange.stream.end()


def _opening(answer: Answer, exchange: _Exchange) -> dict[str, Any]:
    """The fields that are known once the model has begun to answer."""
    return {**exchange.ids, "model": answer.attempt.model_id, "cold_start": exchange.meter.cold_start}


def _closing(answer: Answer, exchange: _Exchange) -> dict[str, Any]:
    """The fields that are known once the model's answer is whole."""
    return {
        "stop_reason": answer.attempt.stop_reason,
        "usage": usage_fields(answer.attempt.usage),
        "timing": exchange.meter.so_far(),
    }


def _write(data: bytes, exchange: _Exchange) -> None:
    exchange.stream.write(data)
    exchange.meter.bytes_written(len(data))


def _record(exchange: _Exchange) -> None:
    exchange.meter.end()
    # Imported only now, because it is slow to import: its docstring has the reason.
    from firstbyte.telemetry import record

    record(exchange.meter, exchange.request_id, exchange.trace, config)


def _headers(content_type: str, exchange: _Exchange) -> dict[str, str]:
    headers = {
        "content-type": content_type,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-request-id": exchange.request_id,
    }
    if exchange.trace.text:
        headers["x-amzn-trace-id"] = exchange.trace.text
    return headers
