"""Traces of each test's own, and a real boto3 client of an endpoint in front of them."""

from collections.abc import Iterator
from typing import Any

import pytest

from aws_endpoint import running_endpoint
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
def client(traces: Traces) -> Iterator[Any]:
    with running_endpoint() as endpoint:
        endpoint.operations.update(operations(traces))
        yield aws_client(endpoint.ready, "xray")
