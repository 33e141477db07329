"""The commands of a query, one after the other, as one statement of SQL: each is a relation made of the one before."""
# ruff: noqa: S608 - of what a client has sent, only parameters' names and whole numbers get into the text.

from dataclasses import dataclass

from lark import Token

from sandbox.aws_api.contract import not_supported
from sandbox.logs.insights.expressions import Aggregations, EventExpressions, Expressions, as_number, as_text
from sandbox.logs.insights.fields import EVENTS, Expression, field
from sandbox.logs.insights.grammar import Node, malformed, parse
from sandbox.logs.sql import Parameters

MOST_RESULTS = 10_000
"""How many rows a result has at most, and how many it has if nobody asks for fewer."""


@dataclass(frozen=True)
class Statements:
    """What a query comes to.

    Attributes:
        titles: the names of the result's fields.
        results: SQL that gives a row of texts for each result, NULL where there is no such field; for log events, with
            `@ptr` at the end.
        statistics: SQL that gives one row: events that fulfilled the query's conditions, events read, and their bytes.
        parameters: of both.
    """

    titles: list[str]
    results: str
    statistics: str
    parameters: Parameters


def translate(query: str, groups: list[str], start_ms: int, end_ms: int, limit: int) -> Statements:
    """Turn a query into SQL.

    Args:
        query: the text.
        groups: the log groups that it reads.
        start_ms: the first millisecond since 1970 (UTC) that it reads.
        end_ms: the millisecond after the last one.
        limit: how many rows the result may have.

    Raises:
        ApiError: MalformedQueryException, it makes no sense; NotImplementedException, it is not supported.
    """
    pipeline = _Pipeline(query, groups, start_ms, end_ms)
    for command in parse(query).children:
        pipeline.add(command)
    return pipeline.statements(limit)


class _Pipeline:
    def __init__(self, query: str, groups: list[str], start_ms: int, end_ms: int) -> None:
        self._parameters = Parameters()
        add = self._parameters.add
        self._scope: Expressions = EventExpressions(query, self._parameters)
        self._relations = [
            f"{EVENTS} WHERE list_contains({add(groups)}, log_group) "
            f"AND time_ms >= {add(start_ms)} AND time_ms < {add(end_ms)}"
        ]
        self._columns = 0
        self._order: list[str] = []
        self._default_order = ["time_ms DESC", "ingested_ns DESC"]
        self._shown: dict[str, Expression] = {}
        self._displayed = self._grouped = self._limited = False
        # The relation of the events that fulfil the conditions, once something else is made of them.
        self._matched: str | None = None

    def add(self, command: Node) -> None:
        if self._limited and command.data not in ("fields", "display"):
            raise not_supported(f"the Logs Insights command {command.data} after limit")
        if self._grouped and command.data in ("fields", "stats"):
            raise not_supported(f"the Logs Insights command {command.data} after stats")
        getattr(self, f"_{command.data}")(*command.children)

    def statements(self, limit: int) -> Statements:
        shown = dict(self._shown) or {name: field(name, self._parameters) for name in ("@timestamp", "@message")}
        if not self._grouped:
            shown["@ptr"] = field("@ptr", self._parameters)
        relations = ", ".join(f"r{number} AS ({relation})" for number, relation in enumerate(self._relations))
        return Statements(
            titles=list(shown),
            results=f"WITH {relations} SELECT {', '.join(map(as_text, shown.values()))} FROM {self._last} "
            f"ORDER BY {self._whole_order} LIMIT {limit}",
            statistics=f"WITH {relations} SELECT (SELECT count(*) FROM {self._matched or self._last}), "
            "(SELECT count(*) FROM r0), (SELECT coalesce(sum(strlen(message)), 0) FROM r0)",
            parameters=self._parameters,
        )

    def _fields(self, *items: Node) -> None:
        for title, value in map(self._item, items):
            if not self._displayed:
                self._shown[title] = value

    def _display(self, *items: Node) -> None:
        self._shown, self._displayed = dict(map(self._item, items)), True

    def _item(self, item: Node) -> tuple[str, Expression]:
        tree, alias = _parts(item)
        title = alias or self._scope.title(tree)
        self._scope.names[title] = value = self._column(self._scope.compile(tree))
        return title, value

    def _filter(self, condition: Node) -> None:
        self._relations.append(f"SELECT * FROM {self._last} WHERE {self._scope.condition(condition)}")

    def _sort(self, *keys: Node) -> None:
        self._order = []
        for key in keys:
            tree, direction = _parts(key)
            descending = direction is not None and direction.lower() == "desc"
            order = "DESC" if descending else "ASC"
            value = self._column(self._scope.compile(tree))
            if value.kind == "text":
                # Numbers come after all other values; an event without the field comes last in both directions.
                number = self._column(Expression(as_number(value), "number"))
                self._order.append(f"{value.sql} IS NULL")
                self._order.append(f"{number.sql} {order} NULLS {'LAST' if descending else 'FIRST'}")
            self._order.append(f"{value.sql} {order} NULLS LAST")

    def _limit(self, token: Token) -> None:
        if not 1 <= int(token) <= MOST_RESULTS:
            raise malformed(f"limit takes a number from 1 to {MOST_RESULTS}, not {token[:20]}")
        self._matched = self._matched or self._last
        self._relations.append(f"SELECT * FROM {self._last} ORDER BY {self._whole_order} LIMIT {int(token)}")
        self._limited = True

    def _stats(self, items: Node, by: Node | None) -> None:
        self._matched = self._last
        groups = {}
        for item in by.children if by else ():
            tree, alias = _parts(item)
            groups[alias or self._scope.title(tree)] = self._column(self._scope.compile(tree))
        aggregations = Aggregations(self._scope)
        aggregations.names |= groups
        selected = [group.sql for group in groups.values()]
        self._shown = dict(groups)
        for item in items.children:
            tree, alias = _parts(item)
            title = alias or aggregations.title(tree)
            value = aggregations.compile(tree)
            aggregations.names[title] = value
            self._columns += 1
            selected.append(f"{value.sql} AS c{self._columns}")
            self._shown[title] = Expression(f"c{self._columns}", value.kind)
        keys = ", ".join(group.sql for group in groups.values())
        grouping = f"GROUP BY {keys}" if keys else "HAVING count(*) > 0"
        self._relations.append(f"SELECT {', '.join(selected)} FROM {self._last} {grouping}")
        self._scope = Expressions(self._scope.query, self._parameters)
        self._scope.names |= self._shown
        self._order, self._default_order = [], [value.sql for value in self._shown.values()]
        self._displayed, self._grouped = False, True

    def _column(self, value: Expression) -> Expression:
        """Make a column of the value, so that it is computed once and outlasts a change of the names."""
        self._columns += 1
        self._relations.append(f"SELECT *, {value.sql} AS c{self._columns} FROM {self._last}")
        return Expression(f"c{self._columns}", value.kind)

    @property
    def _last(self) -> str:
        return f"r{len(self._relations) - 1}"

    @property
    def _whole_order(self) -> str:
        return ", ".join([*self._order, *self._default_order])


def _parts(tree: Node) -> tuple[Node, str | None]:
    """Return the expression of an item or of a key of `sort`, and what follows it: a name or a direction."""
    expression, rest = tree.children
    return expression, str(rest).strip("`") if rest else None
