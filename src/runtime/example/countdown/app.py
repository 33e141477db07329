"""Counts down in five chunks."""

import time

from lambda_streaming import ResponseStart, streamify_response


@streamify_response
def handler(event, context):
    yield ResponseStart(headers={"content-type": "text/plain; charset=utf-8"})
    for number in range(5, 0, -1):
        yield f"{number} "
        time.sleep(0.2)
