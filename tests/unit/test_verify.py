"""The pure parts of src/verify: what is masked, which model and region are meant, how long is waited."""

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from probe.credentials import Credentials
from probe.measurement import COMPLETED, CUT, HTTP_ERROR, TRANSPORT, Failure
from probe.observation import Observation
from probe.target import parse_url
from probe_runs import a_run
from verify import waiting
from verify.access import Access, aws_access, reason
from verify.calls import Answer
from verify.deployed import Deployed
from verify.findings import FAILED, OK, UNCHECKED, UNSEEN, Finding
from verify.masking import masked
from verify.report import Report
from verify.responses import deadline_text, is_model
from verify.waiting import Watch, wait_for


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("arn:aws:sns:eu-west-1:123456789012:pager", "arn:aws:sns:eu-west-1:***:pager"),
        ("https://abc123def.lambda-url.eu-west-1.on.aws/", "https://***.lambda-url.eu-west-1.on.aws/"),
        ("the key AKIAIOSFODNN7EXAMPLE is", "the key *** is"),
        ("ASIAIOSFODNN7EXAMPLE", "***"),
        ("PageTo=jo.doe+x@mail.example.com, TicketsTo=b@c", "PageTo=***@***, TicketsTo=***@***"),
        ('"PageTo": "a@b.example"', '"PageTo": "***@***"'),
        # An account or a key within a longer word.
        ("aws-sam-cli_123456789012_x", "aws-sam-cli_***_x"),
        ("bucket123456789012eu", "bucket***eu"),
        ("key_AKIAIOSFODNN7EXAMPLE_x", "key_***_x"),
        ("keyAKIAIOSFODNN7EXAMPLE", "key***"),
        # No account: counts, ids, a function's name with the end that CloudFormation makes up.
        ("1234567890123 tokens, 12 GB", "1234567890123 tokens, 12 GB"),
        ("1-67891233-abcdef012345678912345678", "1-67891233-abcdef012345678912345678"),
        ("1-67891233-abc123456789012defabcdef", "1-67891233-abc123456789012defabcdef"),
        ("Root=1-67891233-123456789012abcdefabcdef;Sampled=1", "Root=1-67891233-123456789012abcdefabcdef;Sampled=1"),
        ("6c0b17cb-3763-4193-ba5d-123456789012", "6c0b17cb-3763-4193-ba5d-123456789012"),
        # A trace id beside an account, and what only begins as one.
        ("1-67891233-abc123456789012defabcdef 123456789012", "1-67891233-abc123456789012defabcdef ***"),
        ("1-67891233-123456789012", "1-67891233-***"),
        ("chat-StreamingFunction-ABCDEF123456", "chat-StreamingFunction-ABCDEF123456"),
        ("eu.amazon.nova-lite-v1:0", "eu.amazon.nova-lite-v1:0"),
    ],
)
def test_what_a_public_issue_should_not_show_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    ("model", "parameter", "is_it"),
    [
        ("amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", True),
        ("eu.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", True),
        ("eu.amazon.nova-lite-v1:0", "eu.amazon.nova-lite-v1:0", True),
        ("amazon.nova-micro-v1:0", "amazon.nova-lite-v1:0", False),
        ("", "", False),
        ("amazon.nova-lite-v1:0", "", False),
        ("us.eu.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", False),
    ],
)
def test_a_model_may_be_called_through_a_geography(model: str, parameter: str, is_it: bool) -> None:
    assert is_model(model, parameter) is is_it


def client_error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "so\nit is"}}, operation)


def test_an_error_of_aws_is_one_line() -> None:
    assert (
        reason(client_error("AccessDenied", "GetDashboard"))
        == "the keys have no permission for cloudwatch:GetDashboard"
    )
    assert reason(client_error("Throttling", "GetDashboard")) == "GetDashboard: Throttling: so it is"
    assert "\n" not in reason(EndpointConnectionError(endpoint_url="http://x\ny"))


def test_what_comes_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_PAUSES", (0.01,))
    looks: dict[str, list[Any]] = {
        "late": [(None, "none"), EndpointConnectionError(endpoint_url="x"), (None, "one"), (OK, "two")],
        "wrong": [(None, "none"), (FAILED, "other")],
        "denied": [client_error("AccessDenied", "GetDashboard")],
        "never": [(None, "nothing")] * 1000,
    }

    def look(name: str) -> tuple[str | None, str]:
        found = looks[name].pop(0)
        if isinstance(found, Exception):
            raise found
        verdict, seen = found
        return verdict, seen

    said: list[str] = []
    watches = [Watch(name, f"{name}!", lambda name=name: look(name)) for name in looks]  # type: ignore[misc]
    late, wrong, denied, never = wait_for(watches, 0.5, said.append)
    assert late == Finding("late", "late!", OK, "two")
    assert wrong == Finding("wrong", "wrong!", FAILED, "other")
    assert (denied.verdict, looks["denied"]) == (FAILED, [])
    assert never.verdict == UNSEEN
    assert re.fullmatch(r"nothing after \d s", never.seen)
    assert len(said) > 3
    assert said[0].startswith("waiting for late, wrong, never (0 s of 0 s)")
    assert said[-1].startswith("waiting for never (")


def test_who_does_not_wait_looks_once() -> None:
    begun = time.monotonic()
    seen: list[None] = []

    def look() -> tuple[str | None, str]:
        seen.append(None)
        return None, "nothing"

    (finding,) = wait_for([Watch("x", "y", look)], 0, lambda text: None)
    assert (finding.verdict, len(seen)) == (UNSEEN, 1)
    assert time.monotonic() - begun < 60


def test_a_report_is_a_table_whatever_stands_in_it() -> None:
    access = Access("eu-west-1", Credentials("AKIAIOSFODNN7EXAMPLE", "secret", None), None)
    parameters = {"PageTo": "a@b.example", "FallbackModelId": ""}
    url = parse_url("https://abc123.lambda-url.eu-west-1.on.aws/", None, {})
    deployed = Deployed(access, "chat", "CREATE_COMPLETE", {}, parameters, url)
    findings = [
        Finding("one", "this | that", OK, "this"),
        Finding("two", "x", FAILED, "line\nline \x1b[1m 123456789012"),
        Finding("three", "x", UNSEEN, "nothing"),
    ]
    report = Report("2026-11-28T00:00:00Z", "1234567", {"curl": "8.1.2"}, deployed, findings)
    lines = report.markdown().splitlines()
    assert lines[0] == "# Firstbyte on AWS, eu-west-1: 1 ok, 1 failed, 1 not seen in time"
    assert "| Parameters | PageTo=***@*** |" in lines
    assert lines[-3:] == [
        "| one | ok | this \\| that | this |",
        "| two | failed | x | line line [1m *** |",
        "| three | not seen in time | x | nothing |",
    ]
    document = json.loads(report.json())
    assert document["is_sandbox"] is False
    assert document["counts"] == {"ok": 1, "failed": 1, "not seen in time": 1, "not checked": 0}
    assert document["parameters"] == {"PageTo": "***@***", "FallbackModelId": ""}
    assert document["checks"][1]["seen"] == "line\nline \x1b[1m ***"


@pytest.mark.parametrize(
    ("asked", "environment", "region"),
    [
        ("a-1", {"AWS_REGION": "b-1", "AWS_DEFAULT_REGION": "c-1"}, "a-1"),
        (None, {"AWS_REGION": "b-1", "AWS_DEFAULT_REGION": "c-1"}, "b-1"),
        (None, {"AWS_REGION": "", "AWS_DEFAULT_REGION": "c-1"}, "c-1"),
        (None, {"AWS_DEFAULT_REGION": "c-1"}, "c-1"),
        (None, {}, "d-1"),
    ],
)
def test_the_region_is_that_of_the_aws_cli_2(
    asked: str | None, environment: dict[str, str], region: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    config = tmp_path / "config"
    config.write_text("[profile dev]\nregion = d-1\n")
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, value in {"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "dev", **keys, **environment}.items():
        monkeypatch.setenv(name, value)
    assert aws_access(asked).region == region


LATE = {"outcome": CUT, "total_ms": 4000.0, "curl_exit_code": 18, "error": Failure("curl_18", "the answer was cut")}


@pytest.mark.parametrize(
    ("fields", "outcome", "verdict"),
    [
        ({}, "deadline_exceeded", OK),
        ({}, "interrupted", FAILED),
        ({}, "completed", FAILED),
        ({}, None, None),
        ({"curl_exit_code": 56}, "deadline_exceeded", FAILED),
        ({"curl_exit_code": 28}, "deadline_exceeded", FAILED),
        ({"curl_exit_code": 28, "outcome": TRANSPORT}, "deadline_exceeded", FAILED),
        ({"curl_exit_code": 0, "outcome": HTTP_ERROR}, "deadline_exceeded", FAILED),
        ({"curl_exit_code": 0, "outcome": COMPLETED, "error": None}, "completed", UNCHECKED),
        ({"curl_exit_code": 0, "outcome": COMPLETED, "error": None}, "deadline_exceeded", FAILED),
        ({"curl_exit_code": 0, "outcome": COMPLETED, "error": None}, None, None),
    ],
)
def test_a_cut_at_the_deadline_takes_18_and_the_log_line(
    fields: dict[str, Any], outcome: str | None, verdict: str | None
) -> None:
    answer = Answer(Observation(), a_run(**(LATE | fields)))
    assert deadline_text(answer, {"outcome": outcome} if outcome else None)[0] == verdict
