"""Optional settings that are wrong, in an environment of its own each: the response is recorded all the same."""

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest
from aws_lambda_powertools.shared import constants

from emf_document import values_of
from tools import REPOSITORY
from unit.test_function_config import NOT_USABLE, USABLE

TRACE = "Root=1-6a1b2c3d-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1"
# Two responses of a new environment, which has its settings before anything of the function is imported.
DRIVER = """
import json, os, sys
from bedrock_replay import Reply, chunk
from function_calls import running_function, url_event
from lambda_streaming.testing import run

answer = [
    chunk({"contentBlockDelta": {"delta": {"text": "correct horse"}, "contentBlockIndex": 0}}),
    chunk({"messageStop": {"stopReason": "end_turn"}}),
]
with running_function(**json.loads(sys.argv[1])) as (app, server):
    os.environ["_X_AMZN_TRACE_ID"] = sys.argv[2]
    server.prepare(Reply(answer), Reply(answer))
    for _ in range(2):
        assert run(app.handler, url_event({"prompt": "battery staple"})).text == "correct horse"
"""


def recorded(settings: dict[str, str]) -> tuple[list[dict[str, Any]], int]:
    """What two responses print, line by line, and how many datagrams of traces they send."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.setblocking(False)
        environment = {
            "PYTHONPATH": os.pathsep.join(
                str(REPOSITORY / path) for path in ("src/function", "src/runtime", "src", "tests")
            ),
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_FUNCTION_NAME": "firstbyte-function",
            "LAMBDA_TASK_ROOT": "/var/task",
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
        }
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, json.dumps(settings), TRACE],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        datagrams = 0
        with suppress(BlockingIOError):
            while daemon.recv(65536):
                datagrams += 1
    return [json.loads(line) for line in done.stdout.splitlines()], datagrams


def check_two_whole_records(lines: list[dict[str, Any]], service: str) -> None:
    finished = [line for line in lines if line.get("message") == "response finished"]
    assert [(line["outcome"], line["service"], line["level"]) for line in finished] == [
        ("completed", service, "INFO")
    ] * 2
    documents = [line for line in lines if "_aws" in line]
    assert [(values_of(document)["Completed"], document["service"]) for document in documents] == [([1], service)] * 2
    assert "horse" not in json.dumps(lines)


# What the parts of Powertools that the function uses do not read.
UNREAD = {
    "POWERTOOLS_LOGGER_LOG_EVENT",
    "POWERTOOLS_TRACER_CAPTURE_RESPONSE",
    "POWERTOOLS_TRACER_CAPTURE_ERROR",
    "POWERTOOLS_TRACE_MIDDLEWARES",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_METRICS_FUNCTION_NAME",
    "POWERTOOLS_PARAMETERS_SSM_DECRYPT",
    "POWERTOOLS_PARAMETERS_MAX_AGE",
    "POWERTOOLS_IDEMPOTENCY_DISABLED",
    "POWERTOOLS_CIRCUIT_BREAKER_DISABLED",
}


def test_every_variable_of_powertools_is_checked_or_unread() -> None:
    known = {value for value in vars(constants).values() if isinstance(value, str) and value.startswith("POWERTOOLS_")}
    checked = {name for name in NOT_USABLE if name.startswith("POWERTOOLS_")}
    assert known == checked | UNREAD


@pytest.mark.parametrize("number", range(3), ids=["empty", "blank", "nonsense"])
def test_with_every_optional_setting_wrong_at_once_nothing_is_lost(number: int) -> None:
    settings = {name: ("", " ", values[0])[number] for name, values in NOT_USABLE.items()}
    lines, _ = recorded(settings | dict.fromkeys(UNREAD, ("", " ", "nonsense")[number]))
    check_two_whole_records(lines, "firstbyte-function")
    warnings = [line for line in lines if line.get("message") == "a setting is not usable"]
    assert sorted(line["variable"] for line in warnings) == sorted(settings), "each is said once"
    assert all(line["level"] == "WARNING" and line["instead"] for line in warnings)
    assert len(lines) == 4 + len(warnings), "nothing else is said"


def test_with_every_optional_setting_right_nothing_is_said() -> None:
    disabling = {name for name in USABLE if name.endswith(("DISABLED", "_DEV", "_DEBUG", "ADDRESS"))}
    lines, datagrams = recorded({name: values[0] for name, values in USABLE.items() if name not in disabling})
    check_two_whole_records(lines, "firstbyte")
    assert len(lines) == 4
    assert datagrams == 8


@pytest.mark.parametrize(
    ("settings", "log", "metrics", "traces"),
    [
        ({"LOG_LEVEL": "ERROR"}, 0, 2, 8),
        ({"AWS_LAMBDA_LOG_LEVEL": "FATAL"}, 0, 2, 8),
        ({"POWERTOOLS_METRICS_DISABLED": "true"}, 2, 0, 8),
        ({"POWERTOOLS_TRACE_DISABLED": "true"}, 2, 2, 0),
        ({"POWERTOOLS_DEV": "true"}, 2, 2, 8),
        ({"AWS_XRAY_SDK_ENABLED": "false"}, 2, 2, 0),
        ({"AWS_XRAY_SDK_ENABLED": "", "AWS_XRAY_CONTEXT_MISSING": "x", "AWS_XRAY_TRACING_NAME": "*"}, 2, 2, 8),
    ],
)
def test_what_an_operator_switches_off_is_off_alone(
    settings: dict[str, str], log: int, metrics: int, traces: int
) -> None:
    lines, datagrams = recorded(settings)
    assert sum(line.get("message") == "response finished" for line in lines) == log
    assert sum("_aws" in line for line in lines) == metrics
    assert datagrams == traces


def test_a_wrong_price_costs_one_models_figure() -> None:
    lines, _ = recorded({"MODEL_PRICES": "amazon.nova-lite-v1:0=1.2.3/4,mistral.mistral-large-2402-v1:0=1/2"})
    check_two_whole_records(lines, "firstbyte-test")
    (warning,) = (line for line in lines if line.get("message") == "a setting is not usable")
    assert (warning["variable"], warning["value"]) == ("MODEL_PRICES", "amazon.nova-lite-v1:0=1.2.3/4")
