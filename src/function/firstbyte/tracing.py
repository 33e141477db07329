"""Makes the trace of one response from the meter's marks, after the response has ended. Only this module knows X-Ray.

Lambda makes the segment of the invocation. The handler's subsegment is under it, and each call of a model is under the
handler. A call has two parts: the time to the first token, and the time of the rest. All this is made afterwards, so it
costs no time while the answer streams. A change to OpenTelemetry can use the same marks for its spans.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools import Tracer
from aws_xray_sdk.core.models.facade_segment import FacadeSegment

from firstbyte.given import given
from firstbyte.meter import Attempt, Figures, Meter, Outcome, WallClock
from firstbyte.trace_header import TraceHeader

# No library is patched, because the meter has the times already. With POWERTOOLS_TRACE_DISABLED nothing is sent.
_recorder: Any = Tracer(auto_patch=False).provider


def emit_trace(meter: Meter, figures: Figures, request_id: str, trace: TraceHeader, region: str) -> None:
    """Send the subsegments of one response to the X-Ray daemon. Without a daemon they are lost, and no error is raised.

    Args:
        meter: the meter of the response, which has ended.
        figures: what goes into annotations and metadata.
        request_id: the invocation's id.
        trace: the sampled trace that the subsegments belong to.
        region: the models' region.
    """
    # Set anew each time: the SDK keeps the segment as long as the trace id stays the same. In a trace with two
    # invocations, the second one's subsegments would be under the first one's segment.
    _recorder.set_trace_entity(FacadeSegment("facade", entityid=trace.parent, traceid=trace.root, sampled=True))
    clock = WallClock(meter)
    with _subsegment("## handler", meter.entered, clock, meter.ended) as handler:
        for name, value in _annotations(meter, figures).items():
            handler.put_annotation(name, value)
        handler.put_metadata("response", {"request_id": request_id, **given(**figures._asdict())}, "firstbyte")
        if meter.failure:
            # A stream that broke off had status 200, but a search for faults must find it.
            handler.apply_status_code(500 if meter.outcome is Outcome.INTERRUPTED else meter.failure.status)
        for attempt in meter.attempts:
            _model_call(attempt, clock, region)


def _model_call(attempt: Attempt, clock: WallClock, region: str) -> None:
    with _subsegment("bedrock", attempt.asked, clock, attempt.ended, namespace="aws") as call:
        call.set_aws({"operation": attempt.operation, "region": region, "model_id": attempt.model_id})
        parts = [("first token", attempt.asked, attempt.first_token or attempt.ended)]
        if attempt.first_token is not None:
            parts.append(("remaining tokens", attempt.first_token, attempt.ended))
        for name, start, end in parts:
            with _subsegment(name, start, clock, end) as part:
                if attempt.failure and name == parts[-1][0]:
                    part.apply_status_code(attempt.failure.status)
        if attempt.failure:
            call.apply_status_code(attempt.failure.status)


def _annotations(meter: Meter, figures: Figures) -> dict[str, str | float | bool]:
    """Return the annotations, by which traces can be searched. Those without a value are left out."""
    answer = meter.answer
    return given(
        model=answer and answer.model_id,
        outcome=meter.outcome.value,
        ttfb_ms=figures.ttfb_ms,
        first_text_ms=figures.first_text_ms,
        ttft_ms=figures.ttft_ms,
        output_tokens=figures.output_tokens,
        cold_start=bool(figures.cold_start),
        error_type=meter.failure and meter.failure.type.value,
    )


@contextmanager
def _subsegment(
    name: str, start: float, clock: WallClock, end: float | None, namespace: str = "local"
) -> Iterator[Any]:
    subsegment = _recorder.begin_subsegment(name, namespace)
    subsegment.start_time = clock.at(start)
    yield subsegment
    _recorder.end_subsegment(clock.at(end))
