"""Everything that dashboard, alarms, objective and saved queries ask for is there after a run of mixed traffic."""

import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bedrock_service import CLAUDE, NOVA
from dashboard_body import jsurl_text, log_query, metric_queries, with_variable
from probe_process import Probe
from recorded import OUTCOMES, Recorded, until
from sandbox_client import Call, call
from sandbox_process import StartSandbox, kill_environments
from stack_template import dashboard_body, properties_of

MODELS = (NOVA, CLAUDE)
PROBE = "office"
LOG = "/aws/lambda/firstbyte-streaming"
PARAMETERS = {
    "ModelId": NOVA,
    "FallbackModelId": CLAUDE,
    "ModelPrices": f"{NOVA}=0.06/0.24/0.015/0.06,{CLAUDE}=0.25/1.25/0.03/0.3",
    "ExpectedProbe": PROBE,
    # A response that never ends is over after four seconds.
    "TimeoutSeconds": "5",
    "TtftObjectiveMilliseconds": "2000",
}
SLOW = "ttft=2500 gap=1"
SCRIPTS = (
    SLOW,
    "ttft=1 gap=1 chunks=3 fault=silent:1",
    *["ttft=1 gap=5 chunks=8 input=900 output=120 cache_read=800 cache_write=50"] * 6,
    "ttft=1 gap=1 reasoning=3",
    "fault=throttling",
    f"ttft=1 gap=1 fault=throttling for={NOVA}",
    "fault=internal",
    "fault=access_denied",
    "fault=validation",
    "ttft=1 gap=1 fault=drop:2",
)


@dataclass
class Traffic:
    recorded: Recorded
    slow_traces: set[str]
    # Responses that have a record, less the one request that the function refused.
    answered: int


def log_lines(recorded: Recorded) -> list[str]:
    return [line for lines in recorded.streams(LOG).values() for line in lines]


@pytest.fixture(scope="module")
def traffic(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> Traffic:
    overrides = [f"{name}={value}" for name, value in PARAMETERS.items()]
    running = start_sandbox("--parameter-overrides", *overrides)

    def ask(model: str, script: str) -> tuple[str, str]:
        body = json.dumps({"prompt": f"[[sandbox: {script}]] go", "model": model})
        answer = call(running.ready, body, headers={"accept": "text/event-stream"})
        trace = answer.header("x-amzn-trace-id")
        assert trace, answer
        return script, trace.partition(";")[0].removeprefix("Root=")

    jobs = [(model, script) for script in SCRIPTS for model in MODELS]
    with ThreadPoolExecutor(6) as pool:
        asked = list(pool.map(lambda job: ask(*job), jobs))
    assert call(running.ready, json.dumps({"prompt": ""})).status == 400
    probe = Probe(tmp_path_factory.mktemp("home"))
    publish = ("--sandbox", "--ready-file", str(running.ready_file), "--publish", "--probe", PROBE)
    assert probe(*publish, "--runs", "2").returncode == 0
    recorded = Recorded(running.ready)
    recorded.wait_for_requests(len(jobs) + 3)
    missing = {outcome for outcome, metric in OUTCOMES.items() if not recorded.metric(metric, "Sum")}
    assert missing == {"internal_error"}, "nobody can ask for a bug"
    held = Call(running.ready, json.dumps({"prompt": "[[sandbox: gap=1000 chunks=600]] go"}))
    held.socket.recv(1)  # it is being answered
    kill_environments(running.process.pid, "firstbyte-StreamingFunction")
    held.leave()
    until(lambda: any("Runtime.ExitError" in line for line in log_lines(recorded)))
    return Traffic(recorded, {trace for script, trace in asked if script == SLOW}, len(jobs) + 2)


def widgets(kind: str, model: str = NOVA) -> list[dict[str, Any]]:
    """The properties of the dashboard's widgets of a type, once a reader has chosen the model."""
    body = with_variable(dashboard_body(PARAMETERS), "model", model)
    return [widget["properties"] for widget in body["widgets"] if widget["type"] == kind]


def queries_of_alarms() -> Iterator[tuple[str, Sequence[dict[str, Any]]]]:
    for name, alarm in properties_of("AWS::CloudWatch::Alarm", PARAMETERS).items():
        metric = {key: alarm[key] for key in ("Namespace", "MetricName", "Dimensions") if key in alarm}
        single = {"Metric": metric, "Period": alarm.get("Period"), "Stat": alarm.get("Statistic")}
        yield name, alarm.get("Metrics") or [{"Id": "metric", "MetricStat": single}]


def queries_of_the_objective() -> Iterator[tuple[str, Sequence[dict[str, Any]]]]:
    for name, objective in properties_of("AWS::ApplicationSignals::ServiceLevelObjective", PARAMETERS).items():
        indicator = objective["RequestBasedSli"]["RequestBasedSliMetric"]
        yield f"{name}: good", indicator["MonitoredRequestCountMetric"]["GoodCountMetric"]
        yield f"{name}: all", indicator["TotalRequestCountMetric"]


def without_points(recorded: Recorded, queries: Sequence[dict[str, Any]]) -> list[str]:
    """The queries, hidden ones among them, that return nothing."""
    now = datetime.now(UTC)
    answer = recorded.cloudwatch.get_metric_data(
        StartTime=now - timedelta(hours=3),
        EndTime=now + timedelta(minutes=1),
        MetricDataQueries=[{**query, "ReturnData": True} for query in queries],
    )
    assert {result["Id"] for result in answer["MetricDataResults"]} == {query["Id"] for query in queries}
    return [result["Label"] for result in answer["MetricDataResults"] if not result["Values"]]


def log_queries() -> Iterator[tuple[list[str], str]]:
    """Log groups and text of every query that the stack saves or shows."""
    for properties in widgets("log"):
        yield log_query(properties["query"])
    for query in properties_of("AWS::Logs::QueryDefinition", PARAMETERS).values():
        yield query["LogGroupNames"], query["QueryString"]


def rows(recorded: Recorded, groups: list[str], query: str) -> list[Any]:
    now = datetime.now(UTC)
    started = recorded.logs.start_query(
        logGroupNames=groups,
        startTime=int((now - timedelta(hours=3)).timestamp()),
        endTime=int((now + timedelta(minutes=1)).timestamp()),
        queryString=query,
    )
    results: list[Any] = recorded.logs.get_query_results(queryId=started["queryId"])["results"]
    return results


def fields_of(query: str) -> set[str]:
    """The fields that a query names: no texts, functions, words of the language, or names that it gives itself."""
    language = {"fields", "filter", "parse", "stats", "sort", "limit", "by", "as", "and", "or", "desc"}
    names = set(re.findall(r"(?<![\w@])[@A-Za-z_][\w.]*(?![\w.]|\()", re.sub(r"'[^']*'|/[^/]*/", "", query)))
    return names - language - set(re.findall(r"(?:\bas |\(\?<)(\w+)", query))


@pytest.mark.parametrize("model", MODELS)
def test_every_line_of_every_graph_has_points(traffic: Traffic, model: str) -> None:
    silent = {
        properties["title"]: without_points(traffic.recorded, metric_queries(properties))
        for properties in widgets("metric", model)
    }
    assert {title: lines for title, lines in silent.items() if lines} == {}
    assert silent


def test_the_reader_can_choose_every_model_that_was_asked(traffic: Traffic) -> None:
    (variable,) = dashboard_body(PARAMETERS)["variables"]
    listed = traffic.recorded.cloudwatch.list_metrics(
        Namespace="Firstbyte", MetricName="TimeToFirstToken", Dimensions=[{"Name": "service"}, {"Name": "model"}]
    )["Metrics"]
    asked = {pair["Value"] for metric in listed for pair in metric["Dimensions"] if pair["Name"] == "model"}
    assert {choice["value"] for choice in variable["values"]} == asked


def test_every_query_of_alarms_and_objective_has_points(traffic: Traffic) -> None:
    asked = dict([*queries_of_alarms(), *queries_of_the_objective()])
    silent = {name: without_points(traffic.recorded, queries) for name, queries in asked.items()}
    assert {name: ids for name, ids in silent.items() if ids} == {}
    assert silent


def test_every_log_query_has_rows(traffic: Traffic) -> None:
    asked = list(log_queries())
    assert asked
    assert [query for groups, query in asked if not rows(traffic.recorded, groups, query)] == []


def test_every_field_of_every_log_query_is_logged(traffic: Traffic) -> None:
    asked = {(tuple(groups), field) for groups, query in log_queries() for field in fields_of(query)}
    assert {"ttft_ms", "@initDuration", "error_type"} <= {field for _, field in asked}
    absent = [
        field
        for groups, field in asked
        if not rows(traffic.recorded, [*groups], f"filter ispresent({field}) | limit 1")
    ]
    assert absent == []


def saved(traffic: Traffic, name: str) -> list[dict[str, str]]:
    """The rows of a saved query, by the resource's name."""
    query = properties_of("AWS::Logs::QueryDefinition", PARAMETERS)[name]
    found = rows(traffic.recorded, query["LogGroupNames"], query["QueryString"])
    return [{cell["field"]: cell["value"] for cell in row} for row in found]


def test_an_environment_that_died_has_a_row_that_says_why(traffic: Traffic) -> None:
    (death,) = saved(traffic, "DeathsQuery")
    assert (death["status"], death["error"]) == ("error", "Runtime.ExitError")
    # Lambda's word on what the same invocation had begun.
    assert any(line.startswith(f"START RequestId: {death['request']} ") for line in log_lines(traffic.recorded))


def test_what_the_function_refused_counts_as_no_failure(traffic: Traffic) -> None:
    for name in ("VersionsQuery", "CallersQuery"):
        assert sum(int(row["responses"]) for row in saved(traffic, name)) == traffic.answered, name
    for name in ("FailuresQuery", "FailuresByCodeQuery"):
        assert [row for row in saved(traffic, name) if "model_id" not in row] == [], name


def test_the_group_of_slow_streams_has_them_and_no_others(traffic: Traffic) -> None:
    (group,) = properties_of("AWS::XRay::Group", PARAMETERS).values()
    assert len(traffic.slow_traces) == len(MODELS)
    until(
        lambda: {summary["Id"] for summary in traffic.recorded.trace_summaries(group["FilterExpression"])},
        lambda found: found == traffic.slow_traces,
    )


def test_every_link_to_traces_leads_to_some(traffic: Traffic) -> None:
    texts = " ".join(properties["markdown"] for properties in widgets("text"))
    filters = [
        jsurl_text(found) for found in re.findall(r"#xray:traces/query\?~\(query~\(expression~'([\w.*-]+)", texts)
    ]
    assert len(filters) == 4
    assert [expression for expression in filters if not traffic.recorded.trace_summaries(expression)] == []
