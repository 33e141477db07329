"""What CloudFormation does with a resource of any type."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..aws import Aws

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Made:
    """A resource that was made: what `Ref` gives, and what `Fn::GetAtt` gives for each attribute."""

    physical_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class ResourceType:
    """How resources of a type are made, changed and deleted: with the operations of their own service."""

    # Whether a change makes a new one, and deletes the old one at the end.
    replaced = False

    def __init__(self, aws: Aws) -> None:
        self.call = aws.call

    def create(self, name: str, properties: Properties) -> Made:
        """Make one; the name is for types whose properties have none."""
        raise NotImplementedError

    def update(self, made: Made, properties: Properties) -> None:
        """Change one to these properties; making it anew does that where the service's operation is called Put."""
        self.create(made.physical_id, properties)

    def delete(self, made: Made, properties: Properties) -> None:
        """Delete one."""
        raise NotImplementedError


def without(properties: Properties, *names: str) -> dict[str, Any]:
    """Return the properties but these."""
    return {key: value for key, value in properties.items() if key not in names}
