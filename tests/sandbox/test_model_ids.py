"""Every form of a model's id through a stack in eu-west-1: answer, log, trace, the function's metrics and Bedrock's."""

import json
from pathlib import Path
from typing import Any

import pytest

from readme import table, unquoted
from recorded import Recorded, until
from sandbox_client import Answer, call
from sandbox_process import StartSandbox
from tools import REPOSITORY

REGION = "eu-west-1"
PROFILE = "eu.amazon.nova-lite-v1:0"
RESOURCE = "application-inference-profile/a1b2c3d4e5f6"
ARN = f"arn:aws:bedrock:{REGION}:123456789012:{RESOURCE}"
CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
# This one is for the sandbox to refuse: here it is served through inference profiles alone.
MICRO = "amazon.nova-micro-v1:0"
NAME = "streaming"
# Ids that deploy and fail, by the README: each with the status and the beginning of the message that a caller gets.
UNCHECKED = [
    (unquoted(model)[0], int(status), unquoted(message)[0])
    for model, status, message in table("src/template", "### What is not checked")
]


def template(directory: Path) -> Path:
    """A stack of the function alone. This repository's template makes the ids of its models by the region."""
    variables = {
        "AWS_LAMBDA_EXEC_WRAPPER": "/opt/python/lambda_streaming/bootstrap",
        "MODEL_IDS": ",".join((PROFILE, ARN, CLAUDE, MICRO, *(model_id for model_id, *_ in UNCHECKED))),
        "GUARDRAIL": "abcdefgh1234:DRAFT",
        "MODEL_PRICES": f"amazon.nova-lite-v1:0=1/2,{ARN}=3/4,{CLAUDE}=5/6",
        "MAX_OUTPUT_TOKENS": "1000",
        "MAX_PROMPT_CHARS": "1000",
        "MODEL_IDLE_TIMEOUT_SECONDS": "30",
        "TTFT_OBJECTIVE_MS": "2000",
        "TPOT_OBJECTIVE_MS": "100",
        "POWERTOOLS_SERVICE_NAME": "firstbyte",
    }
    function = {
        "FunctionName": NAME,
        "CodeUri": str(REPOSITORY / "src/function"),
        "Handler": "app.handler",
        "Runtime": "python3.13",
        "Timeout": 60,
        "Tracing": "Active",
        "Layers": [{"Ref": "Layer"}],
        "Environment": {"Variables": variables},
        "FunctionUrlConfig": {"AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM"},
    }
    layer = {"ContentUri": str(REPOSITORY / "src/runtime")}
    path = directory / "template.json"
    path.write_text(
        json.dumps(
            {
                "Resources": {
                    "Layer": {
                        "Type": "AWS::Serverless::LayerVersion",
                        "Metadata": {"BuildMethod": "makefile"},
                        "Properties": layer,
                    },
                    "Streaming": {
                        "Type": "AWS::Serverless::Function",
                        "Metadata": {"BuildMethod": "makefile"},
                        "Properties": function,
                    },
                }
            }
        )
    )
    return path


@pytest.fixture(scope="module")
def stack(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = template(tmp_path_factory.mktemp("stack"))
    return start_sandbox("--template", str(path), "--region", REGION, "--model-script", "ttft=0 gap=0 chunks=5").ready


def ask(stack: dict[str, str], **fields: Any) -> Answer:
    body = json.dumps({"prompt": "[[sandbox: echo input=1000000 output=0]] say this", **fields})
    return call(stack, body, headers={"Accept": "application/json"})


@pytest.mark.parametrize(
    ("fields", "model_id", "told", "dollars"),
    [
        ({}, PROFILE, PROFILE, 1),
        ({"model": "amazon.nova-lite-v1:0"}, PROFILE, PROFILE, 1),
        ({"model": PROFILE, "api": "converse"}, PROFILE, PROFILE, 1),
        ({"model": RESOURCE}, ARN, RESOURCE, 3),
        ({"model": CLAUDE}, CLAUDE, CLAUDE, 5),
    ],
)
def test_one_id_in_answer_log_trace_and_metrics(
    stack: dict[str, str], fields: dict[str, str], model_id: str, told: str, dollars: float
) -> None:
    recorded = Recorded(stack)
    before = recorded.totals("AWS/Bedrock", "Invocations", ModelId=model_id).get("Sum", 0)
    answer = ask(stack, **fields).json
    assert (answer["text"].strip(), answer["model"]) == ("say this", told)
    messages = until(lambda: [line for line in lines(recorded) if line.get("trace_id") == answer["trace_id"]])
    assert [line["model"] for line in messages if line.get("message") == "response finished"] == [model_id]
    expression = f'annotation.model = "{model_id}"'
    until(lambda: [found for found in recorded.trace_summaries(expression) if found["Id"] == answer["trace_id"]])
    until(lambda: recorded.totals("AWS/Bedrock", "Invocations", ModelId=model_id), lambda found: found["Sum"] > before)
    cost = until(lambda: recorded.metric("EstimatedCost", "Maximum", service="firstbyte", model=model_id))
    assert cost == dollars


@pytest.mark.parametrize(("model_id", "status", "message"), UNCHECKED)
def test_the_readme_says_how_a_model_that_nobody_checked_fails(
    stack: dict[str, str], model_id: str, status: int, message: str
) -> None:
    answer = ask(stack, model=model_id)
    assert (answer.status, answer.json["error"]["message"].startswith(message)) == (status, True), answer.json


def lines(recorded: Recorded) -> list[dict[str, Any]]:
    """The function's own lines, of any environment."""
    messages = [message for stream in recorded.streams(f"/aws/lambda/{NAME}").values() for message in stream]
    return [json.loads(message) for message in messages if message.startswith("{")]


def test_bedrocks_refusal_reaches_the_caller_and_the_operator(stack: dict[str, str]) -> None:
    recorded = Recorded(stack)
    answer = ask(stack, model=MICRO).json
    assert answer["error"]["type"] == "invalid_request"
    assert answer["error"]["message"].startswith(f"Invocation of model ID {MICRO} with on-demand throughput isn")
    until(lambda: recorded.totals("AWS/Bedrock", "InvocationClientErrors", ModelId=MICRO), bool)
    failed = until(lambda: [line for line in lines(recorded) if line.get("model_id") == MICRO and "detail" in line])
    assert (failed[0]["message"], failed[0]["code"]) == ("request failed", "ValidationException")
    assert "on-demand throughput" in failed[0]["detail"]
