"""Expressions of the query language, as SQL: comparisons, arithmetic, functions, and what `stats` computes."""

import re
from typing import Literal, NamedTuple

from lark import Token, Tree

from sandbox.aws_api.contract import not_supported
from sandbox.logs.insights.fields import Expression, field
from sandbox.logs.insights.grammar import Node, malformed
from sandbox.logs.sql import Parameters

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class _Function(NamedTuple):
    arguments: Literal["text", "number"]
    least: int
    most: int
    kind: Literal["text", "number", "boolean"]
    sql: str


# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html
_FUNCTIONS = {
    "abs": _Function("number", 1, 1, "number", "abs({})"),
    "ceil": _Function("number", 1, 1, "number", "ceil({})"),
    "coalesce": _Function("text", 1, 99, "text", "coalesce({})"),
    "concat": _Function("text", 1, 99, "text", "concat({})"),
    "floor": _Function("number", 1, 1, "number", "floor({})"),
    "greatest": _Function("number", 1, 99, "number", "greatest({})"),
    "isblank": _Function("text", 1, 1, "boolean", r"NOT regexp_matches(coalesce({}, ''), '\S')"),
    "ispresent": _Function("text", 1, 1, "boolean", "({}) IS NOT NULL"),
    "least": _Function("number", 1, 99, "number", "least({})"),
    "strcontains": _Function("text", 2, 2, "boolean", "contains({})"),
    "strlen": _Function("text", 1, 1, "number", "length({})::DOUBLE"),
    "tolower": _Function("text", 1, 1, "text", "lower({})"),
    "toupper": _Function("text", 1, 1, "text", "upper({})"),
}
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Stats.html
_AGGREGATES = {
    "avg": _Function("number", 1, 1, "number", "avg({})"),
    "count": _Function("text", 0, 1, "number", "count({})::DOUBLE"),
    "count_distinct": _Function("text", 1, 1, "number", "count(DISTINCT {})::DOUBLE"),
    "max": _Function("number", 1, 1, "number", "max({})"),
    "min": _Function("number", 1, 1, "number", "min({})"),
    "sum": _Function("number", 1, 1, "number", "sum({})"),
}
_BY_TIME = {"earliest": "first", "latest": "last"}


def as_number(value: Expression) -> str:
    """Return the value as a DOUBLE; a text that is no number gives NULL."""
    return f"as_number({value.sql})" if value.kind == "text" else f"({value.sql})::DOUBLE"


def as_text(value: Expression) -> str:
    """Return the value as CloudWatch writes it."""
    match value.kind:
        case "number":
            return f"number_text({value.sql})"
        case "boolean":
            return f"({value.sql})::INTEGER::VARCHAR"
        case "time":
            return f"strftime(make_timestamp(({value.sql}) * 1000), '%Y-%m-%d %H:%M:%S.%g')"
        case "text":
            return value.sql


class Expressions:
    """Turns trees into SQL, where a name means what an earlier command has given it to."""

    def __init__(self, query: str, parameters: Parameters) -> None:
        """Make it.

        Args:
            query: the text that the trees are of.
            parameters: gets what the SQL refers to.
        """
        self.names: dict[str, Expression] = {}
        self.query = query
        self.parameters = parameters

    def title(self, tree: Node) -> str:
        """Return the name under which a result shows the expression: that of the field, else its text."""
        text = self.query[tree.meta.start_pos : tree.meta.end_pos]
        return text.strip("`") if tree.data == "field" else text

    def compile(self, tree: Node) -> Expression:
        """Return the expression.

        Raises:
            ApiError: MalformedQueryException, it makes no sense; NotImplementedException, it is not supported.
        """
        known = self.names.get(self.title(tree))
        if known:
            return known
        compiled: Expression = getattr(self, f"_{tree.data}")(*tree.children)
        return compiled

    def condition(self, tree: Node) -> str:
        """Return the expression, which must be true or false."""
        value = self.compile(tree)
        if value.kind != "boolean":
            raise malformed(f"{self.title(tree)} is no condition; compare it with something")
        return f"({value.sql})"

    def _field(self, name: Token) -> Expression:
        raise malformed(f"there is no field {name} here: it is neither grouped by nor the result of an aggregation")

    def _number(self, token: Token) -> Expression:
        return Expression(f"{self.parameters.add(float(token))}::DOUBLE", "number")

    def _string(self, token: Token) -> Expression:
        return Expression(f"{self.parameters.add(_unquoted(token))}::VARCHAR", "text")

    def _boolean(self, token: Token) -> Expression:
        return Expression(token.lower(), "boolean")

    def _any_of(self, *trees: Node) -> Expression:
        return Expression(" OR ".join(map(self.condition, trees)), "boolean")

    def _all_of(self, *trees: Node) -> Expression:
        return Expression(" AND ".join(map(self.condition, trees)), "boolean")

    def _negated(self, _not: Token, tree: Node) -> Expression:
        return Expression(f"NOT {self.condition(tree)}", "boolean")

    def _equality(self, left: Node, operator: Token, right: Node) -> Expression:
        a, b = self.compile(left), self.compile(right)
        if (a.kind, right.data) == ("time", "string") or (left.data, b.kind) == ("string", "time"):
            raise malformed("a time compares with milliseconds since 1970, not with a string")
        if a.kind == b.kind == "text":
            # Both may be numbers: 1 and 1.0 are one value.
            equal = f"coalesce({as_number(a)} = {as_number(b)}, {a.sql} = {b.sql})"
        else:
            # A text that is no number differs from every number; a field that is not there is neither equal nor not.
            both = f"({a.sql}) IS NOT NULL AND ({b.sql}) IS NOT NULL"
            equal = f"CASE WHEN {both} THEN {as_number(a)} IS NOT DISTINCT FROM {as_number(b)} END"
        return Expression(equal if operator == "=" else f"NOT ({equal})", "boolean")

    def _inequality(self, left: Node, operator: Token, right: Node) -> Expression:
        if "string" in (left.data, right.data):
            raise not_supported(f"the order of strings in Logs Insights: {operator} with a string")
        return Expression(f"{as_number(self.compile(left))} {operator} {as_number(self.compile(right))}", "boolean")

    def _contains(self, tree: Node, negation: Token | None, text: Token) -> Expression:
        found = f"contains({as_text(self.compile(tree))}, {self.parameters.add(_unquoted(text))})"
        return Expression(f"NOT {found}" if negation else found, "boolean")

    def _matches(self, tree: Node, negation: Token | None, regex: Token) -> Expression:
        found = f"regexp_matches({as_text(self.compile(tree))}, {self.parameters.add(regex[1:-1])})"
        return Expression(f"NOT {found}" if negation else found, "boolean")

    def _member(self, tree: Node, negation: Token | None, *items: Node) -> Expression:
        found = " OR ".join(f"({self._equality(tree, Token('EQUALITY', '='), item).sql})" for item in items)
        return Expression(f"NOT ({found})" if negation else found, "boolean")

    def _arithmetic(self, left: Node, operator: Token, right: Node) -> Expression:
        a, b = as_number(self.compile(left)), as_number(self.compile(right))
        # There is no quotient by zero.
        return Expression(f"({a} {operator} {f'nullif({b}, 0)' if operator in '/%' else b})", "number")

    def _negative(self, tree: Node) -> Expression:
        return Expression(f"(-{as_number(self.compile(tree))})", "number")

    def _call(self, name: Token, *trees: Node | None) -> Expression:
        function = _FUNCTIONS.get(name.lower())
        if function is None:
            raise not_supported(f"the Logs Insights function {name} here")
        return self._apply(name, function, self, trees)

    def _call_on_all(self, name: Token) -> Expression:
        raise malformed(f"{name}(*) is for the command stats")

    def _call_on_period(self, name: Token, _period: Token) -> Expression:
        raise malformed(f"{name} of a period is for log events: there is no @timestamp here")

    def _apply(
        self, name: Token, function: _Function, scope: "Expressions", trees: tuple[Node | None, ...]
    ) -> Expression:
        arguments = [scope.compile(tree) for tree in trees if tree]
        if not function.least <= len(arguments) <= function.most:
            raise malformed(f"{name} takes {function.least} to {function.most} arguments, not {len(arguments)}")
        if function.arguments == "number" and any(argument.kind == "time" for argument in arguments):
            raise not_supported(f"the Logs Insights function {name} of a time; earliest and latest take one")
        convert = as_number if function.arguments == "number" else as_text
        return Expression(f"({function.sql.format(', '.join(map(convert, arguments)))})", function.kind)


class EventExpressions(Expressions):
    """The same for log events: a name may also be that of a field."""

    def _field(self, name: Token) -> Expression:
        return field(name.strip("`"), self.parameters)

    def _call_on_period(self, name: Token, period: Token) -> Expression:
        if name.lower() != "bin":
            raise not_supported(f"the Logs Insights function {name} of a period")
        length, unit = re.findall(r"[0-9]+|[a-z]+", period)
        milliseconds = self.parameters.add(int(length) * _UNITS_MS[unit])
        return Expression(f"(time_ms // {milliseconds} * {milliseconds})", "time")


class Aggregations(Expressions):
    """The same for what `stats` gives for each group: a name is that of a group's key or of an earlier aggregation."""

    def __init__(self, events: Expressions) -> None:
        """Make it.

        Args:
            events: what the arguments of the aggregating functions are made of.
        """
        super().__init__(events.query, events.parameters)
        self._events = events

    def _call(self, name: Token, *trees: Node | None) -> Expression:
        match name.lower(), trees:
            case "count", (None,):
                return self._call_on_all(name)
            case "pct", (Tree() as tree, Tree(data="number", children=[Token() as percent])) if float(percent) <= 100:
                values, part = as_number(self._events.compile(tree)), self.parameters.add(float(percent) / 100)
                return Expression(f"quantile_cont({values}, {part}::DOUBLE)", "number")
            case "pct", _:
                raise malformed("pct takes a field and a number from 0 to 100")
            case "earliest" | "latest" as which, (Tree() as tree,):
                value = self._events.compile(tree)
                present = f"ORDER BY time_ms, ingested_ns) FILTER (({value.sql}) IS NOT NULL)"
                return Expression(f"{_BY_TIME[which]}({value.sql} {present}", value.kind)
            case function, _ if function in _AGGREGATES:
                return self._apply(name, _AGGREGATES[function], self._events, trees)
        return super()._call(name, *trees)

    def _call_on_all(self, name: Token) -> Expression:
        if name.lower() != "count":
            raise malformed(f"{name} takes a field, not *")
        return Expression("count(*)::DOUBLE", "number")


def _unquoted(token: Token) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1])
