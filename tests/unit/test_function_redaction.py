"""Bedrock's words as the log gets them: what stands in the request or the answer is masked, however it is quoted."""

import html
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from pydoc_data.topics import topics
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_cases import cases
from bedrock_replay import ReplayServer, Reply, chunk, event, exception
from firstbyte.escapes import plain
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


ESSAY = """
    Write a short story about the railway that once ran along this coast. In the first years there was only one train a
    day, and it took people over the hills to the harbour, where the boats were waiting. My grandmother used to say that
    you could hear it long before it came out of the tunnel, and that the whole village would stop what it was doing.
    The guard knew everyone by name. He kept a list of those who had paid and of those who had promised to, and at the
    end of each month he would read it aloud. When the war began, the carriages were needed elsewhere, and the line was
    closed for some time. Later, engineers opened a new bridge, and with it the trains became faster, but they did not
    stop in the small places any more. In case you wonder how it ended: a storm in the last winter of the old century
    carried the embankment into the sea. Nobody has ever found all of the rails. Please give details of the journey, of
    the weather and of the food, and use the form of a letter to a friend. Do not submit a poem. If something is
    missing, fill it in, but keep to the style of the content above. The version that you send me should be complete,
    with a beginning, a middle and an end, and it should be allowed to make me laugh from time to time.
"""
ROLE = "123456789012:assumed-role/firstbyte-StreamingFunctionRole-1ABCDEFGHIJKL/firstbyte"
SONNET = "anthropic.claude-3-5-sonnet-20240620-v1:0"
# What Bedrock, the models' makers, botocore and urllib3 say.
SERVICES = [
    f"User: arn:aws:sts::{ROLE} is not authorized to perform: bedrock:InvokeModel on resource: "
    f"arn:aws:bedrock:eu-central-1::foundation-model/{SONNET} because no identity-based policy allows the "
    "bedrock:InvokeModel action",
    "slow down",
    "Overloaded",
    "This model version has reached the end of its life.",
    "Model use case details have not been submitted for this account. Fill out the use case details form first.",
    "You don't have access to the model with the specified model ID.",
    "Operation not allowed",
    "The security token included in the request is expired",
    "Signature expired: the signature is too old. Check your system time and the signing method.",
    "prompt is too long: tokens exceed the maximum",
    "max_tokens: must be greater than thinking.budget_tokens",
    "messages: text content blocks must be non-empty",
    "messages: roles must alternate between 'user' and 'assistant'",
    "Malformed input request: extraneous key [top_k] is not permitted, please reformat your input and try again.",
    "Your credit balance is too low to access the API. Please go to Plans & Billing to upgrade or purchase credits.",
    "The system encountered an unexpected error during processing. Try your request again.",
    "This model's maximum context length has been exceeded. Please reduce the length of the messages or completion.",
    "You exceeded your current quota, please check your plan and billing details.",
    "The server had an error while processing your request. Sorry about that!",
    "Bedrock is unable to process your request because the service is temporarily at capacity.",
    "Connection was closed before we received a valid response from endpoint URL: "
    '"https://bedrock-runtime.eu-central-1.amazonaws.com/model/x/converse-stream".',
    'Could not connect to the endpoint URL: "https://bedrock-runtime.us-east-1.amazonaws.com/"',
    'Read timeout on endpoint URL: "https://bedrock-runtime.us-east-1.amazonaws.com/"',
    "Connection broken: IncompleteRead(0 bytes read, 512 more expected)",
    "Unable to locate credentials",
]


def long_text() -> str:
    """Return 2,000 words in which others explain what errors are, and so in nearly the words of an error."""
    words = " ".join(topics[name] for name in ("execmodel", "exceptions", "naming", "objects")).split()
    return " ".join(words[:2000])


@pytest.mark.parametrize("prompt", [ESSAY, long_text()], ids=["240 words", "2,000 words"])
def test_a_long_request_leaves_the_messages_readable(prompt: str) -> None:
    assert len(prompt.split()) in (len(ESSAY.split()), 2000)
    redaction = Redaction([prompt], known=[SONNET])
    changed = [cleaned for words in SERVICES if (cleaned := redaction.clean(words)) != words]
    assert len(changed) <= len(SERVICES) // 10, changed


@pytest.mark.parametrize(
    "prompt",
    [
        "Chapter 1: what is 2 + 2? 3 or 5?",
        "Compare Claude and Nova as foundation models. What is a Sonnet of 2024?",
        "Explain roles, users and functions in AWS: iam, sts, assumed-role",
        f"What is {SONNET}?",
    ],
)
def test_role_model_and_account_stay(prompt: str) -> None:
    assert Redaction([prompt], known=[f"eu.{SONNET}"]).clean(SERVICES[0]) == SERVICES[0]
    words = f"max_tokens: the maximum of claude-3-5-sonnet is lower; see {SONNET}."
    assert Redaction([prompt], known=[f"eu.{SONNET}"]).clean(words) == words


@pytest.mark.parametrize(
    ("prompt", "resource", "cleaned"),
    [
        ("My dog is called Kangaroo-77", "foundation-model/kangaroo-77", "foundation-model/[...]"),
        ("Write about kangaroos", "foundation-model/Kangaroos.v1:0", "foundation-model/[...].v1:0"),
        ("Is StreamingFunctionRole my role?", "role/app-StreamingFunctionRole-1A", "role/app-[...]-1A"),
        ("I am kim@corp", "assumed-role/app/kim@corp", "assumed-role/app/[...]"),
        ("Kiwi", "foundation-model/" + "kangaroo-" * 10, "foundation-model/" + "kangaroo-" * 10),
    ],
)
def test_an_arn_of_bedrocks_keeps_no_word_of_the_request(prompt: str, resource: str, cleaned: str) -> None:
    for beginning in ("arn:aws:bedrock:us-east-1:123456789012:", "arn:aws-cn:sts::123456789012:"):
        words = f"User is not authorized on resource: {beginning}{resource} because"
        assert clean(words, prompt) == f"User is not authorized on resource: {beginning}{cleaned} because"


BUCKET = "arn:aws:s3:eu-west-1:471147114711:hidden/plans"


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (f"My bucket is {BUCKET}", BUCKET),
        (f"My bucket is {BUCKET}", BUCKET.upper()),
        (f"My bucket is {BUCKET}", f"{BUCKET[:-9]}..."),
        ("My account is 471147114711, the role is hidden", "471147114711 / hidden"),
        ("My account is 471147114711, the role is hidden", "arn:aws:iam::471147114711:role/x"),
        ("It is arn:aws-hidden:open-plans:none:4711:end", "arn:aws-hidden:open-plans:none:4711:end"),
    ],
)
def test_an_arn_of_the_request_is_masked(prompt: str, words: str) -> None:
    cleaned = clean(f"bad value '{words}' in the request", prompt).casefold()
    assert cleaned.startswith("bad ")
    assert cleaned.endswith(" in the request")
    assert not [word for word in ("4711", "hid", "plans") if word in cleaned]


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
        ("the swo", "the [...]"),  # a part where a quotation may be cut: at the end,
        ("the swo...", "the [...]..."),  # at dots,
        ("the ...ish is", "the ...[...] is"),
        ("the 'swo' is", "the '[...]' is"),  # at quotation marks,
        ('the "rdf" is', 'the "[...]" is'),
        ("input: rdf is", "input: [...] is"),  # after a colon,
        ("the secret sw ord is", "the [...] is"),  # and beside what is masked
        ("the ish secret is", "the [...] is"),
        ("the sw...", "the sw..."),  # too short a part to tell anything
        ("the swo isn't", "the swo isn't"),  # an ordinary word has such a part, too
        ("the swordf isn't", "the [...] isn't"),  # but not so long a part
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
        "ABIAIOSFODNN7EXAMPLE",
        "nACCAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" * 2,
        "a1" * 32,
    ):
        assert clean(f"The token {key} is expired, {key}.") == "The token [...] is expired, [...]."


def test_the_log_takes_one_line_of_four_hundred_characters() -> None:
    assert clean("ab \r\n" * 5000) == ("ab " * 400)[:400]
    assert clean("one\ntwo\x1b[2J\ttwo\x00\u2028") == "one two [2J two [...]"
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


def test_a_word_as_long_as_the_message_is_read_in_no_time() -> None:
    began = time.process_time()
    for word in ("ab" * 1450, "ab" * 1450 + "é", "é" * 2900, "a." * 1450, "'\"" * 1450):
        for words in (word, f"arn:aws:s3:::{word}", f"arn:aws:sts:::{word}"):
            clean(words, "arn:aws:s3:::swordfish " * 10_000)
    assert time.process_time() - began < 2, "it takes 0.3 s; what is quadratic takes 3 s for a single word"


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


def test_words_that_are_hard_to_read_cost_no_record() -> None:
    """Lambda kills an environment that takes too long for its log, and then nobody learns of the response."""
    with running_function(MAX_PROMPT_CHARS="200000") as (app, server):
        server.prepare(Reply.error(429, "ThrottlingException", "Too many requests"))
        began = time.process_time()
        response = call(app, url_event({"prompt": "a" + "\u0300\u0316" * 99_900}))
        assert time.process_time() - began < 5, "it takes 0.3 s; what is quadratic takes 40 s"
        assert response.finished["outcome"] == "throttled"
        assert [line["detail"] for line in response.log] == ["Too many requests"]


NUMBER = "&#" + "1" * 5000 + ";"


def test_a_number_that_python_cannot_read_costs_no_record(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(
        Reply([chunk({"completion": "a", "stop_reason": "tired"})]),
        Reply([chunk({"completion": NUMBER, "stop_reason": NUMBER})]),
        Reply.error(429, "ThrottlingException", f"slow down {NUMBER} now"),
        Reply.error(400, "ValidationException", f"not valid: {NUMBER}"),
    )
    ended, quoted, throttled, refused = (
        call(app, url_event({"prompt": prompt, "model": CLAUDE})) for prompt in (NUMBER[:4900], "x", "x", "x")
    )
    assert (ended.status, ended.finished["stop_reason"]) == (200, "tired")
    assert quoted.status == 200
    assert "1" not in quoted.finished["stop_reason"]
    assert throttled.finished["outcome"] == "throttled"
    assert [line["detail"] for line in throttled.log] == ["slow down "]
    assert (refused.status, refused.finished["error_type"]) == (400, "invalid_request")


def test_words_that_cannot_be_cleaned_are_lost_alone(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if only the first words cannot: the others are compared with the whole request all the same."""
    app, server = function
    failures = [ValueError(SECRET)]

    def broken_once(text: str) -> str:
        if text == SECRET and failures:
            raise failures.pop()
        return plain(text)

    monkeypatch.setattr("firstbyte.redaction.plain", broken_once)
    server.prepare(Reply([chunk({"completion": "a"}), chunk({"error": {"type": "odd_error", "message": SECRET[8:]}})]))
    response = call(app, url_event({"prompt": SECRET, "model": CLAUDE}))
    lost, failed = response.log
    assert (lost["message"], lost["part"], lost["error"]) == ("a part of the telemetry is lost", "words", "ValueError")
    assert (failed["message"], failed["code"], failed["detail"]) == ("request failed", "[...]", "[...]")
    assert response.finished["outcome"] == "interrupted"


def test_a_stop_reason_that_cannot_be_cleaned_is_masked(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, server = function

    def broken(text: str) -> str:
        raise RecursionError(text)

    monkeypatch.setattr("firstbyte.redaction.plain", broken)
    server.prepare(Reply([chunk({"completion": "a", "stop_reason": "tired"})]))
    response = call(app, url_event({"prompt": SECRET, "model": CLAUDE}))
    assert (response.finished["outcome"], response.finished["stop_reason"]) == ("completed", "[...]")


def test_of_a_failure_that_is_not_bedrocks_the_reason_is_logged(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply([chunk({"completion": "a"})], end="dropped"))
    (line,) = call(app, url_event({"prompt": "Good evening", "model": CLAUDE})).log
    assert line["code"] in ("ProtocolError", "IncompleteRead")
    assert line["detail"]


@pytest.mark.parametrize(
    ("code", "logged"),
    [
        ("Staple", "[...]"),
        ("staple_error", "[...]_error"),
        (SECRET, None),  # a sentence is no code
        ("rate_limit_error", "rate_limit_error"),
        ("ThrottlingException", "ThrottlingException"),
        ("x" * 101, None),
    ],
)
def test_a_code_quotes_neither_request_nor_answer(
    function: tuple[Any, ReplayServer], code: str, logged: str | None
) -> None:
    app, server = function
    heading = {"content-type": "application/json"}
    for reply in (
        Reply([json.dumps({"code": code, "message": "x"}).encode()], 400, heading),
        Reply([chunk({"completion": "a"}), chunk({"error": {"type": code, "message": "x"}})]),
        Reply([chunk({"completion": "a"}), chunk({"__type": f"a.b#{code}", "message": "x"})]),
    ):
        server.prepare(reply)
        prompt = f"{SECRET}. What is a ThrottlingException?"
        response = call(app, url_event({"prompt": prompt, "model": CLAUDE}, "text/plain"))
        assert [line.get("code") for line in response.log] == [logged]
        cut = "" if response.raised is None else str(response.raised)
        assert "staple" not in f"{cut} {response.log} {response.finished} {response.emf}".casefold()


@pytest.mark.parametrize(
    ("pieces", "logged"),
    [
        ([{"messageStop": {"stopReason": "model_context_window_exceeded"}}], "model_context_window_exceeded"),
        ([{"messageStop": {"stopReason": "tired"}}], "tired"),
        ([{"messageStop": {"stopReason": SECRET}}], "[...]"),
        ([{"completion": "a", "stop_reason": "Staple"}], "[...]"),
        ([{"choices": [{"delta": {"content": "a"}, "finish_reason": "stop", "stop_reason": "Staple"}]}], "end_turn"),
        ([{"outputText": "a", "completionReason": f"long {f'{SECRET} ' * 80}"}], "long [...] "),
    ],
)
def test_a_stop_reason_quotes_neither_request_nor_answer(
    function: tuple[Any, ReplayServer], pieces: list[dict[str, Any]], logged: str
) -> None:
    app, server = function
    server.prepare(Reply([chunk({"messageStart": {"role": "assistant"}}), *(chunk(piece) for piece in pieces)]))
    prompt = f"{SECRET}: what is model_context_window_exceeded?"
    response = call(app, url_event({"prompt": prompt, "model": CLAUDE, "stop_sequences": ["Staple"]}))
    assert response.finished["stop_reason"] == logged
    assert "staple" not in json.dumps([response.log, response.finished, response.emf]).casefold()


def test_no_library_logs_the_request_whatever_the_log_level(
    function: tuple[Any, ReplayServer], caplog: pytest.LogCaptureFixture
) -> None:
    """Lambda sets the root logger's level to the function's ApplicationLogLevel.

    botocore logs bodies at DEBUG, and the names of fields that it does not know at INFO.
    """
    app, server = function
    for level in ("DEBUG", "WARNING"):
        with caplog.at_level(level):
            caplog.handler.setLevel(0)
            client = app.create_client(app.config)
            for reply, api in (
                (Reply([chunk({"completion": SECRET})]), "invoke"),
                (Reply([event("contentBlockDelta", {"delta": {SECRET: "x"}})]), "converse"),
                (Reply.error(400, "ValidationException", SECRET), "invoke"),
            ):
                server.prepare(reply)
                call(app, url_event({"prompt": SECRET, "model": CLAUDE, "api": api}))
        client.close()
    names = {record.name.partition(".")[0] for record in caplog.records}
    assert "urllib3" in names, "the level is what it should be"
    logged = " ".join(record.getMessage() for record in caplog.records).casefold()
    assert not [word for word in SECRET.casefold().split() if word in logged]
