"""The template's text: YAML with CloudFormation's short forms, or JSON, which is YAML too."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from template.errors import TemplateError

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html: a template has up to 1 MB.
_MOST_NODES = 1_000_000


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (`!Sub x` is `{"Fn::Sub": x}`)."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


def _date_as_text(loader: _Loader, node: yaml.ScalarNode) -> str:
    """`Version: 2012-10-17` is a text in a template."""
    return str(loader.construct_scalar(node))


_Loader.add_multi_constructor("!", _short_form)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _date_as_text)


def load(path: Path) -> dict[str, Any]:
    """Return the template in the file, each intrinsic function in its long form.

    Raises:
        TemplateError: the file cannot be read, is not YAML, or is not a mapping.
    """
    try:
        template = yaml.load(path.read_bytes(), _Loader)  # noqa: S506 - derived from SafeLoader
    except OSError as error:
        raise TemplateError(f"cannot read the template {path}: {error.strerror}; name one with --template") from None
    except (
        yaml.YAMLError,
        AttributeError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:  # PyYAML's own and Python's
        raise TemplateError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    _expanded_size(template, {}, path)
    if not isinstance(template, dict):
        raise TemplateError(f"{path} is not a template: its top level is not a mapping")
    return template


def _expanded_size(node: Any, known: dict[int, int], path: Path) -> int:
    """Return how many nodes there are once every alias (`*name`) is written out, as the rest of this package sees it.

    Raises:
        TemplateError: a node is inside of itself, or there are more than a template of CloudFormation's 1 MB can have.
    """
    if not isinstance(node, dict | list):
        return 1
    if known.setdefault(id(node), 0) == 0:
        known[id(node)] = _MOST_NODES + 1  # what an alias inside of this node would find
        parts = [*node, *node.values()] if isinstance(node, dict) else node
        known[id(node)] = 1 + sum(_expanded_size(part, known, path) for part in parts)
    if known[id(node)] > _MOST_NODES:
        raise TemplateError(f"{path} is not a template: its aliases make it endless, or far too large")
    return known[id(node)]


def section(template: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    """Return a section of the template such as `Resources`; an absent one is empty.

    Raises:
        TemplateError: it is not a mapping.
    """
    found = template.get(name, {})
    if not isinstance(found, dict):
        raise TemplateError(f"{path}: {name} is not a mapping")
    return found
