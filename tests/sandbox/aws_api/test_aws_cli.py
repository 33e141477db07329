"""The real AWS CLI against a running sandbox, from one invocation's records to the words of a refusal."""

import json
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recorded import until
from sandbox_client import call, write_stack
from sandbox_process import RunningSandbox, StartSandbox
from tools import REPOSITORY, aws_cli, put_aws_cli, without_aws

CODE = """
import json, time

def handler(event, context):
    directive = {"Namespace": "Own", "Dimensions": [["service"]], "Metrics": [{"Name": "Answer", "Unit": "Count"}]}
    metadata = {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": [directive]}
    print(json.dumps({"_aws": metadata, "service": "s", "Answer": int(event["body"])}))
    return {"statusCode": 200, "body": "ok"}
"""
METRIC = {"Namespace": "Own", "MetricName": "Answer", "Dimensions": [{"Name": "service", "Value": "s"}]}


@pytest.fixture(scope="module")
def running(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> RunningSandbox:
    """A sandbox whose function has been called twice."""
    template = write_stack(tmp_path_factory.mktemp("stack"), CODE, {}, Tracing="Active")
    running = start_sandbox("--template", str(template))
    for body in ("40", "2"):
        assert call(running.ready, body).body == b"ok"
    return running


def environment(**variables: str) -> dict[str, str]:
    """Nothing of whoever runs the tests but the way to programs."""
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**without_aws(), **nowhere, "AWS_EC2_METADATA_DISABLED": "true", **variables}


def run(ready: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    keys = {"AWS_ACCESS_KEY_ID": ready["access_key_id"], "AWS_SECRET_ACCESS_KEY": ready["secret_access_key"]}
    address = ("--endpoint-url", ready["aws_endpoint_url"], "--region", ready["region"])
    return subprocess.run(
        aws_cli(*address, *arguments),
        env=environment(**keys),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def result(ready: dict[str, str], *arguments: str) -> Any:
    ended = run(ready, *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


def around_now() -> tuple[str, str, str, str]:
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    return ("--start-time", (now - hour).isoformat(), "--end-time", (now + hour).isoformat())


def test_metrics(running: RunningSandbox) -> None:
    assert result(running.ready, "cloudwatch", "list-metrics", "--namespace", "Own") == {"Metrics": [METRIC]}
    which = ("--namespace", "Own", "--metric-name", "Answer", "--dimensions", "Name=service,Value=s")
    how = ("--period", "7200", "--statistics", "Sum", "SampleCount")
    points = result(running.ready, "cloudwatch", "get-metric-statistics", *which, *how, *around_now())["Datapoints"]
    assert sum(point["Sum"] for point in points) == 42
    assert sum(point["SampleCount"] for point in points) == 2


def test_logs(running: RunningSandbox) -> None:
    which = ("--log-group-name", "/aws/lambda/firstbyte-Raw", "--filter-pattern", "{ $.Answer > 0 }")
    events = result(running.ready, "logs", "filter-log-events", *which)["events"]
    assert [json.loads(event["message"])["Answer"] for event in events] == [40, 2]


def test_traces(running: RunningSandbox) -> None:
    summaries = result(running.ready, "xray", "get-trace-summaries", *around_now())["TraceSummaries"]
    assert len(summaries) == 2
    traces = result(running.ready, "xray", "batch-get-traces", "--trace-ids", summaries[0]["Id"])["Traces"]
    assert [trace["Id"] for trace in traces] == [summaries[0]["Id"]]


def test_a_refusal(running: RunningSandbox) -> None:
    ended = run(running.ready, "cloudwatch", "describe-anomaly-detectors")
    assert (ended.returncode, ended.stdout) == (255, "")
    words = "An error occurred (NotImplementedException) when calling the DescribeAnomalyDetectors operation: "
    assert words + "the sandbox does not support DescribeAnomalyDetectors of Amazon CloudWatch" in ended.stderr


def test_the_banners_commands(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start_sandbox("--model-script", "ttft=50 gap=5 chunks=5")
    banner = running.log().split("curl and the AWS CLI:\n")[1].split("What the functions print")[0]
    assert max(len(line) for line in banner.splitlines()) <= 100 + len(str(running.ready_file))
    put_aws_cli(tmp_path)
    # Whoever pastes it may have a session of their own.
    variables = environment(PATH=f"{tmp_path}:{os.environ['PATH']}", AWS_SESSION_TOKEN="another")

    def pasted() -> str:
        ended = subprocess.run(
            ["bash", "-c", banner],
            cwd=REPOSITORY,
            env=variables,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert (ended.returncode, ended.stdout[:14]) == (0, "A river begins"), ended.stderr
        return ended.stdout

    # The first answer's metrics are there a moment after it.
    assert until(lambda: re.search(r"\| +TimeToFirstToken +\| +firstbyte +\|", pasted()))
    running.stop()
