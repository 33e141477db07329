"""What the real boto3 lists of Logs: the log groups, and the saved queries of the template."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from aws_endpoint import running_endpoint
from sandbox.logs.api import operations
from sandbox.logs.logs import Logs
from sandbox.logs.query_definitions import operations as query_definitions
from sandbox.store import Store
from sandbox_client import aws_client
from template.resources import read_stack
from tools import REPOSITORY

TEMPLATE = REPOSITORY / "template.yaml"


@pytest.fixture
def logs() -> Iterator[Logs]:
    store = Store()
    yield Logs(store)
    store.close()


def client_of(logs: Logs, template: Path = TEMPLATE) -> Iterator[Any]:
    with running_endpoint() as endpoint:
        resources = read_stack(template, {}, "eu-north-1").resources
        endpoint.operations.update({**operations(logs), **query_definitions(resources)})
        yield aws_client(endpoint.ready, "logs")


@pytest.fixture
def client(logs: Logs) -> Iterator[Any]:
    yield from client_of(logs)


def names(client: Any, **parameters: Any) -> list[list[str]]:
    pages = client.get_paginator("describe_log_groups").paginate(**parameters)
    return [[group["logGroupName"] for group in page["logGroups"]] for page in pages]


def test_the_groups_are_in_order_and_on_pages(logs: Logs, client: Any) -> None:
    assert names(client) == [[]]
    expected = sorted(f"/aws/lambda/a-{number}" for number in range(120))
    for number in range(120):
        logs.create_group(f"/aws/lambda/a-{number}")
    logs.put("/aws/lambda/b", "stream", 1_000, "a group begins with its first event, too")
    logs.create_group("elsewhere")
    assert names(client, logGroupNamePrefix="/aws/lambda/") == [
        expected[:50],
        expected[50:100],
        [*expected[100:], "/aws/lambda/b"],
    ]
    assert names(client, limit=1, logGroupNamePrefix="/aws/lambda/a-11") == [
        [name] for name in expected if name.startswith("/aws/lambda/a-11")
    ]
    assert names(client, logGroupNamePrefix="/nowhere") == [[]]


def test_a_group_has_the_time_of_its_beginning(logs: Logs, client: Any) -> None:
    logs.create_group("a")
    (made,) = client.describe_log_groups()["logGroups"]
    logs.create_group("a")
    logs.put("a", "stream", 1_000, "later")
    assert client.describe_log_groups()["logGroups"] == [made]
    assert made["creationTime"] > 1_600_000_000_000


def saved(client: Any, **parameters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.describe_query_definitions(**parameters)["queryDefinitions"]
    return found


def test_the_saved_queries_are_those_of_the_template(client: Any) -> None:
    written = set(re.findall(r"Name: !Sub \$\{AWS::StackName\}/(.+)", TEMPLATE.read_text()))
    found = saved(client)
    assert {query["name"].removeprefix("firstbyte/") for query in found} == written
    assert [query["name"] for query in found] == sorted(query["name"] for query in found)
    (failures,) = saved(client, queryDefinitionNamePrefix="firstbyte/failures by")
    text = re.search(r"FailuresByCode:\n *Text: >-\n((?: {8}.*\n)+)", TEMPLATE.read_text())
    assert text
    assert failures == {
        "queryLanguage": "CWLI",
        "queryDefinitionId": failures["queryDefinitionId"],
        "name": "firstbyte/failures by code",
        "queryString": yaml.safe_load(f"a: >-\n{text[1]}")["a"],
        "logGroupNames": ["/aws/lambda/firstbyte-streaming"],
    }
    assert len({query["queryDefinitionId"] for query in found}) == len(found)


def test_the_saved_queries_are_on_pages(client: Any) -> None:
    all_of_them, pages, token = saved(client), [], {}
    while True:
        answer = client.describe_query_definitions(maxResults=4, **token)
        pages.append(answer["queryDefinitions"])
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}
    assert [len(page) for page in pages] == [4] * (len(all_of_them) // 4) + [len(all_of_them) % 4]
    assert [query for page in pages for query in page] == all_of_them


@pytest.mark.parametrize(
    ("parameters", "code"),
    [({"nextToken": "x"}, "InvalidParameterException"), ({"queryLanguage": "SQL"}, "NotImplementedException")],
)
def test_what_makes_no_sense_of_saved_queries_is_refused(client: Any, parameters: dict[str, str], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        client.describe_query_definitions(**parameters)
    assert refused.value.response["Error"]["Code"] == code


def test_a_saved_query_that_cannot_be_read_is_refused_by_name(logs: Logs, tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text("Resources: {Broken: {Type: AWS::Logs::QueryDefinition, Properties: {Name: n}}}")
    client = next(clients := client_of(logs, template))
    with pytest.raises(ClientError, match=r"the saved query Broken: .*QueryString is missing"):
        client.describe_query_definitions()
    clients.close()
