"""Our streams beside recorded ones: the same events, headers, keys and padding for the same requests."""

import base64
import json
import re
import string
from typing import Any

import pytest
from botocore.eventstream import EventStreamMessage

from bedrock_service import NOVA, Service, converse_body, decode, running_bedrock
from tools import recordings

ALPHABET = string.ascii_lowercase + string.ascii_uppercase + string.digits
# Members whose value is part of the format; of all others the type is compared.
WORDS = {"type", "role", "stop_reason", "stopReason", "model", "name"}
# What the model has to say to be like the recorded one; timing apart, everything else comes from the request.
SCRIPTS = {
    "converse-claude-1": "chunks=4",
    "converse-nova-tools-1": "chunks=50 tool",
    "converse-nova-tools-2": "chunks=57",
    "converse-titan-1": "chunks=1 output=20",
    "invoke-claude-1": "chunks=20",
    "invoke-claude-tools-1": "chunks=9 tool",
    "invoke-claude-tools-2": "chunks=26",
    "invoke-nova-1": "chunks=20",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_stream_is_like_the_recorded_one(name: str) -> None:
    recorded = json.loads((recordings() / f"{name}.json").read_text())
    with running_bedrock(f"ttft=0 gap=0 {SCRIPTS[name]}") as bedrock:
        reply = bedrock.post(recorded["path"], recorded["request_body"])
    assert reply.status == recorded["status"]
    assert {key: reply.headers[key] for key in recorded["response_headers"]} == recorded["response_headers"]
    assert ("x-amzn-bedrock-content-type" in reply.headers) == ("x-amzn-bedrock-content-type" in str(recorded))
    theirs = [_shape(message) for message in decode((recordings() / f"{name}.bin").read_bytes())]
    ours = [_shape(message) for message in reply.messages]
    assert _without_repetition(ours) == _without_repetition(theirs)
    if "tool" not in SCRIPTS[name]:
        assert len(ours) == len(theirs)


def test_the_padding_is_a_prefix_of_the_alphabet_of_any_recorded_length(bedrock: Service) -> None:
    lengths = set()
    for message in bedrock.converse(NOVA, converse_body("[[sandbox: chunks=2000]]")).messages:
        padding = json.loads(message.payload)["p"]
        assert ALPHABET.startswith(padding)
        lengths.add(len(padding))
    recorded = {
        len(json.loads(message.payload)["p"])
        for recording in recordings().glob("*.bin")
        if "invalid" not in recording.name
        for message in decode(recording.read_bytes())
    }
    # Of 2,000 draws from 60 lengths, one is missing once in some 10**13 runs.
    assert lengths == recorded == set(range(2, 62))


def _shape(message: EventStreamMessage) -> Any:
    """Everything of a message that is format: headers and keys with their order, types of values, some words."""
    payload = json.loads(message.payload)
    assert json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode() == message.payload
    shape = [list(message.headers.items()), _of(payload)]
    if "bytes" in payload:
        inner = base64.b64decode(payload["bytes"])
        assert json.dumps(json.loads(inner), separators=(",", ":"), ensure_ascii=False).encode() == inner
        shape.append(_of(json.loads(inner)))
    return shape


def _of(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return [(name, _of(part, name)) for name, part in value.items()]
    if isinstance(value, list):
        return [_of(part) for part in value]
    if key in WORDS:
        return value
    if key in ("id", "toolUseId"):
        return re.sub("[A-Za-z0-9_-]{22}$", "...", value)
    return type(value).__name__


def _without_repetition(shapes: list[Any]) -> list[Any]:
    """The shapes, any run that repeats standing once: how many deltas there are is the model's affair."""
    kinds: list[Any] = []
    for shape in shapes:
        if shape not in kinds:
            kinds.append(shape)
    letters = "".join(chr(0x4E00 + kinds.index(shape)) for shape in shapes)
    while (shorter := re.sub(r"(.+?)\1+", r"\1", letters)) != letters:
        letters = shorter
    return [kinds[ord(letter) - 0x4E00] for letter in letters]
