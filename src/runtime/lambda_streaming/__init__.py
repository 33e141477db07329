"""Response streaming for plain Python Lambda handlers. Only the layer's public names are here.

Example:
    ```python
    from lambda_streaming import ResponseStream, streamify_response

    @streamify_response
    def handler(event, context, *, response_stream: ResponseStream):
        response_stream.start(status_code=200, headers={"content-type": "text/plain"})
        response_stream.write("one chunk, on the wire at once")
    ```
"""

from lambda_streaming.decorator import streamify_response
from lambda_streaming.stream import ResponseStream

__all__ = ["ResponseStream", "streamify_response"]
