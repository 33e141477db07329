"""The Runtime API client of `awslambdaric` with streaming added. The loop that uses it stays AWS's own."""

import json
import logging
import re
from typing import Any

from awslambdaric import __version__ as ric_version
from awslambdaric.lambda_runtime_client import InvocationRequest, LambdaRuntimeClient

from lambda_streaming import wire
from lambda_streaming.connection import RuntimeApiConnection
from lambda_streaming.garbage import collect_again
from lambda_streaming.stream import Error, ResponseStream, current_stream

_logger = logging.getLogger(__name__)
_USER_AGENT = f"lambda_streaming awslambdaric/{ric_version}"
# What awslambdaric says of a result that is a generator or a coroutine.
_UNRUN = re.compile(r"Object of type (async_)?(generator|coroutine) is not JSON serializable")


class StreamingRuntimeClient(LambdaRuntimeClient):  # type: ignore[misc]
    """Gives every invocation a `ResponseStream`. Handlers that do not use it work as before.

    The error contract: before the first byte, an error is posted to `.../error`. After it, the error goes into the
    response's trailers. After the end, it is only logged; the loop has done that before it calls this class.

    Args:
        lambda_runtime_address: `HOST:PORT` of the Runtime API.
        use_thread_for_polling_next: whether a thread waits for invocations, so that the main thread sees signals.
    """

    def __init__(self, lambda_runtime_address: str, use_thread_for_polling_next: bool = False) -> None:
        super().__init__(lambda_runtime_address, use_thread_for_polling_next)
        self._connection = RuntimeApiConnection(lambda_runtime_address)
        self._request: InvocationRequest = None
        self._stream: ResponseStream | None = None

    def wait_next_invocation(self) -> InvocationRequest:
        """Waits for an invocation and prepares its stream. Nothing is sent before the handler writes.

        Returns:
            What awslambdaric's own client returns.
        """
        collect_again()
        # Made while there is time: from the next line on, a client waits.
        stream = ResponseStream(self._connection.send, self._head)
        self._request = super().wait_next_invocation()
        self._connection.begin(deadline=int(self._request.deadline_time_in_ms) / 1000)
        self._stream = stream
        current_stream.set(stream)
        return self._request

    def post_invocation_result(
        self,
        invoke_id: str,
        result_data: Any,
        content_type: str = "application/json",
        invocation_id: str | None = None,
    ) -> None:
        """Posts a returned result as the plain client does, or completes the streamed response.

        Args:
            invoke_id: the invocation's request id.
            result_data: the serialized result; a streamed response ignores it.
            content_type: the result's content type.
            invocation_id: the value of `Lambda-Runtime-Invocation-Id`, to be echoed.
        """
        if not self._complete(invoke_id, None):
            super().post_invocation_result(invoke_id, result_data, content_type, invocation_id)
        self._finish()

    def post_invocation_error(
        self, invoke_id: str, error_response_data: str, xray_fault: str, invocation_id: str | None = None
    ) -> None:
        """Reports an error in the way that is still open: `.../error`, the trailers, or only the log.

        The loop has logged the stack trace. Whoever invoked a streaming handler does not get it, nor the paths in it.

        Args:
            invoke_id: the invocation's request id.
            error_response_data: JSON with `errorType`, `errorMessage` and `stackTrace`.
            xray_fault: JSON for X-Ray; the trailers have no place for it.
            invocation_id: the value of `Lambda-Runtime-Invocation-Id`, to be echoed.
        """
        error = json.loads(error_response_data)
        if _UNRUN.search(error["errorMessage"]):
            _logger.error(
                "%s: the handler's generator or coroutine was not run: is @streamify_response missing?", invoke_id
            )
        if self._stream is not None and self._stream.has_handler:
            error_response_data = json.dumps({**error, "stackTrace": []})
        if not self._complete(invoke_id, (error["errorType"], error["errorMessage"])):
            super().post_invocation_error(invoke_id, error_response_data, xray_fault, invocation_id)
        self._finish()

    def _head(self, *, content_type: str) -> bytes:
        return wire.request_head(
            self._connection.address,
            self._request.invoke_id,
            invocation_id=self._request.invocation_id,
            content_type=content_type,
            user_agent=_USER_AGENT,
        )

    def _finish(self) -> None:
        if self._stream is not None:
            self._stream.finish(timed_out=self._connection.timed_out)

    def _complete(self, invoke_id: str, error: Error | None) -> bool:
        """Ends a streamed response. Returns whether it was one: if not, it is still to be reported."""
        # There is none if the loop reports an error before the first invocation.
        if self._stream is None:
            return False
        # A ConnectionError concerns this one response, which cannot be saved. The loop goes on to the next invocation.
        try:
            if not self._stream.close(error):
                return False
            status, body = self._connection.read_answer()
        except ConnectionError as problem:
            if self._connection.untouched:
                return False
            _logger.error("%s: the streamed response may not have arrived: %s", invoke_id, problem)
            return True
        if status != 202:
            text = body.decode(errors="replace")
            _logger.error("%s: the Runtime API answered %d to the streamed response: %s", invoke_id, status, text)
        return True
