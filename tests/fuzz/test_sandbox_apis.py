"""The sandbox's AWS endpoint: every body of every operation is answered or refused, and none spoils what is kept."""

import json
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import example, given
from hypothesis import strategies as st

from mutations import ODD_TEXTS, as_json, examples, spoiled, spoiled_bytes, spoiled_text
from sandbox.aws_api.app import _answer
from sandbox.aws_api.contract import Operations
from sandbox.cloudformation import api as cloudformation_api
from sandbox.cloudwatch import api as cloudwatch_api
from sandbox.cloudwatch import dashboards
from sandbox.cloudwatch.alarms import api as alarms_api
from sandbox.cloudwatch.alarms.alarms import Alarms
from sandbox.cloudwatch.alarms.definitions import definitions
from sandbox.cloudwatch.emf import emf_points
from sandbox.cloudwatch.metrics import Metrics, Point
from sandbox.logs import api as logs_api
from sandbox.logs import query_definitions
from sandbox.logs.logs import Logs
from sandbox.store import Store
from sandbox.xray import api as xray_api
from sandbox.xray.daemon import _Intake
from sandbox.xray.traces import Traces
from template.resources import read_stack
from tools import REPOSITORY
from trace_documents import START, TRACE_ID, nested, segment, segment_id, subsegment

GROUP = "/aws/lambda/firstbyte-streaming"
TIME = 1_790_000_000
LINES = (
    json.dumps({"message": "response finished", "ttft_ms": 12.5, "ok": True, "usage": {"input": 3}, "list": [1]}),
    "START RequestId: 1 Version: $LATEST",
    "REPORT RequestId: 1\tDuration: 12.50 ms\tInit Duration: 100.00 ms\t",
    '2026-01-01T00:00:00 [INFO] {"a": {"b": "c"}}',
)


class Engines:
    """All operations of the endpoint on one store, and the ways into it."""

    # No dataclass, all of which hypothesis would show with every failure.
    def __init__(
        self, store: Store, metrics: Metrics, logs: Logs, traces: Traces, operations: Mapping[str, Operations]
    ) -> None:
        self.store = store
        self.metrics = metrics
        self.logs = logs
        self.traces = traces
        self.operations = operations

    def send(self, service: str, operation: str, body: bytes, **headers: str) -> tuple[int, str]:
        """The status and the body of the endpoint's answer to a request that was signed for the service."""
        prefixes = {"monitoring": "GraniteServiceVersion20100801", "logs": "Logs_20140328"}
        path = "/"
        if service == "xray":
            path = operation
        elif service in prefixes:
            headers = {"X-Amz-Target": f"{prefixes[service]}.{operation}", **headers}
        request = make_mocked_request("POST", path, headers={"Content-Type": "application/x-amz-json-1.0", **headers})
        response = _answer(service, self.operations, request, body)
        assert isinstance(response.body, bytes)
        return response.status, response.body.decode()

    def check(self, service: str, operation: str, body: str, **headers: str) -> Any:
        """Send a body of JSON; return the answer unless it is a refusal, in which None stands for it."""
        status, answer = self.send(service, operation, body.encode(), **headers)
        assert status < 500 or status == 501, answer  # 500 is an engine that broke
        return json.loads(answer or "{}") if status == 200 else None


def put_known_trace(traces: Traces) -> None:
    traces.put(
        segment(1, annotations={"ttft_ms": 12.5, "model": "m", "cold": True}, http={"response": {"status": 200}})
    )
    traces.put(subsegment(2, 1, namespace="aws", subsegments=[nested(3)]))


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    with closing(Store()) as store:
        stack = read_stack(REPOSITORY / "template.yaml", {}, "eu-west-1")
        metrics, logs, traces = Metrics(store), Logs(store), Traces(store)
        alarms = Alarms(definitions(stack.resources, "eu-west-1"), metrics, 60, lambda change: None)
        logs.create_group(GROUP)
        for number, line in enumerate(LINES):
            logs.put(GROUP, "s", TIME * 1000 + number, line)
        put_known_trace(traces)
        metrics.put([Point("N", "Latency", (("service", "a"),), "Milliseconds", TIME * 1000, 12.5)])
        yield Engines(
            store,
            metrics,
            logs,
            traces,
            {
                "monitoring": {
                    **cloudwatch_api.operations(metrics),
                    **alarms_api.operations(alarms),
                    **dashboards.operations(stack.resources),
                },
                "logs": {**logs_api.operations(logs), **query_definitions.operations(stack.resources)},
                "xray": xray_api.operations(traces),
                "cloudformation": cloudformation_api.operations(stack),
            },
        )


METRIC = {"Namespace": "N", "MetricName": "Latency", "Dimensions": [{"Name": "service", "Value": "a"}]}
RANGE = {"StartTime": TIME - 3600, "EndTime": TIME + 3600}
BODIES: dict[tuple[str, str], Any] = {
    ("monitoring", "PutMetricData"): {
        "Namespace": "N",
        "MetricData": [
            {
                "MetricName": "Latency",
                "Dimensions": [{"Name": "service", "Value": "b"}],
                "Timestamp": TIME,
                "Values": [1.5, 2],
                "Counts": [1, 3],
                "Unit": "Milliseconds",
            },
            {"MetricName": "Errors", "Value": 0},
        ],
    },
    ("monitoring", "GetMetricData"): {
        **RANGE,
        "ScanBy": "TimestampAscending",
        "MetricDataQueries": [
            {"Id": "m", "MetricStat": {"Metric": METRIC, "Period": 60, "Stat": "p99.9"}, "ReturnData": False},
            {"Id": "n", "MetricStat": {"Metric": METRIC, "Period": 60, "Stat": "Sum"}},
            {"Id": "e", "Expression": "FILL(m, 0) / (n + 1) * IF(n > 1, 2, TIME_SERIES(3))", "Label": "x"},
        ],
    },
    ("monitoring", "GetMetricStatistics"): {**METRIC, **RANGE, "Period": 60, "Statistics": ["Sum", "Average"]},
    ("monitoring", "ListMetrics"): {**METRIC},
    ("monitoring", "DescribeAlarms"): {"AlarmNames": ["red"], "AlarmTypes": ["MetricAlarm"], "StateValue": "OK"},
    ("monitoring", "DescribeAlarmHistory"): {"AlarmName": "red", "StartDate": TIME, "HistoryItemType": "StateUpdate"},
    ("monitoring", "ListDashboards"): {"DashboardNamePrefix": "firstbyte"},
    ("monitoring", "GetDashboard"): {"DashboardName": "firstbyte"},
    ("logs", "FilterLogEvents"): {
        "logGroupName": GROUP,
        "filterPattern": '{ $.message = "response finished" && $.ttft_ms >= 1 }',
        "startTime": TIME * 1000,
        "endTime": TIME * 1000 + 5,
        "limit": 2,
        "nextToken": "1/1",
    },
    ("logs", "DescribeLogGroups"): {"logGroupNamePrefix": "/aws/lambda/", "limit": 2, "nextToken": "/aws"},
    ("logs", "DescribeQueryDefinitions"): {
        "queryDefinitionNamePrefix": "firstbyte/",
        "maxResults": 2,
        "nextToken": "1",
    },
    ("logs", "StartQuery"): {
        "logGroupNames": [GROUP],
        "startTime": TIME - 10,
        "endTime": TIME + 10,
        "queryString": "fields @timestamp, @message | sort @timestamp desc | limit 20",
    },
    ("logs", "GetQueryResults"): {"queryId": "x"},
    ("xray", "/TraceSummaries"): {**RANGE, "FilterExpression": "ok AND annotation.ttft_ms > 1"},
    ("xray", "/Traces"): {"TraceIds": [TRACE_ID]},
}


@pytest.mark.parametrize(("service", "operation"), BODIES)
@given(data=st.data())
@examples(1)
def test_a_body_of_json(engines: Engines, service: str, operation: str, data: st.DataObject) -> None:
    engines.check(service, operation, as_json(data.draw(spoiled(BODIES[service, operation]))))
    engines.store.flush()


@given(spoiled_bytes(*(json.dumps(body).encode() for body in BODIES.values())), st.sampled_from(("", "gzip", "br")))
@examples(1)
def test_a_body_of_bytes(engines: Engines, body: bytes, encoding: str) -> None:
    for service, operation in (("monitoring", "PutMetricData"), ("logs", "FilterLogEvents"), ("xray", "/Traces")):
        headers = {"Content-Encoding": encoding} if encoding else {}
        status, answer = engines.send(service, operation, body, **headers)
        assert status < 500 or status == 501, answer


FORMS = (
    {
        "Action": "PutMetricData",
        "Version": "2010-08-01",
        "Namespace": "N",
        "MetricData.member.1.MetricName": "Latency",
        "MetricData.member.1.Dimensions.member.1.Name": "service",
        "MetricData.member.1.Dimensions.member.1.Value": "a",
        "MetricData.member.1.Values.member.1": "1.5",
        "MetricData.member.1.Counts.member.1": "2",
        "MetricData.member.1.Timestamp": "2026-11-28T10:00:00Z",
        "MetricData.member.1.Unit": "Count",
    },
    {"Action": "ListMetrics", "Version": "2010-08-01", "Namespace": "N"},
    {"Action": "GetDashboard", "DashboardName": "x"},
    {"Action": "DescribeStacks", "StackName": "firstbyte"},
)


@given(spoiled(*FORMS), st.sampled_from(("monitoring", "cloudformation")))
@example({"Action": "ListMetrics", "Namespace\0\x1b": "N"}, "monitoring")
@example({"Action": "DescribeStacks", "\ufffe": "\ud800"}, "cloudformation")
@examples(1)
def test_a_form(engines: Engines, form: Any, service: str) -> None:
    fields = form if isinstance(form, dict) else {"Action": form}
    body = urlencode(fields, errors="surrogatepass").encode()
    status, answer = engines.send(service, "", body, **{"Content-Type": "application/x-www-form-urlencoded"})
    assert status < 500 or status == 501, answer
    ElementTree.fromstring(answer)
    engines.store.flush()


@given(spoiled_text("FILL(m, 0) / (n + 1) * IF(n > 1, 2, TIME_SERIES(3))", "-m AND 1e308 * 1e308 OR PERIOD(n) <= .5"))
@example("(" * 5000 + "1" + ")" * 5000)
@example("TIME_SERIES(" + "-" * 5000 + "1)")
@example("+".join(["m"] * 3000))
@example("TIME_SERIES(" + "9" * 5000 + ")")
@examples(0.5)
def test_metric_math(engines: Engines, expression: str) -> None:
    body = json.loads(json.dumps(BODIES["monitoring", "GetMetricData"]))
    body["MetricDataQueries"][2]["Expression"] = expression
    engines.check("monitoring", "GetMetricData", as_json(body))


PATTERNS = ('{ $.message = "response finished" && $.usage.input >= 1 }', 'REPORT "RequestId: 1"', "{ $.a != 1e5 }")


@given(spoiled_text(*PATTERNS))
@example("{ $.a = " + "9" * 5000 + " }")
@example("{ " + " && ".join(["$.a=1"] * 100) + " }")
@example(" ".join(["a"] * 500))
@examples(0.5)
def test_a_filter_pattern(engines: Engines, pattern: str) -> None:
    engines.check("logs", "FilterLogEvents", as_json({"logGroupName": GROUP, "filterPattern": pattern}))


QUERIES = (
    "fields @timestamp, @message as m | filter ttft_ms > 1 and not (ok = true or usage.input in [3, 'x']) | limit 20",
    "stats count(*) as n, avg(ttft_ms), pct(ttft_ms, 95) by bin(5m) as t, model | sort t desc, n asc",
    "parse @message /(?<id>RequestId: (\\d+))/ | fields id | filter @message like /REPORT.*/ and @type not like 'END'",
    "filter ispresent(ttft_ms) and @timestamp >= 1790000000000 | stats max(ttft_ms), sum(ok), min(@initDuration)",
)


@given(spoiled_text(*QUERIES))
@example("filter " + "not " * 3000 + "a = 1")
@example("filter " + "(" * 3000 + "a = 1" + ")" * 3000)
@example("filter " + " and ".join(["a = 1"] * 100))
@example("filter " + " and ".join(["a = 1"] * 3000))
@example("filter a in [" + ",".join("1" * 100) + "]")
@example("stats count(*) by bin(" + "9" * 30 + "d)")
@example("stats count(*) by bin(" + "9" * 5000 + "d)")
@example("fields a | limit " + "9" * 5000)
@example("filter a = " + "9" * 5000)
@example("filter @message like /(/")
@example("filter @message like /(a{1000}){1000}/")
@example("fields " + ".".join("a" * 3000))
@examples(0.5)
def test_a_query_of_logs_insights(engines: Engines, query: str) -> None:
    body = {"logGroupNames": [GROUP], "startTime": TIME - 10, "endTime": TIME + 10, "queryString": query}
    started = engines.check("logs", "StartQuery", as_json(body))
    if started:
        engines.check("logs", "GetQueryResults", as_json(started))


@given(spoiled_text('ok AND annotation.ttft_ms >= 1.5 OR service("s1") AND NOT fault = false', "responsetime > 1"))
@example(" AND ".join(["ok"] * 3000))
@example("responsetime > " + "9" * 5000)
@examples(0.5)
def test_a_filter_expression_of_traces(engines: Engines, expression: str) -> None:
    engines.check("xray", "/TraceSummaries", as_json({**RANGE, "FilterExpression": expression}))


DOCUMENTS = (
    segment(
        7,
        annotations={"ttft_ms": 12.5, "model": "m", "cold": True},
        http={"response": {"status": 200}},
        subsegments=[nested(8, namespace="aws", subsegments=[nested(9)])],
    ),
    subsegment(10, 7, namespace="remote", metadata={"a": {"b": [1]}}),
)
NOTE = b'{"format": "json", "version": 1}\n'


@given(st.lists(spoiled(*DOCUMENTS), min_size=1, max_size=3))
@example([{**segment(11), "metadata": "<deep>"}])
@example([{**segment(11), "metadata": "<deeper>"}])
@example([{**segment(11), "annotations": {"a": "<4000 digits>"}}])
@example([{**segment(11), "http": {"response": {"status": "<4000 digits>"}}}])
@example([{**segment(11), "subsegments": None}, subsegment(12, 11)])
@example([subsegment(12, 12)])
@example([subsegment(12, 13), subsegment(13, 12)])
@examples(0.5)
def test_a_trace_document(engines: Engines, documents: list[Any]) -> None:
    intake = _Intake(engines.traces)
    engines.store.query("DELETE FROM waiting.trace_documents")
    put_known_trace(engines.traces)
    for document in documents:
        intake.datagram_received(NOTE + as_json(document).encode(), None)
    everything = {"StartTime": START - 3 * 3600, "EndTime": START + 3 * 3600}
    expression = 'responsetime > 1 OR annotation.ttft_ms > 1 OR service("s1") OR ok OR error'
    assert engines.check("xray", "/TraceSummaries", as_json({**everything, "FilterExpression": expression})) is not None
    # Nothing that came makes what was there before unreadable.
    found = engines.check("xray", "/Traces", as_json({"TraceIds": [TRACE_ID]}))
    assert segment_id(1) in [each["Id"] for each in found["Traces"][0]["Segments"]]


@pytest.mark.parametrize("depth", [150, 900, 960, 980, 990])
def test_a_document_that_was_taken_can_be_read_with_more_calls_on_the_stack(engines: Engines, depth: int) -> None:
    document = json.dumps(segment(14, metadata="X")).replace('"X"', "[" * depth + "]" * depth)
    taking = threading.Thread(target=_Intake(engines.traces).datagram_received, args=(NOTE + document.encode(), None))
    taking.start()
    taking.join()

    def read(calls: int) -> Any:
        return read(calls - 1) if calls else engines.check("xray", "/Traces", as_json({"TraceIds": [TRACE_ID]}))

    assert read(50) is not None


@given(spoiled_bytes(*(NOTE + json.dumps(document).encode() for document in DOCUMENTS)))
@examples(1)
def test_a_datagram(engines: Engines, datagram: bytes) -> None:
    _Intake(engines.traces).datagram_received(datagram, None)
    assert engines.check("xray", "/Traces", as_json({"TraceIds": [TRACE_ID]})) is not None


def emf_directive(**members: Any) -> dict[str, Any]:
    return {"Namespace": "N", "Dimensions": [[]], "Metrics": [{"Name": "Latency"}] * 100, **members}


EMF = {
    "_aws": {
        "Timestamp": TIME * 1000,
        "CloudWatchMetrics": [
            {
                "Namespace": "N",
                "Dimensions": [["service"], ["service", "model"]],
                "Metrics": [{"Name": "Latency", "Unit": "Milliseconds", "StorageResolution": 60}, {"Name": "Errors"}],
            }
        ],
    },
    "service": "chat",
    "model": "m",
    "Latency": [12.5, 1],
    "Errors": 0,
}


@given(spoiled(EMF))
@example({**EMF, "service": "\ud800"})
@example({**EMF, "service": "\0"})
@example({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [emf_directive(Namespace="\ud800")]}, "Latency": 1})
@example({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [emf_directive(Metrics=[{"Name": "\ud800"}])]}, "\ud800": 1})
@example({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [emf_directive(Dimensions=[[]] * 1000)]}, "Latency": [1] * 100})
@examples(1)
def test_an_emf_document(engines: Engines, document: Any) -> None:
    points = emf_points(as_json(document))
    assert len(points) <= 30_000
    check_kept(engines, points)


def check_kept(engines: Engines, points: list[Point]) -> None:
    """Check that points are kept, and a good one that comes after them as well."""
    engines.metrics.put(points)
    good = Point("Good", "Latency", (), "None", TIME * 1000, 1.0)
    before = engines.store.query("SELECT count(*) FROM metric_points")
    engines.metrics.put([good])
    after = engines.store.query("SELECT count(*) FROM metric_points")
    assert after[0][0] == before[0][0] + 1
    listed = engines.check("monitoring", "ListMetrics", "{}")
    assert {"Namespace": "Good", "MetricName": "Latency", "Dimensions": []} in listed["Metrics"]
    for point in points[:3]:
        assert point.namespace in {metric["Namespace"] for metric in listed["Metrics"]}
        names = [{"Name": name, "Value": value} for name, value in point.dimensions]
        asked = {"Namespace": point.namespace, "MetricName": point.name, "Dimensions": names, "Period": 60}
        start = point.time_ms // 1000 - 60
        ends = {"StartTime": start, "EndTime": start + 120}
        if 0 < start < 2**33:
            for figures in ({"Statistics": ["Sum", "Average", "Maximum"]}, {"ExtendedStatistics": ["p95"]}):
                engines.check("monitoring", "GetMetricStatistics", as_json({**asked, **ends, **figures}))


@given(ODD_TEXTS | spoiled_text(*LINES))
@example("\0")
@example('{"a": "\\ud800"}')
@example("{" * 3000)
@example("[" * 100_000)
@examples(0.3)
def test_a_log_line(engines: Engines, line: str) -> None:
    printed = line.encode(errors="replace").decode()  # as the log pipe decodes it
    engines.logs.put(GROUP, "fuzz", TIME * 1000, printed)
    for pattern in ("", "REPORT", PATTERNS[0]):
        body = as_json({"logGroupName": GROUP, "filterPattern": pattern})
        assert engines.check("logs", "FilterLogEvents", body) is not None
    for query in QUERIES[:2]:
        body = as_json({"logGroupNames": [GROUP], "startTime": 0, "endTime": 2 * TIME, "queryString": query})
        assert engines.check("logs", "StartQuery", body) is not None
    # Whatever was printed, what comes after it is found.
    rows = engines.store.query("SELECT count(*) FROM log_events WHERE message = ?", [printed])
    assert rows[0][0] >= 1
    engines.store.query("DELETE FROM waiting.log_events WHERE log_stream = 'fuzz'")
