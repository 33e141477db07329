"""The trace of one response, made of the meter's marks once the response has ended; the one place that knows X-Ray.

The handler's subsegment hangs under the segment that Lambda makes of the invocation, the calls of models under it, and
under each of those the time to its first token and the time of the rest. Made afterwards, they cost no time while the
answer streams; whoever changes to OpenTelemetry has the same marks for spans.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Tracer
from aws_xray_sdk.core.models.facade_segment import FacadeSegment

from firstbyte.given import given
from firstbyte.meter import Attempt, Figures, Meter, Outcome
from firstbyte.trace_header import TraceHeader

# Nothing is patched: what is measured is known already. With POWERTOOLS_TRACE_DISABLED nothing is sent.
_recorder: Any = Tracer(auto_patch=False).provider


def emit_trace(meter: Meter, figures: Figures, request_id: str, trace: TraceHeader, region: str) -> None:
    """Send the subsegments of one response to the X-Ray daemon; without a daemon they are lost, and nothing else is.

    Args:
        meter: of the response, which has ended.
        figures: what goes into annotations and metadata.
        request_id: of the invocation.
        trace: the sampled trace that they belong to.
        region: the models' region.
    """
    # The SDK keeps the segment as long as the trace id stays the same; of two invocations in one trace, the second's
    # subsegments would hang under the first's segment.
    _recorder.set_trace_entity(FacadeSegment("facade", entityid=trace.parent, traceid=trace.root, sampled=True))
    clock = _Clock(meter)
    with _subsegment("## handler", meter.entered, clock, meter.ended) as handler:
        for name, value in _annotations(meter, figures).items():
            handler.put_annotation(name, value)
        handler.put_metadata("response", {"request_id": request_id, **given(**asdict(figures))}, "firstbyte")
        if meter.failure:
            # A stream that broke off had status 200; for whoever looks for faults it is one.
            handler.apply_status_code(500 if meter.outcome is Outcome.INTERRUPTED else meter.failure.status)
        for attempt in meter.attempts:
            _model_call(attempt, clock, region)


def _model_call(attempt: Attempt, clock: "_Clock", region: str) -> None:
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
    """What traces can be searched for; an annotation that has no value is left out."""
    answer = meter.answer
    return given(
        model=answer and answer.model_id,
        outcome=meter.outcome.value,
        ttfb_ms=figures.ttfb_ms,
        ttft_ms=figures.ttft_ms,
        output_tokens=figures.output_tokens,
        cold_start=bool(figures.cold_start),
        error_type=meter.failure and meter.failure.type.value,
    )


class _Clock:
    """Turns the meter's marks into seconds since 1970."""

    def __init__(self, meter: Meter) -> None:
        self._now = meter.now()
        self._offset = time.time() - self._now

    def wall(self, mark: float | None) -> float:
        """The time of a mark; now, if it was not made."""
        return (self._now if mark is None else mark) + self._offset


@contextmanager
def _subsegment(name: str, start: float, clock: _Clock, end: float | None, namespace: str = "local") -> Iterator[Any]:
    subsegment = _recorder.begin_subsegment(name, namespace)
    subsegment.start_time = clock.wall(start)
    yield subsegment
    _recorder.end_subsegment(clock.wall(end))
