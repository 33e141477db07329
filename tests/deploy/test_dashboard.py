"""The dashboard as it is deployed: valid by CloudWatch's documentation, laid out for on-call, true to the alarms."""

import ast
import colorsys
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import pytest

from dashboard_body import jsurl_text, layout_errors, metric_queries, syntax_errors, uncovered, with_variable
from firstbyte.catalogue import CLIENT_METRICS, METRICS, NAMESPACE
from stack_template import EVERYTHING, REGION, Parameters, arns_of_alarms, dashboard_body, properties_of
from template.resources import read_stack
from tools import REPOSITORY, template_as_written

Widget = dict[str, Any]
Series = tuple[str, tuple[str, ...]]
"""A metric's name and its dimensions' names."""

# Rows of the grid that fit on the screen of a laptop.
FIRST_SCREEN = 14
# A red and a blue, which colour-blind readers can tell apart.
OF_AN_ALARM, OF_AN_OBJECTIVE = "#cc3311", "#0072b2"
# The hues, in degrees, that read as one of them: wine and pink as red, turquoise as blue; orange and violet do not.
REDDISH, BLUISH = (*range(290, 360), *range(40)), range(175, 250)
# A grey has no hue that anybody sees.
GREY_SATURATION = 0.1
# As many characters as fit into a line of text, and into a title for each column of the grid.
LINE, TITLE = 180, 6
# A name that no model has.
OTHER_MODEL = "another.model"


@pytest.fixture(params=[{}, EVERYTHING], ids=["default", "everything"])
def parameters(request: pytest.FixtureRequest) -> Parameters:
    found: Parameters = request.param
    return found


@pytest.fixture
def body(parameters: Parameters) -> dict[str, Any]:
    return dashboard_body(parameters)


def of_type(body: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """The properties of the widgets of a type."""
    return [widget["properties"] for widget in body["widgets"] if widget["type"] == kind]


def visible(graph: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The options of the rows that a reader sees."""
    return [row[-1] for row in graph["metrics"] if row[-1].get("visible", True)]


def is_constant(row: Mapping[str, Any]) -> bool:
    return "TIME_SERIES" in row.get("expression", "")


def queries_of_alarms(parameters: Parameters) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for name, alarm in properties_of("AWS::CloudWatch::Alarm", parameters).items():
        single = {"MetricName": alarm.get("MetricName"), **{key: alarm.get(key) for key in ("Namespace", "Dimensions")}}
        yield name, alarm.get("Metrics") or [{"Id": "metric", "MetricStat": {"Metric": single}}]


def test_the_body_is_of_the_documented_syntax(body: dict[str, Any]) -> None:
    assert syntax_errors(body) == []


def test_widgets_are_laid_out_as_they_are_read_and_leave_no_hole(body: dict[str, Any]) -> None:
    assert layout_errors(body["widgets"]) == []
    assert uncovered(body["widgets"]) == set()


def test_a_text_is_a_heading_and_one_line(body: dict[str, Any]) -> None:
    for widget in body["widgets"]:
        if widget["type"] != "text":
            continue
        shown = re.sub(r"\]\(https://\S+\)(?=[,. ])", "]", widget["properties"]["markdown"])
        lines = [line for line in shown.split("\n") if not line.startswith("## ")]
        assert len(lines) <= 1, shown
        assert max(map(len, lines), default=0) <= LINE, shown
        assert widget["height"] == len(shown.split("\n"))


def test_titles_are_short_and_axes_say_their_unit(body: dict[str, Any]) -> None:
    for widget in body["widgets"]:
        properties = widget["properties"]
        if widget["type"] != "text":
            assert len(properties["title"]) <= TITLE * widget["width"], properties["title"]
        if properties.get("view") == "timeSeries" and widget["type"] == "metric":
            sides = {row.get("yAxis", "left") for row in visible(properties)}
            assert {side for side, axis in properties["yAxis"].items() if axis["label"]} == sides, properties["title"]


def test_the_first_screen_says_whether_it_is_good_and_what_fails(body: dict[str, Any]) -> None:
    first = [one["properties"] for one in body["widgets"] if one["y"] + one["height"] <= FIRST_SCREEN]
    labels = {row["label"] for graph in first for row in visible({"metrics": graph.get("metrics", [])})}
    assert sum("alarms" in one for one in first) == 2
    assert {"good %", "requests a minute", "budget left %", "rejected by Bedrock", "model errors"} <= labels
    assert any("budget" in one.get("title", "").lower() for one in first)


def test_every_alarm_is_shown_and_those_that_page_apart(body: dict[str, Any], parameters: Parameters) -> None:
    pages, tickets = (widget["alarms"] for widget in of_type(body, "alarm"))
    assert sorted(pages + tickets) == sorted(arns_of_alarms(parameters))
    ((page, rule),) = [
        (alarm["AlarmName"], alarm["AlarmRule"])
        for alarm in properties_of("AWS::CloudWatch::CompositeAlarm", parameters).values()
    ]
    assert {arn.rpartition(":")[2] for arn in pages} == {page, *re.findall(r'ALARM\("([^"]+)"\)', rule)}


def test_the_selector_lists_the_models_that_the_stack_may_ask(body: dict[str, Any], parameters: Parameters) -> None:
    (variable,) = body["variables"]
    function = read_stack(REPOSITORY / "template.yaml", parameters, REGION).resources["StreamingFunction"]
    models = function.properties["Environment"]["Variables"]["MODEL_IDS"].split(",")
    assert [choice["value"] for choice in variable["values"]] == models
    assert variable["defaultValue"] == models[0]


def test_what_follows_the_selector_is_together_and_says_so(body: dict[str, Any]) -> None:
    widgets = body["widgets"]
    chosen = with_variable(body, "model", OTHER_MODEL)["widgets"]
    follow = [number for number, (one, other) in enumerate(zip(widgets, chosen, strict=True)) if one != other]
    first, *others = follow
    assert widgets[first]["type"] == "text"
    assert OTHER_MODEL in chosen[first]["properties"]["markdown"]
    # Up to the next heading, whatever it is.
    headings = [number for number, one in enumerate(widgets) if one["type"] == "text" and number > first]
    assert others == list(range(first + 1, min(headings)))


def series_of(queries: Iterable[Mapping[str, Any]]) -> set[Series]:
    """The own series that queries read."""
    metrics = [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query]
    return {
        (metric["MetricName"], tuple(dimension["Name"] for dimension in metric["Dimensions"]))
        for metric in metrics
        if metric["Namespace"] == NAMESPACE
    }


def test_what_is_emitted_is_read_and_what_is_read_is_emitted() -> None:
    read = series_of(
        query for graph in of_type(dashboard_body(EVERYTHING), "metric") for query in metric_queries(graph)
    )
    for _, queries in queries_of_alarms(EVERYTHING):
        read |= series_of(queries)
    emitted: set[Series] = {(metric.name, ("service",)) for metric in METRICS if metric.by_service}
    emitted |= {(metric.name, ("service", "model")) for metric in METRICS if metric.by_model}
    published = {(metric.name, names) for metric in CLIENT_METRICS for names in (("service",), ("service", "probe"))}
    assert emitted - read == set(), "costs money and nobody sees it"
    assert read - emitted - published == set(), "never has a value"
    # A probe publishes each figure of a client for all probes and for itself. Who has several compares them.
    assert {(metric.name, ("service",)) for metric in CLIENT_METRICS} <= read


def test_lines_of_alarms_and_of_objectives_have_a_colour_each_that_no_other_line_has() -> None:
    written = json.loads((REPOSITORY / "dashboards/streaming.json").read_text())["Fn::ToJsonString"]
    graphs = [graph for graph in of_type(written, "metric") if graph["view"] == "timeSeries"]
    rows = [row for graph in graphs for row in visible(graph)]
    constant = [row for row in rows if "TIME_SERIES" in json.dumps(row.get("expression", ""))]
    assert {row["color"] for row in constant} == {OF_AN_ALARM, OF_AN_OBJECTIVE}
    for row in constant:
        assert (row["color"] == OF_AN_OBJECTIVE) == json.dumps(row["label"]).startswith('{"Fn::Sub": "objective'), row
    assert hue(OF_AN_ALARM) in REDDISH
    assert hue(OF_AN_OBJECTIVE) in BLUISH
    # Without one of its own, a line would get the first of CloudWatch's colours, among them a blue and a red.
    others = {row["color"] for row in rows if row not in constant}
    assert {colour for colour in others if hue(colour) in (*REDDISH, *BLUISH)} == set()


def hue(colour: str) -> int | None:
    """The hue of `#rrggbb` in degrees, None of a grey."""
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    degrees, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
    return int(degrees * 360) if saturation > GREY_SATURATION else None


def test_no_two_lines_of_a_graph_look_alike(body: dict[str, Any]) -> None:
    for graph in of_type(body, "metric"):
        if graph["view"] == "timeSeries":
            colours = [row["color"] for row in visible(graph)]
            assert len(set(colours)) == len(colours), graph["title"]


class Inlined(ast.NodeTransformer):
    """Puts what the names of an expression stand for in their place, and leaves FILL out: it changes no value."""

    def __init__(self, queries: Sequence[Mapping[str, Any]]) -> None:
        self._by_id = {query["Id"]: query for query in queries}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        query = self._by_id.get(node.id, {})
        if "Expression" in query:
            return self.of(query["Expression"])
        if "MetricStat" in query:
            return ast.Constant(json.dumps(query["MetricStat"], sort_keys=True))
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and node.func.id == "FILL":
            filled: ast.expr = self.visit(node.args[0])
            return filled
        self.generic_visit(node)
        return node

    def of(self, expression: str) -> ast.expr:
        found: ast.expr = self.visit(ast.parse(expression, mode="eval").body)
        return found


def judged(queries: Sequence[Mapping[str, Any]]) -> ast.expr:
    """What an alarm compares with its threshold, of metrics alone."""
    (expression,) = (query["Expression"] for query in queries if query.get("ReturnData", True))
    return Inlined(queries).of(expression)


def lines(body: Mapping[str, Any], title: str) -> set[str]:
    """The expressions that a graph shows, of metrics alone."""
    (graph,) = (graph for graph in of_type(body, "metric") if graph["title"] == title)
    queries = metric_queries(graph)
    shown = [query["Expression"] for query in queries if query["ReturnData"] and "Expression" in query]
    return {ast.dump(Inlined(queries).of(expression)) for expression in shown if "TIME_SERIES" not in expression}


def test_the_lines_of_the_budget_are_what_its_alarms_judge(body: dict[str, Any], parameters: Parameters) -> None:
    alarms = {name: judged(queries) for name, queries in queries_of_alarms(parameters) if name.startswith("BudgetBurn")}
    assert len(alarms) == 4
    assert lines(body, "Budget alarms: 100 % sets them off") == {ast.dump(one) for one in alarms.values()}


def test_the_lines_of_failures_are_the_shares_that_their_alarms_judge(
    body: dict[str, Any], parameters: Parameters
) -> None:
    written, shares = template_as_written()["Resources"], {}
    for name, queries in queries_of_alarms(parameters):
        if written[name]["Properties"]["Threshold"] == {"Fn::FindInMap": ["Limits", "FailurePercent", "Value"]}:
            # The alarm forgives a few, which the graph shows.
            shares[name] = ast.dump(Inlined(queries).of("100 * bad / asked"))
    assert len(shares) == 6
    shown = lines(body, "Failures in %")
    assert {name for name, share in shares.items() if share not in shown} == set()


def test_the_latest_five_minutes_are_those_until_now(body: dict[str, Any]) -> None:
    """Without a range of its own, a widget shows a period of the clock that has just begun."""
    (graph,) = (graph for graph in of_type(body, "metric") if graph["title"] == "Latest 5 minutes")
    assert (graph["start"], graph["period"], graph["setPeriodToTimeRange"]) == ("-PT5M", 300, True)
    # With one, CloudWatch draws no sparkline.
    assert "sparkline" not in graph


def test_the_30_days_are_judged_by_the_total_of_the_objective(body: dict[str, Any], parameters: Parameters) -> None:
    (graph,) = (graph for graph in of_type(body, "metric") if graph["title"] == "Latest 30 days")
    assert (graph["start"], graph["period"], graph["setPeriodToTimeRange"]) == ("-P30D", 30 * 86400, True)

    def asked(queries: Sequence[Mapping[str, Any]]) -> str:
        of_one_period = json.loads(re.sub(r'"Period": \d+', '"Period": 60', json.dumps(queries)))
        return ast.dump(Inlined(of_one_period).of("asked"))

    (objective,) = properties_of("AWS::ApplicationSignals::ServiceLevelObjective", parameters).values()
    total = objective["RequestBasedSli"]["RequestBasedSliMetric"]["TotalRequestCountMetric"]
    assert asked(metric_queries(graph)) == asked(total)


def test_links_open_todays_console(body: dict[str, Any], parameters: Parameters) -> None:
    links = re.findall(r"\]\((https://\S+?)\)(?=[,. ])", " ".join(text["markdown"] for text in of_type(body, "text")))
    assert len(links) == 5
    console = "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#xray:traces/query"
    *searches, search = (link.removeprefix(console) for link in links)
    assert search == ""
    for one in searches:
        found = re.fullmatch(r"\?~\(query~\(expression~'([\w.*-]+)\)~context~\(timeRange~\(delta~(\d+)\)\)\)", one)
        assert found, one
        assert unquote(one) == one
        assert jsurl_text(found[1]).startswith('service("firstbyte-'), found
        assert int(found[2]) == 12 * 3_600_000, "the dashboard's own range"
    assert body["start"] == "-PT12H"


def substituted(node: Any, mappings: Any) -> Iterator[tuple[str, set[str]]]:
    """Every text into which names are put, with values of mappings in it, and the names that are left."""
    match node:
        case {"Fn::Sub": str(text)}:
            yield text, set(re.findall(r"\$\{([\w:.]+)\}", text))
        case {"Fn::Sub": [str(text), dict(variables)]}:
            for name, value in variables.items():
                match value:
                    case {"Fn::FindInMap": [first, second, third]}:
                        text = text.replace(f"${{{name}}}", mappings[first][second][third])
                    case {"Fn::If": [_, str(one), _]}:  # of texts, which are known before there is any resource
                        text = text.replace(f"${{{name}}}", one)
            yield from substituted({"Fn::Sub": text}, mappings)
        case dict() | list():
            for child in node.values() if isinstance(node, dict) else node:
                yield from substituted(child, mappings)


def test_a_text_with_a_name_that_only_the_stack_knows_needs_no_escaping() -> None:
    """Fn::ToJsonString leaves such a name for later, and nothing promises that what is around it is escaped by then."""
    template = template_as_written()
    known = {*template["Parameters"], "AWS::Region"}
    body = json.loads((REPOSITORY / "dashboards/streaming.json").read_text())
    texts = list(substituted(body, template["Mappings"]))
    assert any(names - known for _, names in texts)
    assert [text for text, names in texts if names - known and json.dumps(text) != f'"{text}"'] == []
