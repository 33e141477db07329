"""A template's rules: when they apply, what they assert, and the words of a refusal."""

from typing import Any

import pytest

from template.errors import ParameterError, TemplateError
from template.rules import check_rules

VALUES = {"Size": "big", "Count": "3", "AWS::Region": "eu-west-1"}


def rules(assertion: Any, condition: Any = None, **more: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"Assertions": [{"Assert": assertion, **more}]}
    return {"Sizes": rule if condition is None else {"RuleCondition": condition, **rule}}


@pytest.mark.parametrize(
    ("assertion", "holds"),
    [
        ({"Fn::Contains": [["eu-west-1", "us-east-1"], {"Ref": "AWS::Region"}]}, True),
        ({"Fn::Contains": [["us-east-1"], {"Ref": "AWS::Region"}]}, False),
        ({"Fn::Contains": [[1, 3], {"Ref": "Count"}]}, True),
        ({"Fn::Contains": [[{"Ref": "Size"}], "big"]}, True),
        ({"Fn::Not": [{"Fn::Equals": [{"Ref": "Size"}, "big"]}]}, False),
        ({"Fn::And": [{"Fn::Equals": [{"Ref": "Size"}, "big"]}, {"Fn::Equals": [{"Ref": "Count"}, 3]}]}, True),
        ({"Fn::Or": [{"Fn::Equals": [{"Ref": "Size"}, "small"]}, {"Fn::Equals": [{"Ref": "Count"}, 4]}]}, False),
    ],
)
def test_an_assertion_holds_or_is_refused_in_its_own_words(assertion: Any, holds: bool) -> None:
    given = rules(assertion, AssertDescription="Take another size.")
    if holds:
        check_rules(given, VALUES)
    else:
        with pytest.raises(ParameterError, match=r"^Take another size\.$"):
            check_rules(given, VALUES)


def test_a_rule_asserts_nothing_unless_its_condition_holds() -> None:
    wrong = {"Fn::Equals": [{"Ref": "Size"}, "small"]}
    check_rules(rules(wrong, condition={"Fn::Equals": [{"Ref": "Count"}, "4"]}), VALUES)
    with pytest.raises(ParameterError, match="the rule Sizes of the template does not hold"):
        check_rules(rules(wrong, condition={"Fn::Equals": [{"Ref": "Count"}, "3"]}), VALUES)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (rules({"Fn::FindInMap": ["a", "b", "c"]}), "Fn::FindInMap is not supported"),
        (rules({"Fn::Equals": [{"Ref": "Nothing"}, "x"]}), "named Nothing"),
        (rules({"Fn::Contains": ["x"]}), "Fn::Contains is not well formed"),
        ({"Sizes": {}}, "Rules.Sizes is not well formed"),
        ({"Sizes": []}, "Rules.Sizes is not well formed"),
    ],
)
def test_what_is_no_rule_is_said(given: dict[str, Any], words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        check_rules(given, VALUES)
