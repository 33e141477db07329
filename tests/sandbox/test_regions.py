"""The stack with its defaults answers in the regions that serve its model, and is refused elsewhere."""

import json
import subprocess
import sys

import pytest

from sandbox_client import call
from sandbox_process import StartSandbox
from tools import REPOSITORY


@pytest.mark.parametrize(
    ("region", "model"),
    [
        ("us-east-1", "amazon.nova-lite-v1:0"),
        ("us-west-1", "us.amazon.nova-lite-v1:0"),
        ("us-west-2", "us.amazon.nova-lite-v1:0"),
        ("eu-west-1", "eu.amazon.nova-lite-v1:0"),
        ("ap-southeast-2", "apac.amazon.nova-lite-v1:0"),
        ("ap-southeast-3", "apac.amazon.nova-lite-v1:0"),
    ],
)
def test_the_defaults_answer(region: str, model: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox("--region", region)
    body = json.dumps({"prompt": "[[sandbox: echo]] hello"})
    answer = call(sandbox.ready, body, headers={"accept": "application/json"})
    assert answer.status == 200, answer.body
    document = json.loads(answer.body)
    assert (document["model"], document["text"].strip()) == (model, "hello")


def test_a_region_that_does_not_serve_the_model_is_refused_at_the_start() -> None:
    command = [sys.executable, "-m", "sandbox", "--region", "sa-east-1"]
    done = subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "Set ModelId to one that it does serve" in done.stderr
    assert len(done.stderr.splitlines()) == 1
