"""What a template's transforms make of it: files included, language extensions, AWS's own translator of SAM."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
from samtranslator.parser.parser import Parser  # type: ignore[import-not-found]
from samtranslator.translator.translator import Translator  # type: ignore[import-not-found]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-not-found]

from template.errors import TemplateError

from .partial import PartialResolver

_EXTENSIONS = "AWS::LanguageExtensions"
_SAM = "AWS::Serverless-2016-10-31"


def processed(
    template: Mapping[str, Any],
    resolver: PartialResolver,
    values: Mapping[str, str],
    read: Callable[[str, str], str],
    region: str,
) -> dict[str, Any]:
    """Return the template as CloudFormation has it after the transforms.

    Args:
        template: as it was submitted.
        resolver: knows what can be said of its names before there is any resource.
        values: the parameters' values.
        read: the text of an object, by bucket and key.
        region: where the stack is.

    Raises:
        TemplateError: it asks for another transform, or for these in another order.
    """
    wanted = template.get("Transform", [])
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if wanted not in ([], [_SAM], [_EXTENSIONS, _SAM]):
        raise TemplateError(f"the stand-in has no transforms {wanted}")
    # Macros are processed from the deepest outward: an included file before those of the whole template.
    made = {key: value for key, value in _included(template, read).items() if key != "Transform"}
    if _EXTENSIONS in wanted:
        made["Resources"] = resolver.resolve(made["Resources"], "Resources")
    if _SAM in wanted:
        translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
        made = translator.translate(made, dict(values))
    return _plain(made)


def parsed(text: str) -> dict[str, Any]:
    """Return a template's text, or that of an included file, as data in which every function has its long form."""
    return _plain(yaml_parse(text))


def _plain(template: Any) -> dict[str, Any]:
    """Return the same without what its parts have in common, as YAML's anchors make them."""
    plain: dict[str, Any] = json.loads(json.dumps(template))
    return plain


def _included(node: Any, read: Callable[[str, str], str]) -> Any:
    if isinstance(node, list):
        return [_included(item, read) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _included(value, read) for key, value in node.items() if key != "Fn::Transform"}
    if "Fn::Transform" in node:
        macro = node["Fn::Transform"]
        location = urlsplit(macro["Parameters"]["Location"])
        if macro["Name"] != "AWS::Include" or location.scheme != "s3":
            raise TemplateError(f"the stand-in only includes what lies in S3, not {macro}")
        made.update(parsed(read(location.netloc, location.path.lstrip("/"))))
    return made
