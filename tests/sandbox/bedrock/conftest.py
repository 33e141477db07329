"""A fast stand-in for Bedrock, one for each test, so that what it served is the test's own."""

from collections.abc import Iterator
from typing import Any

import pytest

from bedrock_service import Service, running_bedrock


@pytest.fixture
def bedrock() -> Iterator[Service]:
    with running_bedrock() as service:
        yield service


@pytest.fixture
def client(bedrock: Service) -> Iterator[Any]:
    client = bedrock.client()
    yield client
    client.close()
