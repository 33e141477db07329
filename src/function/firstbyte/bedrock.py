"""Calls Bedrock: opens, reads and closes a model's answer as a stream of events."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any, Self, TypeVar

from botocore.exceptions import ConnectionClosedError

from firstbyte.config import Guardrail
from firstbyte.deadline import Deadline, DeadlineReachedError
from firstbyte.decoding import Decoder
from firstbyte.failures import ErrorType, Failure, RequestError, failure_of, failure_of_report, is_of_the_model
from firstbyte.meter import Meter
from firstbyte.model_call import model_call
from firstbyte.model_events import ErrorReport, ModelEvent
from firstbyte.quick_json import parse_json
from firstbyte.request import ChatRequest

T = TypeVar("T")


class Answer:
    """A model's answer while it is being made: iterate over its events, and always close it.

    Iteration raises RequestError when the model fails or the function's time runs out.

    Args:
        client: from `bedrock_client.create_client`.
        request: what to ask.
        model_id: the model to ask.
        guardrail: what Bedrock checks the request and the answer with, if anything.
        deadline: ends any wait for the model.
        meter: records when the model is asked and what it sends.
        request_id: goes into Bedrock's own log of the call, so that it can be joined with the function's.

    Attributes:
        attempt: what is known of this call: token counts, stop reason, times.
    """

    def __init__(
        self,
        client: Any,
        request: ChatRequest,
        model_id: str,
        guardrail: Guardrail | None,
        deadline: Deadline,
        meter: Meter,
        request_id: str,
    ) -> None:
        self._client = client
        self._call = model_call(request, model_id, guardrail)
        self._deadline = deadline
        self._stream: Any = None
        self._read_to_its_end = False
        self._held_back: list[ModelEvent] = []
        self._events = self._read()
        api = client.meta.method_to_api_mapping[self._call.operation]
        self._arguments = {**self._call.arguments, **_metadata(client, api, request_id)}
        self.attempt = meter.model_asked(model_id, api, request.texts)

    def read_until(self, wanted: Callable[[ModelEvent], bool]) -> Self:
        """Open the stream and read up to the first wanted event, or to the end. Iteration still yields what was read.

        Args:
            wanted: whether an event is the one to stop at.

        Raises:
            RequestError: the model cannot be called, or fails before that event.
        """
        for event in self._events:
            self._held_back.append(event)
            if wanted(event):
                break
        return self

    def __iter__(self) -> Iterator[ModelEvent]:
        return chain(self._held_back, self._events)

    def close(self) -> None:
        """Release the connection. A stream that was read to its end leaves it for reuse; any other closes it."""
        self.attempt.end()
        if self._stream is not None:
            self._stream.close()
            if not self._read_to_its_end:
                # The garbage collector gives a half-read connection back to the pool, closed and at any later time: the
                # next request would take it instead of a good one, and connect anew. A new pool never sees it.
                self._client.close()

    def _read(self) -> Iterator[ModelEvent]:
        try:
            # Looked up before the wait: an operation that botocore lacks is no failure of the model.
            operation = getattr(self._client, self._call.operation)
            self._stream = self._wait(lambda: self._open(operation))
            next_chunk = partial(next, iter(self._stream), None)
            decoder = Decoder()
            while (chunk := self._wait(next_chunk)) is not None:
                for event in decoder.decode(self._json(chunk)):
                    yield self._observed(event)
            self._read_to_its_end = True
            for event in decoder.end():
                yield self._observed(event)
            if self.attempt.stop_reason is None:
                raise RequestError(self._model_error("NoStopReason", "The model's answer ended without a stop reason."))
        except RequestError as error:
            self.attempt.end(error.failure)
            raise
        self.attempt.end()

    def _observed(self, event: ModelEvent) -> ModelEvent:
        if isinstance(event, ErrorReport):
            raise RequestError(failure_of_report(event, self.attempt.model_id))
        self.attempt.observe(event)
        return event

    def _open(self, operation: Callable[..., Any]) -> Any:
        """Send the request and return the answer's event stream."""
        try:
            response = operation(**self._arguments)
        except ConnectionClosedError:
            # The connection is from an earlier invocation, and Bedrock closed it while this environment was frozen.
            self.attempt.asked_again()
            response = operation(**self._arguments)
        return response[self._call.stream_key]

    def _wait(self, step: Callable[[], T]) -> T:
        try:
            return self._deadline.wait(step)
        except DeadlineReachedError:
            raise RequestError(Failure.of(ErrorType.DEADLINE_EXCEEDED, model_id=self.attempt.model_id)) from None
        except Exception as error:
            if not is_of_the_model(error):
                raise
            raise RequestError(failure_of(error, self.attempt.model_id)) from None

    def _json(self, chunk: dict[str, Any]) -> dict[str, Any]:
        if "chunk" not in chunk:
            return chunk  # an event of Converse, which botocore has parsed already
        try:
            content = parse_json(chunk["chunk"].get("bytes", b"{}").decode(errors="surrogatepass"))
        except (ValueError, RecursionError):
            raise RequestError(self._model_error("UnreadableChunk", "The model's answer could not be read.")) from None
        return content if isinstance(content, dict) else {}

    def _model_error(self, code: str, message: str) -> Failure:
        return Failure.of(ErrorType.MODEL_ERROR, message, code=code, detail=message, model_id=self.attempt.model_id)


def _metadata(client: Any, api: str, request_id: str) -> dict[str, Any]:
    """Return the argument that puts the request id into Bedrock's log; none if the runtime's botocore does not know it.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html
    """
    member = client.meta.service_model.operation_model(api).input_shape.members.get("requestMetadata")
    if member is None:
        return {}
    metadata = {"request_id": request_id}
    return {"requestMetadata": metadata if member.type_name == "map" else json.dumps(metadata)}


def open_answer(
    client: Any,
    request: ChatRequest,
    fallback_model_id: str | None,
    guardrail: Guardrail | None,
    *,
    wanted: Callable[[ModelEvent], bool],
    deadline: Deadline,
    meter: Meter,
    request_id: str,
) -> Answer:
    """Return an answer that has begun: the asked-for model's, or the fallback model's if the first one has trouble.

    Args:
        client: from `bedrock_client.create_client`.
        request: what to ask.
        fallback_model_id: the model to ask second, if any.
        guardrail: what Bedrock checks the request and the answer with, if anything.
        wanted: whether an event shows that the answer has begun.
        deadline: ends any wait for a model.
        meter: records each call.
        request_id: for Bedrock's log of each call.

    Raises:
        RequestError: no model began to answer. It has the first model's failure, even if the fallback failed as well.
    """
    first_failure: RequestError | None = None
    for model_id in dict.fromkeys((request.model, fallback_model_id or request.model)):
        answer = Answer(client, request, model_id, guardrail, deadline, meter, request_id)
        try:
            return answer.read_until(wanted)
        except RequestError as failed:
            answer.close()
            first_failure = first_failure or failed
            if not failed.failure.another_model_may_help:
                break
        except BaseException:
            answer.close()
            raise
    assert first_failure is not None
    raise first_failure
