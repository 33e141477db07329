"""Answers of Bedrock that users of other tools have reported, and what must follow from each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bedrock_replay import Reply, chunk, event
from tools import recordings


@dataclass(frozen=True)
class Expected:
    """What follows from a case.

    Attributes:
        status: of the response while nothing was sent; for a stream that fails later, of an answer in one piece.
        error_type: of the error; None for an answer.
        outcome: in the record, while nothing was sent.
        code: in the log.
        text: what a client has got of the answer.
        stop_reason: of an answer.
        tells_words: whether the client gets Bedrock's words.
    """

    status: int = 200
    error_type: str | None = None
    outcome: str = "completed"
    code: str | None = None
    text: str = ""
    stop_reason: str | None = "end_turn"
    tells_words: bool = False


INVALID = Expected(400, "invalid_request", "rejected", "ValidationException", tells_words=True)
EXPECTED = {
    "model needs an inference profile": INVALID,
    "identifier": INVALID,
    "input too long": INVALID,
    "two sampling parameters": INVALID,
    "legacy model": Expected(502, "rejected", "rejected", "ResourceNotFoundException"),
    "too many requests": Expected(429, "throttled", "throttled", "ThrottlingException"),
    "error as a chunk, first": Expected(429, "throttled", "throttled", "rate_limit_error"),
    "error as a chunk, later": Expected(502, "model_error", "model_error", "api_error", text="Hello"),
    "pair of surrogates in two deltas": Expected(text="😀 ok"),
    "guardrail on InvokeModel": Expected(text="Sorry.", stop_reason="guardrail_intervened"),
    "absurd counts": Expected(text="hi"),
}


@dataclass(frozen=True)
class Case:
    """One of the reported answers.

    Attributes:
        reply: what Bedrock answers.
        api: the API that was called.
        words: Bedrock's words, empty if there are none.
        expected: what must follow.
    """

    reply: Reply
    api: str
    words: str
    expected: Expected


def cases() -> dict[str, Case]:
    """Return the cases by their names; the test is skipped where the file is absent."""
    read = json.loads((recordings().parent / "bedrock-cases.json").read_text())["cases"]
    return {entry["name"]: case(entry) for entry in read if entry["name"] in EXPECTED}


def case(entry: dict[str, Any]) -> Case:
    expected = EXPECTED[entry["name"]]
    if "http" in entry:
        status, code, words = entry["http"]
        return Case(Reply.error(status, code, words), "invoke", words, expected)
    if "events" in entry:
        pieces = [event(name, content) for entry in entry["events"] for name, content in entry.items()]
        return Case(Reply(pieces), "converse", "", expected)
    words = next((piece["error"]["message"] for piece in entry["chunks"] if "error" in piece), "")
    return Case(Reply(chunks(entry["chunks"])), "invoke", words, expected)


def chunks(contents: Sequence[Any]) -> list[bytes]:
    return [chunk(content.encode("latin-1") if isinstance(content, str) else content) for content in contents]
