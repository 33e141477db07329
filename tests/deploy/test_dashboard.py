"""The dashboard as it is deployed: valid by CloudWatch's documentation, and showing whatever there is to show."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from dashboard_body import layout_errors, metric_queries, syntax_errors
from firstbyte.catalogue import CLIENT_METRICS, METRICS, NAMESPACE
from stack_template import EVERYTHING, Parameters, arns_of_alarms, dashboard_body
from tools import REPOSITORY, template_as_written


@pytest.fixture(params=[{}, EVERYTHING], ids=["default", "everything"])
def parameters(request: pytest.FixtureRequest) -> Parameters:
    found: Parameters = request.param
    return found


@pytest.fixture
def body(parameters: Parameters) -> dict[str, Any]:
    return dashboard_body(parameters)


def test_the_body_is_of_the_documented_syntax(body: dict[str, Any]) -> None:
    assert syntax_errors(body) == []


def test_widgets_are_laid_out_as_they_are_read(body: dict[str, Any]) -> None:
    assert layout_errors(body["widgets"]) == []


def test_every_metric_of_the_catalogue_is_shown_and_none_that_is_not_in_it(body: dict[str, Any]) -> None:
    graphs = [widget["properties"] for widget in body["widgets"] if widget["type"] == "metric"]
    queries = [query for graph in graphs for query in metric_queries(graph) if "MetricStat" in query]
    metrics = [query["MetricStat"]["Metric"] for query in queries]
    shown = {metric["MetricName"] for metric in metrics if metric["Namespace"] == NAMESPACE}
    assert shown == {metric.name for metric in METRICS + CLIENT_METRICS}


def test_every_alarm_is_shown(body: dict[str, Any], parameters: Parameters) -> None:
    (shown,) = (widget["properties"]["alarms"] for widget in body["widgets"] if widget["type"] == "alarm")
    assert sorted(shown) == sorted(arns_of_alarms(parameters))


def substituted(node: Any, mappings: Any) -> Iterator[tuple[str, set[str]]]:
    """Every text into which names are put, with values of mappings in it, and the names that are left."""
    match node:
        case {"Fn::Sub": str(text)}:
            yield text, set(re.findall(r"\$\{([\w:.]+)\}", text))
        case {"Fn::Sub": [str(text), dict(variables)]}:
            for name, value in variables.items():
                first, second, third = value["Fn::FindInMap"]
                text = text.replace(f"${{{name}}}", mappings[first][second][third])
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
