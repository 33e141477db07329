"""Records a response once the client has it: log lines, one EMF document, and a trace if it is sampled.

The handler imports this module after the first response. No first byte needs it, and importing it takes longer than
anything else in a cold start except making the Bedrock client.
"""

import json
import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from firstbyte.catalogue import METRICS, NAMESPACE
from firstbyte.config import Config
from firstbyte.failures import KNOWN_CODES, Failure
from firstbyte.given import given
from firstbyte.meter import Figures, Meter, WallClock
from firstbyte.model_events import STOP_REASONS
from firstbyte.plain_log import only_this_is_lost
from firstbyte.redaction import MASK, Redaction
from firstbyte.rendering import usage_fields
from firstbyte.trace_header import TraceHeader


@cache
def powertools_logger() -> Logger:
    """Return the logger of this environment."""
    # One line of ASCII, whatever is logged: half of a surrogate pair, as in a model's own words, cannot be printed.
    return Logger(json_serializer=lambda fields: json.dumps(fields, default=str, separators=(",", ":")))


def record(meter: Meter, request_id: str, trace: TraceHeader, facts: Mapping[str, Any], config: Config) -> None:
    """Record one response. Where log, metrics or trace fail, the others are recorded all the same.

    Args:
        meter: the meter of the response, which has ended.
        request_id: the invocation's id.
        trace: the trace header that Lambda gave the invocation.
        facts: what is known of the request, for the log.
        config: has the objectives, the prices and the region.
    """
    figures = meter.figures(config.objectives, config.prices)
    ids = {"request_id": request_id, "trace_id": trace.root}
    redaction = Redaction(
        [text for attempt in meter.attempts for text in attempt.texts],
        known=[*KNOWN_CODES, *(attempt.model_id for attempt in meter.attempts)],
    )
    clean = partial(_clean, redaction, ids)
    with only_this_is_lost("failures", ids):
        _log_failures(meter, ids, clean)
    with only_this_is_lost("log", ids):
        _log_response(meter, figures, ids, facts, clean)
    if not config.metrics_disabled:
        with only_this_is_lost("metrics", ids):
            _emit_metrics(meter, figures, ids)
    if trace.is_sampled:
        with only_this_is_lost("trace", ids):
            # The SDK takes another 100 ms to import, which a function without traces must not pay.
            from firstbyte.tracing import emit_trace

            emit_trace(meter, figures, request_id, trace, config.region)


def _clean(redaction: Redaction, ids: Mapping[str, str], words: str) -> str:
    """Return the words for the log. If they cannot be cleaned, they alone are lost."""
    cleaned = MASK
    with only_this_is_lost("words", ids):
        cleaned = redaction.clean(words)
    return cleaned  # noqa: RET504 - it is the mask if cleaning fails


def _log_failures(meter: Meter, ids: Mapping[str, str], clean: Callable[[str], str]) -> None:
    for failure in _failures(meter):
        # Message and field are left out: both may hold what the client wrote. A bug's own code is a name in the code.
        # Before a model is asked, the request's words are not known here, and none can be masked.
        detail = failure.detail if meter.attempts else None
        cause = {
            "error_type": failure.type.value,
            "code": failure.code if failure.place else failure.code and clean(failure.code),
            "model_id": failure.model_id,
            "detail": detail and clean(detail),
            **given(place=failure.place),
        }
        powertools_logger().warning("request failed", extra={**ids, **cause})


def _log_response(
    meter: Meter, figures: Figures, ids: Mapping[str, str], facts: Mapping[str, Any], clean: Callable[[str], str]
) -> None:
    logger = powertools_logger()
    for attempt in meter.attempts:
        if attempt.impossible_counts:
            counts = {"model_id": attempt.model_id, "counts": sorted(attempt.impossible_counts)}
            logger.warning("counts that cannot be are left out", extra={**ids, **counts})
    answer = meter.answer
    if answer is not None and answer.usage_differs:
        reports = {
            "model_id": answer.model_id,
            "model_usage": usage_fields(answer.model_usage),
            "bedrock_usage": usage_fields(answer.service_metrics.usage),
        }
        logger.info("the model's own token counts differ from Bedrock's", extra={**ids, **reports})
    logger.info("response finished", extra={**ids, **facts, **_facts(meter, clean), **given(**figures._asdict())})


def _failures(meter: Meter) -> list[Failure]:
    """Return every failure once: the models' failures, and the response's own if it is not among them."""
    failures = [attempt.failure for attempt in meter.attempts if attempt.failure]
    return failures if meter.failure is None or meter.failure in failures else [*failures, meter.failure]


def _emit_metrics(meter: Meter, figures: Figures, ids: Mapping[str, str]) -> None:
    # `EphemeralMetrics` keeps nothing from one response to the next. Its service is POWERTOOLS_SERVICE_NAME.
    metrics = EphemeralMetrics(namespace=NAMESPACE)
    answer = meter.answer
    if answer is not None:
        metrics.add_dimensions(service=metrics.service, model=answer.model_id)
    for metric in METRICS:
        value = getattr(figures, metric.figure) if metric.by_service or (metric.by_model and answer) else None
        for single in value if isinstance(value, tuple) else () if value is None else (value,):
            metrics.add_metric(metric.name, metric.unit, single)
    for name, text in ids.items():
        metrics.add_metadata(name, text)
    document: dict[str, Any] = dict(metrics.serialize_metric_set())
    # CloudWatch charges for every metric of every set of dimensions, so each set gets only what something reads of it.
    # Powertools knows one list for all sets. And its time is now, but Lambda books an invocation at the start.
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    names = ({metric.name for metric in METRICS if metric.by_service}, {m.name for m in METRICS if m.by_model})
    document["_aws"] = {
        "Timestamp": int(WallClock(meter).at(meter.entered) * 1000),
        "CloudWatchMetrics": [
            {**directive, "Dimensions": [dimensions], "Metrics": listed}
            for dimensions, wanted in zip(directive["Dimensions"], names, strict=False)
            if (listed := [metric for metric in directive["Metrics"] if metric["Name"] in wanted])
        ],
    }
    sys.stdout.write(json.dumps(document, separators=(",", ":")) + "\n")


def _facts(meter: Meter, clean: Callable[[str], str]) -> dict[str, Any]:
    """Return what is known of the response beside its figures."""
    answer = meter.answer
    reason = answer and answer.stop_reason
    if reason and reason not in STOP_REASONS:
        reason = clean(reason)  # the model's own word may be the caller's stop sequence
    return given(
        outcome=meter.outcome.value,
        api=answer and answer.operation,
        model=answer and answer.model_id,
        error_type=meter.failure and meter.failure.type.value,
        stop_reason=reason,
    )
