"""A console reads: its clients refuse every operation that is not one of `READS`, before anything is sent."""

import json
import re
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from console import source as console_source
from console.markup import command
from console.source import READS, SANDBOX_READY_FILE, Source, sandbox_source


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(retries={"total_max_attempts": 1}, read_timeout=1)
    monkeypatch.setattr(console_source, "_CONFIG", console_source._CONFIG.merge(config))


@pytest.fixture
def nobody() -> Iterator[socket.socket]:
    """A port that answers nobody, and notes who comes: whoever has not come when a test ends never will."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def clients(listener: socket.socket) -> dict[str, Any]:
    session = boto3.Session("AKID", "secret", region_name="us-east-1")
    endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    made = console_source._source("firstbyte", session, endpoint, {})
    return {service: getattr(made, service) for service in READS}


def minimal(shape: Any, depth: int = 0) -> Any:
    """The least that botocore takes for a shape."""
    match shape.type_name:
        case "structure":
            # An eventstream and a union have no required member.
            names = shape.required_members or ([next(iter(shape.members))] if shape.is_tagged_union else [])
            return {name: minimal(shape.members[name], depth + 1) for name in names}
        case "list":
            return [minimal(shape.member, depth + 1)] * shape.metadata.get("min", 1)
        case "map":
            return {}
        case "integer" | "long":
            return shape.metadata.get("min", 1)
        case "double" | "float":
            return 1.0
        case "boolean":
            return True
        case "timestamp":
            return 0
        case "blob":
            return b"x"
    return (shape.enum or ["x" * max(1, shape.metadata.get("min", 1))])[0]


@pytest.mark.parametrize("service", READS)
def test_every_operation_but_reads_is_refused(nobody: socket.socket, service: str) -> None:
    client = clients(nobody)[service]
    model = client.meta.service_model
    others = set(model.operation_names) - READS[service]
    assert len(others) > 10
    for name in sorted(others):
        shape = model.operation_model(name).input_shape
        request = minimal(shape) if shape else {}
        with pytest.raises(PermissionError, match=f"the console only reads, and does not call {name}$"):
            client._make_api_call(name, request)
    with pytest.raises(BlockingIOError):
        nobody.accept()


@pytest.mark.parametrize("service", READS)
def test_a_read_is_sent(nobody: socket.socket, service: str) -> None:
    """The check above fails if nothing at all was let through."""
    client = clients(nobody)[service]
    nobody.close()
    model = client.meta.service_model
    for name in READS[service]:
        with pytest.raises((BotoCoreError, ClientError), match="Could not connect"):
            client._make_api_call(name, minimal(model.operation_model(name).input_shape))


def test_reads_are_reads() -> None:
    """By what AWS calls them, and by the service's own word for what changes nothing."""
    assert {"cloudwatch", "logs", "xray"} == set(READS)
    for service, names in READS.items():
        model = boto3.Session(region_name="us-east-1").client(service).meta.service_model
        assert names <= set(model.operation_names)
        for name in names - {"StartQuery"}:
            assert re.match("(List|Get|Describe|Filter|BatchGet)[A-Z]", name), name


def of_sandbox(ready_file: Path = SANDBOX_READY_FILE) -> Source:
    return Source("s", "eu-north-1", None, None, None, {"F": "http://127.0.0.1:1/"}, None, ready_file)


def test_the_probe_is_sent_to_the_sandbox_of_this_console(tmp_path: Path) -> None:
    ready_file = tmp_path / "a folder" / "ready.json"
    ready_file.parent.mkdir()
    urls = {"aws_endpoint_url": "http://127.0.0.1:1/", "console_url": "http://127.0.0.1:1/token/"}
    keys = {"access_key_id": "AKID", "secret_access_key": "secret", "region": "eu-north-1"}
    ready = {**urls, **keys, "stack_name": "s", "function_urls": {"F": "http://127.0.0.1:1/"}}
    ready_file.write_text(json.dumps(ready))
    said = sandbox_source(ready_file).source.probe_command
    assert shlex.split(said) == ["scripts/probe.sh", "--sandbox", "--ready-file", str(ready_file)]


def test_the_probe_of_the_usual_sandbox_needs_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    assert of_sandbox().probe_command == "scripts/probe.sh --sandbox"
    monkeypatch.chdir(SANDBOX_READY_FILE.parents[1])
    assert of_sandbox(Path(".sandbox/ready.json")).probe_command == "scripts/probe.sh --sandbox"


def test_the_probe_of_a_deployed_stack() -> None:
    source = Source("mine", "eu-north-1", None, None, None, {}, None)
    assert source.probe_command == "scripts/probe.sh --url FUNCTION_URL"


def test_a_command_is_text_whatever_is_in_it() -> None:
    shown = command("x --ready-file '<b>\u202e'")
    assert re.sub("<[^>]*>", "", shown) == "x --ready-file &#39;&lt;b&gt;\\u202e&#39;"
    assert shown.startswith("<code><span")
