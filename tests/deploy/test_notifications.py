"""Whom the alarms tell: an address, by way of a topic that the stack makes for it, or a topic that is there already."""

from typing import Any

import pytest

from stack_template import REGION, properties_of
from template.errors import ParameterError
from template.resources import ACCOUNT_ID, read_stack
from tools import REPOSITORY

ADDRESS = "on-call+llm@mail.example.com"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT_ID}:pager"
# Of each parameter: the topic that the stack makes, and whether it is the one of an alarm.
PARAMETERS = {"PageTo": "PageTopic", "TicketsTo": "TicketTopic"}


def actions(parameters: dict[str, str]) -> dict[str, list[str]]:
    """Whom each alarm that tells somebody tells, by logical id."""
    kinds = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    alarms = {name: alarm for kind in kinds for name, alarm in properties_of(kind, parameters).items()}
    for alarm in alarms.values():
        assert alarm.get("AlarmActions") == alarm.get("OKActions")
    return {name: alarm["AlarmActions"] for name, alarm in alarms.items() if "AlarmActions" in alarm}


def topics(parameters: dict[str, str]) -> dict[str, Any]:
    """What subscribes to each topic of the stack."""
    return {name: topic["Subscription"] for name, topic in properties_of("AWS::SNS::Topic", parameters).items()}


def test_by_default_nobody_is_told() -> None:
    assert topics({}) == {}
    assert {name: told for name, told in actions({}).items() if told} == {}


@pytest.mark.parametrize(("parameter", "topic"), PARAMETERS.items())
def test_an_address_has_a_topic_of_the_stack(parameter: str, topic: str) -> None:
    given = {parameter: ADDRESS}
    assert topics(given) == {topic: [{"Protocol": "email", "Endpoint": ADDRESS}]}
    arn = read_stack(REPOSITORY / "template.yaml", given, REGION).resources[topic].return_value()
    told = {name: whom for name, whom in actions(given).items() if whom}
    assert (told.keys() == {"PageAlarm"}) == (parameter == "PageTo")
    assert {*map(tuple, told.values())} == {(arn,)}


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("arn", [TOPIC, TOPIC.replace("arn:aws:", "arn:aws-other:")])
def test_a_topics_arn_is_told_itself(parameter: str, arn: str) -> None:
    assert topics({parameter: arn}) == {}
    told = {name: whom for name, whom in actions({parameter: arn}).items() if whom}
    assert (told.keys() == {"PageAlarm"}) == (parameter == "PageTo")
    assert {*map(tuple, told.values())} == {(arn,)}


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize(
    "value",
    [
        "on-call",
        "on-call@example",
        "a@example.com,b@example.com",
        "a@example.com b@example.com",
        "mailto:on-call@example.com",
        "arn:on-call@example.com",
        "arn:aws:sns:us-east-1:pager",
        f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:pager",
        # A subscription, and a FIFO topic, which takes no alarms.
        f"{TOPIC}:6b0e71bd-7e97-4d97-80ce-4a0994e55286",
        f"{TOPIC}.fifo",
        "https://hooks.example.com/alarm",
        "+15550100",
        " ",
    ],
)
def test_anything_else_is_refused(parameter: str, value: str) -> None:
    words = "but must be an e-mail address, the ARN of a standard SNS topic, or empty"
    with pytest.raises(ParameterError, match=f"^parameter {parameter} is .*, {words}$"):
        read_stack(REPOSITORY / "template.yaml", {parameter: value}, REGION)
