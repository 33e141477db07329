"""Calls of AWS's services that take a resource's properties as CloudFormation spells them."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import boto3
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from template.errors import TemplateError


class Aws:
    """The services at an endpoint, for an operation at a time."""

    def __init__(self, endpoint: str, region: str) -> None:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=region)
        self._client = cache(lambda service: session.client(service, endpoint_url=endpoint))

    def call(self, service: str, operation: str, properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Return what the operation answers to the properties, and to more parameters in the service's own spelling.

        CloudFormation spells properties in Pascal case, and turns texts into the numbers and truth values wanted.

        Raises:
            TemplateError: a property is none of the operation's parameters, or is no such value.
            botocore.exceptions.ClientError: the service refuses them.
        """
        client = self._client(service)
        model: OperationModel = client.meta.service_model.operation_model(operation)
        parameters = {**_cast(model.input_shape, properties, operation), **more} if properties else more
        method = {name: python for python, name in client.meta.method_to_api_mapping.items()}[operation]
        answer: dict[str, Any] = getattr(client, method)(**parameters)
        return answer


def _cast(shape: Shape, value: Any, where: str) -> Any:
    if isinstance(shape, StructureShape):
        members = {name.casefold(): name for name in shape.members}
        cast = {}
        for key, item in value.items():
            if key.casefold() not in members:
                raise TemplateError(f"{where} has no {key}")
            name = members[key.casefold()]
            cast[name] = _cast(shape.members[name], item, f"{where}.{key}")
        return cast
    if isinstance(shape, ListShape):
        return [_cast(shape.member, item, where) for item in value]
    if isinstance(shape, MapShape):
        pairs = value.items() if isinstance(value, dict) else ((item["Key"], item["Value"]) for item in value)
        return {key: _cast(shape.value, item, f"{where}.{key}") for key, item in pairs}
    try:
        return _SCALARS[shape.type_name](value)
    except (KeyError, ValueError) as problem:
        raise TemplateError(f"{where} is to be a {shape.type_name}, not {value!r}") from problem


def _text(value: Any) -> str:
    # Policies are JSON in a template, and JSON's text in a call.
    return json.dumps(value) if isinstance(value, (bool, dict)) else str(value)


_SCALARS: Mapping[str, Callable[[Any], Any]] = {
    "boolean": lambda value: {"true": True, "false": False}[str(value).lower()],
    "double": float,
    "float": float,
    "integer": int,
    "long": int,
    "string": _text,
}
