"""The record of a stream that broke off: what its client had been told of the usage by then, and no more."""

import contextlib
import json
from typing import Any

import pytest
from botocore.exceptions import EventStreamError
from urllib3.exceptions import ProtocolError

from bedrock_service import CLAUDE, LLAMA, NOVA, Service, body_for, converse_body

USAGE = "input=11 output=7 own_output=6 cache_read=3 cache_write=2"
NOTHING = (None, None, None, None)
ALL = (11, 7, 3, 2)


def counts(bedrock: Service) -> tuple[int | None, ...]:
    served = bedrock.last_served()
    return served.input_tokens, served.output_tokens, served.cache_read_tokens, served.cache_write_tokens


def ask(client: Any, api: str, model: str, text: str, max_tokens: int = 400) -> None:
    """One request, to its end or its break."""
    if api == "converse":
        stream = client.converse_stream(modelId=model, **converse_body(text))["stream"]
    else:
        body = json.dumps(body_for(model, text, max_tokens))
        stream = client.invoke_model_with_response_stream(modelId=model, body=body)["body"]
    with contextlib.closing(stream), contextlib.suppress(EventStreamError, ProtocolError):
        list(stream)


@pytest.mark.parametrize("fault", ["drop", "internal"])
@pytest.mark.parametrize(
    ("api", "model", "after", "reported"),
    [
        ("converse", CLAUDE, 0, NOTHING),
        ("converse", CLAUDE, 5, NOTHING),
        ("invoke", NOVA, 5, NOTHING),
        # `message_start` counts the input; what it says of the output is a placeholder.
        ("invoke", CLAUDE, 0, NOTHING),
        ("invoke", CLAUDE, 1, (11, None, 3, 2)),
        ("invoke", CLAUDE, 5, (11, None, 3, 2)),
        # The first chunk counts the input, and each the output so far.
        ("invoke", LLAMA, 0, NOTHING),
        ("invoke", LLAMA, 2, (11, 2, None, None)),
        ("invoke", LLAMA, 5, (11, 5, None, None)),
    ],
)
def test_a_broken_stream_reports_what_its_client_was_told(
    bedrock: Service, client: Any, api: str, model: str, after: int, reported: tuple[int | None, ...], fault: str
) -> None:
    ask(client, api, model, f"[[sandbox: {USAGE} fault={fault}:{after}]]")
    assert counts(bedrock) == reported


@pytest.mark.parametrize(
    ("api", "model"), [("converse", CLAUDE), *(("invoke", model) for model in (CLAUDE, NOVA, LLAMA))]
)
def test_a_whole_stream_reports_all(bedrock: Service, client: Any, api: str, model: str) -> None:
    ask(client, api, model, f"[[sandbox: {USAGE}]]")
    assert counts(bedrock) == ALL
    ask(client, api, model, "[[sandbox: usage=none]]")
    bedrock.last_served(2)
    assert bedrock.served.pop().output_tokens is None


def test_the_last_chunk_of_a_cut_llama_answer_has_all(bedrock: Service, client: Any) -> None:
    ask(client, "invoke", LLAMA, "[[sandbox: input=11 cache_read=3 fault=drop:4]]", max_tokens=4)
    assert counts(bedrock) == (11, 4, 3, None)


def test_without_usage_a_broken_stream_reports_nothing(bedrock: Service, client: Any) -> None:
    ask(client, "invoke", CLAUDE, "[[sandbox: usage=none fault=drop:2]]")
    assert counts(bedrock) == NOTHING
