"""Calls of Bedrock: the client, and a model's answer as a stream of events, opened, read and closed in one place."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar

import botocore.session
from botocore.config import Config as ClientConfig
from botocore.exceptions import ConnectionClosedError

from firstbyte.config import Config
from firstbyte.deadline import Deadline, DeadlineReachedError
from firstbyte.decoding import decode
from firstbyte.failures import MODEL_EXCEPTIONS, ErrorType, Failure, RequestError, failure_of
from firstbyte.meter import Meter
from firstbyte.model_call import model_call
from firstbyte.model_events import ModelEvent
from firstbyte.request import ChatRequest

T = TypeVar("T")

# Seconds: Bedrock's endpoint is in the same region, and a client that waits for a lost packet is a slow first byte.
_CONNECT_TIMEOUT_SECONDS = 2


def create_client(config: Config) -> Any:
    """A `bedrock-runtime` client, made by botocore: boto3 would add some 80 ms to a cold start and nothing else."""
    return botocore.session.get_session().create_client(
        "bedrock-runtime",
        region_name=config.region,
        config=ClientConfig(
            # A retry would hide a throttle from the figures and from the client: the fallback model is the retry.
            retries={"total_max_attempts": 1},
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            read_timeout=config.model_idle_timeout_seconds,
            tcp_keepalive=True,
        ),
    )


class Answer:
    """A model's answer in the making: iterate over its events, and close it in any case.

    Attributes:
        attempt: what is known of this call of a model: token counts, stop reason, times.
    """

    def __init__(self, client: Any, request: ChatRequest, model_id: str, deadline: Deadline, meter: Meter) -> None:
        self._client = client
        self._call = model_call(request, model_id)
        self._deadline = deadline
        self._stream: Any = None
        self._read_to_its_end = False
        self._held_back: list[ModelEvent] = []
        self._events = self._read()
        self.attempt = meter.model_asked(model_id, client.meta.method_to_api_mapping[self._call.operation])

    def read_until(self, wanted: Callable[[ModelEvent], bool]) -> Self:
        """Open the stream and read to the first event that is wanted, or to the end. Nothing read is lost.

        Raises:
            RequestError: the model cannot be called, or fails before that event.
        """
        for event in self._events:
            self._held_back.append(event)
            if wanted(event):
                break
        return self

    def __iter__(self) -> Iterator[ModelEvent]:
        yield from self._held_back
        yield from self._events

    def close(self) -> None:
        """Release the connection: for reuse if the stream was read to its end, else it is closed."""
        self.attempt.end()
        if self._stream is not None:
            self._stream.close()
            if not self._read_to_its_end:
                # The garbage collector gives a half-read connection back to the pool, closed and at any later time: the
                # next request would take it instead of a good one, and connect anew. A new pool never sees it.
                self._client.close()

    def _read(self) -> Iterator[ModelEvent]:
        try:
            self._stream = self._wait(self._open)
            chunks = iter(self._stream)
            while (chunk := self._wait(lambda: next(chunks, None))) is not None:
                for event in decode(self._json(chunk)):
                    self.attempt.observe(event)
                    yield event
            self._read_to_its_end = True
            if self.attempt.stop_reason is None:
                raise RequestError(self._model_error("The model's answer ended without a stop reason."))
        except RequestError as error:
            self.attempt.end(error.failure)
            raise
        self.attempt.end()

    def _open(self) -> Any:
        """Send the request; the answer's event stream."""
        operation = getattr(self._client, self._call.operation)
        try:
            response = operation(**self._call.arguments)
        except ConnectionClosedError:
            # A connection kept from an earlier invocation: the other side closed it while this environment was frozen.
            self.attempt.asked_again()
            response = operation(**self._call.arguments)
        return response[self._call.stream_key]

    def _wait(self, step: Callable[[], T]) -> T:
        try:
            return self._deadline.wait(step)
        except DeadlineReachedError:
            raise RequestError(Failure.of(ErrorType.DEADLINE_EXCEEDED, model_id=self.attempt.model_id)) from None
        except MODEL_EXCEPTIONS as error:
            raise RequestError(failure_of(error, self.attempt.model_id)) from error

    def _json(self, chunk: dict[str, Any]) -> dict[str, Any]:
        if "chunk" not in chunk:
            return chunk  # Converse: botocore has parsed it
        try:
            content = json.loads(chunk["chunk"].get("bytes", b"{}"))
        except ValueError:
            raise RequestError(self._model_error("The model's answer could not be read.")) from None
        return content if isinstance(content, dict) else {}

    def _model_error(self, message: str) -> Failure:
        return Failure.of(ErrorType.MODEL_ERROR, message, model_id=self.attempt.model_id)


def open_answer(
    client: Any,
    request: ChatRequest,
    fallback_model_id: str | None,
    *,
    wanted: Callable[[ModelEvent], bool],
    deadline: Deadline,
    meter: Meter,
) -> Answer:
    """Ask the model, and the fallback model if the first has trouble of its own, until one begins to answer.

    Args:
        client: from `create_client`.
        request: what to ask.
        fallback_model_id: the other model, if any.
        wanted: the event with which an answer has begun.
        deadline: ends any wait.
        meter: is told when what happens.

    Raises:
        RequestError: why the asked-for model did not answer, whatever became of the fallback.
    """
    first_failure: RequestError | None = None
    for model_id in dict.fromkeys((request.model, fallback_model_id or request.model)):
        answer = Answer(client, request, model_id, deadline, meter)
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
