"""Traces of each test's own, an endpoint in front of them, and a real boto3 client of it.

Who wants them imports the three fixtures: `from trace_service import client, endpoint, traces`.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from aws_endpoint import Endpoint, running_endpoint
from sandbox.store import Store
from sandbox.xray.api import operations
from sandbox.xray.traces import Traces
from sandbox_client import aws_client


@pytest.fixture
def traces() -> Iterator[Traces]:
    store = Store()
    yield Traces(store)
    store.close()


@pytest.fixture
def endpoint(traces: Traces) -> Iterator[Endpoint]:
    with running_endpoint() as running:
        running.operations.update(operations(traces))
        yield running


@pytest.fixture
def client(endpoint: Endpoint) -> Any:
    return aws_client(endpoint.ready, "xray")
