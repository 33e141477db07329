"""The checks of a dashboard's body against bodies that are good, and bodies with one fault each."""

import json
import re
from collections.abc import Iterator
from functools import reduce
from typing import Any

import pytest

from dashboard_body import (
    jsurl_text,
    layout_errors,
    log_query,
    metric_queries,
    syntax_errors,
    uncovered,
    with_variable,
)

ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:slow"
LINE = {"value": 20.5, "label": "limit", "color": "#9467bd", "fill": "above", "visible": True, "yAxis": "right"}
MOMENT = {"value": "2026-11-22T12:00:00Z", "label": "deploy", "color": "#9467BD", "fill": "after", "visible": False}
SHOWN = {"label": "a line", "color": "#1f77b4", "yAxis": "left", "visible": True, "region": "eu-west-1"}
GRAPH: dict[str, Any] = {
    "accountId": "123456789012",
    "region": "eu-west-1",
    "title": "Time",
    "view": "timeSeries",
    "start": "2026-11-22T09:00:00Z",
    "end": "2026-11-22T12:00:00Z",
    "setPeriodToTimeRange": False,
    "stacked": False,
    "sparkline": True,
    "liveData": True,
    "period": 300,
    "stat": "p99.9",
    "timezone": "+0130",
    "legend": {"position": "right"},
    "table": {"layout": "vertical", "stickySummary": True, "showTimeSeriesData": False, "summaryColumns": ["MIN"]},
    "metrics": [
        [
            "N",
            "Time",
            "service",
            "a",
            {**SHOWN, "id": "time", "stat": "p90", "period": 3600, "accountId": "210987654321"},
        ],
        [".", "Count", ".", ".", {"visible": False}],
        ["N", "Time"],
        [{**SHOWN, "expression": "time * 2", "id": "twice", "period": 3600}],
    ],
    "yAxis": {"left": {"min": 0, "max": 1.5, "label": "ms", "showUnits": False}, "right": {"max": 5}},
    "annotations": {
        "horizontal": [LINE, [LINE, {"value": 2, "label": "bottom"}]],
        "vertical": [MOMENT, [MOMENT, {"value": "2026-11-22T13:00:00Z"}]],
    },
}
GAUGE = {"region": "eu-west-1", "view": "gauge", "metrics": [["N", "M"]], "yAxis": {"left": {"min": 0, "max": 100}}}
OF_ALARM = {"region": "eu-west-1", "annotations": {"alarms": [ARN]}}
ALARMS = {"alarms": [ARN], "sortBy": "timestamp", "states": ["ALARM"], "title": "Alarms"}
LOG = {
    "accountId": "123456789012",
    "region": "eu-west-1",
    "title": "Log",
    "query": "SOURCE '/a' | SOURCE '/b' | limit 1",
    "view": "bar",
}
CHOSEN = {
    "type": "pattern",
    "pattern": "first",
    "inputType": "select",
    "id": "model",
    "label": "Model",
    "defaultValue": "first",
    "visible": True,
    "search": '{N,model} MetricName="M"',
    "populateFrom": "model",
}
GIVEN = {
    "type": "property",
    "property": "region",
    "inputType": "radio",
    "id": "r",
    "values": [{"value": 1, "label": "one"}],
}
GOOD: dict[str, Any] = {
    "start": "2026-11-22T09:00:00Z",
    "end": "2026-11-22T12:00:00.000Z",
    "periodOverride": "inherit",
    "variables": [CHOSEN, GIVEN],
    "widgets": [
        {
            "type": "text",
            "x": 0,
            "y": 0,
            "width": 24,
            "height": 2,
            "properties": {"markdown": "#", "background": "solid"},
        },
        {"type": "metric", "x": 0, "y": 2, "width": 12, "height": 6, "properties": GRAPH},
        {"type": "metric", "x": 12, "y": 2, "width": 12, "height": 6, "properties": GAUGE},
        {"type": "metric", "properties": OF_ALARM},
        {"type": "alarm", "properties": ALARMS},
        {"type": "log", "properties": LOG},
    ],
}
GRAPH_AT = "$.widgets[1].properties"
# Other values that are as good, by their place.
AS_GOOD: dict[str, list[Any]] = {
    "$.start": ["2026-11-22T09:00:00.000Z"],
    "$.periodOverride": ["auto"],
    "$.variables[1]": [{"type": "property", "property": "region", "inputType": "input", "id": "r"}],
    "$.variables[1].inputType": ["input", "select"],
    "$.variables[1].values[0].value": ["one", True],
    "$.widgets[0].properties.background": ["transparent"],
    f"{GRAPH_AT}.start": ["2026-11-22T09:00:00.000Z"],
    f"{GRAPH_AT}.yAxis": [{}],
    f"{GRAPH_AT}.view": ["singleValue", "gauge", "bar", "pie", "table"],
    f"{GRAPH_AT}.legend.position": ["bottom", "hidden"],
    f"{GRAPH_AT}.stat": [
        "SampleCount",
        "Average",
        "Sum",
        "Minimum",
        "Maximum",
        "p5",
        "p100",
        "tm90",
        "TM(10%:90%)",
        "IQM",
    ],
    f"{GRAPH_AT}.table.layout": ["horizontal"],
    f"{GRAPH_AT}.table.summaryColumns": [["MIN", "MAX", "SUM", "AVG"]],
    f"{GRAPH_AT}.annotations.horizontal[0].fill": ["below", "none"],
    f"{GRAPH_AT}.annotations.vertical[0].fill": ["before", "none"],
    "$.widgets[4].properties.sortBy": ["default", "stateUpdatedTimestamp"],
    "$.widgets[4].properties.states": [[], ["OK", "INSUFFICIENT_DATA"]],
    "$.widgets[5].properties.view": ["table", "timeSeries", "pie"],
}
GONE = object()
# Where the error is to be; what is set there, in a member or in place of the whole.
BAD: list[tuple[str, str | None, Any]] = [
    ("$", "widgets", GONE),
    ("$", "start", GONE),
    ("$.start", None, "PT3H"),
    ("$.end", None, "-PT1H"),
    ("$.periodOverride", None, "always"),
    ("$.widgets", None, [{"type": "log", "properties": LOG}] * 501),
    ("$.widgets[0]", "type", GONE),
    ("$.widgets[0]", "properties", GONE),
    ("$.widgets[0]", "x", GONE),
    ("$.widgets[0]", "y", GONE),
    ("$.widgets[0].type", None, "picture"),
    ("$.widgets[0].x", None, "0"),
    ("$.widgets[0].x", None, -1),
    ("$.widgets[0].x", None, 24),
    ("$.widgets[0].y", None, -1),
    ("$.widgets[0].width", None, 0),
    ("$.widgets[0].width", None, 25),
    ("$.widgets[0].height", None, 0),
    ("$.widgets[0].height", None, 1001),
    ("$.widgets[0].properties", "markdown", GONE),
    ("$.widgets[0].properties.background", None, "red"),
    (GRAPH_AT, "region", GONE),
    (GRAPH_AT, "start", GONE),
    (f"{GRAPH_AT}.start", None, "-P30"),
    (f"{GRAPH_AT}.end", None, "P0D"),
    (f"{GRAPH_AT}.setPeriodToTimeRange", None, "true"),
    (f"{GRAPH_AT}.view", None, "line"),
    (f"{GRAPH_AT}.period", None, 90),
    (f"{GRAPH_AT}.period", None, 0),
    (f"{GRAPH_AT}.period", None, "300"),
    (f"{GRAPH_AT}.stat", None, "Median"),
    (f"{GRAPH_AT}.stat", None, "p101"),
    (f"{GRAPH_AT}.stacked", None, "true"),
    (f"{GRAPH_AT}.timezone", None, "UTC"),
    (f"{GRAPH_AT}.legend", "position", GONE),
    (f"{GRAPH_AT}.legend.position", None, "top"),
    (f"{GRAPH_AT}.table.layout", None, "diagonal"),
    (f"{GRAPH_AT}.table.summaryColumns[0]", None, "P90"),
    (f"{GRAPH_AT}.yAxis.left.min", None, "0"),
    (f"{GRAPH_AT}.metrics", None, [["N", "M"]] * 501),
    (f"{GRAPH_AT}.metrics[0][4]", "id", "Time"),
    (f"{GRAPH_AT}.metrics[0][4]", "color", "red"),
    (f"{GRAPH_AT}.metrics[0][4]", "period", 30),
    (f"{GRAPH_AT}.metrics[0][4]", "stat", "Median"),
    (f"{GRAPH_AT}.metrics[0][4]", "yAxis", "top"),
    (f"{GRAPH_AT}.metrics[2]", None, ["N"]),
    (f"{GRAPH_AT}.metrics[2][1]", None, ""),
    (f"{GRAPH_AT}.metrics[2][1]", None, 5),
    (f"{GRAPH_AT}.metrics[3]", None, [{"expression": "time"}, "N"]),
    (f"{GRAPH_AT}.metrics[3][0]", "expression", GONE),
    ("$.widgets[3].properties.annotations", "horizontal", []),
    ("$.widgets[3].properties.annotations", "vertical", []),
    (f"{GRAPH_AT}.annotations.horizontal[0]", "value", GONE),
    (f"{GRAPH_AT}.annotations.horizontal[0].value", None, "20"),
    (f"{GRAPH_AT}.annotations.horizontal[0].fill", None, "after"),
    (f"{GRAPH_AT}.annotations.horizontal[1]", None, [LINE]),
    (f"{GRAPH_AT}.annotations.horizontal[1]", None, [LINE] * 3),
    (f"{GRAPH_AT}.annotations.vertical[0]", "value", GONE),
    (f"{GRAPH_AT}.annotations.vertical[0].value", None, "yesterday"),
    (f"{GRAPH_AT}.annotations.vertical[0].fill", None, "above"),
    (f"{GRAPH_AT}.annotations.vertical[1]", None, [MOMENT]),
    (f"{GRAPH_AT}.annotations.vertical[1]", None, [MOMENT] * 3),
    ("$.widgets[2].properties", "metrics", GONE),
    ("$.widgets[2].properties", "yAxis", GONE),
    ("$.widgets[2].properties.yAxis", "left", GONE),
    ("$.widgets[2].properties.yAxis.left", "min", GONE),
    ("$.widgets[2].properties.yAxis.left", "max", GONE),
    ("$.widgets[3].properties.annotations.alarms", None, [ARN, ARN]),
    ("$.widgets[3].properties.annotations.alarms[0]", None, "slow"),
    ("$.widgets[4].properties", "alarms", GONE),
    ("$.widgets[4].properties.alarms", None, []),
    ("$.widgets[4].properties.alarms", None, [ARN] * 101),
    ("$.widgets[4].properties.alarms[0]", None, "slow"),
    ("$.widgets[4].properties.sortBy", None, "name"),
    ("$.widgets[4].properties.states[0]", None, "BAD"),
    ("$.widgets[5].properties", "region", GONE),
    ("$.widgets[5].properties", "query", GONE),
    ("$.widgets[5].properties.query", None, "limit 1"),
    ("$.widgets[5].properties.query", None, "SOURCE '/a'"),
    ("$.widgets[5].properties.view", None, "singleValue"),
    ("$.variables", None, [GIVEN] * 26),
    ("$.variables[0]", "pattern", GONE),
    ("$.variables[0]", "populateFrom", GONE),
    ("$.variables[0].search", None, "x" * 2049),
    ("$.variables[0].defaultValue", None, "x" * 256),
    ("$.variables[0].label", None, "x" * 31),
    ("$.variables[0].id", None, "a.b"),
    ("$.variables[0].inputType", None, "list"),
    ("$.variables[1]", "type", GONE),
    ("$.variables[1]", "inputType", GONE),
    ("$.variables[1]", "id", GONE),
    ("$.variables[1]", "property", GONE),
    ("$.variables[1]", "values", GONE),
    ("$.variables[1]", "populateFrom", "model"),
    ("$.variables[1].type", None, "regex"),
    ("$.variables[1].values", None, []),
    ("$.variables[1].values", None, [{"value": 1}] * 501),
    ("$.variables[1].values[0]", "value", GONE),
    ("$.variables[1].values[0].label", None, "x" * 256),
]


def places(node: Any, place: str = "$") -> Iterator[tuple[str, Any]]:
    """Whatever there is in a body, with its place."""
    yield place, node
    if isinstance(node, dict | list):
        steps = node.items() if isinstance(node, dict) else enumerate(node)
        for step, child in steps:
            yield from places(child, f"{place}[{step}]" if isinstance(node, list) else f"{place}.{step}")


def changed(place: str, member: str | None, value: Any) -> dict[str, Any]:
    """The good body with another value, or none, in one place or member of it."""
    body: dict[str, dict[str, Any]] = {"$": json.loads(json.dumps(GOOD))}
    steps = [int(step) if step.isdigit() else step for step in re.findall(r"[$\w]+", place)]
    *outer, last = steps if member is None else [*steps, member]
    parent: Any = reduce(lambda node, step: node[step], outer, body)
    if value is GONE:
        del parent[last]
    else:
        parent[last] = value
    return body["$"]


def test_good_bodies_have_no_errors() -> None:
    assert syntax_errors(GOOD) == []
    assert syntax_errors({"widgets": [], "start": "-PT3H"}) == []


@pytest.mark.parametrize("place", AS_GOOD)
def test_values_that_are_as_good(place: str) -> None:
    for value in AS_GOOD[place]:
        errors = syntax_errors(changed(place, None, value))
        # Elsewhere there may be some: a gauge needs an axis with two ends.
        assert not [error for error in errors if error.startswith(place)]


@pytest.mark.parametrize(("place", "member", "value"), BAD)
def test_one_fault_is_one_error_where_it_is(place: str, member: str | None, value: Any) -> None:
    errors = syntax_errors(changed(place, member, value))
    assert [error.partition(": ")[0] for error in errors] == [place], errors


def test_no_object_takes_a_member_that_is_not_documented() -> None:
    for place, node in places(GOOD):
        if isinstance(node, dict):
            errors = syntax_errors(changed(place, "misspelt", 1))
            assert [error.partition(": ")[0] for error in errors] == [place], errors


def test_nothing_takes_a_value_of_another_type() -> None:
    for place, node in places(GOOD):
        assert syntax_errors(changed(place, None, None)), place
        if isinstance(node, dict):
            assert syntax_errors(changed(place, None, [])), place
        if isinstance(node, list):
            assert syntax_errors(changed(place, None, {})), place


def placed(x: int, y: int, width: int = 12, height: int = 6) -> dict[str, Any]:
    title = f"{x},{y}"
    return {"type": "metric", "x": x, "y": y, "width": width, "height": height, "properties": {"title": title}}


def test_widgets_may_touch() -> None:
    assert layout_errors([placed(0, 0), placed(12, 0), placed(0, 6, 24)]) == []


@pytest.mark.parametrize(
    ("widgets", "error"),
    [
        ([placed(0, 0), placed(11, 5)], "'0,0' overlaps '11,5'"),
        ([placed(0, 0, 24, 9), placed(6, 3, 6, 3)], "'0,0' overlaps '6,3'"),
        ([placed(13, 0)], "'13,0' is wider than the grid"),
        ([placed(0, 6), placed(12, 0)], "'12,0' stands above '0,6'"),
        ([placed(12, 0), placed(0, 0)], "'0,0' stands above '12,0'"),
        ([{"type": "text", "properties": {"markdown": "# Read"}}], "'# Read' has no place"),
    ],
)
def test_a_bad_layout(widgets: list[dict[str, Any]], error: str) -> None:
    assert layout_errors(widgets) == [error]


def test_holes_in_the_grid() -> None:
    assert uncovered([placed(0, 0), placed(12, 0), placed(0, 6, 24)]) == set()
    assert uncovered([placed(0, 0, 23, 1), placed(0, 1, 24, 1)]) == {(23, 0)}
    assert uncovered([placed(0, 1, 24, 1)]) == {(x, 0) for x in range(24)}


def test_rows_are_queries() -> None:
    assert metric_queries(GRAPH) == [
        {"Id": "time", "ReturnData": True, "MetricStat": stat("Time", 3600, "p90", service="a")},
        {"Id": "row2", "ReturnData": False, "MetricStat": stat("Count", 300, "p99.9", service="a")},
        {"Id": "row3", "ReturnData": True, "MetricStat": stat("Time", 300, "p99.9")},
        {"Id": "twice", "ReturnData": True, "Expression": "time * 2", "Period": 3600},
    ]


def test_what_a_widget_does_not_say() -> None:
    assert metric_queries({"metrics": [["N", "M"]]}) == [
        {"Id": "row1", "ReturnData": True, "MetricStat": stat("M", 300, "Average")}
    ]


@pytest.mark.parametrize(
    ("row", "period"),
    [
        ({"expression": "TIME_SERIES(5)"}, 60),
        ({"expression": "SEARCH('{N,a} b', 'Sum')"}, 60),
        ({"expression": "m1 / 2"}, None),
        ({"expression": "m1 / 2", "period": 120}, 120),
    ],
)
def test_the_period_of_an_expression(row: dict[str, Any], period: int | None) -> None:
    (query,) = metric_queries({"period": 60, "metrics": [[row]]})
    assert query.get("Period") == period


def stat(name: str, period: int, statistic: str, **dimensions: str) -> dict[str, Any]:
    shape = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    return {"Metric": {"Namespace": "N", "MetricName": name, "Dimensions": shape}, "Period": period, "Stat": statistic}


@pytest.mark.parametrize(
    "rows",
    [
        [["N", "M", "service"]],
        [["N", {"id": "m"}, "M"]],
        [["N", "M"], ["...", "b"]],
        [[".", "M"]],
        [["N", "M"], [".", ".", ".", "a"]],
    ],
)
def test_rows_that_are_none(rows: list[list[Any]]) -> None:
    with pytest.raises(ValueError, match=r"options|dimensions|dot"):
        metric_queries({"metrics": rows})


def test_a_log_query_has_groups_and_the_rest() -> None:
    query = "SOURCE '/a' | SOURCE '/b' | filter x like /1|2/\n| limit 1"
    assert log_query(query) == (["/a", "/b"], "filter x like /1|2/\n| limit 1")


def test_a_text_in_an_address_of_the_console() -> None:
    assert jsurl_text("service*28*22a-b_c*22*29*20AND*20x*20*3e*201.5") == 'service("a-b_c") AND x > 1.5'


def test_a_variable_changes_every_widget_and_nothing_else() -> None:
    body = {
        "variables": [{"id": "model", "type": "pattern", "pattern": "first[.]model", "defaultValue": "first.model"}],
        "widgets": [{"a": "first.model", "b": ["is first.model?", "firstXmodel"]}],
    }
    assert with_variable(body, "model", 'a "b"\\') == {
        "variables": body["variables"],
        "widgets": [{"a": 'a "b"\\', "b": ['is a "b"\\?', "firstXmodel"]}],
    }
