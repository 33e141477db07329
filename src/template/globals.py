"""The template's section `Globals`: properties that SAM gives to every function of the template.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from template.document import section
from template.errors import TemplateError

_FUNCTION = "AWS::Serverless::Function"
# SAM's other sections; what they add, nothing here reads.
OTHERS = {
    "Api", "CapacityProvider", "HttpApi", "LayerVersion", "MicrovmImage", "NetworkConnector", "SimpleTable",
    "StateMachine", "WebSocketApi",
}  # fmt: skip
# What a function has only for itself. A name that no function has at all is refused where functions are read.
OWN = {
    "AutoPublishCodeSha256", "Events", "FunctionName", "ImageConfig", "ImageUri", "InlineCode", "PackageType",
    "Policies", "Role", "VersionDescription",
}  # fmt: skip


def with_globals(template: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the template's `Resources`, each with the properties that `Globals` adds to its own.

    A resource's attribute `IgnoreGlobals` names properties that it does not take, or is `*`.

    Raises:
        TemplateError: a section of Globals, or a property in one, that SAM or this project does not support.
    """
    found = section(template, "Globals", path)
    if unknown := sorted(found.keys() - OTHERS - {"Function"}):
        raise TemplateError(f"{path}: Globals.{unknown[0]}: SAM has no such section")
    properties = section(found, "Function", path)
    if own := sorted(OWN & properties.keys()):
        raise TemplateError(f"{path}: Globals.Function.{own[0]}: SAM takes {own[0]} in a resource only; move it there")
    resources = section(template, "Resources", path)
    return {logical_id: _completed(resource, properties) for logical_id, resource in resources.items()}


def _completed(resource: Any, properties: Mapping[str, Any]) -> Any:
    if not isinstance(resource, dict) or resource.get("Type") != _FUNCTION:
        return resource
    ignored = resource.get("IgnoreGlobals", [])
    taken = {} if ignored == "*" else {name: value for name, value in properties.items() if name not in ignored}
    return {**resource, "Properties": _merged(taken, resource.get("Properties", {}))}


def _merged(common: Any, own: Any) -> Any:
    """Mappings become one, lists are joined, and otherwise the resource's own value holds."""
    if _is_plain_mapping(common) and _is_plain_mapping(own):
        both = common.keys() & own.keys()
        return {**common, **own, **{key: _merged(common[key], own[key]) for key in both}}
    if isinstance(common, list) and isinstance(own, list):
        return common + own
    return own


def _is_plain_mapping(node: Any) -> bool:
    """An intrinsic function is a value like a text: nothing is merged into it."""
    return isinstance(node, dict) and not any(str(key) == "Ref" or str(key).startswith("Fn::") for key in node)
