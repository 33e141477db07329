"""The rules of composite alarms, against the states of four alarms."""

import re

import pytest

from sandbox.cloudwatch.alarms.rule import parse_rule

STATES = {"red": "ALARM", "green": "OK", "grey": "INSUFFICIENT_DATA", "a (b) OR c": "ALARM"}
NAMES = {name: name for name in STATES} | {"arn:aws:cloudwatch:eu-north-1:123456789012:alarm:red": "red"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("ALARM(red)", True),
        ("ALARM(green)", False),
        ("ALARM(grey)", False),
        ("OK(green)", True),
        ("OK(red)", False),
        ("INSUFFICIENT_DATA(grey)", True),
        ("INSUFFICIENT_DATA(green)", False),
        ('ALARM("red")', True),
        ('ALARM("a (b) OR c")', True),
        ('ALARM( "arn:aws:cloudwatch:eu-north-1:123456789012:alarm:red" )', True),
        ("ALARM(arn:aws:cloudwatch:eu-north-1:123456789012:alarm:red)", True),
        ("TRUE", True),
        ("FALSE", False),
        ("NOT TRUE", False),
        ("NOT NOT TRUE", True),
        ("NOT(ALARM(green))", True),
        ("TRUE AND FALSE", False),
        ("TRUE AND TRUE AND NOT FALSE", True),
        ("FALSE OR FALSE OR TRUE", True),
        ("FALSE OR FALSE", False),
        # NOT before AND before OR
        ("TRUE OR TRUE AND FALSE", True),
        ("(TRUE OR TRUE) AND FALSE", False),
        ("NOT FALSE AND FALSE", False),
        ("NOT (FALSE AND FALSE)", True),
        ("NOT TRUE OR TRUE", True),
        ("(ALARM(red)\n AND OK(green))\tAND(NOT ALARM(grey))", True),
    ],
)
def test_rules(text: str, holds: bool) -> None:
    assert parse_rule(text, NAMES).holds(STATES) is holds


def test_children() -> None:
    text = 'ALARM(red) OR NOT (OK("green") AND ALARM(arn:aws:cloudwatch:eu-north-1:123456789012:alarm:red))'
    assert parse_rule(text, NAMES).children == {"red", "green"}
    assert parse_rule("TRUE", NAMES).children == frozenset()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ALARM(nobody)", "there is no alarm nobody"),
        ('OK("Red")', "there is no alarm Red"),
        ("ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:red)", "no alarm arn:aws:cloudwatch:us-east-1"),
        ("", "syntax error"),
        ("ALARM", "syntax error"),
        ("ALARM()", "syntax error at character 7"),
        ("ALARM(red", "syntax error"),
        ("alarm(red)", "syntax error at character 1"),
        ("ALARM(red) and OK(green)", "syntax error at character 12"),
        ("ALARM(red) OK(green)", "syntax error at character 12"),
        ("ALARM(red), OK(green)", "syntax error at character 11"),
        ("NOTTRUE", "syntax error at character 1"),
        ("TRUE ORTRUE", "syntax error at character 6"),
        ("AT_LEAST(1, ALARM, (red, green))", "before 'AT_LEAST(1"),
        ("(" * 5000 + "TRUE", "syntax error"),
        ("NOT " * 5000 + "TRUE", "too many conditions within each other"),
    ],
)
def test_what_is_no_rule(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        parse_rule(text, NAMES)
