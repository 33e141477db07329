"""Values and conditions of the query language, and what `stats` computes, as SQL."""

import re
from dataclasses import dataclass

from lark import Token, Tree

from sandbox.aws_api.contract import not_supported
from sandbox.languages import unquoted
from sandbox.logs.insights.fields import Expression, field
from sandbox.logs.insights.grammar import Node, malformed
from sandbox.logs.sql import Parameters

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def as_number(value: Expression) -> str:
    """Return the value as a DOUBLE; a text that is no number gives NULL."""
    return f"as_number({value.sql})" if value.kind == "text" else f"({value.sql})::DOUBLE"


def as_text(value: Expression) -> str:
    """Return the value as CloudWatch writes it."""
    match value.kind:
        case "number":
            return f"number_text({value.sql})"
        case "time":
            return f"strftime(make_timestamp(({value.sql}) * 1000), '%Y-%m-%d %H:%M:%S.%g')"
        case "text":
            return value.sql


@dataclass(frozen=True)
class Scope:
    """What a name means at one point of the query; turns the trees there into SQL.

    Attributes:
        query: the text that the trees are of.
        parameters: gets what the SQL refers to.
        names: the names that earlier commands have given.
        has_events: whether there are log events at this point, so that every other name is that of a field. After
            `stats` there are none.
    """

    query: str
    parameters: Parameters
    names: dict[str, Expression]
    has_events: bool

    def title(self, tree: Node) -> str:
        """Return the name under which a result shows the value: its text."""
        return self.query[tree.meta.start_pos : tree.meta.end_pos]

    def value(self, tree: Node) -> Expression:
        """Return a value.

        Raises:
            ApiError: MalformedQueryException, it makes no sense; NotImplementedException, it is not supported.
        """
        title = self.title(tree)
        if title in self.names:
            return self.names[title]
        match tree.data, tree.children:
            case "number", [Token() as token]:
                return Expression(f"{self.parameters.add(float(token))}::DOUBLE", "number")
            case "boolean", [Token() as token]:
                # As JSON's booleans are.
                return Expression("1::DOUBLE" if token.lower() == "true" else "0::DOUBLE", "number")
            case "string", [Token() as token]:
                return Expression(f"{self.parameters.add(unquoted(token))}::VARCHAR", "text")
            case ("field", _) | ("call", _) if not self.has_events:
                raise malformed(f"There is no {title} here: it is neither grouped by nor the result of an aggregation.")
            case "field", [Token() as name]:
                return field(name, self.parameters)
            case "call", [Token() as name, Token(type="PERIOD") as period] if name.lower() == "bin":
                length, unit = re.findall("[0-9]+|[a-z]+", period)
                milliseconds = self.parameters.add(int(length) * _UNITS_MS[unit])
                return Expression(f"(time_ms // {milliseconds} * {milliseconds})", "time")
        raise not_supported(f"the Logs Insights function {title} here: use bin(PERIOD)")

    def condition(self, tree: Node) -> str:
        """Return a condition. A field that is not there is neither equal nor different, neither like nor unlike.

        Raises:
            ApiError: as `value`.
        """
        match tree.data, tree.children:
            case "any_of", conditions:
                return f"({' OR '.join(map(self.condition, conditions))})"
            case "all_of", conditions:
                return f"({' AND '.join(map(self.condition, conditions))})"
            case "negated", [condition]:
                return f"(NOT {self.condition(condition)})"
            case "comparison", [left, Token(type="EQUALITY") as operator, right]:
                equal = self._equal(left, right)
                return equal if operator == "=" else f"(NOT {equal})"
            case "comparison", [left, operator, right]:
                if "string" in (left.data, right.data):
                    raise not_supported(f"the order of strings in Logs Insights: {self.title(tree)}")
                return f"({as_number(self.value(left))} {operator} {as_number(self.value(right))})"
            case "like", [value, Token() as pattern]:
                return self._like(value, pattern)
            case "not_like", [value, Token() as pattern]:
                return f"(NOT {self._like(value, pattern)})"
            case "member", [value, *items]:
                return self._member(value, items)
            case "not_member", [value, *items]:
                return f"(NOT {self._member(value, items)})"
        (call,) = tree.children
        match call.children:
            case [Token() as name, Tree() as value] if name.lower() == "ispresent":
                return f"({self.value(value).sql} IS NOT NULL)"
        raise not_supported(f"the Logs Insights function {self.title(call)} as a condition: use ispresent(FIELD)")

    def extractions(self, tree: Node, pattern: Token) -> dict[str, Expression]:
        """Return what each named group of a regular expression finds in the value, by the group's name.

        Raises:
            ApiError: as `value`; MalformedQueryException, the expression is none or has no such group.
        """
        # What Python calls such a group, RE2 knows as well.
        named = re.sub(r"\(\?<(?=\w)", "(?P<", pattern[1:-1])
        try:
            groups = re.compile(named).groupindex
        except re.error as error:
            raise malformed(f"The regular expression {pattern} cannot be used: {error}.") from None
        if not groups:
            raise malformed(f"parse takes a regular expression with named groups, (?<NAME>...), not {pattern}.")
        text, expression = as_text(self.value(tree)), self.parameters.add(named)
        return {
            name: Expression(f"nullif(regexp_extract({text}, {expression}, {number}), '')", "text")
            for name, number in groups.items()
        }

    def aggregation(self, tree: Node) -> Expression:
        """Return what `stats` computes of the events of a group.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Stats.html

        Raises:
            ApiError: as `value`.
        """
        name, *arguments = tree.children
        match str(name).lower(), arguments:
            case "count", [] | [Token(type="STAR")]:
                return Expression("count(*)::DOUBLE", "number")
            case "count", [Tree() as value]:
                return Expression(f"count({self.value(value).sql})::DOUBLE", "number")
            case "avg" | "max" | "min" | "sum" as function, [Tree() as value]:
                return Expression(f"{function}({self._figure(value)})", "number")
            case "pct", [Tree() as value, Tree(data="number", children=[Token() as percent])]:
                part = float(percent) / 100
                if not 0 <= part <= 1:
                    raise malformed(f"pct takes a field and a number from 0 to 100, not {percent}.")
                figures = self._figure(value)
                return Expression(f"quantile_cont({figures}, {self.parameters.add(part)}::DOUBLE)", "number")
            case "pct", _:
                raise malformed("pct takes a field and a number from 0 to 100.")
            case "avg" | "count" | "max" | "min" | "sum", _:
                raise malformed(f"{name} takes one field, not {self.title(tree)}.")
        raise not_supported(
            f"{self.title(tree)} in the Logs Insights command stats: use avg, count, max, min, pct or sum"
        )

    def _figure(self, tree: Node) -> str:
        value = self.value(tree)
        if value.kind == "time":
            raise not_supported(f"aggregations of a time in Logs Insights: {self.title(tree)}")
        return as_number(value)

    def _equal(self, left: Node, right: Node) -> str:
        a, b = self.value(left), self.value(right)
        if (a.kind, right.data) == ("time", "string") or (left.data, b.kind) == ("string", "time"):
            raise malformed("A time compares with milliseconds since 1970, not with a string.")
        if a.kind == b.kind == "text":
            # Both may be numbers: 1 and 1.0 are one value.
            return f"coalesce({as_number(a)} = {as_number(b)}, {a.sql} = {b.sql})"
        # A text that is no number differs from every number.
        both = f"({a.sql}) IS NOT NULL AND ({b.sql}) IS NOT NULL"
        return f"(CASE WHEN {both} THEN {as_number(a)} IS NOT DISTINCT FROM {as_number(b)} END)"

    def _like(self, tree: Node, pattern: Token) -> str:
        text = as_text(self.value(tree))
        if pattern.type == "REGEX":
            return f"regexp_matches({text}, {self.parameters.add(pattern[1:-1])})"
        return f"contains({text}, {self.parameters.add(unquoted(pattern))})"

    def _member(self, tree: Node, items: list[Node]) -> str:
        return f"({' OR '.join(self._equal(tree, item) for item in items)})"
