"""Schedules: functions that run by the clock, the stack's own probe among them, and the schedules that are refused."""

import json
import re
import socket
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from disturbance import allowance_ms
from recorded import Recorded, until
from sandbox.lambda_service.schedule import Schedule, schedules
from sandbox_process import RunningSandbox, StartSandbox, descendants
from template.errors import TemplateError
from template.parameters import parse_overrides
from template.resources import read_stack
from tools import REPOSITORY

TEMPLATE = REPOSITORY / "template.yaml"
PROBE_LOG = "/aws/lambda/firstbyte-probe"
PROBE = {"service": "firstbyte", "probe": "schedule"}
PROBE_FUNCTION = {"FunctionName": "firstbyte-ProbeFunction"}

CLOCK = """
import json, os, sys, time
def handler(event, context):
    print(json.dumps({"event": event, "environment": dict(os.environ)}))
    if event["detail"] != "{}": sys.exit("no event of Scheduler's")
def fail(event, context):
    raise ValueError("broken clock")
def hang(event, context):
    time.sleep(60)
"""

CUT = """
from lambda_streaming import streamify_response
@streamify_response
def handler(event, context, *, response_stream):
    response_stream.write("a word")
    raise ValueError("cut short")
"""


def read(path: Path, *overrides: str) -> list[Schedule]:
    resources = read_stack(path, parse_overrides(overrides), "eu-west-1", function_url="http://{}/".format).resources
    return schedules(resources, path, "eu-west-1")


def clock_stack(directory: Path, target: Any = None, function: Any = None, **schedule: Any) -> Path:
    """A stack with a streaming function, a `Clock` that knows its URL, and a schedule of the latter: every two minutes.

    The changes are to the schedule's target, to the clock and to the schedule itself.
    """
    (directory / "clock.py").write_text(CLOCK)
    code = {"CodeUri": ".", "Runtime": "python3.13"}
    streaming = {"FunctionUrlConfig": {"AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM"}}
    url = {"URL": {"Fn::GetAtt": ["StreamingUrl", "FunctionUrl"]}}
    clock = {"EventInvokeConfig": {"MaximumRetryAttempts": 0}, "Environment": {"Variables": url}}
    once = {"RetryPolicy": {"MaximumRetryAttempts": 0}}
    resources = {
        "Streaming": ("AWS::Serverless::Function", {**code, **streaming, "Handler": "clock.handler"}),
        "Clock": ("AWS::Serverless::Function", {**code, **clock, "Handler": "clock.handler", **(function or {})}),
        "Hourly": (
            "AWS::Scheduler::Schedule",
            {
                "ScheduleExpression": "rate(2 minutes)",
                "Target": {"Arn": {"Fn::GetAtt": ["Clock", "Arn"]}, **once, **(target or {})},
                **schedule,
            },
        ),
    }
    template = {name: {"Type": kind, "Properties": properties} for name, (kind, properties) in resources.items()}
    path = directory / "template.yaml"
    path.write_text(yaml.safe_dump({"Resources": template}))
    return path


def test_this_repositorys_probe_runs_if_a_parameter_says_so() -> None:
    assert read(TEMPLATE) == []
    for minutes in (1, 4):
        (schedule,) = read(TEMPLATE, f"ProbeEveryMinutes={minutes}")
        assert schedule.minutes == minutes
        assert schedule.arn == "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/firstbyte-ProbeSchedule"
        assert schedule.function.name == "firstbyte-ProbeFunction"
        assert schedule.function.log_group == PROBE_LOG
        assert schedule.function.environment["FUNCTION_URL"] == "http://StreamingFunction/"
        # No run lasts until the next one.
        assert schedule.function.timeout <= 60 * schedule.minutes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ScheduleExpression": "cron(0 12 * * ? *)"}, "runs rate(N minutes), no StartDate, not cron"),
        ({"ScheduleExpression": "rate(0 minutes)"}, "not rate(0 minutes)"),
        ({"StartDate": "2030-01-01T00:00:00Z"}, "no StartDate"),
        ({"target": {"Input": "{}"}}, "Resources.Hourly.Properties.Target.Input: the sandbox sends Scheduler's own"),
        ({"target": {"Arn": "arn:aws:sqs:eu-west-1:1:q"}}, "Target.Arn must be that of a function of this template"),
        ({"target": {"RetryPolicy": {}}}, "Target.RetryPolicy.MaximumRetryAttempts must be 0"),
        ({"function": {"EventInvokeConfig": {"MaximumRetryAttempts": 1}}}, "Resources.Clock.Properties.EventInvoke"),
        ({"function": {"EventInvokeConfig": {}}}, "EventInvokeConfig.MaximumRetryAttempts must be 0"),
        ({"function": {"Handler": "none.handler"}}, "none.py, which does not exist"),
        (
            {"function": {"Environment": {"Variables": {"URL": {"Fn::GetAtt": "ClockUrl.FunctionUrl"}}}}},
            "resource of the stack is named ClockUrl",
        ),
    ],
)
def test_what_the_sandbox_cannot_run_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(TemplateError) as refused:
        read(clock_stack(tmp_path, **changes))
    assert words in str(refused.value)


def messages(running: RunningSandbox, group: str) -> list[str]:
    streams = Recorded(running.ready).streams(group)
    return [message for stream in streams.values() for message in stream]


@pytest.mark.alone
def test_a_function_runs_on_its_schedule(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    running = start_sandbox("--template", str(clock_stack(tmp_path)), "--alarm-minute", "1", "--region", "eu-west-1")
    group = "/aws/lambda/firstbyte-Clock"

    def ticks() -> list[dict[str, Any]]:
        found = (json.loads(message) for message in messages(running, group) if message.startswith("{"))
        return sorted(found, key=lambda tick: str(tick["event"]["time"]))

    seen = until(ticks, lambda found: len(found) >= 4)
    running.stop()
    times = [datetime.strptime(tick["event"]["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) for tick in seen]
    # Two minutes of a second each; a time has whole seconds, and a loaded machine is late.
    assert all((later - time).total_seconds() >= 1 for time, later in pairwise(times))
    due, took = 2 * (len(times) - 1), (times[-1] - times[0]).total_seconds()
    assert due - 1 <= took <= due + allowance_ms(5000) / 1000
    event = seen[0]["event"]
    assert len({tick["event"]["id"] for tick in seen}) == len(seen)
    assert {name: value for name, value in event.items() if name not in ("id", "time")} == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "123456789012",
        "region": "eu-west-1",
        "resources": ["arn:aws:scheduler:eu-west-1:123456789012:schedule/default/firstbyte-Hourly"],
        "detail": "{}",
    }
    environment = seen[0]["environment"]
    assert environment["URL"] == running.ready["function_url"]
    assert environment["AWS_ENDPOINT_URL"] == running.ready["aws_endpoint_url"]
    assert environment["AWS_REGION"] == "eu-west-1"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "firstbyte-Clock"
    assert environment["AWS_LAMBDA_LOG_GROUP_NAME"] == group
    # A role's own, which the developer's key is not.
    assert environment["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert environment["AWS_SESSION_TOKEN"]


@pytest.mark.parametrize(("handler", "error"), [("fail", "ValueError"), ("hang", "Sandbox.Timedout")])
def test_a_run_that_fails_is_said_and_the_next_one_comes(
    tmp_path: Path, start_sandbox: StartSandbox, handler: str, error: str
) -> None:
    template = clock_stack(tmp_path, function={"Handler": f"clock.{handler}", "Timeout": 1})
    running = start_sandbox("--template", str(template), "--alarm-minute", "1")
    said = f"sandbox: firstbyte-Clock failed on its schedule: {error}"
    until(lambda: running.log().count(said), lambda count: count >= 2)
    recorded = Recorded(running.ready)
    assert until(lambda: recorded.metric("Errors", "Sum", "AWS/Lambda", FunctionName="firstbyte-Clock"))
    assert recorded.metric("Errors", "Average", "AWS/Lambda", FunctionName="firstbyte-Clock") == 1
    running.stop()


def test_a_run_that_ends_in_error_trailers_is_a_success_for_lambda(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    wrapper = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/python/lambda_streaming/bootstrap"}
    cut = {"Handler": "cut.handler", "Layers": [{"Ref": "Layer"}], "Environment": {"Variables": wrapper}}
    path = clock_stack(tmp_path, function=cut)
    (tmp_path / "cut.py").write_text(CUT)
    template = yaml.safe_load(path.read_text())
    layer = {"ContentUri": str(REPOSITORY / "src/runtime")}
    template["Resources"]["Layer"] = {
        "Type": "AWS::Serverless::LayerVersion",
        "Metadata": {"BuildMethod": "makefile"},
        "Properties": layer,
    }
    path.write_text(yaml.safe_dump(template))
    running = start_sandbox("--template", str(path), "--alarm-minute", "1")
    recorded = Recorded(running.ready)
    until(lambda: (recorded.metric("Errors", "SampleCount", "AWS/Lambda", FunctionName="firstbyte-Clock") or 0) >= 2)
    assert any("cut short" in message for message in messages(running, "/aws/lambda/firstbyte-Clock"))
    assert recorded.metric("Errors", "Sum", "AWS/Lambda", FunctionName="firstbyte-Clock") == 0
    assert "failed on its schedule" not in running.log()
    running.stop()


def test_a_run_without_an_environment_is_said(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    function = {"Handler": "clock.hang", "Timeout": 60, "ReservedConcurrentExecutions": 1}
    running = start_sandbox("--template", str(clock_stack(tmp_path, function=function)), "--alarm-minute", "1")
    until(lambda: "firstbyte-Clock did not run on its schedule: all of its environments are at work" in running.log())
    running.stop()


def test_the_stacks_probe_publishes_what_it_has_logged(start_sandbox: StartSandbox) -> None:
    # The next run is five real minutes away: what one has left can be counted.
    running = start_sandbox("--parameter-overrides", "ProbeEveryMinutes=5", "MaxOutputTokens=9")
    recorded = Recorded(running.ready)
    until(lambda: recorded.metric("Invocations", "Sum", "AWS/Lambda", **PROBE_FUNCTION))
    secrets = role_secrets(running.process.pid)
    (line,) = (json.loads(message) for message in messages(running, PROBE_LOG) if message.startswith("{"))
    assert (line["outcome"], line["url"]) == ("completed", running.ready["function_url"])
    for dimensions in (PROBE, {"service": "firstbyte"}):
        for metric, value in (
            ("ProbeFailures", 0),
            ("ClientTimeToFirstByte", line["ttfb_ms"]),
            ("ClientTimeToFirstToken", line["ttft_ms"]),
            ("ClientResponseDuration", line["total_ms"]),
        ):
            assert recorded.metric(metric, "SampleCount", **dimensions) == 1, metric
            assert recorded.metric(metric, "Sum", **dimensions) == pytest.approx(value), metric
    # It is a request like any other, of no more tokens than the function allows.
    recorded.wait_for_requests(1)
    (response,) = recorded.log_lines('{ $.message = "response finished" }')
    assert (response["outcome"], response["request_id"]) == ("completed", line["request_id"])
    assert line["output_tokens"] == response["output_tokens"] <= 9
    assert recorded.metric("Errors", "Sum", "AWS/Lambda", **PROBE_FUNCTION) == 0
    (report,) = (message for message in messages(running, PROBE_LOG) if message.startswith("REPORT"))
    assert re.search(r"\tMemory Size: 512 MB\t.*\tInit Duration: ", report)
    assert secrets
    told = "\n".join(messages(running, PROBE_LOG)) + running.log()
    assert not [secret for secret in secrets if secret in told]
    running.stop()


def role_secrets(sandbox: int) -> set[str]:
    """The secret keys and session tokens that the sandbox has given its functions."""
    environments = [Path(f"/proc/{pid}/environ").read_bytes().decode() for pid in descendants(sandbox)]
    return set(re.findall(r"AWS_(?:SECRET_ACCESS_KEY|SESSION_TOKEN)=([^\0]+)", "\n".join(environments)))


def test_a_probe_that_cannot_publish_fails_and_is_silent(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    text = re.sub(r"(CodeUri|ContentUri): ", rf"\1: {REPOSITORY}/", TEMPLATE.read_text())
    variable = "SERVICE: !Ref AWS::StackName\n"
    assert variable in text
    nowhere = f"          AWS_ENDPOINT_URL_CLOUDWATCH: http://127.0.0.1:{unused_port()}/\n"
    (tmp_path / "template.yaml").write_text(text.replace(variable, variable + nowhere))
    running = start_sandbox(
        *("--template", str(tmp_path / "template.yaml"), "--alarm-minute", "1"),
        *("--parameter-overrides", "ProbeEveryMinutes=2"),
    )
    recorded = Recorded(running.ready)
    until(lambda: running.log().count("firstbyte-ProbeFunction failed on its schedule: RuntimeError") >= 3)
    assert any("the probe ended with code 5" in message for message in messages(running, PROBE_LOG))
    # Nothing is lost but the figures in CloudWatch.
    assert any('"outcome": "completed"' in message for message in messages(running, PROBE_LOG))
    assert recorded.metric("ProbeFailures", "SampleCount", **PROBE) is None
    until(lambda: state(recorded, "firstbyte-probe") == "ALARM")
    running.stop()


def state(recorded: Recorded, name: str) -> str:
    (alarm,) = recorded.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(alarm["StateValue"])


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
