"""JSON that is read quickly is read as `json.loads` reads it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbyte.quick_json import parse_json
from mutations import as_json, examples, spoiled, spoiled_text

DOCUMENTS: tuple[Any, ...] = (
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ' "\ud83d\ude00" \u2028'}},
    {"usage": {"input_tokens": 10**18, "output_tokens": -1.5e300}, "choices": [None, True, {}]},
)


def read(reader: Any, text: str) -> str:
    try:
        return repr(reader(text))
    except (ValueError, RecursionError) as error:
        return type(error).__name__


@given(spoiled(*DOCUMENTS), st.sampled_from(["", " ", "\n\t", "x", "\ufeff"]), st.sampled_from(["", "\r\n", "}", "{}"]))
@examples(2)
def test_any_document_and_what_is_around_it(document: Any, before: str, after: str) -> None:
    text = f"{before}{as_json(document)}{after}"
    if "9" * 4000 not in text:
        assert read(parse_json, text) == read(json.loads, text)


@given(spoiled_text(*map(json.dumps, DOCUMENTS)))
@examples(2)
def test_any_text(text: str) -> None:
    assert read(parse_json, text) == read(json.loads, text)


@pytest.mark.parametrize(("digits", "value"), [("9" * 4000, int("9" * 4000)), ("-" + "9" * 5000, float("-inf"))])
def test_an_integer_of_any_length_is_a_number(digits: str, value: float) -> None:
    assert parse_json(digits) == value
