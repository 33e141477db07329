"""The template's parameters: their defaults, the user's overrides, and the template's own constraints on both."""

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import Any

from template.errors import ParameterError, TemplateError

ParameterValue = str | list[str]


def add_overrides_option(parser: argparse.ArgumentParser) -> None:
    """Give a command line the option whose values `parse_overrides` reads."""
    parser.add_argument(
        "--parameter-overrides",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="parameters of the template, as for sam deploy",
    )


def parse_overrides(pairs: Sequence[str]) -> dict[str, str]:
    """Read `Key=Value` arguments, as `sam deploy --parameter-overrides` takes them.

    Raises:
        ParameterError: an argument has no `=`, or a key comes twice.
    """
    overrides: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise ParameterError(f"--parameter-overrides takes Key=Value, not {pair!r}")
        if key in overrides:
            raise ParameterError(f"--parameter-overrides names {key} twice")
        overrides[key] = value
    return overrides


def parameter_values(declared: Mapping[str, Any], overrides: Mapping[str, str]) -> dict[str, ParameterValue]:
    """Give every declared parameter its value: the override, else the default; numbers stay text, as in CloudFormation.

    Args:
        declared: the template's `Parameters` section.
        overrides: what `parse_overrides` returned.

    Raises:
        ParameterError: an unknown key, no value at all, or a value that breaks the parameter's constraints.
        TemplateError: the template declares a parameter type that is not supported.
    """
    unknown = sorted(set(overrides) - set(declared))
    if unknown:
        raise ParameterError(
            f"the template has no parameter {', '.join(unknown)}; it has {', '.join(sorted(declared))}"
        )
    return {name: _value(name, parameter, overrides.get(name)) for name, parameter in declared.items()}


def _value(name: str, parameter: Mapping[str, Any], override: str | None) -> ParameterValue:
    if override is None and "Default" not in parameter:
        raise ParameterError(f"parameter {name} has no default: add --parameter-overrides {name}=VALUE")
    text = str(parameter["Default"]) if override is None else override
    kind = parameter.get("Type")
    if kind == "CommaDelimitedList":
        items = [item.strip() for item in text.split(",")]
        for item in items:
            _check(name, parameter, item)
        return items
    if kind == "Number":
        _check_number(name, parameter, text)
    elif kind != "String":
        raise TemplateError(f"parameter {name}: the type {kind!r} is not supported")
    _check(name, parameter, text)
    return text


def _check(name: str, parameter: Mapping[str, Any], text: str) -> None:
    allowed = [str(value) for value in parameter.get("AllowedValues", [text])]
    if text not in allowed:
        raise ParameterError(f"parameter {name} is {text!r}, but must be one of {', '.join(allowed)}")
    pattern = parameter.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(pattern, text):
        expected = parameter.get("ConstraintDescription", f"a value that matches {pattern}")
        raise ParameterError(f"parameter {name} is {text!r}, but must be {expected}")


def _check_number(name: str, parameter: Mapping[str, Any], text: str) -> None:
    try:
        number = float(text)
    except ValueError:
        raise ParameterError(f"parameter {name} is {text!r}, but must be a number") from None
    if not parameter.get("MinValue", number) <= number <= parameter.get("MaxValue", number):
        bounds = [f"{word} {parameter[key]}" for key, word in _BOUNDS.items() if key in parameter]
        raise ParameterError(f"parameter {name} is {text}, but must be {' and '.join(bounds)}")


_BOUNDS = {"MinValue": "at least", "MaxValue": "at most"}
