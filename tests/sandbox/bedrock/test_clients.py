"""Bodies that real clients send. They were recorded from the clients and trimmed; each one is read and answered.

Clients: boto3 1.44.8 under strands-agents 1.62.0 and langchain-aws 1.9.1, and anthropic 2.14.0 (AnthropicBedrock).
"""

from typing import Any

import pytest

from bedrock_service import CLAUDE, LLAMA, NOVA, Service

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
TOOL_SCHEMA = {"properties": {"location": {"type": "string"}}, "required": ["location"], "type": "object"}
TOOL_SPEC = {"name": "get_current_weather", "description": "Weather.", "inputSchema": {"json": TOOL_SCHEMA}}
TOOL = {"name": "get_current_weather", "description": "Weather.", "input_schema": TOOL_SCHEMA}
BASE64_IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
BRIEF = [{"text": "Be brief."}]

# The client, the body, and the words that the model reads and says: `echo` says the last user message, and only a
# message without text gets the five words of the default script.
CONVERSE_CASES = [
    (
        "strands BedrockModel",
        {
            "messages": [{"content": [{"text": "[[sandbox: echo]] Say hello"}], "role": "user"}],
            "system": [],
            "inferenceConfig": {},
        },
        (2, 2),
    ),
    (
        "strands BedrockModel, the result of a tool",
        {
            "messages": [
                {"content": [{"text": "[[sandbox: tool]] Weather in Seattle?"}], "role": "user"},
                {
                    "content": [
                        {"text": "A river begins"},
                        {
                            "toolUse": {
                                "input": {"location": "Seattle"},
                                "name": "get_current_weather",
                                "toolUseId": "t1",
                            }
                        },
                    ],
                    "role": "assistant",
                },
                {
                    "content": [
                        {"toolResult": {"content": [{"text": "sunny"}], "toolUseId": "t1", "status": "success"}}
                    ],
                    "role": "user",
                },
            ],
            "system": BRIEF,
            "toolConfig": {
                "tools": [{"toolSpec": TOOL_SPEC}, {"cachePoint": {"type": "default"}}],
                "toolChoice": {"auto": {}},
            },
            "inferenceConfig": {"maxTokens": 500, "temperature": 0.3},
        },
        (8, 5),
    ),
    (
        "strands BedrockModel, thinking and a guardrail",
        {
            "messages": [{"content": [{"text": "[[sandbox: echo]] hello"}], "role": "user"}],
            "system": [],
            "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            "guardrailConfig": {"guardrailIdentifier": "abc123", "guardrailVersion": "1", "trace": "enabled"},
            "inferenceConfig": {"topP": 0.9, "stopSequences": ["END"]},
        },
        (1, 1),
    ),
    (
        "strands BedrockModel, an image and a document",
        {
            "messages": [
                {
                    "content": [
                        {"text": "[[sandbox: echo]] What is it?"},
                        {"image": {"format": "png", "source": {"bytes": PIXEL}}},
                        {"document": {"name": "note", "format": "txt", "source": {"bytes": "aGVsbG8="}}},
                        {"cachePoint": {"type": "default"}},
                    ],
                    "role": "user",
                }
            ],
            "system": [],
            "inferenceConfig": {},
        },
        (3, 3),
    ),
    (
        "botocore's shape, a tool that is added on the way",
        {
            "messages": [
                {"role": "user", "content": [{"text": "[[sandbox: echo]] see"}]},
                {"role": "system", "content": [{"text": "More."}, {"toolAddition": {"tool": {"name": "a"}}}]},
            ]
        },
        (2, 1),
    ),
    (
        "langchain ChatBedrockConverse, a tool",
        {
            "messages": [{"role": "user", "content": [{"text": "[[sandbox: echo]] Seattle?"}]}],
            "system": BRIEF,
            "inferenceConfig": {},
            "toolConfig": {"tools": [{"toolSpec": TOOL_SPEC}], "toolChoice": {"any": {}}},
        },
        (3, 1),
    ),
    (
        "langchain ChatBedrockConverse, more options",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"text": "[[sandbox: echo]] see"},
                        {"image": {"format": "png", "source": {"bytes": PIXEL}}},
                    ],
                }
            ],
            "system": BRIEF,
            "inferenceConfig": {"stopSequences": ["END"]},
            "additionalModelRequestFields": {"top_k": 5},
            "guardrailConfig": {"guardrailIdentifier": "abc123", "guardrailVersion": "DRAFT"},
            "performanceConfig": {"latency": "standard"},
            "requestMetadata": {"team": "x"},
        },
        (3, 1),
    ),
]
INVOKE_CASES = [
    (
        "langchain ChatBedrock, a tool",
        CLAUDE,
        {
            "tools": [TOOL],
            "tool_choice": {"type": "any"},
            "anthropic_version": "bedrock-2023-05-31",
            "messages": [{"role": "user", "content": "[[sandbox: echo]] Seattle?"}],
            "system": "Be brief.",
            "max_tokens": 1024,
        },
        (3, 1),
    ),
    (
        "langchain ChatBedrock, thinking and an image",
        CLAUDE,
        {
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "top_k": 5,
            "anthropic_beta": ["interleaved-thinking-2025-05-14"],
            "anthropic_version": "bedrock-2023-05-31",
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "[[sandbox: echo]] see", "cache_control": {"type": "ephemeral"}},
                        BASE64_IMAGE,
                    ],
                }
            ],
            "system": "Be brief.",
            "max_tokens": 2000,
        },
        (3, 1),
    ),
    (
        "langchain ChatBedrock",
        LLAMA,
        {
            "prompt": "<|begin_of_text|>\n<|start_header_id|>system<|end_header_id|>Be brief.<|eot_id|>\n"
            "<|start_header_id|>user<|end_header_id|>[[sandbox: echo]]hello<|eot_id|>\n"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
            "max_gen_len": 300,
            "temperature": 0.2,
        },
        (5, 1),
    ),
    (
        "AnthropicBedrock, a tool",
        CLAUDE,
        {
            "max_tokens": 300,
            "messages": [{"role": "user", "content": "[[sandbox: echo]] Seattle?"}],
            "metadata": {"user_id": "u1"},
            "stop_sequences": ["END"],
            "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            "tools": [TOOL],
            "tool_choice": {"type": "auto"},
            "anthropic_version": "2026-10-21",
        },
        (3, 1),
    ),
    (
        "AnthropicBedrock, the result of a tool",
        CLAUDE,
        {
            "max_tokens": 2000,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "first"},
                        BASE64_IMAGE,
                        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hello"}},
                    ],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                        {"type": "tool_use", "id": "t1", "name": "get_current_weather", "input": {"location": "x"}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "t1", "content": "sunny"},
                        {"type": "text", "text": "[[sandbox: echo]] and now?"},
                    ],
                },
            ],
            "tools": [TOOL],
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "anthropic_version": "2026-10-21",
        },
        (3, 2),
    ),
    (
        "AnthropicBedrock, a beta and a schema of the answer",
        CLAUDE,
        {
            "max_tokens": 300,
            "messages": [{"role": "user", "content": "[[sandbox: echo]] hello"}],
            "output_config": {"format": {"type": "json_schema", "schema": TOOL_SCHEMA}},
            "anthropic_version": "2026-10-21",
            "anthropic_beta": ["context-1m-2025-08-07"],
        },
        (1, 1),
    ),
    (
        "Nova's documented schema",  # https://docs.aws.amazon.com/nova/latest/nova2-userguide/request-response-schema.html
        NOVA,
        {
            "schemaVersion": "messages-v1",
            "system": BRIEF,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"text": "[[sandbox: echo]] see"},
                        {"image": {"format": "png", "source": {"bytes": PIXEL}}},
                        {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://bucket/key"}}}},
                    ],
                }
            ],
            "inferenceConfig": {
                "maxTokens": 300,
                "temperature": 0.7,
                "topP": 0.9,
                "topK": 50,
                "stopSequences": ["END"],
                "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"},
            },
            "toolConfig": {"tools": [{"toolSpec": TOOL_SPEC}], "toolChoice": {"auto": {}}},
        },
        (3, 1),
    ),
]


def assert_answered(service: Service, reply: Any, words: tuple[int, int]) -> None:
    assert (reply.status, reply.messages[-1].headers[":message-type"]) == (200, "event")
    served = service.last_served()
    assert (served.outcome, (served.input_tokens, served.output_tokens)) == ("completed", words)


@pytest.mark.parametrize(("body", "words"), [pytest.param(*case, id=client) for client, *case in CONVERSE_CASES])
def test_converse_answers_what_clients_send(bedrock: Service, body: Any, words: tuple[int, int]) -> None:
    assert_answered(bedrock, bedrock.converse(CLAUDE, body), words)


@pytest.mark.parametrize(
    ("model", "body", "words"), [pytest.param(*case, id=f"{case[0]}: {client}") for client, *case in INVOKE_CASES]
)
def test_invoke_answers_what_clients_send(bedrock: Service, model: str, body: Any, words: tuple[int, int]) -> None:
    assert_answered(bedrock, bedrock.invoke(model, body), words)
