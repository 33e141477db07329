"""SEARCH: which metrics a search expression finds.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
"""

import re
from collections.abc import Callable

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput

from sandbox.aws_api.contract import ApiError
from sandbox.cloudwatch.metrics import Metric

_GRAMMAR = Lark(
    r"""
    start: schema ","? disjunction? | disjunction
    schema: "{" _schema_name ("," _schema_name)* "}"
    _schema_name: QUOTED | SCHEMA_WORD
    ?disjunction: conjunction (_OR conjunction)*
    ?conjunction: negation (_AND? negation)*
    ?negation: term | _NOT negation -> without
    ?term: "(" disjunction ")" | _text -> anything | _text "=" _text -> property
    _text: QUOTED | WORD
    _OR.2: /OR(?![^\s()"=])/
    _AND.2: /AND(?![^\s()"=])/
    _NOT.2: /NOT(?![^\s()"=])/
    QUOTED: /"(?:[^"\\]|\\.)+"/
    WORD: /[^\s()"={},][^\s()"=]*/
    SCHEMA_WORD: /[^\s{},"]+/
    %ignore /\s+/
    """,
    parser="lalr",
)
# A name's tokens begin at its capital letters, at its digits and after its other characters.
_TOKENS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_RUNS = re.compile(r"[A-Za-z0-9]+")

_Condition = Callable[[Metric], bool]


def parse_search(text: str) -> Callable[[Metric], bool]:
    """Return what tells whether a search finds a metric.

    Args:
        text: SEARCH's first argument: `{Namespace,Dimension,...}`, search terms, or both.

    Raises:
        ApiError: the text is none.
    """
    try:
        return _Conditions().transform(_GRAMMAR.parse(text))
    except UnexpectedInput as error:
        problem = f"syntax error at character {error.column}"
    except RecursionError:
        problem = "too many parentheses within each other"
    raise ApiError("ValidationError", f"Error in the search {text!r}: {problem}")


@v_args(inline=True)
class _Conditions(Transformer[Token, _Condition]):
    def start(self, *conditions: _Condition) -> _Condition:
        return lambda metric: all(condition(metric) for condition in conditions)

    conjunction = start

    def disjunction(self, *conditions: _Condition) -> _Condition:
        return lambda metric: any(condition(metric) for condition in conditions)

    def without(self, condition: _Condition) -> _Condition:
        return lambda metric: not condition(metric)

    def schema(self, namespace: Token, *names: Token) -> _Condition:
        of_namespace = _plain(namespace)
        dimensions = sorted(_plain(name) for name in names)
        return lambda metric: (
            metric.namespace == of_namespace
            and (not dimensions or dimensions == [name for name, _ in metric.dimensions])
        )

    def anything(self, term: Token) -> _Condition:
        return lambda metric: any(
            _matches(term, text)
            for text in (metric.namespace, metric.name, *(text for pair in metric.dimensions for text in pair))
        )

    def property(self, name: Token, term: Token) -> _Condition:
        match _plain(name):
            case "Namespace":
                return lambda metric: _matches(term, metric.namespace)
            case "MetricName":
                return lambda metric: _matches(term, metric.name)
            case dimension:
                return lambda metric: any(
                    name == dimension and _matches(term, value) for name, value in metric.dimensions
                )


def _plain(token: Token) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.type == "QUOTED" else str(token)


def _matches(term: Token, text: str) -> bool:
    """Tell whether a term is this text, if it is quoted, or else whether the text has the term's tokens in a row.

    Case matters where several tokens make one word (CustomCount is not customcount), and nowhere else.
    """
    if term.type == "QUOTED":
        return _plain(term) == text
    found = _TOKENS.findall(text)
    wanted = [(token, len(word) > 1) for word in map(_TOKENS.findall, _RUNS.findall(term)) for token in word]
    if "".join(found).lower() == "".join(token for token, _ in wanted).lower():
        return bool(found)
    rows = zip(*(found[place:] for place in range(len(wanted))), strict=False)
    return any(
        all(
            token == other or (not case and token.lower() == other.lower())
            for (token, case), other in zip(wanted, row, strict=True)
        )
        for row in rows
    )
