"""The meter of one response: it is told what happens when it happens, and computes the figures. It does no I/O."""

import random
import time
from array import array
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple

from firstbyte.failures import ErrorType, Failure
from firstbyte.model_events import (
    Delta,
    ImpossibleCounts,
    ModelEvent,
    ModelUsage,
    Progress,
    ServiceMetrics,
    Stop,
    Usage,
)
from firstbyte.pricing import Prices

# CloudWatch takes 100 values of a metric in one document, and Powertools starts another document at the 100th value.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
MAX_SAMPLE = 99


class Outcome(StrEnum):
    """How a response ended. Every response has exactly one outcome."""

    COMPLETED = "completed"
    CLIENT_ERROR = "client_error"
    CLIENT_STALLED = "client_stalled"
    REJECTED = "rejected"
    THROTTLED = "throttled"
    MODEL_ERROR = "model_error"
    INTERRUPTED = "interrupted"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    INTERNAL_ERROR = "internal_error"


# For a response that failed before its first byte. All other types count as `MODEL_ERROR`. An `INVALID_REQUEST` for
# which a model was asked is `REJECTED`, too: Bedrock's words alone tell whether the client or the operator is at fault.
_OUTCOME_OF_ERROR = {
    ErrorType.INVALID_REQUEST: Outcome.CLIENT_ERROR,
    ErrorType.ACCESS_DENIED: Outcome.REJECTED,
    ErrorType.REJECTED: Outcome.REJECTED,
    ErrorType.THROTTLED: Outcome.THROTTLED,
    ErrorType.DEADLINE_EXCEEDED: Outcome.DEADLINE_EXCEEDED,
    ErrorType.CLIENT_STALLED: Outcome.CLIENT_STALLED,
    ErrorType.INTERNAL: Outcome.INTERNAL_ERROR,
}
# When the time runs out, it makes no difference whether the first byte was sent.
_ENDED_BY_TIME = {ErrorType.DEADLINE_EXCEEDED, ErrorType.CLIENT_STALLED}


class Objectives(NamedTuple):
    """The limits of a good response.

    Attributes:
        ttft_ms: the longest time from entering the handler to the first text written, in milliseconds.
        tpot_ms: the longest time per output token after the first, in milliseconds. An answer in one piece may take
            both: the time to the first text, and that of each token after the first.
    """

    ttft_ms: float
    tpot_ms: float


class Figures(NamedTuple):
    """The figures of one response. `catalogue.py` says what each means; None means that there is no such figure."""

    requests: int
    completed: int
    client_errors: int
    rejections: int
    throttles: int
    model_errors: int
    interrupted_streams: int
    deadline_exceeded: int
    internal_errors: int
    good_responses: int
    fallbacks: int
    cold_start: int
    ttfb_ms: float | None
    first_text_ms: float | None
    ttft_ms: float | None
    first_reasoning_ms: float | None
    inter_chunk_ms: tuple[float, ...] | None
    max_inter_chunk_ms: float | None
    tpot_ms: float | None
    output_tokens_per_second: float | None
    duration_ms: float | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_input_tokens: int | None
    cache_write_input_tokens: int | None
    response_bytes: int
    estimated_cost_usd: float | None
    bedrock_first_byte_ms: float | None
    bedrock_invocation_ms: float | None


class Attempt:
    """One call of a model, made by `Meter.model_asked`. Marks are seconds on the meter's clock.

    Attributes:
        model_id: the model that was asked.
        operation: the Bedrock API's operation, such as `ConverseStream`.
        asked: the mark just before the request was sent.
        first_reasoning: the mark of the first reasoning; None before it, or if the first text came before.
        first_token: the mark of the first text; None before it.
        ended: the mark at which the model finished or failed; None before it.
        failure: why the model failed; None if it did not.
        stop_reason: why the model stopped; None until the answer is whole.
        model_usage: token counts that the model itself has reported so far.
        service_metrics: what Bedrock has reported so far.
        gaps: the seconds between neighbouring texts.
        request_texts: what the client wrote.
        answer_texts: the texts so far, those of its reasoning among them.
        impossible_counts: the names of counts that were left out, because they cannot be.
    """

    def __init__(self, model_id: str, operation: str, request_texts: Iterable[str], clock: Callable[[], float]) -> None:
        self.model_id = model_id
        self.operation = operation
        self.asked = clock()
        self.first_reasoning: float | None = None
        self.first_token: float | None = None
        self.ended: float | None = None
        self.failure: Failure | None = None
        self.stop_reason: str | None = None
        self.model_usage = Usage()
        self.service_metrics = ServiceMetrics(Usage())
        self._clock = clock
        self._last_token = 0.0
        # Each gap costs eight bytes, and nothing else is computed while the answer streams.
        self.gaps = array("d")
        self.request_texts = request_texts
        self.answer_texts: list[str] = []
        self.impossible_counts: set[str] = set()

    def asked_again(self) -> None:
        """Note that the request is sent again, because nobody had received it."""
        self.asked = self._clock()

    def observe(self, event: ModelEvent) -> None:
        """Note an event of the model's stream."""
        match event:
            case Delta(text):
                self.answer_texts.append(text)
                now = self._clock()
                if self.first_token is None:
                    self.first_token = now
                else:
                    self.gaps.append(now - self._last_token)
                self._last_token = now
            case Progress("reasoning", text):
                if self.first_reasoning is None and self.first_token is None:
                    self.first_reasoning = self._clock()
                self.answer_texts.append(text)
            case Stop(reason):
                self.stop_reason = reason
            case ModelUsage(usage):
                self.model_usage = self.model_usage.updated_with(usage)
            case ServiceMetrics():
                self.service_metrics = event
            case ImpossibleCounts(names):
                self.impossible_counts.update(names)

    def end(self, failure: Failure | None = None) -> None:
        """Note that the model's stream is over. Only the first call counts."""
        if self.ended is None:
            self.ended = self._clock()
            self.failure = failure

    @property
    def texts(self) -> tuple[str, ...]:
        """What the client and the model wrote, none of which may be logged."""
        return (*self.request_texts, "".join(self.answer_texts))

    @property
    def usage(self) -> Usage:
        """Token counts: Bedrock's own where it gave them, because it bills and shows those; otherwise the model's."""
        return self.model_usage.updated_with(self.service_metrics.usage)

    @property
    def usage_differs(self) -> bool:
        """Whether the model and Bedrock reported different counts for the same tokens."""
        return self.service_metrics.usage.updated_with(self.model_usage) != self.usage


class Meter:
    """The meter of one response, started when the handler is entered.

    Args:
        cold_start: whether the execution environment is new.
        clock: returns seconds that never go back.

    Attributes:
        cold_start: whether the execution environment is new.
        entered: the mark at which the handler was entered, in seconds on the clock.
        last_byte: the mark of the last body byte so far, comments left out; None before the first.
        in_one_piece: whether the answer is sent at once when it is whole.
        attempts: the calls of models, in order.
        failure: the failure that the client was told of; None if nothing failed.
        ended: the mark at which the client had everything; None before it.
    """

    def __init__(self, *, cold_start: bool = False, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.cold_start = cold_start
        self.entered = clock()
        self.last_byte: float | None = None
        self.in_one_piece = False
        self.attempts: list[Attempt] = []
        self.failure: Failure | None = None
        self.ended: float | None = None
        self._failed_in_stream = False
        self._first_byte: float | None = None
        self._first_text: float | None = None
        self._last_comment: float | None = None
        self._bytes = 0

    def now(self) -> float:
        """Return this moment as a mark."""
        return self._clock()

    def model_asked(self, model_id: str, operation: str, request_texts: Iterable[str] = ()) -> Attempt:
        """Note that a model request with these texts is about to be sent, and return the record of that call."""
        self.attempts.append(Attempt(model_id, operation, request_texts, self._clock))
        return self.attempts[-1]

    def bytes_written(self, count: int, *, has_text: bool = False) -> None:
        """Note that `count` body bytes, at least one, were handed over, and whether they hold text of the answer.

        A write that was given up has handed over nothing, even if a part of it is on its way.
        """
        self.last_byte = self._clock()
        if self._first_byte is None:
            self._first_byte = self.last_byte
        if has_text and self._first_text is None:
            self._first_text = self.last_byte
        self._bytes += count

    def comment_written(self, count: int) -> None:
        """Note a comment of `count` bytes. It is nothing of the answer: no first byte, no text and no token."""
        self._last_comment = self._clock()
        self._bytes += count

    @property
    def silent_seconds(self) -> float:
        """For how long nothing has been written, comments included; at first, since the handler was entered."""
        marks = (self.entered, self.last_byte, self._last_comment)
        return self._clock() - max(mark for mark in marks if mark is not None)

    def failed(self, failure: Failure, *, instead: bool = False) -> None:
        """Note why the response is not a whole answer. Only the first call counts.

        Args:
            failure: why.
            instead: whether it counts in place of an earlier one, such as a bug that shows itself while the client is
                told of that.
        """
        if self.failure is None or instead:
            self.failure = failure
            self._failed_in_stream = self._first_byte is not None

    def end(self) -> None:
        """Note that the client has everything that it will get."""
        self.ended = self._clock()

    @property
    def answer(self) -> Attempt | None:
        """The call whose answer is the response: the last one, or None if no model was asked."""
        return self.attempts[-1] if self.attempts else None

    @property
    def outcome(self) -> Outcome:
        """How the response ended. It is right only after the end."""
        if self.failure is None:
            return Outcome.COMPLETED
        if self._failed_in_stream and self.failure.type not in _ENDED_BY_TIME:
            return Outcome.INTERRUPTED
        if self.failure.type is ErrorType.INVALID_REQUEST and self.failure.model_id:
            return Outcome.REJECTED
        return _OUTCOME_OF_ERROR.get(self.failure.type, Outcome.MODEL_ERROR)

    def so_far(self) -> dict[str, float | None]:
        """Return the times that a client sees in its stream, in milliseconds; None for what has not happened.

        Returns:
            ttfb_ms from entering the handler to the first body byte; ttft_ms from asking the model to its first text;
            duration_ms from asking the model to now.
        """
        asked, first_token = (self.answer.asked, self.answer.first_token) if self.answer else (None, None)
        return {
            "ttfb_ms": _milliseconds(self.entered, self._first_byte),
            "ttft_ms": _milliseconds(asked, first_token),
            "duration_ms": _milliseconds(asked, self._clock()),
        }

    def figures(self, objectives: Objectives, prices: Prices, rng: random.Random | None = None) -> Figures:
        """Return the figures of the response. Call it after the end.

        Args:
            objectives: what a good response meets.
            prices: the models' prices; a model without a price has no cost.
            rng: draws the sample of gaps; None for the `random` module.
        """
        outcome, answer = self.outcome, self.answer
        usage = answer.usage if answer else Usage()
        bedrock = answer.service_metrics if answer else ServiceMetrics(usage)
        gaps = answer.gaps if answer else array("d")
        asked, first_token = (answer.asked, answer.first_token) if answer else (None, None)
        ttft_ms, decoding_ms = _milliseconds(asked, first_token), _milliseconds(first_token, self.last_byte)
        tokens = usage.output_tokens or 0
        tpot_ms = tokens_per_second = None
        # Text that came in one piece does not show how long the model took, and one token has no time between tokens.
        if outcome is Outcome.COMPLETED and gaps and tokens > 1 and decoding_ms is not None and decoding_ms > 0:
            tpot_ms, tokens_per_second = decoding_ms / (tokens - 1), tokens * 1000 / decoding_ms
        sample = (rng or random).sample(gaps, MAX_SAMPLE) if len(gaps) > MAX_SAMPLE else gaps
        first_text_ms = _milliseconds(self.entered, self._first_text)
        return Figures(
            requests=1,
            completed=int(outcome is Outcome.COMPLETED),
            client_errors=int(outcome in (Outcome.CLIENT_ERROR, Outcome.CLIENT_STALLED)),
            rejections=int(outcome is Outcome.REJECTED),
            throttles=int(outcome is Outcome.THROTTLED),
            model_errors=int(outcome is Outcome.MODEL_ERROR),
            interrupted_streams=int(outcome is Outcome.INTERRUPTED),
            deadline_exceeded=int(outcome is Outcome.DEADLINE_EXCEEDED),
            internal_errors=int(outcome is Outcome.INTERNAL_ERROR),
            good_responses=int(
                outcome is Outcome.COMPLETED and self._is_in_time(first_text_ms, tokens, tpot_ms, objectives)
            ),
            fallbacks=int(len(self.attempts) > 1),
            cold_start=int(self.cold_start),
            ttfb_ms=_milliseconds(self.entered, self._first_byte),
            first_text_ms=first_text_ms,
            ttft_ms=ttft_ms,
            first_reasoning_ms=_milliseconds(asked, answer.first_reasoning) if answer else None,
            inter_chunk_ms=tuple(round(gap * 1000, 3) for gap in sample) or None,
            max_inter_chunk_ms=round(max(gaps) * 1000, 3) if gaps else None,
            tpot_ms=None if tpot_ms is None else round(tpot_ms, 3),
            output_tokens_per_second=None if tokens_per_second is None else round(tokens_per_second, 3),
            duration_ms=_milliseconds(asked, self.last_byte),
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_input_tokens=usage.cache_read_input_tokens,
            cache_write_input_tokens=usage.cache_write_input_tokens,
            response_bytes=self._bytes,
            estimated_cost_usd=prices.cost_usd(answer.model_id, usage) if answer else None,
            bedrock_first_byte_ms=bedrock.first_byte_latency_ms,
            bedrock_invocation_ms=bedrock.invocation_latency_ms,
        )

    def _is_in_time(
        self, first_text_ms: float | None, tokens: int, tpot_ms: float | None, objectives: Objectives
    ) -> bool:
        if first_text_ms is None:
            return False
        if self.in_one_piece:
            # It may take as long as a good stream takes to be whole.
            return first_text_ms <= objectives.ttft_ms + objectives.tpot_ms * max(tokens - 1, 0)
        return first_text_ms <= objectives.ttft_ms and (tpot_ms is None or tpot_ms <= objectives.tpot_ms)


class WallClock:
    """Turns the marks of a meter into times of day."""

    def __init__(self, meter: Meter) -> None:
        self._now = meter.now()
        self._offset = time.time() - self._now

    def at(self, mark: float | None) -> float:
        """Return the time of a mark in seconds since 1970; now, if the mark is None."""
        return (self._now if mark is None else mark) + self._offset


def _milliseconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round((end - start) * 1000, 3)
