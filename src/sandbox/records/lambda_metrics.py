"""The points that Lambda itself adds to the namespace AWS/Lambda, for the function as a whole.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html

Each invocation or request adds a 0 or a 1 to a count. A point's time is that of the request. Lambda also counts for the
account, the alias and the version; no alarm and no graph of the stack reads these, so they are left out.
"""

from sandbox.cloudwatch.metrics import Point
from sandbox.invocation import Invocation
from sandbox.records.run import Phase, Run

_Value = tuple[str, str, float]


def start_points(invocation: Invocation, at_work: int) -> list[Point]:
    """The points of an invocation that begins; `at_work` environments are busy then, its own among them."""
    return _points(invocation.function_arn, invocation.received, ("ConcurrentExecutions", "Count", at_work))


def end_points(run: Run) -> list[Point]:
    """The points of an invocation that has ended."""
    return _points(
        run.invocation.function_arn,
        run.invocation.received,
        ("Invocations", "Count", 1),
        ("Errors", "Count", run.failed),
        ("Throttles", "Count", 0),
        ("Duration", "Milliseconds", run.counted.milliseconds),
    )


def throttle_points(invocation: Invocation) -> list[Point]:
    """The points of a request that found no environment. It is not an invocation."""
    return _points(invocation.function_arn, invocation.received, ("Throttles", "Count", 1))


def url_points(function_arn: str, handling: Phase, status: int) -> list[Point]:
    """The points of a request to the Function URL.

    Requests count whoever answered them: one whose signature is refused counts, too.

    Args:
        function_arn: what the URL invokes.
        handling: from the request to the end of the response.
        status: of the response.
    """
    return _points(
        function_arn,
        handling.start,
        ("UrlRequestCount", "Count", 1),
        ("Url4xxCount", "Count", 400 <= status < 500),
        ("Url5xxCount", "Count", status >= 500),
        ("UrlRequestLatency", "Milliseconds", handling.milliseconds),
    )


def _points(function_arn: str, time: float, *values: _Value) -> list[Point]:
    # An alias or a version may follow the name.
    name = function_arn.partition(":function:")[2].partition(":")[0]
    dimensions = (("FunctionName", name),)
    return [
        Point("AWS/Lambda", metric, dimensions, unit, int(time * 1000), float(value)) for metric, unit, value in values
    ]
