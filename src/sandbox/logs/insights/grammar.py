"""The grammar of the sandbox's part of the Logs Insights query language: a query's text as a tree."""

from typing import Any

from lark import Lark, Tree, UnexpectedInput, UnexpectedToken

from sandbox.aws_api.contract import ApiError, not_supported
from sandbox.languages import refusal

Node = Tree[Any]
"""A part of a query; the grammar says which parts it has in turn."""

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
# A keyword ends where a field's name could not go on. Longer whole numbers overflow DuckDB's, or Python's own limit.
_GRAMMAR = Lark(
    r"""
    query: "|"? _command ("|" _command)*
    _command: fields | filter | parse | stats | sort | limit
    fields: _FIELDS _items
    filter: _FILTER condition
    parse: _PARSE value (REGEX | STRING _AS NAME ("," NAME)*)
    stats: _STATS items [_BY items]
    sort: _SORT key ("," key)*
    limit: _LIMIT INTEGER

    items: _items
    _items: item ("," item)*
    item: value [_AS NAME]
    key: value [ORDER]

    ?condition: conjunction | conjunction (_OR conjunction)+ -> any_of
    ?conjunction: negation | negation (_AND negation)+ -> all_of
    ?negation: test | _NOT negation -> negated
    ?test: "(" condition ")"
        | value (EQUALITY | ORDERING) value -> comparison
        | value _LIKE (STRING | REGEX) -> like
        | value _NOT _LIKE (STRING | REGEX) -> not_like
        | value _IN "[" value ("," value)* "]" -> member
        | value _NOT _IN "[" value ("," value)* "]" -> not_member
        | call -> predicate

    ?value: NUMBER -> number
        | BOOLEAN -> boolean
        | STRING -> string
        | NAME -> field
        | call
    call: NAME "(" [_argument ("," _argument)*] ")"
    _argument: value | STAR | PERIOD

    _FIELDS: /fields(?![\w@.])/i
    _FILTER: /filter(?![\w@.])/i
    _PARSE: /parse(?![\w@.])/i
    _STATS: /stats(?![\w@.])/i
    _SORT: /sort(?![\w@.])/i
    _LIMIT: /limit(?![\w@.])/i
    _BY.1: /by(?![\w@.])/i
    _AS.1: /as(?![\w@.])/i
    _OR.1: /or(?![\w@.])/i
    _AND.1: /and(?![\w@.])/i
    _NOT.1: /not(?![\w@.])/i
    _LIKE.1: /like(?![\w@.])/i
    _IN.1: /in(?![\w@.])/i
    ORDER.1: /(asc|desc)(?![\w@.])/i
    BOOLEAN.1: /(true|false)(?![\w@.])/i
    EQUALITY: /!=|=(?!~)/
    ORDERING: "<" | "<=" | ">" | ">="
    STAR: "*"
    INTEGER: /[0-9]{1,9}/
    NUMBER: /-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?/
    PERIOD.1: /[1-9][0-9]{0,8}(ms|s|m|h|d)/
    NAME: /[@A-Za-z_][\w@.]*/
    STRING: /"(\\.|[^"\\])*"/ | /'(\\.|[^'\\])*'/
    REGEX: /\/(\\.|[^\/\\])+\//
    %ignore /\s+/
    """,
    parser="lalr",
    start="query",
    propagate_positions=True,
    maybe_placeholders=True,
)
# DuckDB needs some milliseconds for each, and other queries wait meanwhile.
_MOST_WORDS = 500
_SUPPORTED = "the commands fields, filter, parse with a regular expression, stats, sort and limit; no arithmetic"


def malformed(message: str) -> ApiError:
    """Return the error for a query that makes no sense."""
    return ApiError("MalformedQueryException", message)


def parse(query: str) -> list[Node]:
    """Return the trees of the query's commands.

    Raises:
        ApiError: MalformedQueryException, this is no query; NotImplementedException, it has a command or another part
            that is not supported, or more than 500 names and values.
    """
    try:
        tree = _GRAMMAR.parse(query)
    except UnexpectedInput as error:
        if isinstance(error, UnexpectedToken) and error.token.type == "NAME" and "_FIELDS" in error.expected:
            raise not_supported(f"the Logs Insights command {error.token}. It supports {_SUPPORTED}") from None
        raise refusal(error, query, "the query", _SUPPORTED, "MalformedQueryException") from None
    if sum(1 for _ in tree.scan_values(lambda _: True)) > _MOST_WORDS:
        raise not_supported(f"a Logs Insights query of more than {_MOST_WORDS} names and values")
    commands: list[Any] = tree.children
    return commands
