"""The dashboard as it is deployed: valid by CloudWatch's documentation, and showing whatever there is to show."""

from typing import Any

import pytest

from dashboard_body import layout_errors, metric_queries, syntax_errors
from firstbyte.catalogue import CLIENT_METRICS, METRICS, NAMESPACE
from stack_template import EVERYTHING, Parameters, arns_of_alarms, dashboard_body


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
