"""A dashboard's body: what is wrong with it by CloudWatch's documentation, and what its widgets ask for.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

COLUMNS = 24


def syntax_errors(body: Any) -> list[str]:
    """Where the body is not of the documented syntax."""
    return sorted(f"{error.json_path}: {error.message}" for error in _validator().iter_errors(body))


def layout_errors(widgets: list[dict[str, Any]]) -> list[str]:
    """Where widgets have no place, lie on each other or beyond the grid, or do not come in the order of reading."""
    errors = [f"{_name(widget)} has no place" for widget in widgets if not {"x", "y", "width", "height"} <= set(widget)]
    if errors:
        return errors
    errors += [f"{_name(one)} is wider than the grid" for one in widgets if one["x"] + one["width"] > COLUMNS]
    errors += [f"{_name(one)} overlaps {_name(two)}" for one, two in combinations(widgets, 2) if _overlap(one, two)]
    errors += [
        f"{_name(later)} stands above {_name(earlier)}"
        for earlier, later in pairwise(widgets)
        if (later["y"], later["x"]) < (earlier["y"], earlier["x"])
    ]
    return errors


def uncovered(widgets: list[dict[str, Any]]) -> set[tuple[int, int]]:
    """The cells (x, y) of the grid, down to the last widget's end, on which no widget lies."""
    bottom = max(one["y"] + one["height"] for one in widgets)
    cells = {(x, y) for x in range(COLUMNS) for y in range(bottom)}
    return cells.difference(*({(x, y) for x in _span(one, "x") for y in _span(one, "y")} for one in widgets))


def with_variable(body: dict[str, Any], variable_id: str, value: str) -> dict[str, Any]:
    """The body as the console shows it once a reader has chosen the value of a pattern variable."""
    (variable,) = (one for one in body["variables"] if one["id"] == variable_id)
    assert variable["type"] == "pattern", f"{variable_id} is no pattern variable"
    inside_text = json.dumps(value)[1:-1]
    widgets = re.sub(variable["pattern"], lambda _: inside_text, json.dumps(body["widgets"]))
    return {**body, "widgets": json.loads(widgets)}


def metric_queries(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The MetricDataQueries that a metric widget's rows stand for.

    Raises:
        ValueError: a row is none.
    """
    rows = list(_complete_rows(properties["metrics"]))
    return [_query(*row, f"row{number}", properties) for number, row in enumerate(rows, 1)]


def log_query(query: str) -> tuple[list[str], str]:
    """The log groups of a log widget, and the query without them."""
    sources = re.match(r"(\s*SOURCE '[^']+'\s*\|\s*)+", query)
    assert sources, f"no log group in {query!r}"
    return re.findall(r"SOURCE '([^']+)'", sources[0]), query[sources.end() :]


def jsurl_text(encoded: str) -> str:
    """A text of the console's addresses, in which any character may be `*` and its hexadecimal number."""
    return re.sub(r"\*([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), encoded)


_Row = tuple[list[str], dict[str, Any]]


def _complete_rows(rows: list[list[Any]]) -> Iterator[_Row]:
    """Names and options of each row; a dot stands for what the last metric has in the same place."""
    last: list[str] = []
    for row in rows:
        names = row[:-1] if isinstance(row[-1], dict) else row
        options = row[-1] if isinstance(row[-1], dict) else {}
        if not all(isinstance(name, str) for name in names):
            raise ValueError(f"options before the end of the row {row}")
        if len(names) % 2 or "..." in names:
            raise ValueError(f"not a namespace, a name and dimensions with a value each: {row}")
        if any(name == "." and place >= len(last) for place, name in enumerate(names)):
            raise ValueError(f"a dot that repeats nothing: {row}")
        names = [last[place] if name == "." else name for place, name in enumerate(names)]
        last = names or last
        yield names, options


def _query(names: list[str], options: dict[str, Any], default_id: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    query: dict[str, Any] = {"Id": options.get("id", default_id), "ReturnData": options.get("visible", True)}
    period = options.get("period", defaults.get("period", 300))
    if not names:
        expression = options["expression"]
        # One that refers to other rows has their period.
        refers = "period" not in options and re.search(r"\b[a-z]", re.sub(r"'[^']*'", "", expression))
        return {**query, "Expression": expression, **({} if refers else {"Period": period})}
    namespace, name, *dimensions = names
    metric = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [
            {"Name": key, "Value": value} for key, value in zip(dimensions[::2], dimensions[1::2], strict=True)
        ],
    }
    statistic = options.get("stat", defaults.get("stat", "Average"))
    return {**query, "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic}}


@cache
def _validator() -> Draft202012Validator:
    schema = json.loads(Path(__file__).with_name("dashboard_body.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _span(widget: Mapping[str, int], start: str) -> range:
    return range(widget[start], widget[start] + widget[{"x": "width", "y": "height"}[start]])


def _overlap(one: Mapping[str, int], two: Mapping[str, int]) -> bool:
    return all(set(_span(one, start)) & set(_span(two, start)) for start in ("x", "y"))


def _name(widget: Mapping[str, Any]) -> str:
    properties = widget["properties"]
    return repr(properties.get("title", properties.get("markdown", "")[:30]))
