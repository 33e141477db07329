"""The Lambda handler: takes a request, sends a model's answer chunk by chunk. Each step is a module of `firstbyte`."""

import os
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from firstbyte.bedrock import Answer, open_answer
from firstbyte.bedrock_client import create_client
from firstbyte.config import Config
from firstbyte.deadline import Deadline
from firstbyte.failures import ErrorType, Failure, RequestError
from firstbyte.given import given
from firstbyte.meter import Meter
from firstbyte.model_call import check_api
from firstbyte.model_events import Delta, Usage
from firstbyte.model_ids import shown_name
from firstbyte.plain_log import log_line, only_this_is_lost, place_of
from firstbyte.rendering import Rendering, choose_rendering, error_body, error_fields, usage_fields
from firstbyte.request import caller, header, parse_request
from firstbyte.trace_header import TraceHeader, parse_trace_header
from lambda_streaming import ResponseStream, WriteTimeoutError, streamify_response

# Made while the environment starts: a mistake in the settings shows at once, and no request waits for the client.
config = Config.from_environment(os.environ)
for correction in config.corrections:
    correction.apply(os.environ)
    log_line(
        "WARNING",
        "a setting is not usable",
        **given(variable=correction.variable, value=correction.value, instead=correction.instead),
    )
client = create_client(config)
# Whether this environment has served a request. A provisioned one starts before any client waits, so it counts as warm.
is_warm = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "provisioned-concurrency"


class _Exchange:
    """One request and its response.

    Attributes:
        request_id: the invocation's id.
        trace: the trace that the invocation belongs to.
        stream: takes the response.
        meter: times the response.
        facts: what is known of the request, for the log.
        begun: the format in which status and headers have been set; None before that.
    """

    def __init__(self, request_id: str, trace: TraceHeader, stream: ResponseStream, meter: Meter) -> None:
        self.request_id = request_id
        self.trace = trace
        self.stream = stream
        self.meter = meter
        self.facts: dict[str, Any] = {}
        self.begun: Rendering | None = None

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
        RequestError: an answer in bare text broke off, and the runtime then cuts the response. Or the function has a
            bug, or the Runtime API is gone.
    """
    global is_warm
    meter = Meter(cold_start=not is_warm)
    is_warm = True
    trace = parse_trace_header(os.environ.get("_X_AMZN_TRACE_ID", ""))
    exchange = _Exchange(context.aws_request_id, trace, response_stream, meter)
    exchange.facts |= given(function_version=context.function_version, caller=caller(event))
    response_stream.on_finish(lambda: _record(exchange))
    try:
        _run(event, context, exchange)
    except Exception:  # noqa: BLE001 - none leaves the handler as it is: its words may quote the request
        assert meter.failure, "_run has noted it"
    else:
        return
    # Raised outside of the `except` block, so that no other exception is chained to it.
    raise RequestError(meter.failure, exchange.request_id)


def _run(event: object, context: Any, exchange: _Exchange) -> None:
    try:
        with Deadline(context.get_remaining_time_in_millis() / 1000) as deadline:
            _answer(event, exchange, deadline)
    except WriteTimeoutError:
        _fail(Failure.of(ErrorType.CLIENT_STALLED), exchange, tell=False)
    except RequestError:
        raise  # an answer in bare text broke off: that is noted
    except OSError as error:
        # The response itself is broken: no client is left to tell.
        _fail(_bug(error), exchange, tell=False)
        raise
    except BaseException as error:
        failure = _bug(error)
        exchange.meter.failed(failure, instead=True)
        _fail(failure, exchange, tell=isinstance(error, Exception))
        raise


def _bug(error: BaseException) -> Failure:
    """Return the failure for an unexpected exception, or for a lost Runtime API."""
    words = str(error) if isinstance(error, OSError) else None
    return Failure.of(ErrorType.INTERNAL, code=type(error).__name__, detail=words, place=place_of(error))


def _answer(event: object, exchange: _Exchange, deadline: Deadline) -> None:
    try:
        rendering = choose_rendering(header(event, "accept"))
        exchange.meter.in_one_piece = rendering.in_one_piece
        exchange.facts["rendering"] = rendering.name
        request = parse_request(event, config)
        exchange.facts |= {"max_tokens": request.max_tokens, "prompt_chars": request.prompt_chars}
        check_api(request)
        if rendering.comment and config.keep_alive_seconds:
            deadline.run_in_waits(lambda: _keep_alive(rendering, exchange))
        answer = open_answer(
            client,
            request,
            config.fallback_model_id,
            config.guardrail,
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


def _keep_alive(rendering: Rendering, exchange: _Exchange) -> float:
    """Send a comment if nothing was written for the set time. Return in how many seconds one may be due again."""
    remaining = config.keep_alive_seconds - exchange.meter.silent_seconds
    if remaining > 0:
        return remaining
    _begin(rendering, exchange)
    exchange.stream.write(rendering.comment)
    exchange.meter.comment_written(len(rendering.comment))
    return config.keep_alive_seconds


def _refuse(failure: Failure, exchange: _Exchange) -> None:
    _fail(failure, exchange)
    if exchange.begun:  # comments have gone out, and the status with them
        exchange.stream.end()
        return
    headers = _headers("application/json", exchange)
    if failure.retry_after_seconds is not None:
        headers["retry-after"] = str(failure.retry_after_seconds)
    exchange.stream.start(status_code=failure.status, headers=headers)
    _write(error_body(failure, _usage(exchange), exchange.ids).encode(), exchange)
    exchange.stream.end()


def _fail(failure: Failure, exchange: _Exchange, *, tell: bool = True) -> None:
    """Note why there is no whole answer, and say it in the stream if that has begun and has events."""
    exchange.meter.failed(failure)  # counts only if no failure is known yet
    rendering = exchange.begun
    if tell and rendering and not rendering.in_one_piece:
        fields = {**error_fields(failure), "partial_usage": usage_fields(_usage(exchange))}
        if frame := rendering.frame("error", fields):
            _write(frame, exchange)


def _usage(exchange: _Exchange) -> Usage:
    return exchange.meter.answer.usage if exchange.meter.answer else Usage()


def _stream(answer: Answer, rendering: Rendering, exchange: _Exchange) -> None:
    def write(name: str, fields: Mapping[str, Any]) -> None:
        if frame := rendering.frame(name, fields):
            _write(frame, exchange)

    _begin(rendering, exchange)
    write("start", _opening(answer, exchange))
    try:
        for event in answer:
            if isinstance(event, Delta):
                _write(rendering.delta(event.text), exchange, has_text=True)
        write("end", _closing(answer, exchange))
    except RequestError as error:
        _fail(error.failure, exchange)
        if not rendering.has_events:
            raise  # bare text cannot say that it is not whole, so the runtime cuts the response
    exchange.stream.end()


def _send_whole(answer: Answer, rendering: Rendering, exchange: _Exchange) -> None:
    text = "".join(event.text for event in answer if isinstance(event, Delta))
    fields = {"text": text, **_closing(answer, exchange), **_opening(answer, exchange)}
    _begin(rendering, exchange)
    _write(rendering.frame("answer", fields), exchange, has_text=bool(text))
    exchange.stream.end()


def _begin(rendering: Rendering, exchange: _Exchange) -> None:
    if not exchange.begun:
        exchange.begun = rendering
        exchange.stream.start(status_code=200, headers=_headers(rendering.content_type, exchange))


def _opening(answer: Answer, exchange: _Exchange) -> dict[str, Any]:
    """The fields that are known once the model has begun to answer."""
    model = shown_name(answer.attempt.model_id)
    return {**exchange.ids, "model": model, "cold_start": exchange.meter.cold_start}


def _closing(answer: Answer, exchange: _Exchange) -> dict[str, Any]:
    """The fields that are known once the model's answer is whole."""
    return {
        "stop_reason": answer.attempt.stop_reason,
        "usage": usage_fields(answer.attempt.usage),
        "timing": exchange.meter.so_far(),
    }


def _write(data: bytes, exchange: _Exchange, *, has_text: bool = False) -> None:
    exchange.stream.write(data)
    exchange.meter.bytes_written(len(data), has_text=has_text)


def _record(exchange: _Exchange) -> None:
    if exchange.stream.timed_out:  # it may have stalled behind the last write, too
        exchange.meter.failed(Failure.of(ErrorType.CLIENT_STALLED))
    exchange.meter.end()
    with only_this_is_lost("everything", exchange.ids):
        # Imported only now, because it is slow to import: its docstring has the reason.
        from firstbyte.telemetry import record

        record(exchange.meter, exchange.request_id, exchange.trace, exchange.facts, config)


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
