"""Resolves CloudFormation's intrinsic functions and conditions, as far as a template's function and layer need."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.errors import StartError

# What `!Ref AWS::NoValue` resolves to; it takes the key or the list item that holds it away.
NO_VALUE = object()

_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")


class Resolver:
    """Resolves nodes of one template. `where` arguments are the node's place in the template, for error messages."""

    def __init__(self, names: Mapping[str, Any], conditions: Mapping[str, Any]) -> None:
        """Take what `Ref` may name (parameters, pseudo parameters, resources) and the template's `Conditions`."""
        self._names = names
        self._conditions = conditions
        self._functions: dict[str, Callable[[Any, str], Any]] = {
            "Ref": self._ref,
            "Condition": self._named_condition,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Split": self._split,
            "Fn::If": self._if,
            "Fn::Equals": lambda node, where: self._text(node, 0, where) == self._text(node, 1, where),
            "Fn::Not": lambda node, where: not self.resolve(node[0], where),
            "Fn::And": lambda node, where: all(self.resolve(item, where) for item in node),
            "Fn::Or": lambda node, where: any(self.resolve(item, where) for item in node),
        }

    def resolve(self, node: Any, where: str) -> Any:
        """Return `node` with every intrinsic function in it replaced by its value.

        Raises:
            StartError: an intrinsic that the sandbox does not know or that is not well formed, or a name that the
                template does not have; the message says where it stands.
        """
        if isinstance(node, dict):
            if len(node) == 1:
                ((name, argument),) = node.items()
                if name in self._functions:
                    return self._call(name, argument, where)
                if str(name).startswith("Fn::"):
                    raise StartError(f"{where}: the sandbox does not resolve {name}")
            values = {key: self.resolve(value, f"{where}.{key}") for key, value in node.items()}
            return {key: value for key, value in values.items() if value is not NO_VALUE}
        if isinstance(node, list):
            items = [self.resolve(item, f"{where}[{index}]") for index, item in enumerate(node)]
            return [item for item in items if item is not NO_VALUE]
        return node

    def _call(self, name: str, argument: Any, where: str) -> Any:
        try:
            return self._functions[name](argument, where)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise StartError(f"{where}: {name} is not well formed: {argument!r}") from error

    def _ref(self, name: str, where: str) -> Any:
        if name not in self._names:
            raise StartError(
                f"{where}: nothing in the template, and no pseudo parameter of the sandbox, is named {name}"
            )
        return self._names[name]

    def _named_condition(self, name: str, where: str) -> bool:
        if name not in self._conditions:
            raise StartError(f"{where}: the template has no condition {name}")
        return bool(self.resolve(self._conditions[name], f"Conditions.{name}"))

    def _if(self, node: Any, where: str) -> Any:
        condition, when_true, when_false = node
        return self.resolve(when_true if self._named_condition(condition, where) else when_false, where)

    def _sub(self, node: Any, where: str) -> str:
        template, variables = (node, {}) if isinstance(node, str) else node
        own = {key: self.resolve(value, where) for key, value in variables.items()}

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            value = own[name] if name in own else self._ref(name, where)
            if not isinstance(value, str):
                raise StartError(f"{where}: Fn::Sub cannot put {name} into a text: it is {value!r}")
            return value

        return _PLACEHOLDER.sub(replace, template)

    def _join(self, node: Any, where: str) -> str:
        separator, items = node
        if not isinstance(separator, str):
            raise StartError(f"{where}: CloudFormation takes no function as the delimiter of Fn::Join: {separator!r}")
        resolved = self.resolve(items, where)
        if not isinstance(resolved, list):
            raise TypeError("Fn::Join joins a list")
        return separator.join(str(item) for item in resolved)

    def _split(self, node: Any, where: str) -> list[str]:
        return self._text(node, 1, where).split(node[0])

    def _text(self, node: Any, index: int, where: str) -> str:
        """CloudFormation compares and cuts texts: `-1` and `"-1"` are the same."""
        value = self.resolve(node[index], where)
        if isinstance(value, dict | list):
            raise TypeError("a text was expected")
        return str(value)
