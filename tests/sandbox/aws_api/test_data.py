"""What a sandbox with `--data` keeps from one start to the next, when it is stopped and when it is killed."""

import json
import resource
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recorded import until
from sandbox_client import aws_client, call, write_stack
from sandbox_process import StartSandbox
from tools import REPOSITORY

CODE = """
def handler(event, context):
    print("a line", event["body"])
    return {"statusCode": 200, "body": "ok"}
"""
GROUP = "/aws/lambda/firstbyte-Raw"


def sums(ready: dict[str, str], namespace: str, name: str, **dimensions: str) -> list[float]:
    metric = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 86400, "Stat": "Sum"}}
    results = aws_client(ready, "cloudwatch").get_metric_data(MetricDataQueries=[query], **around_now())
    values: list[float] = results["MetricDataResults"][0]["Values"]
    return values


def around_now() -> dict[str, datetime]:
    now = datetime.now(UTC)
    return {"StartTime": now - timedelta(days=1), "EndTime": now + timedelta(days=1)}


def records(ready: dict[str, str]) -> dict[str, Any]:
    """What each of the three services has to say."""
    now = datetime.now(UTC)
    hours = {"StartTime": now - timedelta(hours=3), "EndTime": now + timedelta(hours=3)}  # X-Ray takes six at most
    summaries = aws_client(ready, "xray").get_trace_summaries(**hours)["TraceSummaries"]
    traces = aws_client(ready, "xray").batch_get_traces(TraceIds=[summary["Id"] for summary in summaries])["Traces"]
    events = aws_client(ready, "logs").filter_log_events(logGroupName=GROUP)["events"]
    return {
        "invocations": sums(ready, "AWS/Lambda", "Invocations", FunctionName="firstbyte-Raw"),
        "traces": sorted(traces, key=lambda trace: str(trace["Id"])),
        "events": [(event["timestamp"], event["logStreamName"], event["message"]) for event in events],
    }


def records_of(ready: dict[str, str], invocations: int) -> dict[str, Any]:
    """The records as soon as they are complete: the last ones come a moment after the response."""
    return until(
        lambda: records(ready),
        lambda found: (sum(found["invocations"]), len(found["traces"])) == (invocations, invocations),
    )


def test_a_start_with_the_same_directory_goes_on_where_the_last_one_ended(
    start_sandbox: StartSandbox, tmp_path: Path
) -> None:
    flags = ("--template", str(write_stack(tmp_path, CODE, {}, Tracing="Active")), "--data", str(tmp_path / "data"))
    first = start_sandbox(*flags)
    assert call(first.ready, "1").status == 200
    assert call(first.ready, "2").status == 200
    kept = records_of(first.ready, 2)
    assert [message for _, _, message in kept["events"] if message.startswith("a line")] == ["a line 1", "a line 2"]
    first.stop()

    second = start_sandbox(*flags)
    assert records(second.ready) == kept
    assert call(second.ready, "3").status == 200
    later = records_of(second.ready, 3)
    assert [trace for trace in later["traces"] if trace in kept["traces"]] == kept["traces"]
    assert later["events"][: len(kept["events"])] == kept["events"]


def test_a_stop_right_after_a_response_loses_none_of_its_records(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """What a function does after its last byte is done before it is killed."""
    code = """
from lambda_streaming import streamify_response
import time

@streamify_response
def handler(event, context, *, response_stream):
    response_stream.on_finish(lambda: (time.sleep(0.2), print("the last word")))
    response_stream.write("ok")
"""
    layer = {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": str(REPOSITORY / "src/runtime")}}
    layer["Metadata"] = {"BuildMethod": "makefile"}
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/python/lambda_streaming/bootstrap"}
    template = write_stack(tmp_path, code, variables, Layers=[{"Ref": "Layer"}], Tracing="Active")
    content = json.loads(template.read_text())
    content["Resources"]["Layer"] = layer
    template.write_text(json.dumps(content))
    flags = ("--template", str(template), "--data", str(tmp_path / "data"))
    first = start_sandbox(*flags)
    assert call(first.ready, "1").body == b"ok"
    first.stop()
    kept = records(start_sandbox(*flags).ready)
    assert (kept["invocations"], len(kept["traces"])) == ([1], 1)
    assert "the last word" in [message for _, _, message in kept["events"]]


def test_a_killed_sandbox_keeps_what_is_older_than_a_second(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start_sandbox("--data", str(tmp_path))
    # Enough of it that botocore sends it compressed.
    data = [{"MetricName": f"M{number}", "Value": 7.0} for number in range(500)]
    aws_client(running.ready, "cloudwatch").put_metric_data(Namespace="Own", MetricData=data)
    time.sleep(3)
    running.process.send_signal(signal.SIGKILL)
    running.process.wait()
    assert sums(start_sandbox("--data", str(tmp_path)).ready, "Own", "M499") == [7.0]


def test_nobody_else_can_read_what_lies_in_the_directory(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """DuckDB makes a log beside its file with the first write, and again after each checkpoint."""
    code = """
import os, pathlib

def handler(event, context):
    made = pathlib.Path(event["body"])
    made.write_text("the function's own file")
    return {"statusCode": 200, "body": oct(made.stat().st_mode)}
"""
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    flags = ("--template", str(write_stack(tmp_path, code, {})), "--data", str(data))
    running = start_sandbox(*flags)
    mode = call(running.ready, str(tmp_path / "made")).body
    assert mode == b"0o100644", "the function has the usual umask"
    modes = until(
        lambda: {file.name: oct(file.stat().st_mode) for file in data.iterdir()}, lambda found: len(found) > 1
    )
    assert modes == dict.fromkeys(("telemetry.duckdb", "telemetry.duckdb.wal"), "0o100600")
    running.stop()
    (data / "telemetry.duckdb").chmod(0o644)  # as one of an earlier version may be
    start_sandbox(*flags)
    assert {oct(file.stat().st_mode) for file in data.iterdir()} == {"0o100600"}


def test_a_full_disk_stops_no_read_and_loses_nothing(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    if not hasattr(resource, "prlimit"):
        pytest.skip("only Linux lets a test limit the files of a process that runs")
    running = start_sandbox("--data", str(tmp_path))
    client = aws_client(running.ready, "cloudwatch")

    def put(number: int) -> None:
        data = [{"MetricName": f"M{number}", "Value": 1.0} for _ in range(500)]
        client.put_metric_data(Namespace="Own", MetricData=data)

    put(0)
    log = tmp_path / "telemetry.duckdb.wal"
    until(lambda: log.exists() and log.stat().st_size)
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (log.stat().st_size, resource.RLIM_INFINITY))
    for number in range(1, 5):
        put(number)
    until(running.log, lambda text: "telemetry waits in memory" in text)
    assert [sums(running.ready, "Own", f"M{number}") for number in range(5)] == [[500.0]] * 5
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until(running.log, lambda text: "is written to" in text)
    running.process.send_signal(signal.SIGKILL)
    running.process.wait()
    again = start_sandbox("--data", str(tmp_path))
    assert [sums(again.ready, "Own", f"M{number}") for number in range(5)] == [[500.0]] * 5
    assert running.log().count("telemetry waits in memory") == 1


def test_without_a_directory_nothing_is_kept(start_sandbox: StartSandbox) -> None:
    running = start_sandbox()
    data = [{"MetricName": "M", "Value": 7.0}]
    aws_client(running.ready, "cloudwatch").put_metric_data(Namespace="Own", MetricData=data)
    assert sums(running.ready, "Own", "M") == [7.0]
    running.stop()
    assert sums(start_sandbox().ready, "Own", "M") == []
