"""Conversations: the members of ConverseStream's body, and what a scripted model needs to know of any conversation."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from botocore.loaders import create_loader
from botocore.model import ServiceModel

from sandbox.bedrock.answer import Prompt
from sandbox.bedrock.errors import invalid
from sandbox.bedrock.validation import Schema, messages, shape_schema

_SERVICE = ServiceModel(create_loader().load_service_model("bedrock-runtime", "service-2"))

MEMBERS: Schema = shape_schema(_SERVICE.shape_for("ConverseStreamRequest"))["properties"]
"""The members of ConverseStream's body, from botocore's service model. The service also refuses empty lists."""
del MEMBERS["modelId"]  # It is in the path.
REQUEST_METADATA: Schema = MEMBERS["requestMetadata"]
"""The map that comes in ConverseStream's body, and for InvokeModelWithResponseStream in a header."""
MEMBERS["messages"] = messages(shape_schema(_SERVICE.shape_for("ContentBlock")))


def read_conversation(body: Mapping[str, Any], max_tokens: int | None) -> Prompt:
    """Read `messages` and `system` of a body that fits its schema. Only texts matter to a scripted model.

    Raises:
        RefusedError: the first message is not a user's; the words are the service's own.
    """
    turns = body["messages"]
    if turns[0]["role"] != "user":
        raise invalid(
            "A conversation must start with a user message. "
            "Try again with a conversation that starts with a user message."
        )
    said = [(turn["role"], "".join(_texts(turn["content"]))) for turn in turns]
    return Prompt(
        user_text=[text for role, text in said if role == "user"][-1],
        texts=(*_texts(body.get("system", [])), *(text for _, text in said)),
        max_tokens=max_tokens,
    )


def read_alternating(body: Mapping[str, Any], max_tokens: int | None) -> Prompt:
    """Read a body of ConverseStream or of Nova's own format that fits its schema.

    Raises:
        RefusedError: a text is blank, or the roles do not alternate, beginning with a user; the words are the
            service's own.
    """
    turns = body["messages"]
    for number, message in enumerate(turns):
        for index, block in enumerate(message["content"]):
            if "text" in block and not block["text"].strip():
                raise invalid(
                    f"The text field in the ContentBlock object at messages.{number}.content.{index} is blank. "
                    "Add text to the text field, and try again."
                )
    prompt = read_conversation(body, max_tokens)
    if any(left["role"] == right["role"] for left, right in pairwise(turns)):
        raise invalid(
            "A conversation must alternate between user and assistant roles. "
            "Make sure the conversation alternates between user and assistant roles and try again."
        )
    return prompt


def _texts(content: str | Sequence[Mapping[str, Any]]) -> list[str]:
    return [content] if isinstance(content, str) else [block["text"] for block in content if "text" in block]
