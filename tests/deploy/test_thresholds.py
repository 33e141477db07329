"""A threshold has one home: a parameter or mapping that the alarm and the line on its graph both refer to."""

import json
import re
from typing import Any

import pytest

from tools import REPOSITORY, template_as_written

RESOURCES: dict[str, dict[str, Any]] = template_as_written()["Resources"]
ALARMS = {
    name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] == "AWS::CloudWatch::Alarm"
}
WIDGETS = json.loads((REPOSITORY / "dashboards/streaming.json").read_text())["Fn::ToJsonString"]["widgets"]
GRAPHS = [widget["properties"] for widget in WIDGETS if widget["type"] == "metric"]

Statistic = tuple[str, str, str]


def references(node: Any) -> set[str]:
    """The parameters, resources and values of mappings that a part of the template refers to."""
    match node:
        case {"Ref": str(name)}:
            return {name}
        case {"Fn::FindInMap": [*keys]}:
            return {".".join(keys)}
        case {"Fn::Sub": str(text)}:
            return set(re.findall(r"\$\{([\w.:]+)\}", text))
        case {"Fn::Sub": [str(text), dict(variables)]}:
            return (references({"Fn::Sub": text}) - set(variables)) | references(list(variables.values()))
        case dict() | list():
            children = node.values() if isinstance(node, dict) else node
            return set().union(*map(references, children))
    return set()


def judged(alarm: dict[str, Any]) -> set[Statistic]:
    """The statistics that the alarm judges; how many responses there were only says whether it does."""
    if "MetricName" in alarm:
        return {(alarm["Namespace"], alarm["MetricName"], alarm["Statistic"])}
    asked = [query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query]
    found = {(stat["Metric"]["Namespace"], stat["Metric"]["MetricName"], stat["Stat"]) for stat in asked}
    return {statistic for statistic in found if statistic[2] != "SampleCount"}


def shown(graph: dict[str, Any]) -> set[Statistic]:
    rows = [row for row in graph["metrics"] if isinstance(row[0], str)]
    return {(row[0], row[1], row[-1].get("stat", graph.get("stat"))) for row in rows}


def lines(graph: dict[str, Any]) -> list[Any]:
    """The expressions of the graph's constant lines."""
    expressions = [row[0]["expression"] for row in graph["metrics"] if isinstance(row[0], dict)]
    return [expression for expression in expressions if "TIME_SERIES" in json.dumps(expression)]


def test_there_are_alarms() -> None:
    assert len(ALARMS) == 13


def test_the_page_leads_to_the_dashboard() -> None:
    page, url = RESOURCES["PageAlarm"]["Properties"], template_as_written()["Outputs"]["DashboardUrl"]["Value"]
    name = RESOURCES["StreamingDashboard"]["Properties"]["DashboardName"]["Fn::Sub"]
    expected = url["Fn::Sub"].replace("${StreamingDashboard}", name)
    assert page["AlarmDescription"]["Fn::Sub"].endswith(f" {expected}")


@pytest.mark.parametrize("name", [*ALARMS, "PageAlarm"])
def test_an_alarms_description_names_the_next_step(name: str) -> None:
    assert "Next: " in json.dumps(RESOURCES[name]["Properties"]["AlarmDescription"])


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarms_threshold_is_a_line_on_the_graph_of_what_it_judges(name: str) -> None:
    threshold = references(ALARMS[name]["Threshold"])
    assert len(threshold) == 1, "a number of its own"
    graphs = [graph for graph in GRAPHS if judged(ALARMS[name]) <= shown(graph)]
    assert graphs
    assert any(references(line) == threshold for graph in graphs for line in lines(graph))


def test_every_line_is_an_alarms_threshold_or_the_objective_without_an_alarm() -> None:
    drawn = set().union(*(references(line) for graph in GRAPHS for line in lines(graph)))
    thresholds = set().union(*(references(alarm["Threshold"]) for alarm in ALARMS.values()))
    assert drawn == thresholds | {"TpotObjectiveMilliseconds"}


def test_no_line_has_a_number_of_its_own() -> None:
    assert all("annotations" not in graph for graph in GRAPHS), "those take numbers alone"
    drawn = [line for graph in GRAPHS for line in lines(graph)]
    assert [line for line in drawn if not re.search(r"TIME_SERIES\(\$\{\w+\}\)\"", json.dumps(line))] == []


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_asks_for_no_more_than_cloudwatch_takes(name: str) -> None:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html
    queries = ALARMS[name].get("Metrics", [])
    assert sum("MetricStat" in query for query in queries) <= 10
    assert sum("Expression" in query for query in queries) <= 10
