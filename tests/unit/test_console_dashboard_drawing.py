"""What the widgets of a dashboard come to: charts, values, tables, texts and sentences in their place."""

import json
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from console.dashboard.body import Body, Place, Widget
from console.dashboard.drawing import Drawing, hint_html, metric_drawing, place_of, rows_style, undrawable
from console.dashboard.fragments import alarms_html, table_html, values_html
from console.dashboard.graph import Line, graph, thinned
from console.dashboard.queries import Drawn, drawn
from console.dashboard.tables import log_query, table
from console.dashboard.text import text_html
from console.figures import figure, unit_of
from console.time_range import TimeRange

END = datetime(2026, 11, 28, 15, 0, tzinfo=UTC)
SHOWN = TimeRange(END - timedelta(hours=3), END, "3h")
START_MS = round(SHOWN.start.timestamp() * 1000)
MARKUP = "<img src=x onerror=alert(1)>"
STEP = 300_000


def widget(kind: str = "metric", **properties: Any) -> Widget:
    return Widget(0, kind, Place(0, 0, 6, 6), properties)


def metric(*metrics: list[Any], **properties: Any) -> Drawn:
    return drawn(widget(metrics=list(metrics), **properties), SHOWN)


def points(*values: float | None) -> list[tuple[int, float]]:
    return [(START_MS + place * STEP, value) for place, value in enumerate(values) if value is not None]


def a_line(*values: float | None, label: str = "p50", is_right: bool = False) -> Line:
    return Line(label, points(*values), STEP, "#123456", is_right)


def data(options: dict[str, Any], place: int = 0) -> list[Any]:
    return [one["value"] if isinstance(one, dict) else one for one in options["series"][place]["data"]]


def marks(options: dict[str, Any]) -> list[dict[str, Any]]:
    return [mark for series in options["series"] for mark in series.get("markLine", {"data": []})["data"]]


def test_a_line_has_its_values_and_the_texts_that_hovering_shows() -> None:
    options = graph(metric(yAxis={"left": {"label": "ms", "min": 0}}), [a_line(1.23456789, 2000.4)])
    assert data(options) == [[START_MS, 1.23457, "1.235 ms"], [START_MS + STEP, 2000.4, "2,000 ms"]]
    (series,) = options["series"]
    assert series["encode"]["tooltip"] == [2]
    assert (series["name"], series["itemStyle"]["color"]) == ("p50", "#123456")
    (axis,) = options["yAxis"]
    assert (axis["name"], axis["min"], "max" in axis) == ("ms", 0, False)
    assert json.loads(json.dumps(options)) == options, "plain JSON"


def test_a_line_breaks_where_a_value_is_missing_and_a_lone_point_is_seen() -> None:
    options = graph(metric(), [a_line(1, 2, None, None, 3, None, 4, 5)])
    assert [value for _, value, _ in data(options)] == [1, 2, None, 3, None, 4, 5]
    seen = [one for one in options["series"][0]["data"] if not isinstance(one, dict)]
    assert [value for _, value, _ in seen] == [3]
    assert options["series"][0]["showSymbol"]
    assert not graph(metric(), [a_line(1, 2)])["series"][0]["showSymbol"]


def test_both_axes() -> None:
    said = {"left": {"label": "share", "min": 0, "max": 1}, "right": {"label": "runs"}}
    options = graph(metric(yAxis=said), [a_line(1), a_line(2, is_right=True)])
    assert [(axis["name"], axis["position"]) for axis in options["yAxis"]] == [("share", "left"), ("runs", "right")]
    assert options["yAxis"][0]["interval"] == 0.25
    assert [series["yAxisIndex"] for series in options["series"]] == [0, 1]
    assert len(graph(metric(yAxis=said), [a_line(1)])["yAxis"]) == 1


def test_stacked_areas() -> None:
    options = graph(metric(stacked=True), [a_line(1, 2), a_line(3, 4)])
    assert [series["stack"] for series in options["series"]] == ["left", "left"]
    assert all("areaStyle" in series for series in options["series"])
    assert "areaStyle" not in graph(metric(), [a_line(1)])["series"][0]


def test_thresholds_and_objectives_are_told_apart_without_their_colour() -> None:
    rows: list[list[Any]] = [
        [{"expression": "TIME_SERIES(2000)", "label": "alarm: above 2000 ms", "color": "#cc3311"}],
        [{"expression": "TIME_SERIES(100)", "label": "objective 100 ms", "color": "#0072b2"}],
        [{"expression": "TIME_SERIES(7)", "visible": False}],
    ]
    options = graph(metric(*rows), [a_line(1, 2)])
    assert [(one["yAxis"], one["name"], one["lineStyle"]["type"]) for one in marks(options)] == [
        (2000, "alarm: above 2000 ms", "dashed"),
        (100, "objective 100 ms", "dotted"),
    ]
    carrier = options["series"][-1]
    assert [value for _, value in carrier["data"]] == [2000, 100], "the axis reaches as far as they do"
    assert options["legend"]["data"] == ["p50"]


def test_annotations() -> None:
    said = {
        "horizontal": [
            {"value": 5, "label": "limit", "fill": "above"},
            [{"value": 1, "label": "low"}, {"value": 2, "label": "high"}],
            {"value": 8, "visible": False},
            {"value": 9, "yAxis": "right", "fill": "below"},
        ],
        "vertical": [
            {"value": "2026-11-28T13:00:00Z", "label": "deployed", "fill": "after"},
            {"value": "2026-11-27T13:00:00Z", "label": "long ago"},
        ],
    }
    options = graph(metric(annotations=said), [a_line(1)])
    left, right = options["series"][1:]
    named = [one["name"] for one in left["markLine"]["data"]]
    assert named == ["limit", "low", "high", "deployed"]
    areas = [[{k: v for k, v in end.items() if "Axis" in k} for end in area] for area in left["markArea"]["data"]]
    hour = START_MS + 3_600_000
    assert areas == [[{"yAxis": 5}, {}], [{"yAxis": 1}, {"yAxis": 2}], [{"xAxis": hour}, {}]]
    assert right["yAxisIndex"] == 1
    assert [{k: v for k, v in end.items() if "Axis" in k} for end in right["markArea"]["data"][0]] == [{}, {"yAxis": 9}]


@pytest.mark.parametrize(("position", "shown"), [("hidden", False), ("right", True), ("bottom", True)])
def test_legends(position: str, shown: bool) -> None:
    legend = graph(metric(legend={"position": position}), [a_line(1)])["legend"]
    assert legend.get("show", True) is shown
    assert (legend.get("orient") == "vertical") is (position == "right")


def test_a_long_line_keeps_its_extremes() -> None:
    many = [(place, 1.0) for place in range(20_000)]
    many[7777] = (7777, 99.0)
    many[12_345] = (12_345, -5.0)
    few = thinned(many)
    assert len(few) <= 1500
    assert {many[7777], many[12_345]} <= set(few)
    assert list(few) == sorted(few)
    assert len(data(graph(metric(), [Line("x", many, 1, None, False)]))) == len(few), "it has no gaps"


def test_a_graph_without_points_says_so_quietly_and_a_failure_is_said_in_its_place() -> None:
    assert "no data in this time" in str(metric_drawing(metric(), [a_line()]).html)
    assert "&lt;img" in str(metric_drawing(metric(), MARKUP).html)
    odd = metric_drawing(metric(yAxis={"left": "ms"}), [a_line(1)])
    assert odd.chart is None
    assert "It cannot be drawn: " in str(odd.html)


@pytest.mark.parametrize(
    ("lines", "is_shown"),
    [
        ([], True),
        ([a_line(0, 0)], True),
        ([a_line(), a_line(0, label="all")], True),
        ([a_line(0, 0, 1)], False),
        ("GetMetricData: AccessDenied", False),
    ],
)
def test_the_hint_is_there_until_a_graph_shows_more_than_zeros(lines: Any, is_shown: bool) -> None:
    source: Any = SimpleNamespace(probe_command="scripts/probe.sh --sandbox")
    number = Widget(1, "metric", Place(0, 0, 6, 6), {"view": "singleValue"})
    body = Body([widget(), number], [], "3h", None, keeps_periods=False)
    assert bool(hint_html(source, body, {0: lines, 1: [a_line(100)]})) is is_shown


def test_single_values() -> None:
    one = metric(view="singleValue")
    html = str(metric_drawing(one, [a_line(1, 1234.5678, label=MARKUP), a_line(label="none")]).html)
    assert re.findall(r'dash-number">([^<]*)<', html) == ["1,235", "--"]
    assert MARKUP not in html
    assert "<svg" not in html
    sparkline = str(metric_drawing(metric(view="singleValue", sparkline=True), [a_line(1, 3, 2)]).html)
    assert 'd="M0.0 22.0L50.0 2.0L100.0 12.0"' in sparkline
    assert "1234.5678" in values_html([a_line(1234.5678)], has_sparkline=False, is_full=True)


def described(state: str, hour: int) -> dict[str, Any]:
    return {"StateValue": state, "StateReason": MARKUP, "StateUpdatedTimestamp": END.replace(hour=hour)}


def test_alarms_have_a_word_a_sign_and_a_link() -> None:
    known = {"s-a": described("OK", 1), "s-b/c": described("ALARM", 2)}
    html = str(alarms_html(["s-a", "s-b/c", "gone"], known, {}, prefix="s-", links=True))
    assert MARKUP not in html
    assert re.findall(r'href="([^"]+)"', html) == ["alarms/s-a", "alarms/s-b%2Fc", "alarms/gone"]
    words = re.sub(r"<[^>]+>", " ", html).split()
    assert words == ["a", "●", "OK", "b/c", "▲", "in", "alarm", "gone", "?", "not", "found"]
    newest = str(alarms_html([*known], known, {"sortBy": "stateUpdatedTimestamp"}, prefix="", links=False))
    assert newest.index("s-b/c") < newest.index("s-a")
    assert "href" not in newest
    assert "s-a" not in alarms_html([*known], known, {"states": ["ALARM"]}, prefix="", links=False)
    assert "no alarm in these states" in alarms_html(["s-a"], known, {"states": ["ALARM"]}, prefix="", links=False)


def cell(field: str, value: str) -> dict[str, str]:
    return {"field": field, "value": value}


def test_tables() -> None:
    rows = [
        [cell("@timestamp", "2026-11-28 14:00:00.000"), cell("n", "12.3456789"), cell("@ptr", "x")],
        [cell("n", "0.000123456"), cell("trace_id", "1-a-b"), cell("text", MARKUP)],
    ]
    found = table(rows)
    assert found.fields == ["@timestamp", "n", "trace_id", "text"]
    assert [found.is_number(place) for place in range(4)] == [False, True, False, False]
    html = str(table_html(found, links=True))
    assert MARKUP not in html
    assert re.findall(r'href="([^"]+)"[^>]*>([^<]*)<', html) == [("traces/1-a-b", "1-a-b")]
    assert '<td class="look-number">12.346</td>' in html
    assert '<td class="look-number">0.0001235</td>' in html
    assert "href" not in table_html(found, links=False)


def test_long_texts_wrap_between_words_and_a_trace_is_a_short_link() -> None:
    trace = "1-6921c0de-0123456789abcdef01234567"
    found = table([[cell("error_type", "model_error"), cell("code", "AccessDeniedException"), cell("trace_id", trace)]])
    html = str(table_html(found, links=True))
    sentence = str(table_html(table([[cell("detail", "The model returned an error while it answered.")]]), links=True))
    assert '<td class="dash-long dash-words">The model' in sentence
    assert "<th>error_<wbr>type</th>" in html
    assert '<td class="dash-long">Access<wbr>Denied<wbr>Exception</td>' in html
    assert re.findall(r'href="([^"]+)" title="([^"]+)">([^<]*)<', html) == [(f"traces/{trace}", trace, "…01234567")]
    assert f'<td class="dash-long">{trace}</td>' in table_html(found, links=False), "who has no link needs all of it"


def test_the_query_of_a_log_widget() -> None:
    assert log_query("SOURCE '/a' | SOURCE '/b' | fields x | limit 1") == (["/a", "/b"], "fields x | limit 1")
    for text in ("fields x", "SOURCE logGroups(namePrefix: ['/a']) | fields x"):
        with pytest.raises(ValueError, match="SOURCE"):
            log_query(text)


def test_markdown_is_drawn_and_html_in_it_is_text() -> None:
    said = f"## Head\nA **b** `c` [link](https://x.example) {MARKUP} [button:primary:Go](https://y.example)\n\n{MARKUP}"
    html = str(text_html(said, "3h"))
    assert "<h2>Head</h2>" in html
    assert "<strong>b</strong> <code>c</code>" in html
    assert '<a href="https://x.example">link</a>' in html
    assert '<a href="https://y.example">Go</a>' in html
    assert "<img" not in html
    assert "<script" not in text_html("<script>alert(1)</script>", "3h")
    assert "href" not in text_html("[x](javascript:alert(1))", "3h")
    assert str(text_html("![words](https://x.example/p.png)", "3h")) == (
        '<p><a href="https://x.example/p.png">words</a></p>\n'
    )
    assert "<td>1</td>" in text_html("|a|\n|-|\n|1|", "3h")


def test_links_to_traces_lead_to_the_console_s_own_pages() -> None:
    begin = "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#xray:traces/query"
    slow = f"{begin}?~(query~(expression~'service*28*22f*22*29*20AND*20annotation.first_text_ms*20*3e*202000))"
    bad = f"{begin}?~(query~(expression~'annotation.outcome*20*3d*20*22interrupted*22))"
    said = f"[slow]({slow}) [bad]({bad}) [all]({begin})"
    hrefs = [href.replace("&amp;", "&") for href in re.findall('href="([^"]+)"', text_html(said, "3h"))]
    assert hrefs == ["traces?last=3h&slow=2000", "traces?last=3h&outcome=interrupted", "traces?last=3h"]
    assert re.findall('href="([^"]+)"', text_html(f"[all]({begin})", None)) == [begin]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (widget("explorer"), "does not draw widgets of the type explorer"),
        (widget(view="pie"), "does not draw the view pie"),
        (widget(region="eu-west-1"), "It shows eu-west-1, and this console reads us-east-1"),
        (widget(accountId="1"), "the account 1"),
        (widget("log", view="bar"), "and not the view bar"),
        (widget(annotations={"alarms": ["arn:aws:cloudwatch:r:1:alarm:mine"]}), "the alarm mine"),
    ],
)
def test_what_cannot_be_drawn_is_said(one: Widget, said: str) -> None:
    assert said in str(undrawable(one, "us-east-1"))


def test_what_can_be_drawn() -> None:
    for one in (widget(region="us-east-1"), widget(view="singleValue"), widget("log"), widget("alarm"), widget("text")):
        assert undrawable(one, "us-east-1") is None


def test_places_are_those_of_the_grid_and_rows_of_texts_are_as_high_as_these() -> None:
    head = Widget(0, "text", Place(0, 0, 24, 1), {})
    below = Widget(1, "metric", Place(12, 1, 6, 2), {})
    loose = Widget(2, "metric", Place(None, None, 6, 6), {})
    assert place_of(below) == "--x:13;--y:2;--w:6;--h:2"
    assert place_of(loose) == "--x:auto;--y:auto;--w:6;--h:6"
    assert rows_style([head, below, loose]) == (
        "grid-template-rows: auto minmax(var(--row), auto) minmax(var(--row), auto)"
    )
    assert rows_style([loose]) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1, "1"), (99.99, "99.99"), (100.04, "100"), (1234.5, "1,234"), (0.012345, "0.01235"), (-2.5, "-2.5")],
)
def test_figures(value: float, text: str) -> None:
    assert figure(value) == text


def test_units() -> None:
    assert [unit_of(label) for label in ("ms", "% of requests", "", "dollars a response", "x" * 21)] == [
        *("ms", "%", "", "dollars a response", ""),
    ]


def test_a_drawing_is_html_or_a_chart() -> None:
    drawing = metric_drawing(metric(), [a_line(1)])
    assert drawing == Drawing(chart=graph(metric(), [a_line(1)]), spoken=drawing.spoken)


def test_a_graph_says_its_title_and_the_newest_values_to_who_does_not_see_it() -> None:
    one = metric(title="Time to first text", yAxis={"left": {"label": "ms"}})
    drawing = metric_drawing(one, [a_line(1, 2000.4), a_line(label="p99")])
    assert drawing.spoken == "Time to first text. Newest values: p50: 2,000 ms; p99: no data"


def test_times_in_a_graph_say_that_they_are_in_utc() -> None:
    options = graph(metric(), [a_line(1)])
    assert options["useUTC"]
    assert options["xAxis"]["axisPointer"]["label"]["formatter"] == "{value} UTC"
