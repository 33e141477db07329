"""Percentiles, such as the p95 of an alarm or of a graph: computed here, from one period's values.

CloudWatch does not publish its rule. This is the sandbox's, which is NumPy's default: put a period's n values in
ascending order, each as often as its count says. The percentile p is the value at the rank p / 100 * (n - 1), counted
from 0, with linear interpolation between two ranks. As on CloudWatch, a period with a negative value has none.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
"""

import re
from collections.abc import Sequence

import numpy

from sandbox.aws_api.contract import not_supported

_PERCENTILE = re.compile(r"p([0-9]+(?:\.[0-9]{1,10})?)")


def percent_of(statistic: str) -> float:
    """Return the percent of a percentile's name: 99.9 for `p99.9`.

    Raises:
        ApiError: it is no percentile's name.
    """
    match = _PERCENTILE.fullmatch(statistic)
    if not match or float(match[1]) > 100:
        raise not_supported(
            f"the statistic {statistic!r}: there are SampleCount, Average, Sum, Minimum, Maximum and percentiles from "
            "p0 to p100, such as p99.9"
        )
    return float(match[1])


def percentile(values: Sequence[float], counts: Sequence[float], percent: float) -> float | None:
    """Return the percentile of one period's values; None if one of them is negative.

    Args:
        values: in ascending order, at least one.
        counts: how often each value occurred, whole numbers from 1. A large one takes no more memory than a small one.
        percent: from 0 to 100.
    """
    if values[0] < 0:
        return None
    if len(values) == sum(counts):  # each occurred once: the same without NumPy, in a tenth of the time
        rank = round(percent * (len(values) - 1) / 100, 9)
        low = int(rank)
        high = min(low + 1, len(values) - 1)
        return values[low] + (rank - low) * (values[high] - values[low])
    # The ranks that each value occupies. numpy.percentile knows no counts, and values written out need room for each.
    last = numpy.cumsum(counts) - 1
    first = last - counts + 1
    # Rounded, so that 5.6 % of 1375 is the rank 77 and not 76.99999999999999.
    rank = round(percent * float(last[-1]) / 100, 9)
    return float(numpy.interp(rank, numpy.column_stack((first, last)).ravel(), numpy.repeat(values, 2)))
