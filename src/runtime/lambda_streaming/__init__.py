"""Response streaming for plain Python Lambda handlers. Only the layer's public names are here.

Example:
    ```python
    from lambda_streaming import ResponseStart, streamify_response

    @streamify_response
    def handler(event, context):
        yield ResponseStart(status_code=200, headers={"content-type": "text/plain"})
        yield "one chunk, on the wire at once"
    ```
"""

from lambda_streaming.connection import WriteTimeoutError
from lambda_streaming.decorator import streamify_response
from lambda_streaming.stream import ResponseStream
from lambda_streaming.yielded import ResponseStart

__all__ = ["ResponseStart", "ResponseStream", "WriteTimeoutError", "streamify_response"]
