"""What the console makes of log lines: taken apart, searched for ids, and shown as text whatever is in them."""

import json

import pytest

from console.logs.lines import Line, read_line
from console.logs.results import MOST_ROWS, table
from console.markup import render, visible
from console.time_range import time_range

TRACE = "1-6b0ae68d-aef8609f01557d5265e378fb"
REQUEST = "bf849f8d-5393-4a7e-8bf6-e313ad11470c"
RANGE = time_range({"last": "1h"})


def test_of_a_line_of_json_the_message_and_what_matters_come_first() -> None:
    fields = {"level": "WARNING", "timestamp": "t", "detail": "too many", "message": "request failed", "code": "C"}
    line = read_line(json.dumps({**fields, "inter_chunk_ms": [1, 2], "trace_id": TRACE}))
    assert (line.level, line.urgency, line.text) == ("WARNING", "warn", "request failed")
    assert line.fields == (("code", "C"), ("detail", "too many"))
    rest = {"timestamp": "t", "inter_chunk_ms": [1, 2], "trace_id": TRACE}
    assert json.loads(line.rest) == rest
    assert len(line.rest.splitlines()) == len(rest) + 2, "a list stays on one line"
    assert line.trace_id == TRACE


@pytest.mark.parametrize(
    "text",
    [
        *("", "START RequestId: x", "{", "{}", "[1]", '{"a": NaN', '"text"', "{ not json }", "[" * 5000, "null"),
        *('{"a": 1}', '{"_aws": 1}', '{"message": 5}', '{"level": ["x"], "other": {}}', '{"a":' * 5000),
    ],
)
def test_what_says_nothing_else_is_shown_whole(text: str) -> None:
    assert read_line(text) == Line(text)


def test_a_document_of_metrics_is_named_so() -> None:
    directive = {"Namespace": "Firstbyte", "Metrics": [{"Name": "A"}, {"Name": "B"}], "Dimensions": [["service"]]}
    other = {"Namespace": "Firstbyte", "Metrics": [{"Name": "A"}]}
    document = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive, other]}, "A": 1, "B": 2}
    line = read_line(json.dumps(document))
    assert line.text == "2 metrics of Firstbyte"
    assert json.loads(line.rest) == document
    for spoiled in ({}, {"CloudWatchMetrics": 5}, {"CloudWatchMetrics": [5, {"Metrics": [3]}]}):
        assert "metrics of" in read_line(json.dumps({"_aws": spoiled})).text


@pytest.mark.parametrize(("level", "urgency"), [("ERROR", "bad"), ("warn", "warn"), ("INFO", ""), ("x", "")])
def test_what_is_urgent_says_so(level: str, urgency: str) -> None:
    assert read_line(json.dumps({"level": level, "message": "m"})).urgency == urgency
    plain = read_line(f"[{level.upper()}] m")
    assert plain.urgency == (urgency if level.isupper() else "warn" if level == "warn" else "")


def test_control_characters_are_escapes() -> None:
    assert visible("a\tb\nc ü 👍") == "a\tb\nc ü 👍"
    assert visible("\x1b[31mred\x07\x00\x7f") == "\\x1b[31mred\\x07\\x00\\x7f"
    assert visible("\u202eabc\u2066\ufeff\x9b\r") == "\\u202eabc\\u2066\\ufeff\\x9b\\x0d"


MARKUP = "</span><img src=x onerror=alert(1)><script>alert(1)</script>\"'&"


@pytest.mark.parametrize(
    "message", [MARKUP, json.dumps({"message": MARKUP, "level": MARKUP, "code": MARKUP, MARKUP: MARKUP})]
)
def test_markup_is_text(message: str) -> None:
    page = render("logs/line.html", root="", time=MARKUP, line=read_line(message))
    assert "<img" not in page
    assert "<script" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_escapes_get_into_a_page_without_the_characters() -> None:
    page = render("logs/line.html", root="", time="t", line=read_line("\x1b[2J\u202e"))
    assert "\\x1b[2J\\u202e" in page


def rows(*found: dict[str, str]) -> list[list[dict[str, str]]]:
    return [[{"field": name, "value": value} for name, value in row.items()] for row in found]


def test_columns_are_those_of_all_rows_and_know_whether_they_are_numbers() -> None:
    shown = table(rows({"@ptr": "p", "a": "1", "c": "x1"}, {"b": "-2.5e3", "a": "", "c": "2"}, {"d": ""}), RANGE)
    assert shown.columns == ("a", "c", "b", "d")
    assert shown.numeric == (True, False, True, False)
    assert [[cell.text for cell in row] for row in shown.rows] == [
        ["1", "x1", "", ""],
        ["", "2", "-2.5e3", ""],
        ["", "", "", ""],
    ]


def test_ids_lead_to_the_trace() -> None:
    shown = table(
        rows({"trace_id": TRACE, "r": REQUEST}, {"r": REQUEST}, {"r": f"x {TRACE}", "trace_id": "1-2"}), RANGE
    )
    links = [[cell.href for cell in row] for row in shown.rows]
    assert links == [
        [f"/traces/{TRACE}", f"/traces/{TRACE}"],
        [None, f"/traces/{REQUEST}?last=1h"],
        [None, None],
    ]


def test_the_first_value_leads_to_the_trace_too() -> None:
    first, second, third = table(
        rows({"t": "10:00", "n": "5", "r": REQUEST, "i": TRACE}, {"t": "", "n": "5", "r": REQUEST}, {"t": "10:02"}),
        RANGE,
    ).rows
    trace, request = f"/traces/{TRACE}", f"/traces/{REQUEST}?last=1h"
    assert [cell.href for cell in first] == [trace, None, trace, trace]
    assert [cell.href for cell in second] == [None, None, request, None]
    assert [cell.href for cell in third] == [None] * 4


def test_a_message_is_taken_apart_and_no_more_rows_are_shown_than_can_be_read() -> None:
    shown = table(rows(*[{"@message": '{"message": "m"}'}] * (MOST_ROWS + 1)), RANGE)
    assert (len(shown.rows), shown.total) == (MOST_ROWS, MOST_ROWS + 1)
    assert shown.rows[0][0].line == Line("m")


def test_nothing_found_is_an_empty_table() -> None:
    shown = table([], RANGE)
    assert (shown.columns, shown.numeric, shown.rows, shown.total) == ((), (), (), 0)
