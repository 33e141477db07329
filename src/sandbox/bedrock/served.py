"""The record of one served request. Bedrock's own metrics are made of it."""

from dataclasses import dataclass

COMPLETED = "completed"
DROPPED = "dropped"
DISCONNECTED = "disconnected"
ERROR_SENT = "error sent as a chunk"


@dataclass(frozen=True, slots=True)
class Served:
    """How one request ended.

    Attributes:
        model_id: as the request gave it.
        api: the operation's name, such as `ConverseStream`.
        outcome: `completed`; the code of the error that was sent, such as `ThrottlingException`; `error sent as a
            chunk` if it came in the model's own format; `dropped` if the script closed the connection; `disconnected`
            if the client went away or the server stopped.
        status: the HTTP status, None if none was sent.
        input_tokens: what the client was told, None if nothing. The other three counts are the same.
        output_tokens: Bedrock's count. If the stream broke off: the model's own count up to then.
        cache_read_tokens: input tokens read from the prompt cache.
        cache_write_tokens: input tokens written to it.
        first_token_ms: from the complete request to the first content delta, None if there was none.
        duration_ms: from the complete request to the end.
    """

    model_id: str
    api: str
    outcome: str
    status: int | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    first_token_ms: float | None
    duration_ms: float
