"""A stack, and the pass over its template that brings every resource to what the template says."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID

from template.errors import TemplateError
from template.intrinsics import NO_VALUE, Resolver

from .resource_types import Made, ResourceType


@dataclass
class Resource:
    """A resource that is there: what it was asked to be, and what was made."""

    type: str
    properties: dict[str, Any]
    made: Made
    retained: bool


@dataclass
class Stack:
    """A stack's parts; `template` is as submitted, `processed` what the transforms made of it."""

    name: str
    region: str
    status: str = "REVIEW_IN_PROGRESS"
    template: str = ""
    processed: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: list[dict[str, str]] = field(default_factory=list)
    tags: list[dict[str, str]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.id = f"arn:aws:cloudformation:{self.region}:{DEFAULT_ACCOUNT_ID}:stack/{self.name}/{uuid.uuid4()}"

    def record(self, status: str, name: str = "", kind: str = "", physical_id: str = "", reason: str = "") -> None:
        """Note an event of a resource, or of the stack itself."""
        self.events.insert(
            0,
            {
                "StackId": self.id,
                "StackName": self.name,
                "EventId": str(uuid.uuid4()),
                "Timestamp": datetime.now(UTC),
                "LogicalResourceId": name or self.name,
                "PhysicalResourceId": physical_id or self.id,
                "ResourceType": kind or "AWS::CloudFormation::Stack",
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
            },
        )


def names(
    stack: Stack, template: Mapping[str, Any], parameters: Mapping[str, str]
) -> tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]:
    """Return what a resolver knows: values of parameters and pseudo parameters, conditions, mappings."""
    values = {
        **parameters,
        "AWS::AccountId": DEFAULT_ACCOUNT_ID,
        "AWS::NoValue": NO_VALUE,
        "AWS::Partition": "aws",
        "AWS::Region": stack.region,
        "AWS::StackId": stack.id,
        "AWS::StackName": stack.name,
        "AWS::URLSuffix": "amazonaws.com",
    }
    return values, template.get("Conditions", {}), template.get("Mappings", {})


class Pass:
    """One pass over a processed template; resources are reached in the order in which they refer to each other.

    A rehearsal makes nothing, and tells what would change: what new resources are called is not known yet.
    """

    def __init__(
        self,
        stack: Stack,
        processed: Mapping[str, Any],
        parameters: Mapping[str, str],
        types: Mapping[str, ResourceType],
        *,
        rehearsal: bool,
    ) -> None:
        self._resources: Mapping[str, Any] = processed["Resources"]
        unknown = {resource["Type"] for resource in self._resources.values()} - set(types)
        if unknown:
            raise TemplateError(f"Template format error: Unrecognized resource types: {sorted(unknown)}")
        self._resolver = Resolver(*names(stack, processed, parameters), self._return_value, Path())
        self._stack = stack
        self._types = types
        self._rehearsal = rehearsal
        self._outputs = processed.get("Outputs", {})
        self._reached: dict[str, Resource] = {}
        self._on_the_way: list[str] = []
        self.changes: list[tuple[str, str, str]] = []

    def _return_value(self, name: str, attribute: str | None, where: str) -> Any:
        """Return what a name stands for; a resource is made, or changed, when it is first asked for."""
        if name not in self._resources:
            raise TemplateError(f"{where}: the template has nothing that is called {name}")
        made = self._resource(name).made
        if attribute is None:
            return made.physical_id
        try:
            return made.attributes[attribute]
        except KeyError:
            raise TemplateError(f"{where}: the stand-in does not know {attribute} of {name}") from None

    def run(self) -> None:
        """Bring the stack to what the template says, what is no longer in it last.

        Raises:
            TemplateError: the template cannot be carried out.
            botocore.exceptions.BotoCoreError, ClientError: a service has no such call, or refuses it.
        """
        try:
            for name in self._there():
                self._resource(name)
        except Exception:
            # What is there already can still be deleted.
            self._stack.resources |= self._reached
            raise
        for name, old in reversed(self._stack.resources.items()):
            new = self._reached.get(name)
            if new is None:
                self.changes.append(("Remove", name, old.type))
            if not (self._rehearsal or old.retained) and (new is None or new.made.physical_id != old.made.physical_id):
                self._types[old.type].delete(old.made, old.properties)
                self._stack.record("DELETE_COMPLETE", name, old.type, old.made.physical_id)
        if not self._rehearsal:
            self._stack.resources = self._reached
            self._stack.outputs = [
                {"OutputKey": name, "OutputValue": value["Value"], "Description": value.get("Description", "")}
                for name, value in self._resolver.resolve(self._outputs, "Outputs").items()
            ]

    def _there(self) -> Iterator[str]:
        for name, declared in self._resources.items():
            if self._is_there(name, declared):
                yield name

    def _is_there(self, name: str, declared: Mapping[str, Any]) -> bool:
        return "Condition" not in declared or self._resolver.holds(declared["Condition"], f"Resources.{name}")

    def _resource(self, name: str) -> Resource:
        if name in self._reached:
            return self._reached[name]
        if name in self._on_the_way:
            raise TemplateError(f"Circular dependency between resources: {[*self._on_the_way, name]}")
        self._on_the_way.append(name)
        declared = self._resources[name]
        if not self._is_there(name, declared):
            raise TemplateError(f"{name} is referred to, but its condition is false")
        for other in declared.get("DependsOn", []):
            self._resource(other)
        where = f"Resources.{name}"
        properties: dict[str, Any] = self._resolver.resolve(declared.get("Properties", {}), f"{where}.Properties")
        retained = declared.get("DeletionPolicy", "Delete") == "Retain"
        old = self._stack.resources.get(name)
        if old is not None and old.properties == properties:
            resource = Resource(old.type, properties, old.made, retained)
        else:
            kind = declared["Type"]
            self.changes.append(("Modify" if old else "Add", name, kind))
            resource = Resource(kind, properties, self._make(name, kind, properties, old), retained)
        self._reached[name] = resource
        self._on_the_way.remove(name)
        return resource

    def _make(self, name: str, kind: str, properties: dict[str, Any], old: Resource | None) -> Made:
        handler = self._types[kind]
        kept = old is not None and old.type == kind and not handler.replaced
        if self._rehearsal:
            later = f"what {name} will be"
            return old.made if old and kept else Made(later, defaultdict(lambda: later))
        if old and kept:
            handler.update(old.made, properties)
            self._stack.record("UPDATE_COMPLETE", name, kind, old.made.physical_id)
            return old.made
        made = handler.create(f"{self._stack.name}-{name}-{uuid.uuid4().hex[:12]}", properties)
        self._stack.record("CREATE_COMPLETE", name, kind, made.physical_id)
        return made
