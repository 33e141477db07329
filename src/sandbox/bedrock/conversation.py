"""Conversations: the schema of ConverseStream's and Nova's own, and what a scripted model needs to know of any."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from sandbox.bedrock.errors import invalid
from sandbox.bedrock.prompt import Prompt
from sandbox.bedrock.validation import COUNT, FRACTION, TEXT, TEXTS, Schema, messages, record

Turns = Sequence[Mapping[str, Any]]
"""Messages with a `role` and content blocks. In a block, `text` is a string, or there is none."""

MESSAGES = messages({**record({"text": TEXT, "toolUse": {}, "toolResult": {}}), "minProperties": 1, "maxProperties": 1})
SYSTEM: Schema = {"type": "array", "items": record({"text": TEXT}, required=("text",))}
INFERENCE_MEMBERS: Schema = {"maxTokens": COUNT, "temperature": FRACTION, "topP": FRACTION, "stopSequences": TEXTS}


def read_conversation(turns: Turns, system: Sequence[str], max_tokens: int | None) -> Prompt:
    """Read a conversation that fits its schema.

    Raises:
        RefusedError: the first message is not a user's; the words are the service's own.
    """
    if turns[0]["role"] != "user":
        raise invalid(
            "A conversation must start with a user message. "
            "Try again with a conversation that starts with a user message."
        )
    said = [(turn["role"], "".join(block.get("text", "") for block in turn["content"])) for turn in turns]
    return Prompt(
        user_text=[text for role, text in said if role == "user"][-1],
        texts=(*system, *(text for _, text in said)),
        max_tokens=max_tokens,
    )


def read_alternating(body: Mapping[str, Any], max_tokens: int | None) -> Prompt:
    """Read a body of ConverseStream or of Nova's own format that fits its schema.

    Raises:
        RefusedError: the roles do not alternate, beginning with a user; the words are the service's own.
    """
    turns = body["messages"]
    prompt = read_conversation(turns, [block["text"] for block in body.get("system", [])], max_tokens)
    if any(left["role"] == right["role"] for left, right in pairwise(turns)):
        raise invalid(
            "A conversation must alternate between user and assistant roles. "
            "Make sure the conversation alternates between user and assistant roles and try again."
        )
    return prompt
