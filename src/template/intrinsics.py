"""Resolves CloudFormation's intrinsic functions and conditions, as far as this stack needs them."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from template.errors import TemplateError

# What `!Ref AWS::NoValue` resolves to; it takes the key or the list item that holds it away.
NO_VALUE = object()

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
_DYNAMIC_REFERENCE = "{{resolve:"
_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")


class Resolver:
    """Resolves nodes of one template. `where` arguments are the node's place in the template, for error messages."""

    def __init__(
        self,
        values: Mapping[str, Any],
        conditions: Mapping[str, Any],
        mappings: Mapping[str, Any],
        return_value: Callable[[str, str | None, str], Any],
        directory: Path,
    ) -> None:
        """Take what the template's names stand for.

        Args:
            values: of parameters and pseudo parameters.
            conditions: the template's `Conditions`.
            mappings: the template's `Mappings`.
            return_value: gives, for a resource's logical id, an attribute (None: what `Ref` gives) and a place, the
                value; raises TemplateError if there is none.
            directory: the template's, from which included files count.
        """
        self._values = values
        self._conditions = conditions
        self._mappings = mappings
        self._return_value = return_value
        self._directory = directory
        self._functions: dict[str, Callable[[Any, str], Any]] = {
            "Ref": self._ref,
            "Condition": self.holds,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Split": self._split,
            "Fn::Select": self._select,
            "Fn::FindInMap": self._find_in_map,
            "Fn::ToJsonString": self._to_json_string,
            "Fn::If": self._if,
            "Fn::Equals": lambda node, where: self._text(node, 0, where) == self._text(node, 1, where),
            "Fn::Not": lambda node, where: not self.resolve(node[0], where),
            "Fn::And": lambda node, where: all(self.resolve(item, where) for item in node),
            "Fn::Or": lambda node, where: any(self.resolve(item, where) for item in node),
        }

    def resolve(self, node: Any, where: str) -> Any:
        """Return `node` with every intrinsic function in it replaced by its value.

        Raises:
            TemplateError: an intrinsic that is not supported or not well formed, or a name that the
                template does not have; the message says where it stands.
        """
        node = self._included(node, where)
        if isinstance(node, dict):
            name = next(iter(node)) if len(node) == 1 else None
            if name in self._functions:
                return self._without_dynamic_reference(self.call(name, node[name], where), where)
            values = {key: self.resolve(value, f"{where}.{key}") for key, value in self.mapping(node, where).items()}
            return {key: value for key, value in values.items() if value is not NO_VALUE}
        if isinstance(node, list):
            items = [self.resolve(item, f"{where}[{index}]") for index, item in enumerate(node)]
            return [item for item in items if item is not NO_VALUE]
        return self._without_dynamic_reference(node, where)

    def _without_dynamic_reference(self, value: Any, where: str) -> Any:
        if isinstance(value, str) and _DYNAMIC_REFERENCE in value:
            raise TemplateError(
                f"{where}: {value} is a dynamic reference, which only AWS resolves; "
                "make it the default of a parameter, and give a value here with --parameter-overrides"
            )
        return value

    def mapping(self, node: Any, where: str) -> Mapping[str, Any]:
        """Return the mapping that `node` is or includes, its values as written.

        Raises:
            TemplateError: it is none, or an intrinsic function gives its keys.
        """
        node = self._included(node, where)
        if not isinstance(node, dict):
            raise TemplateError(f"{where} is not a mapping")
        for name in node:
            if str(name).startswith("Fn::"):
                raise TemplateError(f"{where}: {name} is not supported")
        return node

    def holds(self, name: str, where: str) -> bool:
        """Return whether the template's condition of this name holds.

        Raises:
            TemplateError: there is no such condition, or it cannot be resolved.
        """
        if not isinstance(name, str) or name not in self._conditions:
            raise TemplateError(f"{where}: the template has no condition {name}")
        return bool(self.resolve(self._conditions[name], f"Conditions.{name}"))

    def call(self, name: str, argument: Any, where: str) -> Any:
        """Return the value of one function, such as `Fn::Sub`, of its argument as written.

        Raises:
            TemplateError: as `resolve`.
        """
        try:
            return self._functions[name](argument, where)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise TemplateError(f"{where}: {name} is not well formed: {argument!r}") from error
        except RecursionError:
            raise TemplateError(f"{where}: {name} leads back to itself: {argument!r}") from None

    def _included(self, node: Any, where: str) -> Any:
        """Return `node`, or what the macro `AWS::Include` puts in its place: the content of a JSON file.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-include.html
        """
        if not isinstance(node, dict) or set(node) != {"Fn::Transform"}:
            return node
        match node["Fn::Transform"]:
            case {"Name": "AWS::Include", "Parameters": {"Location": str(location)}}:
                file = self._directory / location
            case macro:
                raise TemplateError(f"{where}: the only supported macro is AWS::Include with a Location, not {macro!r}")
        try:
            return json.loads(file.read_bytes())
        except OSError as error:
            raise TemplateError(f"{where}: cannot read the included file {file}: {error.strerror}") from None
        except (ValueError, RecursionError) as error:
            raise TemplateError(f"{where}: the included file {file} is not JSON: {error}") from None

    def _ref(self, name: str, where: str) -> Any:
        return self._values[name] if name in self._values else self._return_value(name, None, where)

    def _get_att(self, node: Any, where: str) -> Any:
        logical_id, attribute = node.split(".", 1) if isinstance(node, str) else node
        return self._return_value(logical_id, attribute, where)

    def _if(self, node: Any, where: str) -> Any:
        condition, when_true, when_false = node
        return self.resolve(when_true if self.holds(condition, where) else when_false, where)

    def _sub(self, node: Any, where: str) -> str:
        template, variables = (node, {}) if isinstance(node, str) else node
        own = {key: self.resolve(value, where) for key, value in variables.items()}

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            by_name = self._get_att if "." in name else self._ref
            value = own[name] if name in own else by_name(name, where)
            if not isinstance(value, str):
                raise TemplateError(f"{where}: Fn::Sub cannot put {name} into a text: it is {value!r}")
            return value

        return _PLACEHOLDER.sub(replace, template)

    def _join(self, node: Any, where: str) -> str:
        separator, items = node
        if not isinstance(separator, str):
            raise TemplateError(f"{where}: the delimiter of Fn::Join must be a text, not {separator!r}")
        resolved = self.resolve(items, where)
        if not isinstance(resolved, list):
            raise TypeError("Fn::Join joins a list")
        return separator.join(as_text(item) for item in resolved)

    def _split(self, node: Any, where: str) -> list[str]:
        return self._text(node, 1, where).split(node[0])

    def _select(self, node: Any, where: str) -> Any:
        index, items = int(self._text(node, 0, where)), self.resolve(node[1], where)
        if not isinstance(items, list) or not 0 <= index < len(items):
            raise IndexError("Fn::Select selects an item of a list")
        return items[index]

    def _find_in_map(self, node: Any, where: str) -> Any:
        name, top_level_key, second_level_key = (self._text(node, index, where) for index in range(len(node)))
        found = self._mappings.get(name, {}).get(top_level_key, {}).get(second_level_key)
        if found is None:
            raise TemplateError(f"{where}: the template's Mappings have no {name}.{top_level_key}.{second_level_key}")
        return found

    def _to_json_string(self, node: Any, where: str) -> str:
        value = self.resolve(node, where)
        if not isinstance(value, dict | list):
            raise TypeError("Fn::ToJsonString takes a mapping or a list")
        return json.dumps(value)

    def _text(self, node: Any, index: int, where: str) -> str:
        """CloudFormation compares and cuts texts: `-1` and `"-1"` are the same."""
        return as_text(self.resolve(node[index], where))


def as_text(value: Any) -> str:
    """Return a scalar as CloudFormation writes it: `true`, not Python's `True`.

    Raises:
        TypeError: it is a mapping or a list.
    """
    if isinstance(value, dict | list):
        raise TypeError("a text was expected")
    return str(value).lower() if isinstance(value, bool) else str(value)
