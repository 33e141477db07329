"""Filter patterns: terms and JSON conditions, as a condition of SQL on a log event."""

import re

from lark import Lark, Token, Transformer, UnexpectedInput, v_args

from sandbox.aws_api.contract import ApiError, not_supported
from sandbox.logs.request import invalid
from sandbox.logs.sql import Parameters, json_pointer

_GRAMMAR = Lark(
    r"""
    ?terms: (TERM | EXCLUDED)* -> all_of | OPTIONAL+ -> any_of
    EXCLUDED: "-" TERM
    OPTIONAL: "?" TERM
    TERM: (/\w+/ | STRING) /(?!\S)/

    ?json: "{" disjunction "}"
    ?disjunction: conjunction ("||" conjunction)* -> any_of
    ?conjunction: condition ("&&" condition)* -> all_of
    ?condition: "(" disjunction ")" | comparison | order | constant | absent
    comparison: SELECTOR EQUALITY (NUMBER | STRING | WORD)
    order: SELECTOR ORDER NUMBER
    constant: SELECTOR "IS" CONSTANT
    absent: SELECTOR "NOT" "EXISTS"
    SELECTOR: "$" ("." /[\w-]+/ | "[" /[0-9]+/ "]")+
    EQUALITY: "=" | "!="
    ORDER: "<" | "<=" | ">" | ">="
    CONSTANT: "NULL" | "TRUE" | "FALSE"
    NUMBER.1: /[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?(?![\w.:*+-])/
    WORD: /[\w.:*+-]+/

    STRING: /"(\\.|[^"\\])*"/
    %ignore /\s+/
    """,
    parser="lalr",
    start=["terms", "json"],
)


def filter_condition(pattern: str, parameters: Parameters) -> str:
    """Return the condition that a log event's `message` fulfils if it matches the pattern.

    A condition on a JSON property is never fulfilled by an event without that property, nor by one that has an object
    or a list there; except for NOT EXISTS.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html

    Args:
        pattern: the filter pattern; an empty one matches every event.
        parameters: gets what the condition refers to.

    Raises:
        ApiError: InvalidParameterException, this is no pattern; NotImplementedException, one that is not supported.
    """
    pattern = pattern.strip()
    if pattern.startswith("["):
        raise not_supported("filter patterns for space-delimited events: [a, b, ...]")
    try:
        tree = _GRAMMAR.parse(pattern, start="json" if pattern.startswith("{") else "terms")
        return str(_Condition(parameters).transform(tree))
    except UnexpectedInput as error:
        raise _refusal(pattern, error) from None
    except RecursionError:
        raise invalid("Invalid filter pattern: nested too deeply.") from None


def _refusal(pattern: str, error: UnexpectedInput) -> ApiError:
    position = error.pos_in_stream if isinstance(error.pos_in_stream, int) else len(pattern)
    if "%" in pattern[position : position + 2]:
        return not_supported("regular expressions in filter patterns: %...%")
    return invalid(
        f"Invalid filter pattern: not understood from character {position + 1} on: {pattern[position:][:50]!r}. "
        "A term of other characters than letters, digits and _ goes into double quotes, and ?optional terms do not mix "
        "with others."
    )


def _unquoted(text: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", text[1:-1]) if text.startswith('"') else text


@v_args(inline=True)
class _Condition(Transformer[Token, str]):
    def __init__(self, parameters: Parameters) -> None:
        super().__init__()
        self._add = parameters.add

    def all_of(self, *conditions: str) -> str:
        return " AND ".join(conditions) or "true"

    def any_of(self, *conditions: str) -> str:
        return f"({' OR '.join(conditions)})"

    def TERM(self, token: Token) -> str:  # noqa: N802 - the terminals' names
        return self._contained(token)

    def OPTIONAL(self, token: Token) -> str:  # noqa: N802
        return self._contained(token[1:])

    def EXCLUDED(self, token: Token) -> str:  # noqa: N802
        return f"NOT {self._contained(token[1:])}"

    def comparison(self, selector: Token, operator: Token, value: Token) -> str:
        text = f"({self._leaf(selector)} ->> '$')"
        if value.type == "NUMBER":
            number = self._add(float(value))
            # A text that is no number differs from every number.
            equal = f"CASE WHEN {text} IS NOT NULL THEN as_number({text}) IS NOT DISTINCT FROM {number} END"
        else:
            regex = ".*".join(map(re.escape, _unquoted(value).split("*")))
            equal = f"regexp_full_match({text}, {self._add(regex)}, 's')"
        return equal if operator == "=" else f"NOT ({equal})"

    def order(self, selector: Token, operator: Token, value: Token) -> str:
        return f"as_number({self._leaf(selector)} ->> '$') {operator} {self._add(float(value))}"

    def constant(self, selector: Token, constant: Token) -> str:
        return f"{self._value(selector)} = {self._add(constant.lower())}"

    def absent(self, selector: Token) -> str:
        return f"(as_object(message) IS NOT NULL AND {self._value(selector)} IS NULL)"

    def _contained(self, term: str) -> str:
        text = _unquoted(term)
        # The documentation's pattern for every event is a blank in quotes.
        return f"contains(message, {self._add(text if text.strip() else '')})"

    def _leaf(self, selector: Token) -> str:
        return f"leaf(as_object(message), [{self._pointer(selector)}])"

    def _value(self, selector: Token) -> str:
        return f"json_extract(as_object(message), {self._pointer(selector)})::VARCHAR"

    def _pointer(self, selector: Token) -> str:
        return self._add(json_pointer(re.findall(r"[\w-]+", selector)))
