"""The points that Lambda itself adds to the namespace AWS/Lambda.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html

Counts are 0 or 1 with every invocation or request, and a point's time is that of the request. No point has the
dimension ExecutedVersion: what runs is the code as it lies here, not a version that an alias points to.
"""

from collections.abc import Iterable

from sandbox.cloudwatch.metrics import Dimensions, Point
from sandbox.invocation import Invocation
from sandbox.records.run import Phase, Run

_Value = tuple[str, str, float]


def start_points(invocation: Invocation, at_work: int) -> list[Point]:
    """The points of an invocation that begins; `at_work` environments are busy then, its own among them."""
    return _of_invocation(invocation, ("ConcurrentExecutions", "Count", at_work))


def end_points(run: Run) -> list[Point]:
    """The points of an invocation that has ended."""
    return _of_invocation(
        run.invocation,
        ("Invocations", "Count", 1),
        ("Errors", "Count", run.failed),
        ("Throttles", "Count", 0),
        ("Duration", "Milliseconds", run.counted.milliseconds),
    )


def throttle_points(invocation: Invocation) -> list[Point]:
    """The points of a request that is refused for want of an environment: it is no invocation."""
    return _of_invocation(invocation, ("Throttles", "Count", 1))


def url_points(function_arn: str, handling: Phase, status: int) -> list[Point]:
    """The points of a request to the Function URL.

    The documentation counts the requests made to the URL and the answers with a 4XX status, whoever gave them: a
    request whose signature is refused counts, too.

    Args:
        function_arn: what the URL invokes.
        handling: from the request to the end of the response.
        status: of the response.
    """
    values: list[_Value] = [
        ("UrlRequestCount", "Count", 1),
        ("Url4xxCount", "Count", 400 <= status < 500),
        ("Url5xxCount", "Count", status >= 500),
        ("UrlRequestLatency", "Milliseconds", handling.milliseconds),
    ]
    return _points(handling.start, _dimension_sets(function_arn), values)


def _of_invocation(invocation: Invocation, *values: _Value) -> list[Point]:
    account_wide: Dimensions = ()
    return _points(invocation.received, [account_wide, *_dimension_sets(invocation.function_arn)], values)


def _dimension_sets(function_arn: str) -> list[Dimensions]:
    """The function; and what of it was invoked: the function itself, or its alias."""
    resource = function_arn.partition(":function:")[2]
    function = ("FunctionName", resource.partition(":")[0])
    return [(function,), (function, ("Resource", resource))]


def _points(time: float, dimension_sets: Iterable[Dimensions], values: Iterable[_Value]) -> list[Point]:
    return [
        Point("AWS/Lambda", name, dimensions, unit, int(time * 1000), float(value))
        for dimensions in dimension_sets
        for name, unit, value in values
    ]
