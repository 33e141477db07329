"""The grammar of the Logs Insights query language: a query's text as a tree, or the reason why not."""

import re
from typing import Any

from lark import Lark, Tree, UnexpectedInput

from sandbox.aws_api.contract import ApiError, not_supported

Node = Tree[Any]
"""A part of a query; which parts it has in turn, the grammar says."""

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
_REFUSED = re.compile(
    r"(anomaly|dedup|diff|filterindex|join|lookup|parse|pattern|source|unmask|unnest)\b", re.IGNORECASE
)
# A keyword ends where a field's name could not go on.
_GRAMMAR = Lark(
    r"""
    query: "|"? _command ("|" _command)*
    _command: fields | display | filter | stats | sort | limit
    fields: _FIELDS _items
    display: _DISPLAY _items
    filter: _FILTER expression
    stats: _STATS items [_BY items]
    sort: _SORT key ("," key)*
    limit: _LIMIT INTEGER

    items: _items
    _items: item ("," item)*
    item: expression [_AS NAME]
    key: expression [ORDER]

    ?expression: conjunction | conjunction (_OR conjunction)+ -> any_of
    ?conjunction: negation | negation (_AND negation)+ -> all_of
    ?negation: comparison | NOT negation -> negated
    ?comparison: sum
        | sum EQUALITY sum -> equality
        | sum INEQUALITY sum -> inequality
        | sum [NOT] _LIKE STRING -> contains
        | sum [NOT] (_LIKE | "=~") REGEX -> matches
        | sum [NOT] _IN "[" sum ("," sum)* "]" -> member
    ?sum: product | sum SIGN product -> arithmetic
    ?product: unary | product FACTOR unary -> arithmetic
    ?unary: atom | "-" unary -> negative
    ?atom: "(" expression ")"
        | NUMBER -> number
        | BOOLEAN -> boolean
        | STRING -> string
        | NAME -> field
        | NAME "(" [expression ("," expression)*] ")" -> call
        | NAME "(" "*" ")" -> call_on_all
        | NAME "(" PERIOD ")" -> call_on_period

    _FIELDS: /fields(?![\w@.])/i
    _DISPLAY: /display(?![\w@.])/i
    _FILTER: /filter(?![\w@.])/i
    _STATS: /stats(?![\w@.])/i
    _SORT: /sort(?![\w@.])/i
    _LIMIT: /limit(?![\w@.])/i
    _BY.1: /by(?![\w@.])/i
    _AS.1: /as(?![\w@.])/i
    _OR.1: /or(?![\w@.])/i
    _AND.1: /and(?![\w@.])/i
    NOT.1: /not(?![\w@.])/i
    _LIKE.1: /like(?![\w@.])/i
    _IN.1: /in(?![\w@.])/i
    ORDER.1: /(asc|desc)(?![\w@.])/i
    BOOLEAN.1: /(true|false)(?![\w@.])/i
    EQUALITY: /!=|=(?!~)/
    INEQUALITY: "<" | "<=" | ">" | ">="
    SIGN: "+" | "-"
    FACTOR: "*" | "/" | "%"
    INTEGER: /[0-9]+/
    NUMBER: /[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?/
    PERIOD.1: /[1-9][0-9]*(ms|s|m|h|d)/
    NAME: /[@A-Za-z_][\w@.]*/ | /`[^`]+`/
    STRING: /"(\\.|[^"\\])*"/ | /'(\\.|[^'\\])*'/
    REGEX: /\/(\\.|[^\/\\])+\//
    %ignore /\s+/
    %ignore /#[^\n]*/
    """,
    parser="lalr",
    start="query",
    propagate_positions=True,
    maybe_placeholders=True,
)


def malformed(message: str) -> ApiError:
    """Return the error for a query that makes no sense."""
    return ApiError("MalformedQueryException", message)


def parse(query: str) -> Node:
    """Return the query's tree.

    Raises:
        ApiError: MalformedQueryException, this is no query; NotImplementedException, it has a command that is not
            supported.
    """
    try:
        return _GRAMMAR.parse(query)
    except UnexpectedInput as error:
        position = error.pos_in_stream if isinstance(error.pos_in_stream, int) else len(query)
        refused = _REFUSED.match(query, position)
        if refused:
            raise not_supported(f"the Logs Insights command {refused[0]}") from None
        rest = query[position : position + 50]
        raise malformed(f"the query is not understood from character {position + 1} on: {rest!r}") from None
