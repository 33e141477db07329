"""The stand-in for AWS in a process of its own, and what to ask it with."""

import contextlib
import json
import socket
import subprocess
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from sandbox_client import aws_client
from tools import REPOSITORY, sam_and_moto, without_aws

REGION = "us-east-1"


class StandIn:
    """A running stand-in; `environment` makes the SAM CLI ask it in place of AWS."""

    def __init__(self, port: int) -> None:
        key, endpoint = "test", f"http://localhost:{port}"
        self.environment = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": key,
            "AWS_DEFAULT_REGION": REGION,
            # Seconds between two looks at a deployment's events.
            "SAM_CLI_POLL_DELAY": "0.1",
        }
        ready = {"aws_endpoint_url": endpoint, "region": REGION, "access_key_id": key, "secret_access_key": key}
        self.client: Callable[[str], Any] = cache(partial(aws_client, ready))

    def processed_template(self, stack: str) -> dict[str, Any]:
        """What the transforms made of a stack's template."""
        answer = self.client("cloudformation").get_template(StackName=stack, TemplateStage="Processed")
        body: dict[str, Any] | str = answer["TemplateBody"]
        return json.loads(body) if isinstance(body, str) else json.loads(json.dumps(body))  # type: ignore[no-any-return]

    def identifiers(self, stack: str) -> dict[str, tuple[str, str]]:
        """Type and physical id of a stack's resources, by logical id."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        return {
            summary["LogicalResourceId"]: (summary["ResourceType"], summary["PhysicalResourceId"])
            for page in pages
            for summary in page["StackResourceSummaries"]
        }


def start() -> tuple[subprocess.Popen[str], StandIn]:
    """Start a stand-in; it ends when its standard input is closed."""
    known = False
    with contextlib.suppress(OSError):
        known = socket.gethostbyname("localhost") == "127.0.0.1"
    assert known, "the SAM CLI asks the stand-in by the name localhost: /etc/hosts must have it as 127.0.0.1"
    environment = {**without_aws(), "PYTHONPATH": f"{REPOSITORY / 'tests/deploy'}:{REPOSITORY / 'src'}"}
    process = subprocess.Popen(
        sam_and_moto("-m", "stand_in"), env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.strip().isdigit(), f"the stand-in did not start: exit code {process.wait(10)}"
    return process, StandIn(int(line))
