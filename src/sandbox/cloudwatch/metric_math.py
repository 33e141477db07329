"""Metric math: an expression over series, as CloudWatch evaluates it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import re
from typing import Protocol

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, VisitError

from sandbox.aws_api.contract import ApiError, not_supported
from sandbox.cloudwatch.series import Series, Value, choose, combine, fill

_GRAMMAR = Lark(
    r"""
    ?start: disjunction
    ?disjunction: conjunction | disjunction OR conjunction -> binary
    ?conjunction: comparison | conjunction AND comparison -> binary
    ?comparison: sum | comparison COMPARE sum -> binary
    ?sum: product | sum (PLUS | MINUS) product -> binary
    ?product: signed | product TIMES signed -> binary
    ?signed: atom | "-" signed -> negative
    ?atom: "(" disjunction ")"
        | NUMBER -> number
        | ID -> reference
        | FUNCTION "(" disjunction ("," disjunction)* ")" -> call
    OR: "OR"
    AND: "AND"
    COMPARE: "==" | "!=" | "<=" | ">=" | "<" | ">"
    PLUS: "+"
    MINUS: "-"
    TIMES: "*" | "/"
    ID: /[a-z][a-zA-Z0-9_]*/
    FUNCTION: "FILL" | "IF" | "PERIOD" | "TIME_SERIES"
    NUMBER: /[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?/
    %ignore /\s+/
    """,
    parser="lalr",
)
# Everything else that metric math has begins with a capital word or with one of these characters.
_WORD = re.compile(r"\b[A-Z][A-Z0-9_]*\b")
_WORDS = {"AND", "FILL", "IF", "OR", "PERIOD", "TIME_SERIES"}
_SIGNS = {"[": "arrays ([...])", "^": "powers (^)", "&": "&& (use AND)", "|": "|| (use OR)"}


class Scope(Protocol):
    """What an expression can refer to."""

    start_ms: int
    end_ms: int

    def value(self, query_id: str) -> Value:
        """Return what another query of the request gives.

        Raises:
            ApiError: there is none of this id, or it needs this expression itself.
        """

    def count(self, *values: Value) -> None:
        """Count the values of series that are computed from, or filled in.

        Raises:
            ApiError: they have become too many.
        """

    def common_period(self) -> int:
        """Return the period of all metrics of the request, in seconds.

        Raises:
            ApiError: they do not have one in common, or there are none.
        """


def evaluate(expression: str, scope: Scope, period: int | None) -> Value:
    """Return the value of an expression.

    Args:
        expression: as in a query's `Expression`.
        scope: what it can refer to.
        period: of a TIME_SERIES, in seconds; None takes that of the request's metrics.

    Raises:
        ApiError: it is not understood, or has something that the sandbox does not support; the message names it.
    """
    for word in _WORD.findall(expression):
        if word not in _WORDS:
            raise not_supported(f"{word} in metric math ({expression!r})")
    try:
        value: Value = _Evaluation(scope, period).transform(_GRAMMAR.parse(expression))
    except VisitError as error:
        raise error.orig_exc from None
    except UnexpectedInput as error:
        if isinstance(error, UnexpectedCharacters) and error.char in _SIGNS:
            raise not_supported(f"{_SIGNS[error.char]} in metric math ({expression!r})") from None
        raise _invalid(expression, f"syntax error at character {error.column}") from None
    except RecursionError:
        raise _invalid(expression, "too many expressions within each other") from None
    return value


def _invalid(expression: str, problem: str) -> ApiError:
    return ApiError("ValidationError", f"Error in expression {expression!r}: {problem}")


@v_args(inline=True)
class _Evaluation(Transformer[Token, Value]):
    """Turns an expression into its value, from the innermost part outward."""

    def __init__(self, scope: Scope, period: int | None) -> None:
        super().__init__()
        self._scope = scope
        self._period = period

    def number(self, token: Token) -> Value:
        return float(token)

    def reference(self, token: Token) -> Value:
        return self._scope.value(str(token))

    def negative(self, value: Value) -> Value:
        self._scope.count(value)
        return combine("*", -1.0, value)

    def binary(self, left: Value, sign: Token, right: Value) -> Value:
        self._scope.count(left, right)
        return combine(str(sign), left, right)

    def call(self, name: Token, *arguments: Value) -> Value:
        self._scope.count(*arguments)
        match str(name), arguments:
            case "IF", [Series() as condition, then, other]:
                return choose(condition, then, other)
            case "FILL", [Series() as series, float() as filler]:
                return self._filled(series, filler)
            case "PERIOD", [Series() as series]:
                return float(series.period)
            case "TIME_SERIES", [float() as value]:
                empty = Series(self._period or self._scope.common_period(), {})
                return self._filled(empty, value)
        raise not_supported(f"these arguments of {name} in metric math")

    def _filled(self, series: Series, filler: float) -> Series:
        filled = fill(series, filler, self._scope.start_ms, self._scope.end_ms)
        self._scope.count(filled)
        return filled
