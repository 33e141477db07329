"""Ids and ARNs of models: what a client may call each, what is called, and what log and metrics name."""

from collections.abc import Iterator
from typing import Any

import pytest

from bedrock_replay import ReplayServer, Reply, chunk, event
from emf_document import values_of
from firstbyte.model_ids import accepted_names, shown_name, without_geography
from function_calls import call, running_function, url_event

NOVA = "amazon.nova-lite-v1:0"
CLAUDE = "anthropic.claude-haiku-4-5-20251001-v1:0"
PROFILE = f"eu.{NOVA}"
ACCOUNT = "123456789012"
ARN = f"arn:aws:bedrock:eu-central-1:{ACCOUNT}:application-inference-profile/a1b2c3d4e5f6"
SHORT = "application-inference-profile/a1b2c3d4e5f6"
IDS = [PROFILE, ARN, f"eu.{CLAUDE}", f"global.{CLAUDE}", "mistral.mistral-large-2402-v1:0"]
PRICES = f"{NOVA}=1/1,{ARN}=2/2"


@pytest.fixture(scope="module")
def function() -> Iterator[tuple[Any, ReplayServer]]:
    with running_function(MODEL_IDS=",".join(IDS), MODEL_PRICES=PRICES) as function:
        yield function


def reply(converse: bool) -> Reply:
    if not converse:
        usage = {"usage": {"inputTokens": 500_000, "outputTokens": 500_000}}
        text = {"contentBlockDelta": {"delta": {"text": "Hi"}, "contentBlockIndex": 0}}
        return Reply([chunk(text), chunk({"messageStop": {"stopReason": "end_turn"}}), chunk({"metadata": usage})])
    usage = {"usage": {"inputTokens": 500_000, "outputTokens": 500_000, "totalTokens": 1_000_000}}
    return Reply(
        [
            event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}}),
            event("messageStop", {"stopReason": "end_turn"}),
            event("metadata", usage | {"metrics": {"latencyMs": 5}}),
        ]
    )


@pytest.mark.parametrize(
    ("model_id", "without", "shown"),
    [
        (NOVA, NOVA, NOVA),
        (PROFILE, NOVA, PROFILE),
        *((f"{geography}.{CLAUDE}", CLAUDE, f"{geography}.{CLAUDE}")
          for geography in ("us", "us-gov", "eu", "apac", "jp", "au", "ca", "global")),
        ("openai.gpt-5.6-luna", "openai.gpt-5.6-luna", "openai.gpt-5.6-luna"),
        ("ai21.jamba-1-5-mini-v1:0", "ai21.jamba-1-5-mini-v1:0", "ai21.jamba-1-5-mini-v1:0"),
        (ARN, ARN, SHORT),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}", f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}",
         f"foundation-model/{NOVA}"),
    ],
)  # fmt: skip
def test_names(model_id: str, without: str, shown: str) -> None:
    assert (without_geography(model_id), shown_name(model_id)) == (without, shown)
    assert accepted_names(model_id) == {model_id, without, shown}


# What the client asks for, what Bedrock is asked for, what the client is told, and in US dollars what it costs.
ASKED = [
    ({}, PROFILE, PROFILE, 1),
    ({"model": PROFILE}, PROFILE, PROFILE, 1),
    ({"model": NOVA}, PROFILE, PROFILE, 1),
    ({"model": ARN}, ARN, SHORT, 2),
    ({"model": SHORT}, ARN, SHORT, 2),
]


@pytest.mark.parametrize(("fields", "called", "told", "dollars"), ASKED)
def test_the_configured_id_is_called_and_recorded(
    function: tuple[Any, ReplayServer], fields: dict[str, str], called: str, told: str, dollars: float
) -> None:
    app, server = function
    server.prepare(reply(converse=called == ARN))
    response = call(app, url_event({"prompt": "x", **fields}, "text/event-stream"))
    assert response.names == ["start", "delta", "end"]
    assert f"/model/{called.replace(':', '%3A').replace('/', '%2F')}/" in server.seen[-1].path
    assert response.events[0][1]["model"] == told
    assert response.finished["model"] == called
    assert response.finished["estimated_cost_usd"] == dollars
    assert response.emf["model"] == called
    assert values_of(response.emf)["EstimatedCost"] == [dollars]


def test_a_document_tells_no_account_number(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(reply(converse=True))
    response = call(app, url_event({"prompt": "x", "model": SHORT}, "application/json"))
    assert response.json["model"] == SHORT
    assert ACCOUNT not in response.body.decode()


@pytest.mark.parametrize("name", [CLAUDE, "nova-lite-v1:0", f"us.{NOVA}", "a1b2c3d4e5f6", "", "eu.", f"eu.eu.{NOVA}"])
def test_a_name_of_no_model_or_of_two_is_refused_with_the_names_that_work(
    function: tuple[Any, ReplayServer], name: str
) -> None:
    app, server = function
    asked = len(server.seen)
    response = call(app, url_event({"prompt": "x", "model": name}))
    assert (response.status, response.json["error"]["field"]) == (400, "model")
    allowed = ", ".join([PROFILE, SHORT, *IDS[2:]])
    assert response.json["error"]["message"] == f"model is not allowed; allowed are {allowed}"
    assert len(server.seen) == asked


def test_an_exact_id_goes_before_a_profile_of_the_same_model() -> None:
    with running_function(MODEL_IDS=f"{PROFILE},{NOVA}") as (app, server):
        server.prepare(reply(converse=False))
        assert call(app, url_event({"prompt": "x", "model": NOVA})).finished["model"] == NOVA
