"""Model ids, and request bodies: what is known, what is refused, and that nothing else is ever raised."""

import json
import pkgutil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_service import CLAUDE, LLAMA, NOVA, TITAN, body_for, converse_body
from sandbox.bedrock import converse, families
from sandbox.bedrock.dialect import Dialect, Family
from sandbox.bedrock.errors import RefusedError
from sandbox.bedrock.families import FAMILIES, anthropic, family_of, llama, nova
from sandbox.bedrock.models import find_model
from sandbox.bedrock.validation import check_body

DIALECTS: list[tuple[Dialect, dict[str, Any]]] = [
    (converse, converse_body("hi", system=[{"text": "be kind"}], inferenceConfig={"maxTokens": 3, "topP": 1})),
    (anthropic, {**body_for(CLAUDE, "hi"), "system": "be kind", "stop_sequences": ["a"], "tools": []}),
    (
        anthropic,
        {**body_for(CLAUDE, "hi"), "messages": [{"role": "user", "content": [{"type": "tool_result", "text": "x"}]}]},
    ),
    (
        anthropic,
        {
            **body_for(CLAUDE, "hi"),
            "system": [{"type": "text", "text": "x"}],
            "messages": [{"role": "user", "content": "x"}],
        },
    ),
    (nova, body_for(NOVA, "hi")),
    (llama, body_for(LLAMA, "hi")),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("model_id", "name", "family"),
    [
        ("anthropic.claude-v2", "anthropic.claude", anthropic),
        (CLAUDE, "anthropic.claude-3-haiku-20240307", anthropic),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "anthropic.claude-3-5-sonnet-20241022", anthropic),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5-20250929", anthropic),
        ("us.anthropic.claude-opus-4-6-v1", "anthropic.claude-opus-4-6", anthropic),
        (NOVA, "amazon.nova-micro", nova),
        ("amazon.nova-micro-v1:0:24k", "amazon.nova-micro", nova),
        ("us.amazon.nova-2-lite-v1:0", "amazon.nova-2-lite", nova),
        (LLAMA, "meta.llama3-8b-instruct", llama),
        (TITAN, "amazon.titan-text-lite", None),
        ("mistral.mistral-large-2402-v1:0", "mistral.mistral-large-2402", None),
        ("openai.gpt-oss-120b-1:0", "openai.gpt-oss-120b-1", None),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0", "amazon.nova-micro", nova),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-micro-v1:0",
            "amazon.nova-micro",
            nova,
        ),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6", "", None),
    ],
)
def test_known_models(model_id: str, name: str, family: Family | None) -> None:
    model = find_model(model_id, "us-east-1")
    assert (model.id, model.name, family_of(model)) == (model_id, name, family)


def test_every_file_of_a_family_is_in_the_registry() -> None:
    files = {module.name for module in pkgutil.iter_modules(families.__path__)}
    assert {vars(family)["__name__"].rpartition(".")[2] for family in FAMILIES} == files


@pytest.mark.parametrize(
    "model_id",
    ["", "does-not-exist", "amazon.", "acme.model-v1:0", "xx.amazon.nova-micro-v1:0", "Amazon.nova-micro-v1:0",
     "amazon.nova-micro-v1:0\n", "arn:aws:s3:::bucket/amazon.nova-micro-v1:0"],
)  # fmt: skip
def test_unknown_models_are_refused_in_the_words_of_the_service(model_id: str) -> None:
    with pytest.raises(RefusedError, match=r"^The provided model identifier is invalid\.$") as refusal:
        find_model(model_id, "us-east-1")
    assert (refusal.value.error.code, refusal.value.error.status) == ("ValidationException", 400)


@pytest.mark.parametrize(
    ("prompt", "user_text"),
    [
        ("bare text", "bare text"),
        (
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nfirst<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nyes<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nsecond\nline<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
            "second\nline",
        ),
        ("<|header_start|>user<|header_end|>\n\nfour<|eot|><|header_start|>assistant<|header_end|>\n\n", "four"),
    ],
)
def test_the_last_user_message_is_found_in_llamas_templates(prompt: str, user_text: str) -> None:
    read = llama.read({"prompt": prompt})
    assert (read.user_text, read.max_tokens) == (user_text, 512)


@given(st.data())
def test_any_body_is_read_or_refused(data: st.DataObject) -> None:
    dialect, valid = data.draw(st.sampled_from(DIALECTS))
    body = data.draw(_damaged(valid) | JSON)
    try:
        check_body(body, dialect.BODY)
        prompt = dialect.read(body)
    except RefusedError as refusal:
        json.dumps(refusal.error.body).encode()
    else:
        assert isinstance(prompt.user_text, str)
        assert prompt.input_tokens >= 1
        assert prompt.max_tokens is None or range(prompt.max_tokens)


def _damaged(value: Any) -> st.SearchStrategy[Any]:
    """The value with one part of it replaced, removed, or joined by another."""
    ways: list[st.SearchStrategy[Any]] = [JSON, st.just(value)]
    if isinstance(value, dict):
        ways += [st.builds(_with, st.just(value), st.just(key), _damaged(part)) for key, part in value.items()]
        ways += [st.just({k: v for k, v in value.items() if k != key}) for key in value]
        ways.append(st.builds(_with, st.just(value), st.text(max_size=5), JSON))
    if isinstance(value, list):
        ways += [st.lists(_damaged(part), max_size=2) for part in value]
        ways.append(st.just([*value, *value]))
    return st.one_of(ways)


def _with(value: dict[str, Any], key: str, part: Any) -> dict[str, Any]:
    return {**value, key: part}
