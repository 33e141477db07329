"""The commands of a query as one statement of SQL, in which each relation is made of the one before."""
# ruff: noqa: S608 - of what a client has sent, only parameters' names and whole numbers get into the text.

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from lark import Token

from sandbox.aws_api.contract import not_supported
from sandbox.logs.insights.expressions import Scope, as_number, as_text
from sandbox.logs.insights.fields import EVENTS, Expression, field
from sandbox.logs.insights.grammar import Node, malformed, parse
from sandbox.logs.logs import EVENT_ID
from sandbox.logs.sql import Parameters

MOST_RESULTS = 10_000
"""How many rows a result has at most, and how many it has if the query asks for no fewer."""
_NOT_AFTER = {"stats": {"fields", "parse", "stats"}, "limit": {"filter", "limit", "sort", "stats"}}


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


def translate(query: str, groups: list[str], start_ms: int, end_ms: int) -> Statements:
    """Turn a query into SQL.

    Args:
        query: the text.
        groups: the log groups that it reads.
        start_ms: the first millisecond since 1970 (UTC) that it reads.
        end_ms: the millisecond after the last one.

    Raises:
        ApiError: MalformedQueryException, it makes no sense; NotImplementedException, it is not supported.
    """
    parameters = Parameters()
    add = parameters.add
    pipeline = _Pipeline(
        Scope(query, parameters, names={}, has_events=True),
        f"{EVENTS} WHERE list_contains({add(groups)}, log_group) "
        f"AND time_ms >= {add(start_ms)} AND time_ms < {add(end_ms)}",
    )
    earlier: list[str] = []
    for command in parse(query):
        for before in earlier:
            if command.data in _NOT_AFTER.get(before, ()):
                raise not_supported(f"the Logs Insights command {command.data} after {before}")
        earlier.append(command.data)
        match command.data, command.children:
            case "fields", items:
                pipeline.fields(items)
            case "filter", [condition]:
                pipeline.filter(condition)
            case "parse", [tree, Token(type="REGEX") as pattern]:
                pipeline.parse(tree, pattern)
            case "parse", _:
                raise not_supported("the Logs Insights command parse with a string: use a regular expression")
            case "stats", [aggregations, keys]:
                pipeline.stats(aggregations.children, keys.children if keys else [])
            case "sort", keys:
                pipeline.sort(keys)
            case "limit", [Token() as number]:
                pipeline.limit(int(number))
    return pipeline.statements()


class _Pipeline:
    """What the commands so far have made: relations, and how their last one is shown."""

    def __init__(self, scope: Scope, events: str) -> None:
        self._scope = scope
        # By name. Each is made of the one before.
        self._relations = {"events": events}
        # What a row of the result shows, by title.
        self._shown: dict[str, Expression] = {}
        # `@ptr`, which only log events have.
        self._pointer = {"@ptr": Expression(EVENT_ID, "text")}
        # What `parse` has found; AWS shows it in places that are not documented.
        self._parsed: set[str] = set()
        self._order: list[str] = []
        self._default_order = ["time_ms DESC", "ingested_ns DESC"]

    def fields(self, items: Sequence[Node]) -> None:
        """Show these values, too, and give them their names."""
        for item in items:
            tree, title = self._named(item)
            self._scope.names[title] = self._shown[title] = self._scope.value(tree)

    def filter(self, condition: Node) -> None:
        """Keep what fulfils the condition."""
        kept = self._scope.condition(condition)
        if self._last.startswith("filter"):
            # Not a relation of its own: DuckDB takes the square of their number, and more, to plan.
            self._relations[self._last] += f" AND {kept}"
        else:
            self._add("filter", f"SELECT * FROM {self._last} WHERE {kept}")

    def parse(self, tree: Node, pattern: Token) -> None:
        """Give names to what the named groups of a regular expression find. Without a match they have no value.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Parse.html
        """
        found = self._scope.extractions(tree, pattern)
        self._scope.names.update(found)
        self._parsed.update(found)

    def stats(self, aggregations: Sequence[Node], keys: Sequence[Node]) -> None:
        """Make a row for each group of events; its columns are the keys and the aggregations."""
        values = {title: self._scope.value(tree) for tree, title in map(self._named, keys)}
        values |= {title: self._scope.aggregation(tree) for tree, title in map(self._named, aggregations)}
        columns = {title: replace(value, sql=f"c{number}") for number, (title, value) in enumerate(values.items())}
        selected = ", ".join(f"{value.sql} AS {columns[title].sql}" for title, value in values.items())
        # Without keys and without events there is no row either.
        self._add("stats", f"SELECT {selected} FROM {self._last} GROUP BY ALL HAVING count(*) > 0")
        self._scope = replace(self._scope, names=columns, has_events=False)
        self._shown, self._pointer, self._parsed = columns, {}, set()
        self._order, self._default_order = [], [column.sql for column in columns.values()]

    def sort(self, keys: Sequence[Node]) -> None:
        """Order the rows; those without the value come last in both directions."""
        self._order = []
        for key in keys:
            tree, direction = key.children
            order, numbers = ("DESC", "LAST") if str(direction).lower() == "desc" else ("ASC", "FIRST")
            value = self._scope.value(tree)
            if value.kind == "text":
                # Numbers come after all other values, in their own order.
                self._order += [f"{value.sql} IS NULL", f"{as_number(value)} {order} NULLS {numbers}"]
            self._order.append(f"{value.sql} {order} NULLS LAST")

    def limit(self, number: int) -> None:
        """Keep the first rows."""
        if not 1 <= number <= MOST_RESULTS:
            raise malformed(f"limit takes a number from 1 to {MOST_RESULTS}, not {number}.")
        self._add("limit", f"SELECT * FROM {self._last} ORDER BY {self._whole_order} LIMIT {number}")

    def statements(self) -> Statements:
        """Return the statements for the result and for its statistics."""
        if unseen := self._parsed - self._shown.keys():
            raise not_supported(f"the Logs Insights command parse without fields {', '.join(sorted(unseen))} after it")
        parameters = self._scope.parameters
        shown = self._shown or {name: field(name, parameters) for name in ("@timestamp", "@message")}
        shown = {**shown, **self._pointer}
        relations = ", ".join(f"{name} AS ({relation})" for name, relation in self._relations.items())
        *_, matched = takewhile(lambda name: name.startswith(("events", "filter")), self._relations)
        return Statements(
            titles=list(shown),
            results=f"WITH {relations} SELECT {', '.join(map(as_text, shown.values()))} FROM {self._last} "
            f"ORDER BY {self._whole_order} LIMIT {MOST_RESULTS}",
            statistics=f"WITH {relations} SELECT (SELECT count(*) FROM {matched}), "
            "(SELECT count(*) FROM events), (SELECT coalesce(sum(strlen(message)), 0) FROM events)",
            parameters=parameters,
        )

    def _add(self, command: str, relation: str) -> None:
        self._relations[f"{command}_{len(self._relations)}"] = relation

    def _named(self, item: Node) -> tuple[Node, str]:
        tree, alias = item.children
        return tree, str(alias or self._scope.title(tree))

    @property
    def _last(self) -> str:
        return list(self._relations)[-1]

    @property
    def _whole_order(self) -> str:
        return ", ".join([*self._order, *self._default_order])
