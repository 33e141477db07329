"""Filter patterns: terms, and conditions on JSON, as a condition of SQL on a log event."""

from lark import Lark, Token, Transformer, UnexpectedInput, v_args

from sandbox.languages import refusal, unquoted
from sandbox.logs.sql import Parameters

_TERMS = Lark(
    r"""
    start: TERM* -> all_of
    TERM: /\w+(?!\S)/ | /"(\\.|[^"\\])*"(?!\S)/
    %ignore /\s+/
    """,
    parser="lalr",
)
_JSON = Lark(
    r"""
    start: "{" comparison ("&&" comparison)* "}" -> all_of
    ?comparison: SELECTOR EQUALITY TEXT -> text_comparison
        | SELECTOR (EQUALITY | ORDER) NUMBER -> number_comparison
    SELECTOR: "$" ("." /[\w-]+/)+
    EQUALITY: "=" | "!="
    ORDER: "<" | "<=" | ">" | ">="
    NUMBER: /[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?(?![\w.*])/
    TEXT: /"(\\.|[^"\\*])*"/
    %ignore /\s+/
    """,
    parser="lalr",
)
_SUPPORTED = (
    'words and "quoted phrases", which an event must all contain, or { $.field = "text" && $.other >= 1 } '
    "with =, !=, <, <=, > and >="
)


def filter_condition(pattern: str, parameters: Parameters) -> str:
    """Return the condition that a log event's `message` fulfils if it matches the pattern.

    A condition on a JSON property is never fulfilled by an event without that property, nor by one that has an object
    or a list there.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html

    Args:
        pattern: the filter pattern; an empty one matches every event.
        parameters: gets what the condition refers to.

    Raises:
        ApiError: InvalidParameterException, this is no pattern; NotImplementedException, one that is not supported.
    """
    try:
        tree = (_JSON if pattern.lstrip().startswith("{") else _TERMS).parse(pattern)
    except UnexpectedInput as error:
        raise refusal(error, pattern, "the filter pattern", _SUPPORTED, "InvalidParameterException") from None
    return str(_Condition(parameters).transform(tree))


@v_args(inline=True)
class _Condition(Transformer[Token, str]):
    def __init__(self, parameters: Parameters) -> None:
        super().__init__()
        self._add = parameters.add

    def all_of(self, *conditions: str) -> str:
        return " AND ".join(conditions) or "true"

    def TERM(self, token: Token) -> str:  # noqa: N802 - the terminal's name
        text = unquoted(token) if token.startswith('"') else str(token)
        # The documentation's pattern for every event is a blank in quotes.
        return f"contains(message, {self._add(text if text.strip() else '')})"

    def text_comparison(self, selector: Token, operator: Token, text: Token) -> str:
        return f"{self._value(selector)} {operator} {self._add(unquoted(text))}"

    def number_comparison(self, selector: Token, operator: Token, number: Token) -> str:
        value, literal = self._value(selector), self._add(float(number))
        if operator == "!=":
            # A text that is no number differs from every number.
            return f"({value} IS NOT NULL AND as_number({value}) IS DISTINCT FROM {literal})"
        return f"as_number({value}) {operator} {literal}"

    def _value(self, selector: Token) -> str:
        pointer = self._add(selector.removeprefix("$").replace(".", "/"))
        return f"leaf(as_object(message), {pointer})"
