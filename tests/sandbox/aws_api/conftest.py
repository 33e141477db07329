"""An endpoint for each test, and CloudWatch's clients for every protocol that it speaks."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from aws_endpoint import Endpoint, running_endpoint, session_for
from sandbox_client import aws_client
from sandbox_process import sandbox, start_sandbox

__all__ = ["sandbox", "start_sandbox"]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with running_endpoint() as endpoint:
        yield endpoint


@pytest.fixture(scope="session", params=["json", "query"])
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> boto3.Session:
    return session_for(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def cloudwatch(endpoint: Endpoint, session: boto3.Session) -> Any:
    return aws_client(endpoint.ready, "cloudwatch", session)
