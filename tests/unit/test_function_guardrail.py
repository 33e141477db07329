"""The guardrail of the settings in what the handler sends to Bedrock, by both APIs and to both models."""

from typing import Any

import pytest

from bedrock_replay import Reply, Seen
from firstbyte.config import ConfigError
from function_calls import MISTRAL, NOVA, call, running_function, url_event

FAILURE = Reply.error(503, "ServiceUnavailableException", "busy")


def guardrail_of(seen: Seen) -> tuple[Any, Any]:
    if seen.path.endswith("/converse-stream"):
        config = seen.body.get("guardrailConfig", {})
        assert config.keys() <= {"guardrailIdentifier", "guardrailVersion"}, "no trace, and Bedrock's default mode"
        return config.get("guardrailIdentifier"), config.get("guardrailVersion")
    headers = {name.lower(): value for name, value in seen.headers.items()}
    assert "x-amzn-bedrock-trace" not in headers
    assert not [name for name in seen.body if "guardrail" in name]
    return headers.get("x-amzn-bedrock-guardrailidentifier"), headers.get("x-amzn-bedrock-guardrailversion")


@pytest.mark.parametrize(
    ("setting", "expected"), [("abcdefgh1234:2", ("abcdefgh1234", "2")), ("", (None, None))], ids=["set", "empty"]
)
def test_every_call_has_it(setting: str, expected: tuple[Any, Any]) -> None:
    with running_function(GUARDRAIL=setting, FALLBACK_MODEL_ID=MISTRAL) as (app, server):
        server.prepare(FAILURE, FAILURE)
        call(app, url_event({"prompt": "x"}))
        assert [seen.path.rpartition("/")[2] for seen in server.seen] == [
            "invoke-with-response-stream",
            "converse-stream",
        ]
        assert [guardrail_of(seen) for seen in server.seen] == [expected] * 2


def test_a_wrong_one_keeps_the_function_from_starting() -> None:
    with pytest.raises(ConfigError, match="GUARDRAIL"), running_function(GUARDRAIL="abcdefgh1234", MODEL_IDS=NOVA):
        pass
