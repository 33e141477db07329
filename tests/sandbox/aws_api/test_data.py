"""What a sandbox with `--data` keeps from one start to the next, when it is stopped and when it is killed."""

import json
import signal
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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
    summaries = aws_client(ready, "xray").get_trace_summaries(**around_now())["TraceSummaries"]
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
    assert stat.S_IMODE((tmp_path / "telemetry.duckdb").stat().st_mode) == 0o600
    assert sums(start_sandbox("--data", str(tmp_path)).ready, "Own", "M499") == [7.0]


def test_without_a_directory_nothing_is_kept(start_sandbox: StartSandbox) -> None:
    running = start_sandbox()
    data = [{"MetricName": "M", "Value": 7.0}]
    aws_client(running.ready, "cloudwatch").put_metric_data(Namespace="Own", MetricData=data)
    assert sums(running.ready, "Own", "M") == [7.0]
    running.stop()
    assert sums(start_sandbox().ready, "Own", "M") == []
