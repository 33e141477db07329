"""Guardrails of requests, by the real client and as bytes: which are taken, and that a half of one never is."""

import http.client
import json
from typing import Any

import pytest

from bedrock_service import CLAUDE, NOVA, Service, body_for, converse_body

INVOKE_BODY = json.dumps(body_for(CLAUDE, "hi"))
PAIRS = [
    ("abcdefgh1234", "1"),
    ("abcdefgh1234", "DRAFT"),
    ("arn:aws:bedrock:us-east-1:123456789012:guardrail/abcdefgh1234", "12345678"),
]
HALVES = [{"guardrailIdentifier": "abcdefgh1234"}, {"guardrailVersion": "1"}]
# What is sent, and what of it is named.
WRONG = [
    ({"guardrailIdentifier": "abc_1", "guardrailVersion": "1"}, "guardrailIdentifier: string [abc_1] does not match"),
    ({"guardrailIdentifier": "abc", "guardrailVersion": "0"}, "guardrailVersion: string [0] does not match pattern"),
    ({"guardrailIdentifier": "abc", "guardrailVersion": "draft"}, "guardrailVersion: string [draft] does not match"),
    *((half, "guardrailIdentifier and guardrailVersion") for half in HALVES),
    ({"guardrailIdentifier": "abc", "guardrailVersion": ""}, "guardrailIdentifier and guardrailVersion"),
]


@pytest.mark.parametrize(("identifier", "version"), PAIRS)
def test_both_apis_take_a_guardrail_which_changes_nothing(client: Any, identifier: str, version: str) -> None:
    pair = {"guardrailIdentifier": identifier, "guardrailVersion": version}
    config = {**pair, "streamProcessingMode": "async", "trace": "enabled"}
    events = list(client.converse_stream(modelId=NOVA, guardrailConfig=config, **converse_body("hi"))["stream"])
    assert [event["messageStop"]["stopReason"] for event in events if "messageStop" in event] == ["end_turn"]
    response = client.invoke_model_with_response_stream(modelId=CLAUDE, body=INVOKE_BODY, trace="ENABLED", **pair)
    assert not any("INTERVENED" in str(event["chunk"]["bytes"]) for event in response["body"])


def test_no_guardrail_may_be_said_with_two_empty_texts(client: Any) -> None:
    none = {"guardrailIdentifier": "", "guardrailVersion": ""}
    assert list(client.converse_stream(modelId=NOVA, guardrailConfig=none, **converse_body("hi"))["stream"])
    assert list(client.invoke_model_with_response_stream(modelId=CLAUDE, body=INVOKE_BODY, **none)["body"])
    assert list(client.converse_stream(modelId=NOVA, guardrailConfig={}, **converse_body("hi"))["stream"])


@pytest.mark.parametrize(("sent", "named"), WRONG)
def test_a_guardrail_that_bedrock_would_not_find_is_refused_by_both_apis(
    client: Any, sent: dict[str, str], named: str
) -> None:
    with pytest.raises(client.exceptions.ValidationException) as refused:
        client.converse_stream(modelId=NOVA, guardrailConfig=sent, **converse_body("hi"))
    assert named in refused.value.response["Error"]["Message"]
    with pytest.raises(client.exceptions.ValidationException) as refused:
        client.invoke_model_with_response_stream(modelId=CLAUDE, body=INVOKE_BODY, **sent)
    assert named in refused.value.response["Error"]["Message"]


def test_a_refused_guardrail_is_a_served_request(bedrock: Service, client: Any) -> None:
    with pytest.raises(client.exceptions.ValidationException):
        client.invoke_model_with_response_stream(modelId=CLAUDE, body=INVOKE_BODY, **HALVES[0])
    served = bedrock.last_served()
    assert (served.outcome, served.status) == ("ValidationException", 400)


def test_headers_of_a_guardrail_have_names_in_any_case(bedrock: Service) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", bedrock.port, timeout=10)
    headers = {"content-type": "application/json", "x-amzn-bedrock-guardrailidentifier": "abcdefgh1234"}
    connection.request("POST", f"/model/{CLAUDE}/invoke-with-response-stream", INVOKE_BODY, headers)
    assert connection.getresponse().status == 400
    connection.close()
