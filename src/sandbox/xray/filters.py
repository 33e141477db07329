"""The language of filter expressions, such as `service("chat") AND annotation.ttft_ms > 500`."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, v_args

from sandbox.languages import refusal, unquoted
from sandbox.xray.trace import Trace, Value

Filter = Callable[[Trace], bool]

_GRAMMAR = Lark(
    r"""
    ?start: any_of
    ?any_of: all_of (_OR all_of)*
    ?all_of: term (_AND term)*
    ?term: FLAG -> flag
        | FLAG "=" BOOLEAN -> flag
        | RESPONSE_TIME (EQUALITY | ORDER) NUMBER -> response_time
        | ANNOTATION EQUALITY (NUMBER | STRING | BOOLEAN) -> annotation
        | ANNOTATION ORDER NUMBER -> annotation
        | _SERVICE STRING ")" -> service

    _AND: /and(?![\w.])/i
    _OR: /or(?![\w.])/i
    _SERVICE: /service\s*\(/i
    FLAG: /(ok|error|fault)(?![\w.])/i
    RESPONSE_TIME: /responsetime(?![\w.])/i
    ANNOTATION: /annotation\.\w+/i
    BOOLEAN: /(true|false)(?![\w.])/i
    EQUALITY: "=" | "!="
    ORDER: "<" | "<=" | ">" | ">="
    STRING: /"(\\.|[^"\\])*"/
    %import common.SIGNED_NUMBER -> NUMBER
    %ignore /\s+/
    """,
    parser="lalr",
)
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SUPPORTED = 'ok, error, fault, responsetime, annotation.KEY and service("NAME"), compared and joined by AND and OR'


def parse_filter(expression: str) -> Filter:
    """Return the function that tells whether a trace matches.

    If an annotation has several values, one of them has to compare; values of another type never do.
    https://docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html

    Raises:
        ApiError: NotImplementedException, the expression has a word that is not supported; InvalidRequestException, its
            words make no sense in this order. The message quotes the place.
    """
    try:
        tree = _GRAMMAR.parse(expression)
    except UnexpectedInput as error:
        raise refusal(error, expression, "the filter expression", _SUPPORTED, "InvalidRequestException") from None
    return _Filters().transform(tree)


@v_args(inline=True)
class _Filters(Transformer[Token, Filter]):
    def any_of(self, *filters: Filter) -> Filter:
        return lambda trace: any(matches(trace) for matches in filters)

    def all_of(self, *filters: Filter) -> Filter:
        return lambda trace: all(matches(trace) for matches in filters)

    def flag(self, name: Token, wanted: bool = True) -> Filter:
        return lambda trace: trace.flags[name.lower()] is wanted

    def response_time(self, _name: Token, sign: Token, seconds: float) -> Filter:
        return lambda trace: _OPERATORS[sign](trace.response_time, seconds)

    def annotation(self, name: Token, sign: Token, literal: Value) -> Filter:
        key, kind = name.partition(".")[2], _type(literal)
        return lambda trace: any(
            _OPERATORS[sign](value, literal) for value in trace.annotations.get(key, ()) if _type(value) is kind
        )

    def service(self, name: str) -> Filter:
        return lambda trace: any(segment["name"] == name for segment in trace.segments)

    def BOOLEAN(self, token: Token) -> bool:  # noqa: N802 - the terminals' names
        return token.lower() == "true"

    def NUMBER(self, token: Token) -> float:  # noqa: N802
        return float(token)

    def STRING(self, token: Token) -> str:  # noqa: N802
        return unquoted(token)


def _type(value: Value) -> type:
    return float if type(value) is int else type(value)
