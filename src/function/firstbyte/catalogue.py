"""The catalogue of metrics: the name, unit and meaning of each, written once.

The function emits what is listed here. Tests hold the template, the dashboard, the probe and the READMEs to it.
"""

from dataclasses import dataclass

NAMESPACE = "Firstbyte"

MILLISECONDS = "Milliseconds"
COUNT = "Count"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric in CloudWatch.

    Attributes:
        name: the metric's name.
        figure: the attribute of `Figures`, which is also the field of the log line. For a client's metric, the probe's
            own name for it, empty if it has none.
        unit: as CloudWatch spells it.
        meaning: one line for people, shown in src/function/README.md.
        by_service: whether something reads it by [service]. A client's metric has dimensions of its own.
        by_model: whether something reads it by [service, model].
    """

    name: str
    figure: str
    unit: str
    meaning: str
    by_service: bool = False
    by_model: bool = False


# The function has these figures for every response, all of them in its log line. CloudWatch gets them in the dimensions
# that something reads: [service] and, if a model was asked, [service, model].
METRICS = (
    Metric("TimeToFirstByte", "ttfb_ms", MILLISECONDS, "handler entered to first body byte written", by_model=True),
    Metric(
        "TimeToFirstText",
        "first_text_ms",
        MILLISECONDS,
        "handler entered to first text of the answer written, a fallback included; in JSON, to the whole answer",
        by_service=True,
        by_model=True,
    ),
    Metric(
        "TimeToFirstToken",
        "ttft_ms",
        MILLISECONDS,
        "model request sent to first non-empty text delta",
        by_service=True,
        by_model=True,
    ),
    Metric(
        "TimeToFirstReasoningToken",
        "first_reasoning_ms",
        MILLISECONDS,
        "model request sent to first reasoning, if that came before the first text",
        by_model=True,
    ),
    Metric(
        "InterChunkLatency",
        "inter_chunk_ms",
        MILLISECONDS,
        "every gap between text deltas; of more than 99, a random sample of 99",
        by_model=True,
    ),
    Metric("MaxInterChunkLatency", "max_inter_chunk_ms", MILLISECONDS, "the longest of all those gaps", by_model=True),
    Metric(
        "TimePerOutputToken",
        "tpot_ms",
        MILLISECONDS,
        "first text delta to last byte, divided by (output tokens - 1); of completed responses with several deltas",
        by_model=True,
    ),
    Metric(
        "OutputTokensPerSecond",
        "output_tokens_per_second",
        "Count/Second",
        "output tokens divided by the time from first text delta to last byte; of the same responses",
        by_service=True,
    ),
    Metric(
        "ResponseDuration", "duration_ms", MILLISECONDS, "model request sent to last body byte written", by_model=True
    ),
    Metric("InputTokens", "input_tokens", COUNT, "as Bedrock reported, never estimated", by_model=True),
    Metric("OutputTokens", "output_tokens", COUNT, "as Bedrock reported, never estimated", by_model=True),
    Metric(
        "CacheReadInputTokens",
        "cache_read_input_tokens",
        COUNT,
        "input tokens read from the prompt cache",
        by_model=True,
    ),
    Metric(
        "CacheWriteInputTokens",
        "cache_write_input_tokens",
        COUNT,
        "input tokens written to the prompt cache",
        by_model=True,
    ),
    Metric("ResponseBytes", "response_bytes", "Bytes", "body bytes written"),
    Metric(
        "Requests",
        "requests",
        COUNT,
        "1 for every response; `Completed` to `InternalErrors` sum to it",
        by_service=True,
    ),
    Metric("Completed", "completed", COUNT, "the answer is whole", by_service=True),
    Metric(
        "ClientErrors",
        "client_errors",
        COUNT,
        "the function refused the request, or its client did not take the answer in time: "
        "`invalid_request`, `client_stalled`",
        by_service=True,
    ),
    Metric(
        "Rejections",
        "rejections",
        COUNT,
        "Bedrock refused the request, the model or the permission: `invalid_request`, `access_denied`, `rejected`",
        by_service=True,
    ),
    Metric("Throttles", "throttles", COUNT, "Bedrock throttled it: `throttled`", by_service=True),
    Metric(
        "ModelErrors",
        "model_errors",
        COUNT,
        "no answer from the model: `model_error`, `model_unavailable`, `model_timeout`",
        by_service=True,
    ),
    Metric(
        "InterruptedStreams", "interrupted_streams", COUNT, "the answer broke off after its first byte", by_service=True
    ),
    Metric(
        "DeadlineExceeded",
        "deadline_exceeded",
        COUNT,
        "the function's time ran out, before or in the answer: `deadline_exceeded`",
        by_service=True,
    ),
    Metric(
        "InternalErrors",
        "internal_errors",
        COUNT,
        "a bug of the function, before the first byte: `internal`",
        by_service=True,
    ),
    Metric(
        "GoodResponses",
        "good_responses",
        COUNT,
        "completed, with text, within the TTFT and TPOT objectives as the caller feels them",
        by_service=True,
    ),
    Metric("Fallbacks", "fallbacks", COUNT, "the fallback model was asked", by_service=True),
    Metric("EstimatedCost", "estimated_cost_usd", "None", "US dollars, from the parameter ModelPrices", by_model=True),
    Metric(
        "BedrockFirstByteLatency",
        "bedrock_first_byte_ms",
        MILLISECONDS,
        "as Bedrock reports it (InvokeModel alone)",
        by_model=True,
    ),
    Metric("BedrockInvocationLatency", "bedrock_invocation_ms", MILLISECONDS, "as Bedrock reports it", by_model=True),
    Metric("ColdStart", "cold_start", COUNT, "the first response of an execution environment", by_service=True),
)

# `scripts/probe.sh --publish` puts these beside them. The dimensions are [service] and [service, probe].
CLIENT_METRICS = (
    Metric("ClientTimeToFirstByte", "ttfb_ms", MILLISECONDS, "request begun to first body byte received"),
    Metric("ClientTimeToFirstToken", "ttft_ms", MILLISECONDS, "request begun to first text received"),
    Metric("ClientMaxInterChunkLatency", "max_gap_ms", MILLISECONDS, "the longest gap between texts received"),
    Metric("ClientResponseDuration", "total_ms", MILLISECONDS, "request begun to end of the response"),
    Metric("ProbeFailures", "", COUNT, "1 for a run that did not complete, else 0"),
)
