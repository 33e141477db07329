"""A deployed stack at one moment: what its processed template asks for, and what the services have."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from moto.cloudformation.parsing import ResourceMap, clean_json, parse_condition

from deploy.lookups import found
from deploy.stand_in_process import REGION, StandIn
from template.resources import ACCOUNT_ID

Properties = dict[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """By logical id: a resource's type and physical id, what it is asked to be, and what is there (None: nothing)."""

    resources: Mapping[str, tuple[str, str]]
    processed: Mapping[str, Any]
    asked: Mapping[str, Properties]
    found: Mapping[str, Properties | None]

    def name_of(self, kind: str) -> str:
        """Return the logical id of the only resource of a type."""
        (name,) = (name for name, (other, _) in self.resources.items() if other == kind)
        return name

    def the(self, kind: str) -> Properties:
        """Return what there is of the only resource of a type."""
        return self.there(self.name_of(kind))

    def there(self, name: str) -> Properties:
        """Return what there is of a resource."""
        there = self.found[name]
        assert there is not None, f"there is no {name}"
        return there


def snapshot(stand_in: StandIn, stack: str) -> Snapshot:
    """Look at a stack as it is now."""
    described = stand_in.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    processed = stand_in.processed_template(stack)
    resources = stand_in.identifiers(stack)
    names = _Names(stand_in, described, processed, resources)
    asked = {
        name: names.asked(name)
        for name, declared in processed["Resources"].items()
        if "Condition" not in declared or names.lazy_condition_map[declared["Condition"]]
    }
    return Snapshot(resources, processed, asked, {name: names.found(name) for name in asked})


def differences(asked: Any, there: Any, where: str = "") -> Iterator[str]:
    """Say where what is there is other than what was asked for; what nobody asked for may be there, too.

    Services spell some names with another first letter, and texts that are numbers as numbers.
    """
    if isinstance(asked, dict):
        if not isinstance(there, dict):
            yield f"{where}: asked for {asked!r}, there is {there!r}"
            return
        for key, value in asked.items():
            yield from differences(value, _property(there, key), f"{where}.{key}")
    elif isinstance(asked, list):
        if not isinstance(there, list) or len(asked) != len(there):
            yield f"{where}: asked for {asked!r}, there is {there!r}"
            return
        for index, (one, other) in enumerate(zip(asked, there, strict=True)):
            yield from differences(one, other, f"{where}[{index}]")
    elif _plain(asked) != _plain(there):
        yield f"{where}: asked for {asked!r}, there is {there!r}"


def _property(there: Mapping[str, Any], name: str) -> Any:
    return next((value for key, value in there.items() if key.casefold() == name.casefold()), None)


def _plain(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


class _Names(dict[str, Any]):
    """What a template's names stand for, as moto's functions for templates read it, with the services' own values."""

    def __init__(
        self,
        stand_in: StandIn,
        described: Mapping[str, Any],
        processed: Mapping[str, Any],
        resources: Mapping[str, tuple[str, str]],
    ) -> None:
        values = {item["ParameterKey"]: item["ParameterValue"] for item in described["Parameters"]}
        numbers = {name for name, declared in processed["Parameters"].items() if declared["Type"] == "Number"}
        super().__init__(
            {
                # moto's conditions take 0 for what it is in the template, but not 0.0.
                **{name: json.loads(value) if name in numbers else value for name, value in values.items()},
                **processed.get("Mappings", {}),
                "AWS::AccountId": ACCOUNT_ID,
                "AWS::NoValue": None,
                "AWS::Partition": "aws",
                "AWS::Region": REGION,
                "AWS::StackId": described["StackId"],
                "AWS::StackName": described["StackName"],
                "AWS::URLSuffix": "amazonaws.com",
            }
        )
        self.update({name: _Resource(self, name, identifier) for name, (_, identifier) in resources.items()})
        self.lazy_condition_map: dict[str, bool] = {}
        for name, condition in processed["Conditions"].items():
            self.lazy_condition_map[name] = parse_condition(condition, cast(ResourceMap, self), self.lazy_condition_map)
        self._stand_in = stand_in
        self._declared = processed["Resources"]
        self._resources = resources

    def asked(self, name: str) -> Properties:
        """Return a resource's properties with every function computed."""
        declared = self._declared[name].get("Properties", {})
        properties: Properties = _without_nothing(clean_json(declared, cast(ResourceMap, self)))
        return properties

    def found(self, name: str) -> Properties | None:
        """Return what there is of a resource."""
        if name not in self._resources:
            return None
        kind, identifier = self._resources[name]
        return found(self._stand_in.client, kind, identifier, self.asked(name))


@dataclass(frozen=True)
class _Resource:
    names: _Names
    name: str
    physical_resource_id: str

    def get_cfn_attribute(self, attribute: str) -> Any:
        there = self.names.found(self.name)
        assert there is not None, f"there is no {self.name}"
        return _property(there, attribute)


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nothing(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nothing(item) for item in value if item is not None]
    return value
