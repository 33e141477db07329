"""Bedrock's words as the log gets them: what stands in the request or the answer is masked, however it is quoted."""

import html
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_cases import cases
from bedrock_replay import ReplayServer, Reply, chunk, exception
from firstbyte.redaction import Redaction
from function_calls import CLAUDE, call, running_function, url_event

PROMPT = "Dear María, the code of the safe is Swordfish-4711.\nTell nobody! 密码是开放芝麻 😀 C:\\new\\table"
# No part of the prompt, three characters or longer, that a reader could learn something from.
TELLING = ("swordfish", "4711", "mar", "nobody", "dear", "safe", "tell", "table", "密码", "开放", "芝麻", "😀")


def clean(words: str, *texts: str) -> str:
    return Redaction(texts).clean(words)


@pytest.mark.parametrize(
    "words",
    [
        "Input is too long for requested model.",
        "User: arn:aws:sts::123456789012:assumed-role/firstbyte-StreamingFunctionRole-1ABCDEFGHIJKL/firstbyte is not "
        "authorized to perform: bedrock:InvokeModelWithResponseStream on resource: "
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
        "The maximum tokens you requested exceeds the model limit of 4096.",
    ],
)
def test_words_of_bedrocks_own_stay(words: str) -> None:
    assert clean(words, "Good evening, Ms Smith") == words


@pytest.mark.parametrize("prompt", ["x", "Hello", "Write about the model, its input and the request, please."])
def test_the_reported_refusals_stay_readable(prompt: str) -> None:
    for found in cases().values():
        assert clean(found.words, prompt) == found.words


QUOTATIONS: list[Callable[[str], str]] = [
    str,
    str.upper,
    json.dumps,
    lambda text: json.dumps(text, ensure_ascii=False),
    lambda text: json.dumps(json.dumps({"text": text})),
    repr,
    ascii,
    lambda text: str(text.encode()),
    html.escape,
    lambda text: "".join(f"&#{ord(character)};" for character in text),
    quote,
    quote_plus,
    lambda text: text.replace(" ", "\n"),
    lambda text: f"{text[:41]}...",
    lambda text: f"...{text[38:]}",
    lambda text: f"'{text[14:44]}…'",
    lambda text: text.encode("ascii", "replace").decode(),
    lambda text: text.encode("ascii", "ignore").decode(),
    lambda text: text.encode().decode("latin-1"),
    lambda text: f"input_{text.split()[8]}_1",
]


@pytest.mark.parametrize("quotation", QUOTATIONS)
def test_no_quotation_of_the_prompt_comes_through(quotation: Callable[[str], str]) -> None:
    cleaned = clean(f"Malformed input request: {quotation(PROMPT)}, please reformat your input and try again.", PROMPT)
    assert cleaned.startswith("Malformed input request: ")
    assert cleaned.endswith(" reformat your input and try again.")
    found = [part for part in TELLING if part in cleaned.casefold()]
    assert found == []


MARKERS = st.from_regex(r"[bcdfghjklmnpqrstvwxz]{5,12}|[0-9]{4,9}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)


@given(st.lists(MARKERS, min_size=1, max_size=5), TEXTS, st.sampled_from(QUOTATIONS[:13]), st.data())
def test_no_marked_word_comes_through(
    markers: list[str], text: str, quotation: Callable[[str], str], data: st.DataObject
) -> None:
    prompt = f"{text} {' the '.join(markers)} {text}"
    start, end = sorted(data.draw(st.integers(0, len(prompt))) for _ in range(2))
    quoted = data.draw(st.sampled_from([quotation(prompt), f"...{quotation(prompt[start:end])}..."]))
    cleaned = clean(f"validation failed: '{quoted}' is not supported", prompt)
    assert not [marker for marker in markers if marker in cleaned.casefold()]


@pytest.mark.parametrize(
    ("words", "cleaned"),
    [
        ("the input is the model", "[...]"),  # four common words in the prompt's order
        ("the model is the input", "the model is the input"),
        ("an a b c d e", "an [...]"),
        ("the input is the output", "[...] output"),
    ],
)
def test_a_run_of_common_words_is_a_quotation(words: str, cleaned: str) -> None:
    assert clean(words, "so the input is the model, a b c d e") == cleaned


@pytest.mark.parametrize(
    ("words", "cleaned"),
    [
        ("the swordfish", "the [...]"),
        ("the Swordfish's", "the [...]'s"),
        ("the swo", "the [...]"),  # a part
        ("the sw", "the sw"),  # too short a part to tell anything
        ("the sw...", "the [...]..."),  # but not where a quotation is cut
        ("the ...sh", "the ...[...]"),
        ("the theswordfishes", "the [...]"),  # the word in a longer one
        ("the secretive", "the [...]"),
        ("the &#115;word&#x66;ish", "the [...]"),
        ("the s\\u0077ordfish", "the [...]"),
        ("the %73wordfish", "the [...]"),
        ("the Maria", "the [...]"),  # without its accent
        ("the Mara", "the [...]"),
        ("the Kraken", "the Kraken"),
    ],
)
def test_parts_and_spellings_of_a_word(words: str, cleaned: str) -> None:
    assert clean(words, "Swordfish is the secret of María") == cleaned


def test_keys_are_masked_whoever_wrote_them() -> None:
    for key in (
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" * 2,
        "a1" * 32,
    ):
        assert clean(f"The token {key} is expired, {key}.") == "The token [...] is expired, [...]."


def test_the_log_takes_a_thousand_characters() -> None:
    assert clean("ab " * 5000) == ("ab " * 400)[:1000]
    # Cut in the middle, a key is too short to be known as one.
    assert "K7MD" not in clean("x" * 2980 + " " + "K7MDENG" * 6)


def test_four_million_characters_are_read_in_a_time_in_proportion() -> None:
    rng = random.Random(1)
    vocabulary = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 9))) for _ in range(20000)]
    prompt = " ".join(rng.choices(vocabulary, k=700_000))[:4_000_000]
    words = f"Malformed: {prompt[2_000_000:2_000_400]}"
    began = time.process_time()
    assert clean(words, prompt).strip() == "Malformed: [...]"
    assert time.process_time() - began < 15, "it takes half a second; what is not linear takes minutes"


# Through the handler.


@pytest.fixture(scope="module")
def function() -> Iterator[tuple[Any, ReplayServer]]:
    with running_function() as function:
        yield function


SECRET = "Correct horse battery staple"


@pytest.mark.parametrize("accept", ["text/plain", "text/event-stream", "application/json"])
@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": SECRET},
        {"messages": [{"role": "user", "content": SECRET}]},
        {"prompt": "Good evening", "system": SECRET},
        {"prompt": "Good evening", "stop_sequences": [SECRET]},
        {"prompt": "Good evening"},  # and the model says it
    ],
    ids=["prompt", "messages", "system", "stop sequence", "answer"],
)
def test_neither_request_nor_answer_is_in_the_log(
    function: tuple[Any, ReplayServer], fields: dict[str, Any], accept: str
) -> None:
    app, server = function
    words = f"cannot process {SECRET[8:]} now; see {json.dumps(SECRET)}"
    # A word that is in two deltas is a word.
    said = [chunk({"completion": text}) for text in (SECRET[:10], SECRET[10:])]
    for reply in (
        Reply.error(400, "ValidationException", words),
        Reply.error(403, "AccessDeniedException", words),
        Reply.error(500, "InternalServerException", words),
        Reply([exception("modelStreamErrorException", words)]),
        Reply([*said, exception("throttlingException", words)]),
        Reply([*said, chunk({"error": {"code": "api_error", "message": words}})]),
        Reply([*said, chunk({"error": words})]),
    ):
        if SECRET not in str(fields) and len(reply.pieces) < 3:
            continue  # neither the request nor the answer has it
        server.prepare(reply)
        response = call(app, url_event({**fields, "model": CLAUDE}, accept))
        (line,) = response.log
        assert re.fullmatch(r"cannot \S+ \[\.\.\.\] \S*;? ?see \"\[\.\.\.\]\"", line["detail"]), line["detail"]
        logged = json.dumps([line, response.finished, response.emf]).casefold()
        assert not [word for word in SECRET.casefold().split() if word in logged]


@pytest.mark.parametrize(
    "reasoning",
    [
        {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": SECRET}},
        {"contentBlockDelta": {"delta": {"reasoningContent": {"text": SECRET}}}},
        {"contentBlockDelta": {"delta": {"reasoningContent": {"reasoningText": {"text": SECRET}}}}},
        {"choices": [{"delta": {"reasoning_content": SECRET}}]},
        {"choices": [{"delta": {"reasoning": SECRET}}]},
    ],
)
def test_what_the_model_reasoned_is_not_in_the_log(
    function: tuple[Any, ReplayServer], reasoning: dict[str, Any]
) -> None:
    app, server = function
    server.prepare(Reply([chunk(reasoning), exception("validationException", f"blocked: {SECRET}")]))
    (line,) = call(app, url_event({"prompt": "Good evening", "model": CLAUDE})).log
    assert line["detail"] == "blocked: [...]"


def test_of_a_failure_that_is_not_bedrocks_the_reason_is_logged(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply([chunk({"completion": "a"})], end="dropped"))
    (line,) = call(app, url_event({"prompt": "Good evening", "model": CLAUDE})).log
    assert line["code"] in ("ProtocolError", "IncompleteRead")
    assert line["detail"]
