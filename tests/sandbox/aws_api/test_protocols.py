"""What real clients send reaches the operations as they meant it, and comes back as the operations said."""

import json
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from aws_endpoint import Endpoint
from sandbox_client import aws_client

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
QUERY = {
    "Id": "m1",
    "MetricStat": {
        "Metric": {
            "Namespace": "Firstbyte",
            "MetricName": "TimeToFirstToken",
            "Dimensions": [{"Name": "service", "Value": "a & <b>"}, {"Name": "model", "Value": "é"}],
        },
        "Period": 60,
        "Stat": "p99.9",
    },
    "ReturnData": False,
}
SERIES = {
    "Id": "m1",
    "Label": "a & <b> é\u2028",
    "Timestamps": [NOON + timedelta(seconds=1, milliseconds=234), NOON],
    "Values": [0.1 + 0.2, 1e-300],
    "StatusCode": "Complete",
}


def without_metadata(response: dict[str, Any]) -> dict[str, Any]:
    assert response["ResponseMetadata"].pop("HTTPStatusCode") == 200
    assert len(response["ResponseMetadata"].pop("RequestId")) == 36
    del response["ResponseMetadata"]
    return response


def test_cloudwatch_nested_lists_times_and_doubles(endpoint: Endpoint, cloudwatch: Any) -> None:
    result = {"MetricDataResults": [SERIES, {"Id": "empty", "Timestamps": [], "Values": []}], "NextToken": "more"}
    endpoint.offer("GetMetricData", lambda: result)
    noon_in_india = NOON.astimezone(timezone(timedelta(hours=5.5)))
    response = cloudwatch.get_metric_data(
        MetricDataQueries=[QUERY, {"Id": "e1", "Expression": "m1 * 2"}],
        StartTime=noon_in_india,
        EndTime=NOON + timedelta(minutes=1),
        MaxDatapoints=100,
    )
    asked = {
        "MetricDataQueries": [QUERY, {"Id": "e1", "Expression": "m1 * 2"}],
        "StartTime": NOON,
        "EndTime": NOON + timedelta(minutes=1),
        "MaxDatapoints": 100,
    }
    assert endpoint.asked == [asked]
    assert endpoint.asked[0]["StartTime"].tzinfo is UTC
    assert without_metadata(response) == result


def test_cloudwatch_maps(endpoint: Endpoint, cloudwatch: Any) -> None:
    point = {"Timestamp": NOON, "Sum": 3.0, "Unit": "Seconds", "ExtendedStatistics": {"p50": 1.5, "tm90": 2.25}}
    result = {"Label": "L", "Datapoints": [point, {"Timestamp": NOON, "Sum": 0.0}]}
    endpoint.offer("GetMetricStatistics", lambda: result)
    response = cloudwatch.get_metric_statistics(
        Namespace="N",
        MetricName="M",
        StartTime=NOON,
        EndTime=NOON,
        Period=1,
        Statistics=["Sum", "Average"],
        ExtendedStatistics=["p50"],
    )
    assert endpoint.asked[0]["Statistics"] == ["Sum", "Average"]
    assert without_metadata(response) == result


def test_cloudwatch_without_parameters_and_without_a_result(endpoint: Endpoint, cloudwatch: Any) -> None:
    endpoint.offer("ListMetrics", lambda: {"Metrics": []})
    assert without_metadata(cloudwatch.list_metrics())["Metrics"] == []
    endpoint.offer("PutMetricData", dict)
    assert (
        without_metadata(cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "M", "Value": 1}])) == {}
    )
    assert endpoint.asked == [{}, {"Namespace": "N", "MetricData": [{"MetricName": "M", "Value": 1.0}]}]


def test_a_compressed_body(endpoint: Endpoint, cloudwatch: Any) -> None:
    encodings = []
    cloudwatch.meta.events.register(
        "before-send", lambda request, **_: encodings.append(request.headers.get("Content-Encoding"))
    )
    endpoint.offer("PutMetricData", dict)
    # botocore compresses what is larger than 10 KB.
    data = [{"MetricName": f"M{number}", "Values": [0.5, 2.0], "Counts": [1.0, 7.0]} for number in range(500)]
    cloudwatch.put_metric_data(Namespace="N", MetricData=data)
    assert encodings == [b"gzip"]
    assert endpoint.asked == [{"Namespace": "N", "MetricData": data}]


def test_logs(endpoint: Endpoint) -> None:
    logs = aws_client(endpoint.ready, "logs")
    events = [
        {
            "logStreamName": "2026/03/01/[$LATEST]a",
            "timestamp": 1772366400123,
            "message": '{"a": "\\u00e9"}\tb\x00',
            "eventId": "1",
        },
        {"timestamp": 0, "message": ""},
    ]
    endpoint.offer("FilterLogEvents", lambda: {"events": events, "searchedLogStreams": [], "nextToken": "t"})
    response = logs.filter_log_events(logGroupName="/aws/lambda/f", startTime=0, filterPattern='{ $.a = "é" }')
    assert endpoint.asked == [{"logGroupName": "/aws/lambda/f", "startTime": 0, "filterPattern": '{ $.a = "é" }'}]
    assert without_metadata(response) == {"events": events, "searchedLogStreams": [], "nextToken": "t"}

    rows = [[{"field": "@timestamp", "value": "1"}, {"field": "n", "value": "2"}], [], [{"field": "n"}]]
    statistics = {"recordsMatched": 2.0, "recordsScanned": 3.5, "bytesScanned": 0.0}
    endpoint.offer("GetQueryResults", lambda: {"results": rows, "statistics": statistics, "status": "Complete"})
    response = logs.get_query_results(queryId="q")
    assert without_metadata(response) == {"results": rows, "statistics": statistics, "status": "Complete"}


def test_xray(endpoint: Endpoint) -> None:
    xray = aws_client(endpoint.ready, "xray")
    summary = {
        "Id": "1-581cf771-a006649127e371903a2de979",
        "StartTime": NOON + timedelta(milliseconds=7),
        "Duration": 1.234,
        "HasError": False,
        "IsPartial": True,
        "Http": {"HttpStatus": 200, "HttpURL": "https://x/?a=1&b"},
        "Annotations": {
            "cold": [{"AnnotationValue": {"BooleanValue": False}, "ServiceIds": []}],
            "ttft": [{"AnnotationValue": {"NumberValue": 1e-9}}, {"AnnotationValue": {"StringValue": ""}}],
        },
        "ServiceIds": [{"Name": "f", "Names": ["f"], "Type": "AWS::Lambda"}],
    }
    result = {"TraceSummaries": [summary], "TracesProcessedCount": 1, "ApproximateTime": NOON}
    endpoint.offer("GetTraceSummaries", lambda: result)
    response = xray.get_trace_summaries(StartTime=NOON, EndTime=NOON + timedelta(hours=1), Sampling=False)
    assert endpoint.asked == [{"StartTime": NOON, "EndTime": NOON + timedelta(hours=1), "Sampling": False}]
    assert without_metadata(response) == result

    document = json.dumps({"id": "a", "name": '"'})
    result = {"Traces": [{"Id": "t", "Duration": 0.0, "Segments": [{"Id": "a", "Document": document}]}]}
    endpoint.offer("BatchGetTraces", lambda: result)
    assert without_metadata(xray.batch_get_traces(TraceIds=["t"])) == result


def test_a_form_that_only_other_clients_send(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint.offer("GetMetricData", dict)
    # A time without a zone is UTC, wherever the sandbox runs.
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    body = b"Action=GetMetricData&MetricDataQueries=&StartTime=2026-03-01T12:00:00&EndTime=2026-03-01T17:30:00%2B05:30"
    try:
        status, _, _ = endpoint.send("monitoring", body, Content_Type="application/x-www-form-urlencoded")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert status == 200
    assert endpoint.asked == [{"MetricDataQueries": [], "StartTime": NOON, "EndTime": NOON}]


def test_json_that_only_other_clients_send(endpoint: Endpoint) -> None:
    endpoint.offer("GetMetricData", dict)
    times = {"StartTime": "2026-03-01T12:00:00Z", "EndTime": 1772366400.25}
    body = json.dumps({"MetricDataQueries": [], **times}).encode()
    target = "GraniteServiceVersion20100801.GetMetricData"
    status, headers, text = endpoint.send("monitoring", body, X_Amz_Target=target)
    assert (status, headers["Content-Type"], text) == (200, "application/x-amz-json-1.0", "{}")
    later = NOON + timedelta(milliseconds=250)
    assert endpoint.asked == [{"MetricDataQueries": [], "StartTime": NOON, "EndTime": later}]
