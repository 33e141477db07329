"""Checks a template's `Rules`: which combinations of parameters and region it refuses, before anything is created.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from template.errors import ParameterError, TemplateError
from template.intrinsics import Resolver, as_text


def check_rules(rules: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Check that every assertion holds whose rule applies.

    Args:
        rules: the template's `Rules` section.
        values: of parameters and pseudo parameters.

    Raises:
        ParameterError: one does not hold; the message is its description.
        TemplateError: a rule is not well formed, or uses a function that is not supported.
    """
    resolver = _RuleResolver(values)
    for name, rule in rules.items():
        where = f"Rules.{name}"
        try:
            applies = resolver.resolve(rule.get("RuleCondition", True), f"{where}.RuleCondition")
            failed = [each for each in rule["Assertions"] if applies and not resolver.resolve(each["Assert"], where)]
        except (AttributeError, KeyError, TypeError) as error:
            raise TemplateError(f"{where} is not well formed") from error
        if failed:
            raise ParameterError(failed[0].get("AssertDescription", f"the rule {name} of the template does not hold"))


class _RuleResolver(Resolver):
    """Resolves the functions that a rule may have: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values, {}, {}, _not_in_a_rule, Path())
        of_conditions = ("Ref", "Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or")
        self._functions = {name: self._functions[name] for name in of_conditions} | {"Fn::Contains": self._contains}

    def _contains(self, node: Any, where: str) -> bool:
        texts, text = node
        return self._text([text], 0, where) in [as_text(each) for each in self.resolve(texts, where)]


def _not_in_a_rule(name: str, _attribute: str | None, where: str) -> NoReturn:
    raise TemplateError(f"{where}: no parameter or supported pseudo parameter is named {name}")
