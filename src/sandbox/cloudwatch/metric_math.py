"""Metric math: an expression over series, as CloudWatch evaluates it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Any, Protocol

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, VisitError

from sandbox.aws_api.contract import ApiError, not_supported
from sandbox.cloudwatch.series import AGGREGATES, CHANGES, Series, Value, aggregate, choose, combine, each, fill

_GRAMMAR = Lark(
    r"""
    ?start: disjunction
    ?disjunction: conjunction | disjunction OR conjunction -> binary
    ?conjunction: comparison | conjunction AND comparison -> binary
    ?comparison: sum | comparison COMPARE sum -> binary
    ?sum: product | sum (PLUS | MINUS) product -> binary
    ?product: signed | product TIMES signed -> binary
    ?signed: power | "-" signed -> negative
    ?power: atom | atom POWER signed -> binary
    ?atom: "(" disjunction ")"
        | NUMBER -> number
        | TEXT -> text
        | ID -> reference
        | WORD -> word
        | "[" _arguments "]" -> array
        | WORD "(" [_arguments] ")" -> call
    _arguments: disjunction ("," disjunction)*
    OR: "OR" | "||"
    AND: "AND" | "&&"
    COMPARE: "==" | "!=" | "<=" | ">=" | "<" | ">"
    PLUS: "+"
    MINUS: "-"
    TIMES: "*" | "/"
    POWER: "^"
    ID: /[a-z][a-zA-Z0-9_]*/
    WORD: /[A-Z][A-Z0-9_]*/
    TEXT: /'[^']*'|"[^"]*"/
    %import common.NUMBER
    %ignore /\s+/
    """,
    parser="lalr",
    maybe_placeholders=False,
)


_METRICS_INSIGHTS = re.compile(r"\s*SELECT\s+[A-Z]+\s*\(", re.IGNORECASE)
# Every other function is refused by name.
_FUNCTIONS = {"FILL", "IF", "METRICS", "PERIOD", "SEARCH", "TIME_SERIES", *AGGREGATES, *CHANGES}


class Scope(Protocol):
    """What an expression can refer to."""

    start_ms: int
    end_ms: int

    def value(self, query_id: str) -> Value:
        """Return what another query of the request gives.

        Raises:
            ApiError: there is none of this id, or it needs this expression itself.
        """

    def metrics(self, part: str) -> list[Series]:
        """Return the request's metrics (not its expressions) with this text in their ids."""

    def search(self, text: str, statistic: str, period: int | None) -> list[Series]:
        """Return the series of all metrics that a search finds.

        Raises:
            ApiError: the search, its statistic or its period is none.
        """


def evaluate(expression: str, scope: Scope, period: int | None) -> Value:
    """Return the value of an expression.

    Between series, a value that is missing in one of them counts as 0; a value that cannot be computed, as in a
    division by zero, is missing.

    Args:
        expression: as in a query's `Expression`.
        scope: what it can refer to.
        period: of a SEARCH that names none and of a TIME_SERIES, in seconds.

    Raises:
        ApiError: it is not understood, or has something that the sandbox does not support; the message names it.
    """
    if _METRICS_INSIGHTS.match(expression):
        raise not_supported("Metrics Insights (SELECT)")
    try:
        tree = _GRAMMAR.parse(expression)
        for call in tree.find_data("call"):
            if call.children[0] not in _FUNCTIONS:
                raise not_supported(f"the metric math function {call.children[0]}")
        value: Value | _Text = _Evaluation(scope, period).transform(tree)
    except VisitError as error:
        if not isinstance(error.orig_exc, _ProblemError):
            raise error.orig_exc from None
        raise _invalid(expression, str(error.orig_exc)) from None
    except UnexpectedInput as error:
        raise _invalid(expression, f"syntax error at character {error.column}") from None
    except RecursionError:
        raise _invalid(expression, "too many expressions within each other") from None
    if not isinstance(value, float | Series | list):
        raise _invalid(expression, "it is neither a number nor a time series")
    return value


def _invalid(expression: str, problem: str) -> ApiError:
    return ApiError("ValidationError", f"Error in expression {expression!r}: {problem}")


class _ProblemError(Exception):
    """What is wrong with an expression."""


@dataclass(frozen=True)
class _Text:
    """What stands in quotes; a `str` is a word such as REPEAT."""

    text: str


@v_args(inline=True)
class _Evaluation(Transformer[Token, Any]):
    """Turns an expression into its value, from the innermost part outward."""

    def __init__(self, scope: Scope, period: int | None) -> None:
        super().__init__()
        self._scope = scope
        self._period = period

    def number(self, token: Token) -> float:
        return float(token)

    def text(self, token: Token) -> _Text:
        return _Text(token[1:-1])

    def word(self, token: Token) -> str:
        return str(token)

    def reference(self, token: Token) -> Value:
        return self._scope.value(str(token))

    def array(self, *values: Any) -> list[Series]:
        array: list[Series] = []
        for value in values:
            match value:
                case Series():
                    array.append(value)
                case list():
                    array += value
                case _:
                    raise _ProblemError("an array holds time series only")
        return array

    def negative(self, value: Any) -> Value:
        return self.binary(-1.0, Token("TIMES", "*"), value)

    def binary(self, left: Any, sign: Token, right: Any) -> Value:
        arrays = isinstance(left, list) + isinstance(right, list)
        numbers_or_series = isinstance(left, float | Series | list) and isinstance(right, float | Series | list)
        if not numbers_or_series or arrays > (sign.type in ("PLUS", "MINUS", "TIMES", "POWER")):
            raise _ProblemError(f"{sign} does not take these operands")
        return combine(str(sign), left, right)

    def call(self, name: Token, *arguments: Any) -> Value:
        match str(name), arguments:
            case "IF", [Series() as condition, float() | Series() as then, float() | Series() as other]:
                return choose(condition, then, other)
            case "IF", [float() as condition, Series() as then, Series() as other]:
                return then if condition and not math.isnan(condition) else other
            case "IF", [condition, then]:
                return self.call(name, condition, then, Series("", 0, {}))
            case "FILL", [Series() | list() as value, float() | Series() | "REPEAT" | "LINEAR" as filler]:
                return each(lambda series: fill(series, filler, self._scope.start_ms, self._scope.end_ms), value)
            case "PERIOD", [Series() as series]:
                return float(series.period)
            case "METRICS", []:
                return self._scope.metrics("")
            case "METRICS", [_Text(part)]:
                return self._scope.metrics(part)
            case "SEARCH", [_Text(text), _Text(statistic)]:
                return self._scope.search(text, statistic, self._period)
            case "SEARCH", [_Text(text), _Text(statistic), float() as period] if period.is_integer():
                return self._scope.search(text, statistic, int(period))
            case "TIME_SERIES", [float() as value]:
                empty = Series("", self._period or self._period_of_metrics(), {})
                return fill(empty, value, self._scope.start_ms, self._scope.end_ms)
            case aggregated, [Series() | list() as value] if aggregated in AGGREGATES:
                return aggregate(aggregated, value)
            case changed, [Series() | list() as value] if changed in CHANGES:
                return each(lambda series: replace(series, values=CHANGES[changed](series.values)), value)
        raise _ProblemError(f"{name} does not take these arguments")

    def _period_of_metrics(self) -> int:
        # CloudWatch's documentation does not say which period a TIME_SERIES has without one of its own.
        periods = {series.period for series in self._scope.metrics("")}
        if len(periods) != 1:
            raise _ProblemError("TIME_SERIES needs a Period: the metrics of the request do not have one in common")
        return periods.pop()
