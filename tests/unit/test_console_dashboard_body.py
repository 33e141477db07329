"""A dashboard's body as the console reads it: widgets, places, variables, times, rows and labels."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from console.dashboard.body import BodyError, Variable, read_body, shown_time
from console.dashboard.labels import row_labels, with_values
from console.dashboard.rows import Row, rows_of
from dashboard_body import with_variable
from stack_template import dashboard_body

NOW = datetime(2026, 11, 28, 14, 0, tzinfo=UTC)


def body(*widgets: dict[str, Any], **more: Any) -> str:
    return json.dumps({"widgets": list(widgets), **more})


def text(markdown: str, **place: int) -> dict[str, Any]:
    return {"type": "text", **place, "properties": {"markdown": markdown}}


def test_the_stack_s_own_body_is_read_whole() -> None:
    said = dashboard_body({})
    read = read_body(json.dumps(said), {})
    assert [(one.kind, one.place.x, one.place.y, one.place.width, one.place.height) for one in read.widgets] == [
        (one["type"], one["x"], one["y"], one["width"], one["height"]) for one in said["widgets"]
    ]
    assert (read.start, read.end, read.keeps_periods) == ("12h", None, True)
    (model,) = read.variables
    assert (model.id, model.label, next(iter(model.values))) == ("model", "Model", model.default)


def test_a_pattern_is_replaced_by_what_the_reader_chose_or_by_its_default() -> None:
    said = dashboard_body({})
    for chosen in ("claude", 'a"b\\1'):
        read = read_body(json.dumps(said), {"model": chosen})
        expected = [one["properties"] for one in with_variable(said, "model", chosen)["widgets"]]
        assert [one.properties for one in read.widgets] == expected
    assert "CHOSEN_MODEL" not in str([one.properties for one in read_body(json.dumps(said), {}).widgets])


def test_a_property_is_replaced_as_a_member_and_as_a_dimension() -> None:
    variables = [
        {"type": "property", "property": "Stage", "inputType": "input", "id": "stage", "defaultValue": "test"},
        {"type": "property", "property": "region", "inputType": "input", "id": "where"},
    ]
    metric = {
        "type": "metric",
        "properties": {"region": "r", "metrics": [["N", "M", "Stage", "old", "Stage2", "Stage"]]},
    }
    (read,) = read_body(body(metric, variables=variables), {"where": "eu-west-1"}).widgets
    assert read.properties == {"region": "eu-west-1", "metrics": [["N", "M", "Stage", "test", "Stage2", "Stage"]]}


def test_variables_that_take_anything_or_are_hidden() -> None:
    variables = [
        {"type": "pattern", "pattern": "X", "inputType": "input", "id": "free", "label": "Free"},
        {
            "type": "pattern",
            "pattern": "Y",
            "inputType": "input",
            "id": "hidden",
            "visible": False,
            "defaultValue": "y",
        },
    ]
    read = read_body(body(text("X Y"), variables=variables), {})
    assert read.variables == [Variable("free", "Free", {}, "")]
    assert read.widgets[0].properties["markdown"] == "X y"


def test_widgets_come_in_the_order_of_reading_and_those_without_a_place_last() -> None:
    read = read_body(body(text("d"), text("c", x=0, y=5), text("b", x=12, y=0), text("a", x=0, y=0)), {})
    assert [one.properties["markdown"] for one in read.widgets] == ["a", "b", "c", "d"]
    assert (read.widgets[-1].place.width, read.widgets[-1].place.height) == (6, 6)


@pytest.mark.parametrize(
    "said",
    [
        *("", "[]", '"x"', '{"widgets": [{}]}', '{"widgets": [{"type": "text", "x": "0"}]}', '{"start": "-PT"}'),
        '{"variables": [{"id": "a", "type": "pattern", "pattern": "(", "defaultValue": "b"}]}',
    ],
)
def test_what_is_no_body_is_said_in_a_sentence(said: str) -> None:
    with pytest.raises(BodyError, match="the dashboard's body cannot be read: "):
        read_body(said, {})


@pytest.mark.parametrize(
    ("start", "query", "seconds"),
    [
        ("-PT30M", {}, 1800),
        ("-PT12H", {}, 43_200),
        ("-P2D", {}, 172_800),
        ("-P1W", {}, 604_800),
        ("-P1M", {}, 2_592_000),
        (None, {}, 10_800),
        ("-PT12H", {"last": "5m"}, 300),
        ("2026-11-01T00:00:00Z", {"last": "5m"}, 300),
    ],
)
def test_the_time_is_the_reader_s_or_the_body_s(start: str | None, query: dict[str, str], seconds: int) -> None:
    read = read_body(body(**({"start": start} if start else {})), {})
    shown = shown_time(read, query)
    assert (shown.end - shown.start).total_seconds() == seconds


def test_a_body_can_show_a_time_that_is_over() -> None:
    moments = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"}
    shown = shown_time(read_body(body(**moments), {}), {})
    assert [shown.start, shown.end] == [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2)]
    now = shown_time(read_body(body(start=moments["start"]), {}), {}).end
    assert abs((datetime.now(UTC) - now).total_seconds()) < 60


def test_shorthand_repeats_the_row_before() -> None:
    rows = rows_of(
        [
            ["N", "M", "service", "s", {"stat": "p50"}],
            [".", "K", ".", ".", {"yAxis": "right"}],
            [{"expression": "m1", "visible": False}],
            ["...", "t"],
            ["...", "model", "n"],
            ["."] * 4,
        ]
    )
    names = [row.names for row in rows]
    assert names[:2] == [("N", "M", "service", "s"), ("N", "K", "service", "s")]
    assert names[2:] == [(), ("N", "K", "service", "t"), ("N", "K", "model", "n"), ("N", "K", "model", "n")]
    assert [row.is_right for row in rows] == [False, True, False, False, False, False]
    assert [row.is_visible for row in rows] == [True, True, False, True, True, True]


@pytest.mark.parametrize("row", [["N"], ["N", "M", "d"], [".", "M"], [1, "M"], [{}], [], ["N", "...", "x"]])
def test_a_row_that_is_none_is_named(row: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"^row 1 "):
        rows_of([row])


def test_an_expression_may_be_the_same_at_any_time() -> None:
    said = ["TIME_SERIES(5)", " TIME_SERIES( -2.5e1 ) ", "TIME_SERIES(m1)", "5 + TIME_SERIES(1)", "FILL(m1, 0)"]
    assert [row.constant for row in rows_of([[{"expression": one}] for one in said])] == [5, -25, None, None, None]


def test_a_row_without_a_label_is_called_by_what_tells_it_from_others() -> None:
    rows = rows_of([["N", "M", "a", "1", "b", "2"], ["...", "3"], [{"expression": "m1 + 1", "id": "e1"}]])
    assert row_labels(rows, "Sum") == ["M 2", "M 3", "e1"]
    assert row_labels(rows[:1], "Sum") == ["M"]
    two = rows_of([["N", "M", {"stat": "p50"}], ["N", "M", {"stat": "p95"}], ["N", "M", {"label": "mine"}]])
    assert row_labels(two, "Average") == ["M p50", "M p95", "mine"]


def test_dynamic_labels_have_values() -> None:
    row = Row(("N", "M", "model", "nova"), {})
    said = (
        "${LABEL} ${PROP('Dim.model')} ${AVG} ${MIN} ${MAX} ${SUM} ${LAST} ${FIRST} ${DATAPOINT_COUNT} ${PROP('Stat')}"
    )
    assert with_values(said, row, "p50", [3.0, 1.0, 2.0]) == "M nova 2 1 3 6 2 3 3 p50"
    assert with_values("${AVG} ${WHAT} ${PROP('x')}", row, "p50", []) == "-- ${WHAT} ${PROP('x')}"
