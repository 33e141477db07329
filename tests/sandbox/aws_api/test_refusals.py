"""Errors as real clients read them: those of operations, those of requests, and what the sandbox does not have."""

import gzip
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from aws_endpoint import Endpoint, refusing
from sandbox.aws_api.contract import ApiError
from sandbox_client import aws_client

FORM = "application/x-www-form-urlencoded"
LIST_METRICS = "GraniteServiceVersion20100801.ListMetrics"
UNCHECKED = Config(parameter_validation=False)


def error_of(call: Any, **parameters: Any) -> tuple[str, str, int]:
    """Code, message and status of the error that a client raises."""
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    response = raised.value.response
    error, metadata = response["Error"], response["ResponseMetadata"]
    assert len(metadata["RequestId"]) == 36
    return error["Code"], error["Message"], metadata["HTTPStatusCode"]


def test_an_operations_error_in_cloudwatch(endpoint: Endpoint, cloudwatch: Any) -> None:
    endpoint.offer("ListMetrics", refusing(ApiError("InvalidParameterValue", 'no "a" & <b>')))
    assert error_of(cloudwatch.list_metrics) == ("InvalidParameterValue", 'no "a" & <b>', 400)
    with pytest.raises(cloudwatch.exceptions.InvalidParameterValueException) as raised:
        cloudwatch.list_metrics()
    assert raised.value.response["Error"]["Type"] == "Sender"


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [("logs", "DescribeLogGroups", "ResourceNotFoundException"), ("xray", "GetGroups", "ThrottledException")],
)
def test_an_operations_error_elsewhere(endpoint: Endpoint, service: str, operation: str, code: str) -> None:
    client = aws_client(endpoint.ready, service)
    endpoint.offer(operation, refusing(ApiError(code, "no", 429)))
    call = client.describe_log_groups if service == "logs" else client.get_groups
    assert error_of(call) == (code, "no", 429)
    with pytest.raises(getattr(client.exceptions, code)) as raised:
        call()
    assert set(raised.value.response["Error"]) == {"Code", "Message"}


def test_a_broken_operation_is_answered_and_logged(
    endpoint: Endpoint, cloudwatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.offer("ListMetrics", refusing(ZeroDivisionError("the cause")))
    code, message, status = error_of(cloudwatch.list_metrics)
    assert (code, status) == ("InternalFailure", 500)
    assert "the cause" not in message
    assert "ZeroDivisionError: the cause" in caplog.text
    # A result that is not what the service's model says is no better.
    endpoint.offer("ListMetrics", lambda: {"Metrics": 1})
    assert error_of(cloudwatch.list_metrics)[0] == "InternalFailure"


def test_an_operation_that_is_not_there(endpoint: Endpoint, cloudwatch: Any) -> None:
    words = "the sandbox does not support {} of {}"
    message = words.format("DescribeAlarms", "Amazon CloudWatch")
    assert error_of(cloudwatch.describe_alarms) == ("NotImplementedException", message, 501)
    logs, xray = aws_client(endpoint.ready, "logs"), aws_client(endpoint.ready, "xray")
    message = words.format("DescribeQueries", "Amazon CloudWatch Logs")
    assert error_of(logs.describe_queries) == ("NotImplementedException", message, 501)
    message = words.format("GetGroups", "AWS X-Ray")
    assert error_of(xray.get_groups) == ("NotImplementedException", message, 501)


@pytest.mark.parametrize(("service", "call"), [("sts", "get_caller_identity"), ("dynamodb", "list_tables")])
def test_a_service_that_is_not_there(endpoint: Endpoint, service: str, call: str) -> None:
    code, message, status = error_of(getattr(aws_client(endpoint.ready, service), call))
    assert (code, message, status) == (
        "NotImplementedException",
        f"the sandbox does not support the service {service}",
        501,
    )


@pytest.mark.parametrize(("service", "headers", "named"), [
    ("logs", {"X_Amz_Target": LIST_METRICS}, LIST_METRICS),
    ("logs", {}, "a request without X-Amz-Target"),
    ("monitoring", {}, "a request without X-Amz-Target"),
    ("monitoring", {"Content_Type": FORM}, "a request without Action"),
    ("logs", {"Content_Type": FORM}, "the query protocol of logs"),
    ("xray", {"X_Amz_Target": LIST_METRICS}, "POST /"),
    ("monitoring", {"X_Amz_Target": LIST_METRICS, "Smithy_Protocol": "rpc-v2-cbor"}, "the protocol rpc-v2-cbor"),
    ("monitoring", {"X_Amz_Target": LIST_METRICS, "Content_Encoding": "br"}, "the content encoding br"),
])  # fmt: skip
def test_a_request_for_another_service_or_in_another_protocol(
    endpoint: Endpoint, service: str, headers: dict[str, str], named: str
) -> None:
    endpoint.offer("ListMetrics", dict)
    status, _, text = endpoint.send(service, b"", **headers)
    assert status == 501
    assert f">the sandbox does not support {named}" in text or f'"the sandbox does not support {named}' in text
    assert endpoint.asked == []


def test_a_query_in_the_url(endpoint: Endpoint) -> None:
    endpoint.offer("ListMetrics", dict)
    assert endpoint.send("monitoring", method="GET", target="/?Action=ListMetrics")[0] == 501
    assert endpoint.asked == []


def test_the_signature_says_which_service_is_meant(endpoint: Endpoint) -> None:
    endpoint.offer("ListMetrics", lambda: {"Metrics": []})
    assert endpoint.send("lambda", X_Amz_Target=LIST_METRICS)[2] == "invoked"
    assert json.loads(endpoint.send("monitoring", X_Amz_Target=LIST_METRICS)[2]) == {"Metrics": []}


def test_a_wrong_signature(endpoint: Endpoint, session: boto3.Session) -> None:
    endpoint.offer("ListMetrics", dict)
    wrong = aws_client(endpoint.ready, "cloudwatch", session, aws_secret_access_key="wrong")
    code, message, status = error_of(wrong.list_metrics)
    assert (code, status) == ("InvalidSignatureException", 403)
    assert "signature we calculated does not match" in message
    stranger = aws_client(endpoint.ready, "cloudwatch", session, aws_access_key_id="AKIASTRANGER")
    assert error_of(stranger.list_metrics)[0] == "UnrecognizedClientException"
    elsewhere = aws_client(endpoint.ready, "cloudwatch", session, region_name="us-west-1")
    assert error_of(elsewhere.list_metrics)[0] == "InvalidSignatureException"
    assert endpoint.asked == []


def test_a_missing_parameter(endpoint: Endpoint, session: boto3.Session) -> None:
    endpoint.offer("PutMetricData", dict)
    client = aws_client(endpoint.ready, "cloudwatch", session, config=UNCHECKED)
    code, message, status = error_of(client.put_metric_data, MetricData=[{"MetricName": "M"}])
    assert (code, status) == ("ValidationError", 400)
    assert 'Missing required parameter in input: "Namespace"' in message
    assert endpoint.asked == []


@pytest.mark.parametrize(("service", "operation"), [("logs", "get_query_results"), ("xray", "batch_get_traces")])
def test_a_missing_parameter_elsewhere(endpoint: Endpoint, service: str, operation: str) -> None:
    endpoint.offer("GetQueryResults", dict)
    endpoint.offer("BatchGetTraces", dict)
    client = aws_client(endpoint.ready, service, config=UNCHECKED)
    assert error_of(getattr(client, operation))[0] == "ValidationError"
    assert endpoint.asked == []


@pytest.mark.parametrize(("given", "words"), [
    ({"Namespace": "N", "MetricData": "M"}, "Invalid type for parameter MetricData"),
    ({"Namespace": "N", "MetricData": [{"MetricName": "M", "Value": "1"}]}, "MetricData[0].Value"),
    ({"Namespace": "", "MetricData": []}, "Invalid length for parameter Namespace"),
    ({"Namespace": "N", "MetricDatum": []}, 'Unknown parameter in input: "MetricDatum"'),
    ({"Namespace": "N", "MetricData": [{"MetricName": "M", "Timestamp": "yesterday"}]}, "Timestamp"),
    ([], "Invalid type for parameter"),
])  # fmt: skip
def test_parameters_that_make_no_sense_in_json(endpoint: Endpoint, given: Any, words: str) -> None:
    endpoint.offer("PutMetricData", dict)
    target = "GraniteServiceVersion20100801.PutMetricData"
    status, headers, text = endpoint.send("monitoring", json.dumps(given).encode(), X_Amz_Target=target)
    assert (status, headers["x-amzn-query-error"]) == (400, "ValidationError;Sender")
    assert words in json.loads(text)["Message"]
    assert endpoint.asked == []


@pytest.mark.parametrize("time", [-1e15, 1e30, float("inf"), "9999-12-31T23:59:59-12:00", "1e30"])
def test_times_out_of_this_world(endpoint: Endpoint, time: float | str) -> None:
    endpoint.offer("PutMetricData", dict)
    given = {"Namespace": "N", "MetricData": [{"MetricName": "M", "Timestamp": time}]}
    target = "GraniteServiceVersion20100801.PutMetricData"
    assert endpoint.send("monitoring", json.dumps(given).encode(), X_Amz_Target=target)[0] == 400
    form = {"Action": "PutMetricData", "Namespace": "N"}
    form |= {"MetricData.member.1.MetricName": "M", "MetricData.member.1.Timestamp": str(time)}
    body = urlencode(form).encode()
    assert endpoint.send("monitoring", body, Content_Type=FORM)[0] == 400
    assert endpoint.asked == []


@pytest.mark.parametrize(("given", "code", "words"), [
    ({"MetricData.member.1.MetricName": "M"}, "ValidationError", '"Namespace"'),
    ({"Namespace": "N", "MetricData.1.MetricName": "M"}, "ValidationError", "MetricData.1.MetricName"),
    ({"Namespace": "N", "MetricData.member.1.Value": "one"}, "SerializationException", "'one'"),
    ({"Namespace": "N", "MetricData.member.1.Timestamp": "yesterday"}, "SerializationException", "yesterday"),
])  # fmt: skip
def test_parameters_that_make_no_sense_in_a_form(
    endpoint: Endpoint, given: dict[str, str], code: str, words: str
) -> None:
    endpoint.offer("PutMetricData", dict)
    body = urlencode({"Action": "PutMetricData", **given}).encode()
    status, headers, text = endpoint.send("monitoring", body, Content_Type=FORM)
    assert (status, headers["Content-Type"]) == (400, "text/xml")
    assert f"<Code>{code}</Code>" in text
    assert words in text.replace("&quot;", '"')
    assert endpoint.asked == []


def test_a_form_of_too_many_fields(endpoint: Endpoint) -> None:
    """The parser, moto's, looks through all fields for each member."""
    endpoint.offer("PutMetricData", dict)
    for values, expected in ((4995, 200), (4996, 400)):
        form = {"Action": "PutMetricData", "Version": "2010-08-01", "Namespace": "N"}
        form |= {"MetricData.member.1.MetricName": "M", "MetricData.member.1.Unit": "None"}
        form |= {f"MetricData.member.1.Values.member.{number + 1}": "1" for number in range(values)}
        status, _headers, text = endpoint.send("monitoring", urlencode(form).encode(), Content_Type=FORM)
        assert status == expected
    assert "<Code>ValidationError</Code>" in text
    assert "more than 5000 fields" in text
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(("body", "encoding"), [
    (b"{", ""),
    (b"\xff", ""),
    (b"[" * 100_000, ""),
    (gzip.compress(b"{", mtime=0), "gzip"),
    (b"{}", "gzip"),
    (gzip.compress(b"{}", mtime=0)[:-9], "gzip"),
    (gzip.compress(b"{}", mtime=0)[:10] + b"\xff" * 10, "gzip"),
])  # fmt: skip
def test_a_body_that_cannot_be_read(endpoint: Endpoint, body: bytes, encoding: str) -> None:
    endpoint.offer("ListMetrics", dict)
    headers = {"X_Amz_Target": LIST_METRICS, **({"Content_Encoding": encoding} if encoding else {})}
    status, headers_back, text = endpoint.send("monitoring", body, **headers)
    code = "GraniteServiceVersion20100801#SerializationException"
    assert (status, json.loads(text)["__type"], headers_back["x-amzn-errortype"]) == (400, code, code)
    assert endpoint.asked == []


def test_a_body_that_is_too_large(endpoint: Endpoint) -> None:
    endpoint.offer("ListMetrics", dict)
    for size, expected in ((1024 * 1024, 200), (1024 * 1024 + 1, 413)):
        body = b"{" + b" " * (size - 2) + b"}"
        assert endpoint.send("monitoring", body, X_Amz_Target=LIST_METRICS)[0] == expected
        compressed = gzip.compress(body, mtime=0)
        sent = endpoint.send("monitoring", compressed, X_Amz_Target=LIST_METRICS, Content_Encoding="gzip")
        assert sent[0] == expected


def test_a_long_operation_holds_nobody_up(endpoint: Endpoint) -> None:
    def slow() -> dict[str, Any]:
        time.sleep(1)
        return {"Metrics": []}

    endpoint.offer("ListMetrics", slow)
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(endpoint.send, "monitoring", X_Amz_Target=LIST_METRICS)
        time.sleep(0.2)
        assert endpoint.send("lambda")[2] == "invoked"
        assert not waiting.done()
        assert waiting.result()[0] == 200


def test_more_requests_than_can_wait_are_throttled(endpoint: Endpoint) -> None:
    """They are under way until the test lets them go on: nothing here depends on time."""
    go_on = threading.Event()

    def slow() -> dict[str, Any]:
        go_on.wait()
        return {"Metrics": []}

    endpoint.offer("ListMetrics", slow)
    with ThreadPoolExecutor(40) as threads:
        waiting = [threads.submit(endpoint.send, "monitoring", X_Amz_Target=LIST_METRICS) for _ in range(40)]
        try:
            throttled = [each.result() for each in islice(as_completed(waiting), 8)]
            assert endpoint.send("lambda")[2] == "invoked"
            assert len(endpoint.asked) == 2
        finally:
            go_on.set()
    assert {(status, json.loads(text)["__type"].partition("#")[2]) for status, _, text in throttled} == {
        (400, "ThrottlingException")
    }
    assert sorted(each.result()[0] for each in waiting) == [200] * 32 + [400] * 8
    assert endpoint.send("monitoring", X_Amz_Target=LIST_METRICS)[0] == 200
