"""What the bodies of ConverseStream and of Nova's own format share: a conversation, its checks, and who said what."""

from typing import Any

from sandbox.bedrock.prompt import Prompt
from sandbox.bedrock.schema import Check, anything, array, choice, integer, number, record, string

SYSTEM = array(record(optional={"text": string(1), "cachePoint": anything}))
TOOL_CONFIG = record({"tools": array(anything, minimum=1)}, {"toolChoice": anything})
INFERENCE_MEMBERS = {
    "maxTokens": integer(1),
    "temperature": number(0, 1),
    "topP": number(0, 1),
    "stopSequences": array(string(1)),
}


def messages(text: Check, *more_members: str) -> Check:
    """At least one message of at least one content block.

    Args:
        text: the check of a block's text.
        more_members: what a block may hold beside that which every format knows.
    """
    media = ("image", "document", "video", "toolUse", "toolResult", "cachePoint", "reasoningContent", *more_members)
    block = record(optional={"text": text, **dict.fromkeys(media, anything)})
    return array(record({"role": choice("user", "assistant"), "content": array(block, minimum=1)}), minimum=1)


def read_conversation(body: dict[str, Any], max_tokens: int | None) -> Prompt:
    """Read a body that has been checked, with the limit that its format found in it."""
    said = [(m["role"], "".join(block.get("text", "") for block in m["content"])) for m in body["messages"]]
    return Prompt(
        user_text=[text for role, text in said if role == "user"][-1],
        texts=(*(block.get("text", "") for block in body.get("system", [])), *(text for _, text in said)),
        max_tokens=max_tokens,
        stop_sequences=tuple(body.get("inferenceConfig", {}).get("stopSequences", ())),
    )
