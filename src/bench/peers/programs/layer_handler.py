"""The function on the layer `lambda_streaming`: writes as many chunks as the event says."""

from lambda_streaming import ResponseStream, streamify_response

_CHUNK = b"x" * 100


@streamify_response
def handler(event: dict[str, int], _context: object, *, response_stream: ResponseStream) -> None:
    """Write as many chunks as the event says. Each is sent at once."""
    response_stream.start(status_code=200, headers={"content-type": "text/plain"})
    for _ in range(event["chunks"]):
        response_stream.write(_CHUNK)
