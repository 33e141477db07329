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
    """

    name: str
    figure: str
    unit: str
    meaning: str


# The function emits these for every response. The dimensions are [service] and, if a model was asked, [service, model].
METRICS = (
    Metric("TimeToFirstByte", "ttfb_ms", MILLISECONDS, "handler entered to first body byte written"),
    Metric("TimeToFirstToken", "ttft_ms", MILLISECONDS, "model request sent to first non-empty text delta"),
    Metric(
        "InterChunkLatency",
        "inter_chunk_ms",
        MILLISECONDS,
        "every gap between text deltas; of more than 99, a random sample of 99",
    ),
    Metric("MaxInterChunkLatency", "max_inter_chunk_ms", MILLISECONDS, "the longest of all those gaps"),
    Metric(
        "TimePerOutputToken",
        "tpot_ms",
        MILLISECONDS,
        "first text delta to last byte, divided by (output tokens - 1); of completed responses with several deltas",
    ),
    Metric(
        "OutputTokensPerSecond",
        "output_tokens_per_second",
        "Count/Second",
        "output tokens divided by the time from first text delta to last byte; of the same responses",
    ),
    Metric("ResponseDuration", "duration_ms", MILLISECONDS, "model request sent to last body byte written"),
    Metric("InputTokens", "input_tokens", COUNT, "as Bedrock reported, never estimated"),
    Metric("OutputTokens", "output_tokens", COUNT, "as Bedrock reported, never estimated"),
    Metric("CacheReadInputTokens", "cache_read_input_tokens", COUNT, "input tokens read from the prompt cache"),
    Metric("CacheWriteInputTokens", "cache_write_input_tokens", COUNT, "input tokens written to the prompt cache"),
    Metric("ResponseBytes", "response_bytes", "Bytes", "body bytes written"),
    Metric("Requests", "requests", COUNT, "1 for every response; `Completed` to `InternalErrors` sum to it"),
    Metric("Completed", "completed", COUNT, "the answer is whole"),
    Metric("ClientErrors", "client_errors", COUNT, "the function refused the request: `invalid_request`"),
    Metric(
        "Rejections",
        "rejections",
        COUNT,
        "Bedrock refused the request, the model or the permission: `invalid_request`, `access_denied`, `rejected`",
    ),
    Metric("Throttles", "throttles", COUNT, "Bedrock throttled it: `throttled`"),
    Metric(
        "ModelErrors",
        "model_errors",
        COUNT,
        "no answer from the model: `model_error`, `model_unavailable`, `model_timeout`",
    ),
    Metric("InterruptedStreams", "interrupted_streams", COUNT, "the answer broke off after its first byte"),
    Metric(
        "DeadlineExceeded",
        "deadline_exceeded",
        COUNT,
        "the function's time ran out, before or in the answer: `deadline_exceeded`",
    ),
    Metric("InternalErrors", "internal_errors", COUNT, "a bug of the function, before the first byte: `internal`"),
    Metric("GoodResponses", "good_responses", COUNT, "completed, with text, within the TTFT and TPOT objectives"),
    Metric("Fallbacks", "fallbacks", COUNT, "the fallback model was asked"),
    Metric("EstimatedCost", "estimated_cost_usd", "None", "US dollars, from the parameter ModelPrices"),
    Metric(
        "BedrockFirstByteLatency", "bedrock_first_byte_ms", MILLISECONDS, "as Bedrock reports it (InvokeModel alone)"
    ),
    Metric("BedrockInvocationLatency", "bedrock_invocation_ms", MILLISECONDS, "as Bedrock reports it"),
    Metric("ColdStart", "cold_start", COUNT, "the first response of an execution environment"),
)

# `scripts/probe.sh --publish` puts these beside them. The dimensions are [service] and [service, probe].
CLIENT_METRICS = (
    Metric("ClientTimeToFirstByte", "ttfb_ms", MILLISECONDS, "request begun to first body byte received"),
    Metric("ClientTimeToFirstToken", "ttft_ms", MILLISECONDS, "request begun to first text received"),
    Metric("ClientMaxInterChunkLatency", "max_gap_ms", MILLISECONDS, "the longest gap between texts received"),
    Metric("ClientResponseDuration", "total_ms", MILLISECONDS, "request begun to end of the response"),
    Metric("ProbeFailures", "", COUNT, "1 for a run that did not complete, else 0"),
)
