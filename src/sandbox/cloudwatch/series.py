"""Time series, and what metric math does with them.

Where two series are put together, a value that only one of them has meets a 0. A value that cannot be computed, as in a
division by zero, is missing from the result.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.aws_api.contract import ApiError, not_supported

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
MOST_VALUES = 100_800
Values = Mapping[int, float]
"""By the periods' beginnings in milliseconds since 1970, ascending."""


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one metric, or of an expression; `period` is in seconds."""

    period: int
    values: Values


Value = float | Series
"""What an expression can be. A number that cannot be computed is NaN."""

_OPERATORS: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "AND": lambda left, right: left != 0 and right != 0,
    "OR": lambda left, right: left != 0 or right != 0,
}


def combine(sign: str, left: Value, right: Value) -> Value:
    """Return what an operator makes of two operands.

    Args:
        sign: as metric math spells the operator, such as `>=`.
        left: the left operand.
        right: the right operand.

    Raises:
        ApiError: the operands have different periods.
    """
    if not isinstance(left, Series) and not isinstance(right, Series):
        return _compute(sign, left, right)
    times = sorted({time for operand in (left, right) if isinstance(operand, Series) for time in operand.values})
    return _series(
        _period(left, right), {time: _compute(sign, _at(left, time, 0.0), _at(right, time, 0.0)) for time in times}
    )


def choose(condition: Series, then: Value, other: Value) -> Series:
    """Return IF's series: at each time of the condition, the one or the other.

    Where `then` is chosen and has no value, it counts as 0; where `other` has none, there is none.

    Raises:
        ApiError: the series have different periods.
    """
    return _series(
        _period(condition, then, other),
        {
            time: _at(then, time, 0.0) if value else _at(other, time, math.nan)
            for time, value in condition.values.items()
        },
    )


def fill(series: Series, filler: float, start_ms: int, end_ms: int) -> Series:
    """Return the series with a number in the place of every missing value.

    Args:
        series: the series.
        filler: the number.
        start_ms: when the first period begins.
        end_ms: no period begins then or later.

    Raises:
        ApiError: the range has more periods than a response has values.
    """
    step = 1000 * series.period
    times = range(start_ms, end_ms, step)
    if len(times) > MOST_VALUES:
        raise ApiError(
            "ValidationError", f"The range has {len(times)} periods, of which at most {MOST_VALUES} can be filled."
        )
    return _series(series.period, dict(sorted({**dict.fromkeys(times, filler), **series.values}.items())))


def _compute(sign: str, left: float, right: float) -> float:
    try:
        result = float(_OPERATORS[sign](left, right))
    except ArithmeticError:
        return math.nan
    return result if math.isfinite(left) and math.isfinite(right) and math.isfinite(result) else math.nan


def _at(operand: Value, time: int, missing: float) -> float:
    return operand.values.get(time, missing) if isinstance(operand, Series) else operand


def _series(period: int, values: Values) -> Series:
    return Series(period, {time: value for time, value in values.items() if not math.isnan(value)})


def _period(*operands: Value) -> int:
    periods = sorted({operand.period for operand in operands if isinstance(operand, Series)})
    if len(periods) > 1:
        raise not_supported(f"metric math between series with different periods ({periods[0]} s and {periods[1]} s)")
    return periods[0]
