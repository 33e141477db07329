"""CloudFormation's intrinsic functions: what a template says, as values.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

NO_VALUE = object()
_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


class TemplateError(Exception):
    """The template says something that cannot be, or that the stand-in does not know."""


class Unknown(Exception):  # noqa: N818  (it is an answer)
    """What a reference stands for cannot be said yet; the function around it stays as it is written."""


class Scope(Protocol):
    """What a template's names stand for; a method raises `Unknown` for what there is no value of yet."""

    mappings: Mapping[str, Any]

    def reference(self, name: str, attribute: str | None = None) -> Any:
        """Return what `Ref` gives for a name, or `Fn::GetAtt` for an attribute of it."""

    def holds(self, condition: str) -> bool:
        """Whether the condition of this name is true."""


def resolve(node: Any, scope: Scope) -> Any:
    """Return the node with every function that can be computed replaced by its value.

    Raises:
        TemplateError: the node has a function that is not known here, or one that its arguments do not fit.
    """
    if isinstance(node, list):
        return [value for item in node if (value := resolve(item, scope)) is not NO_VALUE]
    if not isinstance(node, dict):
        return node
    name = _function(node)
    if name is None:
        resolved = {key: resolve(value, scope) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not NO_VALUE}
    if name not in _FUNCTIONS:
        raise TemplateError(f"the stand-in does not know {name}")
    try:
        return _FUNCTIONS[name](node[name], scope)
    except Unknown:
        return _with_what_is_known(node["Fn::Sub"], scope) if name == "Fn::Sub" else {name: resolve(node[name], scope)}
    except (IndexError, KeyError, TypeError, ValueError) as problem:
        raise TemplateError(f"{problem!r} in {json.dumps(node)}") from problem


def holds(node: Any, scope: Scope) -> bool:
    """Whether a condition of the template's section is true.

    Raises:
        TemplateError: it uses what is not known here.
    """
    ((name, argument),) = node.items()
    if name == "Fn::Equals":
        one, other = (str(_value(side, scope)) for side in argument)
        return one == other
    if name == "Fn::Not":
        return not holds(argument[0], scope)
    if name == "Fn::Or":
        return any(holds(one, scope) for one in argument)
    if name == "Condition":
        return scope.holds(argument)
    raise TemplateError(f"the stand-in does not know {name} in conditions")


def _function(node: Mapping[str, Any]) -> str | None:
    if len(node) != 1:
        return None
    (name,) = node
    return name if name == "Ref" or name.startswith("Fn::") else None


def _value(node: Any, scope: Scope) -> Any:
    """Return what the node stands for, raising `Unknown` if a function in it stays."""

    def check(value: Any) -> None:
        if isinstance(value, dict):
            if _function(value):
                raise Unknown
            for item in value.values():
                check(item)
        elif isinstance(value, list):
            for item in value:
                check(item)

    value = resolve(node, scope)
    check(value)
    return value


def _get_attribute(argument: Any, scope: Scope) -> Any:
    resource, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
    return scope.reference(resource, attribute)


def _find_in_map(argument: Any, scope: Scope) -> Any:
    name, first, second = _value(argument, scope)
    return scope.mappings[name][first][second]


def _if(argument: Any, scope: Scope) -> Any:
    condition, then, otherwise = argument
    return resolve(then if scope.holds(condition) else otherwise, scope)


def _join(argument: Any, scope: Scope) -> str:
    delimiter, parts = _value(argument, scope)
    return str(delimiter).join(map(str, parts))


def _select(argument: Any, scope: Scope) -> Any:
    index, choices = _value(argument, scope)
    return choices[int(index)]


def _split(argument: Any, scope: Scope) -> list[str]:
    delimiter, text = _value(argument, scope)
    return str(text).split(delimiter)


def _variable(scope: Scope, own: Mapping[str, Any], name: str) -> str:
    return str(_value(own[name], scope) if name in own else scope.reference(*name.split(".", 1)))


def _substitute(argument: Any, scope: Scope) -> str:
    text, own = argument if isinstance(argument, list) else (argument, {})
    return _VARIABLE.sub(lambda found: _variable(scope, own, found[1]), text).replace("${!", "${")


def _with_what_is_known(argument: Any, scope: Scope) -> dict[str, Any]:
    text, own = argument if isinstance(argument, list) else (argument, {})

    def known(found: re.Match[str]) -> str:
        try:
            return _variable(scope, own, found[1]).replace("${", "${!")
        except Unknown:
            return found[0]

    return {"Fn::Sub": [_VARIABLE.sub(known, text), resolve(own, scope)] if own else _VARIABLE.sub(known, text)}


def _to_json_string(argument: Any, scope: Scope) -> str:
    return json.dumps(_value(argument, scope))


_FUNCTIONS: Mapping[str, Callable[[Any, Scope], Any]] = {
    "Ref": lambda argument, scope: scope.reference(argument),
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAtt": _get_attribute,
    "Fn::If": _if,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _substitute,
    "Fn::ToJsonString": _to_json_string,
}
