"""Requests: every field's good and bad values, where the body comes from, and anything at all as a body."""

import base64
import gzip
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbyte.config import Config
from firstbyte.failures import ErrorType, RequestError
from firstbyte.meter import Objectives
from firstbyte.pricing import Prices
from firstbyte.request import ChatRequest, Message, caller, header, parse_request

CONFIG = Config(
    region="eu-central-1",
    model_ids=("first.model", "second.model", "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/x"),
    fallback_model_id=None,
    max_output_tokens=2000,
    max_prompt_chars=20,
    model_idle_timeout_seconds=60,
    objectives=Objectives(2000, 100),
    prices=Prices({}),
)
USER = {"role": "user", "content": "a"}
ASSISTANT = {"role": "assistant", "content": "b"}


def event(body: Any) -> dict[str, Any]:
    return {"body": body if isinstance(body, str) else json.dumps(body), "isBase64Encoded": False}


def parsed(body: Any) -> ChatRequest:
    return parse_request(event(body), CONFIG)


def test_smallest_request_gets_the_defaults() -> None:
    assert parsed({"prompt": "Hello"}) == ChatRequest(
        messages=(Message("user", "Hello"),), model="first.model", max_tokens=1024
    )


def test_every_field() -> None:
    body = {
        "messages": [USER, ASSISTANT, USER],
        "model": "second.model",
        "system": "Be brief.",
        "max_tokens": 2000,
        "temperature": 0,
        "top_p": 1.0,
        "stop_sequences": ["END", "\n"],
        "api": "converse",
    }
    assert parsed(body) == ChatRequest(
        messages=(Message("user", "a"), Message("assistant", "b"), Message("user", "a")),
        model="second.model",
        max_tokens=2000,
        system="Be brief.",
        temperature=0,
        top_p=1.0,
        stop_sequences=("END", "\n"),
        api="converse",
    )


def test_default_of_max_tokens_respects_a_small_limit() -> None:
    small = CONFIG._replace(max_output_tokens=100)
    assert parse_request(event({"prompt": "x"}), small).max_tokens == 100


REFUSED: list[tuple[Any, str]] = [
    ("", "body"),
    ("{", "body"),
    ("[1]", "body"),
    ('"text"', "body"),
    ("null", "body"),
    ('{"prompt": "x", "temperature": NaN}', "body"),
    ('{"prompt": "x", "temperature": -Infinity}', "body"),
    ('{"prompt": "x", "max_tokens": ' + "9" * 5000 + "}", "body"),
    ("[" * 100_000, "body"),
    ({}, "prompt"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": " \n"}, "prompt"),
    ({"prompt": None}, "prompt"),
    ({"prompt": 1}, "prompt"),
    ({"prompt": ["a"]}, "prompt"),
    ('{"prompt": "\\ud83d"}', "prompt"),
    ({"prompt": "x" * 21}, "prompt"),
    ({"prompt": "x" * 11, "system": "y" * 10}, "prompt"),
    ({"messages": [{"role": "user", "content": "x" * 21}]}, "messages"),
    ({"prompt": "x", "messages": [USER]}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "x"}, "messages"),
    ({"messages": [USER] * 1002}, "messages"),
    ({"messages": [1] * 1_000_000}, "messages"),
    ({"messages": {"role": "user"}}, "messages"),
    ({"messages": ["x"]}, "messages[0]"),
    ({"messages": [{"content": "a"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "system", "content": "a"}]}, "messages[0].role"),
    ({"messages": [{"role": ["user"], "content": "a"}]}, "messages[0].role"),
    ({"messages": [ASSISTANT, USER]}, "messages[0].role"),
    ({"messages": [USER, USER]}, "messages[1].role"),
    ({"messages": [USER, ASSISTANT]}, "messages[1].role"),
    ({"messages": [USER, {"role": "assistant", "content": ""}, USER]}, "messages[1].content"),
    ({"messages": [{"role": "user", "content": [{"text": "a"}]}]}, "messages[0].content"),
    ({"messages": [{**USER, "name": "x"}]}, "messages[0].name"),
    ({"prompt": "x", "max_token": 1}, "max_token"),
    ({"prompt": "x", "stream": True}, "stream"),
    ({"prompt": "x", "y" * 200: 1}, "y" * 80),
    ({"prompt": "x", "model": "third.model"}, "model"),
    ({"prompt": "x", "model": ""}, "model"),
    ({"prompt": "x", "model": 1}, "model"),
    ({"prompt": "x", "system": ""}, "system"),
    ({"prompt": "x", "system": None}, "system"),
    *[({"prompt": "x", "max_tokens": bad}, "max_tokens") for bad in (0, -1, 2001, 1.0, "1", True, None)],
    *[({"prompt": "x", name: bad}, name) for name in ("temperature", "top_p") for bad in (-0.1, 1.1, "0", True, None)],
    ({"prompt": "x", "stop_sequences": "END"}, "stop_sequences"),
    ({"prompt": "x", "stop_sequences": ["a"] * 5}, "stop_sequences"),
    ({"prompt": "x", "stop_sequences": ["a", ""]}, "stop_sequences[1]"),
    ({"prompt": "x", "stop_sequences": [1]}, "stop_sequences[0]"),
    ({"prompt": "x", "stop_sequences": ["a", "x" * 101]}, "stop_sequences[1]"),
    ({"prompt": "x", "stop_sequences": [1] * 1_000_000}, "stop_sequences"),
    ({"prompt": "x" * 5_000_000}, "prompt"),
    ({"prompt": "x", "system": "y" * 5_000_000}, "prompt"),
    ({"prompt": "x", "model": "y" * 5_000_000}, "model"),
    ({"prompt": "x", "api": "y" * 5_000_000}, "api"),
    ({"prompt": "x", "y" * 5_000_000: 1}, "y" * 80),
    ({"messages": [{**USER, "y" * 5_000_000: 1}]}, "messages[0]." + "y" * 80),
    ('{"prompt": "x", "temperature": 1e999}', "temperature"),
    ('{"prompt": "x", "max_tokens": ' + "9" * 4000 + "}", "max_tokens"),
    ('{"prompt": ' + "[" * 100_000 + "]" * 100_000 + "}", "body"),
    ('{"prompt": "x", "prompt": "y"}', "body"),
    ("{" + "".join(f'"{number}": 1, ' for number in range(200_000)) + '"199999": 1}', "body"),
    ('{"messages": [{"role": "user", "content": "a", "content": "b"}]}', "body"),
    ('{"prompt": "x", "stop_sequences": ["\\udc00"]}', "stop_sequences[0]"),
    ({"prompt": "x", "api": "chat"}, "api"),
    ({"prompt": "x", "api": ["invoke"]}, "api"),
]


@pytest.mark.parametrize(("body", "field"), REFUSED, ids=[f"{field}-{n}" for n, (_, field) in enumerate(REFUSED)])
def test_refused(body: Any, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        parsed(body)
    failure = caught.value.failure
    assert failure.type is ErrorType.INVALID_REQUEST
    assert failure.status == 400
    assert failure.field == field
    assert failure.message.startswith(f"{field} ")
    assert "123456789012" not in failure.message
    assert len(failure.message) < 400, "whatever the client has sent"


def test_the_most_of_everything_is_taken() -> None:
    config = CONFIG._replace(max_prompt_chars=1001)
    messages = [USER, ASSISTANT] * 499 + [USER]
    body = {"messages": messages, "stop_sequences": ["é" * 100] * 4, "system": "xy"}
    request = parse_request(event(body), config)
    assert (len(request.messages), len(request.stop_sequences)) == (999, 4)


def test_length_limit_counts_characters_and_allows_exactly_as_many() -> None:
    assert parsed({"prompt": "😀" * 10, "system": "é" * 10}).system == "é" * 10


def test_base64_body() -> None:
    body = base64.b64encode(json.dumps({"prompt": "Grüße"}).encode()).decode()
    request = parse_request({"body": body, "isBase64Encoded": True}, CONFIG)
    assert request.messages[0].content == "Grüße"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({}, "is missing"),
        ({"body": None}, "is missing"),
        ({"body": {"prompt": "x"}}, "is missing"),
        (None, "is missing"),
        (["body"], "is missing"),
        ({"body": "e30", "isBase64Encoded": True}, "not valid Base64"),
        ({"body": "grüße", "isBase64Encoded": True}, "not valid Base64"),
    ],
)
def test_unusable_events(event: Any, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_request(event, CONFIG)
    assert caught.value.failure.field == "body"
    assert words in caught.value.failure.message
    assert str(caught.value) == "invalid_request: The request is not valid."


def in_base64(body: bytes, **headers: str) -> dict[str, Any]:
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True, "headers": headers}


GOOD = json.dumps({"prompt": "Grüße"}, ensure_ascii=False)
PACKED = gzip.compress(GOOD.encode())


@pytest.mark.parametrize(
    ("event", "field", "words"),
    [
        (in_base64(b"\xff\xff"), "body", "is not UTF-8"),
        (in_base64(GOOD.encode("latin-1")), "body", "is not UTF-8"),
        (in_base64(GOOD.encode("utf-16")), "body", "is UTF-16, not UTF-8"),
        (in_base64(GOOD.encode("utf-16-le")), "body", "is UTF-16, not UTF-8"),
        (in_base64(GOOD.encode("utf-16-be")), "body", "is UTF-16, not UTF-8"),
        (in_base64(GOOD.encode("utf-32")), "body", "is UTF-32, not UTF-8"),
        # As ASCII, UTF-16 is UTF-8, too, so Lambda takes it for text.
        ({"body": json.dumps({"prompt": "x"}).encode("utf-16-le").decode()}, "body", "is UTF-16, not UTF-8"),
        (in_base64(PACKED), "body", "is compressed: send it without compression"),
        (
            in_base64(PACKED, **{"content-encoding": "gzip"}),
            "content-encoding",
            "gzip is not supported: send the body as",
        ),
        (in_base64(PACKED, **{"Content-Encoding": "br, gzip"}), "content-encoding", "br, gzip is not supported"),
        (in_base64(b"", **{"content-encoding": "x" * 5000}), "content-encoding", "^.{,200}$"),
        (
            in_base64(GOOD.encode("latin-1"), **{"content-type": "application/json; Charset=ISO-8859-1"}),
            *("content-type", "has the charset iso-8859-1: send UTF-8"),
        ),
        (
            {"body": GOOD, "headers": {"content-type": 'application/json; charset="windows-1252"; x=y'}},
            *("content-type", "has the charset windows-1252: send UTF-8"),
        ),
        ({"body": GOOD, "headers": {"content-type": "a; charset=" + "x" * 5000}}, "content-type", "^.{,200}$"),
    ],
)
def test_a_body_in_another_coding_is_named(event: Any, field: str, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_request(event, CONFIG)
    failure = caught.value.failure
    assert (failure.type, failure.status, failure.field) == (ErrorType.INVALID_REQUEST, 415, field)
    assert re.search(words, failure.message), failure.message


@pytest.mark.parametrize(
    "event",
    [
        in_base64(b"\xef\xbb\xbf" + GOOD.encode()),
        {"body": "\ufeff" + GOOD},
        in_base64(GOOD.encode(), **{"content-encoding": "identity"}),
        in_base64(GOOD.encode(), **{"content-encoding": ""}),
        in_base64(GOOD.encode(), **{"content-type": "application/json; charset=UTF-8"}),
        in_base64(GOOD.encode(), **{"content-type": "text/plain; charset=utf8"}),
        in_base64(GOOD.encode(), **{"content-type": "application/x-www-form-urlencoded"}),
        # In ASCII nearly every charset is the same.
        {"body": json.dumps({"prompt": "Grüße"}), "headers": {"content-type": "application/json; charset=iso-8859-1"}},
    ],
)
def test_a_body_whose_text_is_clear_is_taken(event: Any) -> None:
    assert parse_request(event, CONFIG).messages[0].content == "Grüße"


def test_headers_are_found_in_any_spelling() -> None:
    assert header({"headers": {"Accept": "text/plain"}}, "accept") == "text/plain"
    assert header({"headers": {"accept": "text/plain"}}, "accept") == "text/plain"
    for without in ({}, {"headers": None}, {"headers": {"accept": 1}}, None, "x"):
        assert header(without, "accept") is None


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ["prompt", "messages", "model", "system", "max_tokens", "temperature", "top_p", "stop_sequences", "api"]
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": ANY_JSON}) | ANY_JSON, max_size=3
)


ROLE = "arn:aws:sts::123456789012:assumed-role/chat/session"


@pytest.mark.parametrize(
    ("context", "found"),
    [
        ({"authorizer": {"iam": {"userArn": ROLE, "accessKey": "AKIDEXAMPLE"}}}, ROLE),
        ({"authorizer": {"iam": {"userArn": None}}}, None),
        ({"authorizer": {"iam": ROLE}}, None),
        ({"authorizer": None}, None),
        ({"http": {"method": "POST"}}, None),  # a URL without authentication
        (None, None),
    ],
)
def test_the_caller_is_the_principal_that_signed(context: Any, found: str | None) -> None:
    assert caller({"requestContext": context}) == found
    assert caller(None) is None


def test_texts_are_all_that_the_client_wrote() -> None:
    request = ChatRequest((Message("user", "a"), Message("assistant", "b")), "m", 1, system="c", stop_sequences=("d",))
    assert sorted(request.texts) == ["a", "b", "c", "d"]
    assert set(ChatRequest((Message("user", "a"),), "m", 1).texts) == {"a", ""}


def outcome(event: Any) -> None:
    try:
        request = parse_request(event, CONFIG)
    except RequestError as error:
        assert error.failure.field  # noqa: PT017 - either outcome is right, each must be whole
        json.dumps(error.failure.message)
    else:
        assert request.messages
        for message in request.messages:
            message.content.encode()


def test_a_field_without_a_name_is_named_all_the_same() -> None:
    with pytest.raises(RequestError) as refused:
        parse_request({"body": '{"": 1, "prompt": "x"}'}, CONFIG)
    assert refused.value.failure.field == '""'
    assert refused.value.failure.message.startswith('"" is not a known field')


@given(st.dictionaries(st.sampled_from(FIELDS), ANY_JSON | MESSAGES, max_size=5))
def test_any_values_are_a_request_or_a_refusal(body: dict[str, Any]) -> None:
    outcome(event(body))


@given(ANY_JSON | st.binary().map(lambda raw: raw.decode("latin-1")), st.booleans())
def test_any_body_is_a_request_or_a_refusal(body: Any, is_base64: bool) -> None:
    outcome({"body": body, "isBase64Encoded": is_base64})
    outcome({"body": json.dumps(body), "isBase64Encoded": is_base64})
    outcome(body)
