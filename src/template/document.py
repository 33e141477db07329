"""The template's text: YAML with CloudFormation's short forms, or JSON, which is YAML too."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from template.errors import TemplateError


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
    except yaml.YAMLError as error:
        raise TemplateError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(template, dict):
        raise TemplateError(f"{path} is not a template: its top level is not a mapping")
    return template


def section(template: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    """Return a section of the template such as `Resources`; an absent one is empty.

    Raises:
        TemplateError: it is not a mapping.
    """
    found = template.get(name, {})
    if not isinstance(found, dict):
        raise TemplateError(f"{path}: {name} is not a mapping")
    return found
