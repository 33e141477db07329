"""The statistics: what CloudWatch's names for them mean, as SQL over the points of one period.

With n values (each as often as its count says) in ascending order, the percentile p is what linear interpolation gives
at the rank p / 100 * (n - 1), counted from 0: CloudWatch does not publish its own rule. A range is without its lower
and with its upper bound; bounds in percent are percentiles, and 0 % leaves nothing out. Of a period with a negative
value, CloudWatch has the five basic statistics only.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
"""

import math
import re
from dataclasses import dataclass

from sandbox.aws_api.contract import ApiError

BASIC = {
    "SampleCount": "sum(count)",
    "Sum": "fsum(value * count)",
    "Average": "fsum(value * count) / sum(count)",
    "Minimum": "min(value)",
    "Maximum": "max(value)",
}
_INSIDE = "FILTER (value > low AND value <= high)"
_OF_A_RANGE = {
    "TM": f"fsum(value * count) {_INSIDE} / sum(count) {_INSIDE}",
    "TC": f"coalesce(sum(count) {_INSIDE}, 0)",
    "TS": f"coalesce(fsum(value * count) {_INSIDE}, 0)",
    "WM": "fsum(least(greatest(value, low), high) * count) / sum(count)",
    "PR": f"100 * coalesce(sum(count) {_INSIDE}, 0) / sum(count)",
}
_NUMBER = r"[0-9]+(?:\.[0-9]{1,10})?"
_UP_TO_PERCENT = re.compile(rf"(p|tm|tc|ts|wm)({_NUMBER})")
_PERCENT_RANGE = re.compile(rf"(TM|TC|TS|WM)\((?:({_NUMBER})%)?:(?:({_NUMBER})%)?\)")
_VALUE_RANGE = re.compile(rf"(TM|TC|TS|WM|PR)\(({_NUMBER})?:({_NUMBER})?\)")


@dataclass(frozen=True, slots=True)
class Statistic:
    """One statistic.

    Attributes:
        aggregate: SQL over the columns `value` and `count`, and `low` and `high`, the bounds of the range.
        low: the lower bound.
        high: the upper bound.
        percent: whether the bounds are percentiles.
        basic: whether it is to be had of negative values.
    """

    aggregate: str
    low: float = -math.inf
    high: float = math.inf
    percent: bool = False
    basic: bool = False


def parse_statistic(name: str) -> Statistic:
    """Return the statistic of this name.

    Args:
        name: as CloudWatch spells it, such as `Average`, `p99.9`, `tm90`, `TM(10%:90%)` or `PR(:300)`.

    Raises:
        ApiError: there is no such statistic.
    """
    if name in BASIC:
        return Statistic(BASIC[name], basic=True)
    if name == "IQM":
        return parse_statistic("TM(25%:75%)")
    if (match := _UP_TO_PERCENT.fullmatch(name)) and float(match[2]) <= 100:
        aggregate = "any_value(high)" if match[1] == "p" else _OF_A_RANGE[match[1].upper()]
        return Statistic(aggregate, high=float(match[2]), percent=True)
    percent = _PERCENT_RANGE.fullmatch(name)
    if match := percent or _VALUE_RANGE.fullmatch(name):
        low = float(match[2]) if match[2] else -math.inf
        high = float(match[3]) if match[3] else math.inf
        one_is_set = math.isfinite(low) or math.isfinite(high)
        if one_is_set and low < high and not (percent and max(low, high if match[3] else low) > 100):
            return Statistic(_OF_A_RANGE[match[1]], -math.inf if percent and low == 0 else low, high, bool(percent))
    raise ApiError("InvalidParameterValue", f"The value {name!r} is not a statistic.")
