"""Time series, and what metric math does with them.

Where two series are put together, a value that only one of them has meets a 0. A value that cannot be computed, as in a
division by zero, is missing from the result.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from sandbox.aws_api.contract import not_supported

Values = Mapping[int, float]
"""By the periods' beginnings in milliseconds since 1970, ascending."""


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one metric, or of an expression.

    Attributes:
        label: what it is called.
        period: in seconds; 0 if nothing says it, as in the sum of no series at all.
        values: those that there are.
    """

    label: str
    period: int
    values: Values


Value = float | Series | list[Series]
"""What an expression can be. A number is NaN where there is none, such as the average of no values."""

OPERATORS: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": math.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    **dict.fromkeys(("AND", "&&"), lambda left, right: left != 0 and right != 0),
    **dict.fromkeys(("OR", "||"), lambda left, right: left != 0 or right != 0),
}
# Called with the values, at least one, and how many there could have been.
AGGREGATES: Mapping[str, Callable[[list[float], int], float]] = {
    "SUM": lambda values, _: math.fsum(values),
    "AVG": lambda values, possible: math.fsum(values) / possible,
    "MIN": lambda values, _: min(values),
    "MAX": lambda values, _: max(values),
}
CHANGES: Mapping[str, Callable[[Values], Values]] = {
    "ABS": lambda values: {time: abs(value) for time, value in values.items()},
    "CEIL": lambda values: {time: float(math.ceil(value)) for time, value in values.items()},
    "FLOOR": lambda values: {time: float(math.floor(value)) for time, value in values.items()},
    "DIFF": lambda values: {time: value - last for (_, last), (time, value) in pairwise(values.items())},
    "RATE": lambda values: {
        time: (value - last) / (time - before) * 1000 for (before, last), (time, value) in pairwise(values.items())
    },
    "RUNNING_SUM": lambda values: dict(zip(values, accumulate(values.values()), strict=True)),
}


def combine(sign: str, left: Value, right: Value) -> Value:
    """Return what an operator makes of two operands, only one of which may be an array; it makes an array then.

    Args:
        sign: a key of `OPERATORS`.
        left: the left operand.
        right: the right operand.
    """
    if isinstance(left, list):
        assert not isinstance(right, list), "one array only"
        return [replace(_pair(sign, one, right), label=one.label) for one in left]
    if isinstance(right, list):
        return [replace(_pair(sign, left, one), label=one.label) for one in right]
    if isinstance(left, Series) or isinstance(right, Series):
        return _pair(sign, left, right)
    return _compute(sign, left, right)


def each(change: Callable[[Series], Series], value: Series | list[Series]) -> Series | list[Series]:
    """Return the changed series, or an array of changed ones."""
    return [change(series) for series in value] if isinstance(value, list) else change(value)


def aggregate(name: str, value: Series | list[Series]) -> float | Series:
    """Return the aggregate of a series' values, a number, or of an array's values at each time, a series.

    Args:
        name: a key of `AGGREGATES`.
        value: the series, or the array.
    """
    compute = AGGREGATES[name]
    if isinstance(value, Series):
        return compute(list(value.values.values()), len(value.values)) if value.values else math.nan
    at_each_time = {
        time: compute([series.values[time] for series in value if time in series.values], len(value))
        for time in _times(*value)
    }
    return Series("", _period(*value), at_each_time)


def choose(condition: Series, then: float | Series, other: float | Series) -> Series:
    """Return IF's series: at each time of the condition, the one or the other.

    Where `then` is chosen and has no value, it counts as 0; where `other` has none, there is none.
    """
    period = _period(condition, then, other)
    chosen = {time: _at(then, time, 0.0) if value else _at(other, time) for time, value in condition.values.items()}
    return Series("", period, _known(chosen))


def fill(series: Series, filler: float | Series | str, start_ms: int, end_ms: int) -> Series:
    """Return the series with its missing values filled in, as far as the filler has any.

    Args:
        series: the series.
        filler: a number; a series; `REPEAT`, the last value before; or `LINEAR`, a line from the value before to the
            value after.
        start_ms: within the first period.
        end_ms: no period begins then or later.
    """
    if not series.period:
        return series
    step = 1000 * series.period
    times = range(start_ms - start_ms % step, end_ms, step)
    if filler == "LINEAR":
        fillers = {
            time: last + (value - last) * (time - before) / (after - before)
            for (before, last), (after, value) in pairwise(series.values.items())
            for time in range(before, after, step)
        }
    elif isinstance(filler, str):
        fillers, last = {}, math.nan
        for time in times:
            fillers[time] = last = series.values.get(time, last)
    else:
        _period(series, filler)
        fillers = {time: _at(filler, time) for time in times}
    return replace(series, values=dict(sorted({**_known(fillers), **series.values}.items())))


def _pair(sign: str, left: float | Series, right: float | Series) -> Series:
    times = _times(left, right)
    results = {time: _compute(sign, _at(left, time, 0.0), _at(right, time, 0.0)) for time in times}
    return Series("", _period(left, right), _known(results))


def _compute(sign: str, left: float, right: float) -> float:
    try:
        result = float(OPERATORS[sign](left, right))
    except (ArithmeticError, ValueError):
        return math.nan
    return result if math.isfinite(left) and math.isfinite(right) and math.isfinite(result) else math.nan


def _at(operand: float | Series, time: int, missing: float = math.nan) -> float:
    return operand.values.get(time, missing) if isinstance(operand, Series) else operand


def _known(values: Values) -> Values:
    return {time: value for time, value in values.items() if not math.isnan(value)}


def _times(*operands: float | Series) -> list[int]:
    return sorted({time for operand in operands if isinstance(operand, Series) for time in operand.values})


def _period(*operands: float | Series) -> int:
    """Return the one period of all series among the operands.

    Raises:
        ApiError: they have several.
    """
    periods = sorted({operand.period for operand in operands if isinstance(operand, Series)} - {0})
    if len(periods) > 1:
        raise not_supported(f"metric math between series with different periods ({periods[0]} s and {periods[1]} s)")
    return periods[0] if periods else 0
