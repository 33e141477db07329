"""The rules of composite alarms, while two of three alarms are on."""

import re

import pytest

from sandbox.cloudwatch.alarms.rule import parse_rule

ON = {"red", "a (b) OR c"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('ALARM("red")', True),
        ('ALARM("green")', False),
        ('ALARM("a (b) OR c")', True),
        ('ALARM( "red" )', True),
        ('ALARM("red") AND ALARM("green")', False),
        ('ALARM("green") OR ALARM("red")', True),
        ('ALARM("green") OR ALARM("green") OR ALARM("red")', True),
        ('ALARM("red") AND ALARM("red") AND ALARM("green")', False),
        # AND before OR
        ('ALARM("red") OR ALARM("red") AND ALARM("green")', True),
        ('(ALARM("red") OR ALARM("red")) AND ALARM("green")', False),
        ('(ALARM("red")\n AND(ALARM("red")))\tOR ALARM("green")', True),
    ],
)
def test_rules(text: str, holds: bool) -> None:
    assert parse_rule(text).holds(ON) is holds


def test_children() -> None:
    assert parse_rule('ALARM("red") OR (ALARM("green") AND ALARM("red"))').children == {"red", "green"}
    assert parse_rule('ALARM("red")').children == {"red"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('NOT ALARM("red")', "not 'NOT ALARM"),
        ('OK("red")', "not 'OK("),
        ('INSUFFICIENT_DATA("red")', "not 'INSUFFICIENT_DATA("),
        ("TRUE", "not 'TRUE'"),
        ("ALARM(red)", "not 'red)' at character 7"),
        ('AT_LEAST(1, ALARM, ("red", "green"))', "not 'AT_LEAST(1"),
        ("", "not ''"),
        ('ALARM("red"', "at character 7"),
        ('ALARM("red") ALARM("green")', "at character 14"),
        ('alarm("red")', "not 'alarm("),
    ],
)
def test_every_other_word_is_refused_by_name(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)) as caught:
        parse_rule(text)
    assert 'support ALARM("NAME"), AND, OR and parentheses' in str(caught.value)
