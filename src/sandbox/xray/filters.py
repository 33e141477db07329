"""The language of filter expressions, such as `ok !partial duration < 3 AND annotation.model = "nova"`."""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from lark import Lark, Token, Transformer, Tree, UnexpectedInput
from lark.exceptions import VisitError

from sandbox.xray.facts import Facts, Value

Filter = Callable[[Facts], bool]

_GRAMMAR = r"""
?start: any_of
?any_of: all_of (_OR all_of)*
?all_of: term (_AND? term)*
?term: atom | "!" atom -> negation
?atom: "(" any_of ")"
    | key -> given
    | key EQUALITY (NUMBER | STRING | BOOLEAN) -> comparison
    | key ORDER NUMBER -> comparison
    | key PART STRING -> comparison
    | SERVICE "(" [STRING] ")" ["{" any_of "}"] -> service
?key: KEYWORD | ANNOTATION

_AND.1: /and\b/i
_OR.1: /or\b/i
SERVICE.1: /service\b/i
PART.1: /(contains|beginswith|endswith)\b/i
BOOLEAN.1: /(true|false)\b/i
ANNOTATION.1: /annotation(\.\w+|\[[^\]]+\])/i
KEYWORD: /[a-z][\w.]*/i
EQUALITY: /!?=/
ORDER: /[<>]=?/
STRING: /"(\\.|[^"\\])*"/
%import common.SIGNED_NUMBER -> NUMBER
%ignore /\s+/
"""
_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("ok", "error", "throttle", "fault", "partial"), bool),
    **dict.fromkeys(("responsetime", "duration", "http.status"), float),
    **dict.fromkeys(("http.url", "http.method", "http.useragent", "http.clientip", "user"), str),
}
_LITERALS: Mapping[str, type] = {"BOOLEAN": bool, "NUMBER": float, "STRING": str}
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "contains": operator.contains,
    "beginswith": str.startswith,
    "endswith": str.endswith,
}


class FilterError(ValueError):
    """A filter expression is wrong, or says what is not supported."""


def parse_filter(expression: str) -> Filter:
    """Return the function that tells whether a trace with these facts matches.

    A keyword without a comparison asks whether it has a value, and a boolean one whether it is true. Of a keyword with
    several values, such as an annotation, one of them has to compare; values of another type never do.
    https://docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html

    Raises:
        FilterError: the message names what is wrong or not supported.
    """
    try:
        tree = _PARSER.parse(expression)
        _check(tree)
        return _Compiler().transform(tree)
    except UnexpectedInput as error:
        where = expression[error.pos_in_stream or 0 :][:40] or "its end"
        raise FilterError(f"the filter expression cannot be understood at: {where}") from None
    except (RecursionError, VisitError):
        raise FilterError("the filter expression has too many parentheses in each other") from None


def _keyword(token: Token) -> Token:
    if token.lower() not in _TYPES:
        supported = ", ".join(("annotation.KEY", "service(NAME)", *_TYPES))
        raise FilterError(f"the filter keyword {token} is not supported; these are: {supported}")
    return token.update(value=token.lower())


_PARSER = Lark(_GRAMMAR, parser="lalr", lexer_callbacks={"KEYWORD": _keyword})


def _check(tree: Tree[Token]) -> None:
    for comparison in tree.find_data("comparison"):
        key, _, literal = comparison.scan_values(lambda _: True)
        if key.type == "KEYWORD" and _TYPES[key] is not _LITERALS[literal.type]:
            raise FilterError(f"the filter keyword {key} cannot be compared with {literal}")
    for service in tree.find_data("service"):
        _, *inside = service.scan_values(lambda value: isinstance(value, Token))
        for token in inside:
            if token.type in ("ANNOTATION", "SERVICE") or token.value == "duration":
                raise FilterError(f"{token} is not supported inside of service() {{ }}")


class _Compiler(Transformer[Token, Filter]):
    def any_of(self, filters: list[Filter]) -> Filter:
        return lambda facts: any(holds(facts) for holds in filters)

    def all_of(self, filters: list[Filter]) -> Filter:
        return lambda facts: all(holds(facts) for holds in filters)

    def negation(self, filters: list[Filter]) -> Filter:
        return lambda facts: not filters[0](facts)

    def given(self, keys: list[str]) -> Filter:
        return lambda facts: any(value is not False for value in facts.values.get(keys[0], ()))

    def comparison(self, parts: tuple[str, str, Value]) -> Filter:
        key, sign, literal = parts
        compare, kind = _OPERATORS[sign.lower()], _type(literal)
        return lambda facts: any(compare(value, literal) for value in facts.values.get(key, ()) if _type(value) is kind)

    def service(self, parts: tuple[Token, str | None, Filter | None]) -> Filter:
        _, name, condition = parts
        return lambda facts: any(
            (name is None or service.first("name") == name) and (condition is None or condition(service))
            for service in facts.services
        )

    def ANNOTATION(self, token: Token) -> str:  # noqa: N802
        return "annotation." + token[len("annotation.") :].removesuffix("]")

    def BOOLEAN(self, token: Token) -> bool:  # noqa: N802
        return token.lower() == "true"

    def NUMBER(self, token: Token) -> float:  # noqa: N802
        return float(token)

    def STRING(self, token: Token) -> str:  # noqa: N802
        return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)


def _type(value: Value) -> type:
    return float if type(value) is int else type(value)
