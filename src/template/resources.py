"""The stack that a template makes: parameters, resources, outputs; a property or output is resolved when asked for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from template.document import load, section
from template.errors import TemplateError, well_formed
from template.globals import with_globals
from template.intrinsics import NO_VALUE, Resolver, as_text
from template.parameters import ParameterValue, parameter_values
from template.return_values import Identity, return_value
from template.rules import check_rules

# The account that is assumed where none is given; AWS uses this number in its own examples.
ACCOUNT_ID = "123456789012"
# samconfig.toml deploys under the same name.
STACK_NAME = "firstbyte"


class Properties(Mapping[str, Any]):
    """A resource's properties. One that nobody asks for may hold any intrinsic; `dict(properties)` asks for all."""

    def __init__(self, node: Any, where: str, resolver: Resolver) -> None:
        """Take the node as the template has it, and its place there for messages."""
        self._node = node
        self._resolver = resolver
        self.where = where

    @property
    def _nodes(self) -> Mapping[str, Any]:
        return self._resolver.mapping(self._node, self.where)

    def __getitem__(self, name: str) -> Any:
        value = self._resolver.resolve(self._nodes[name], f"{self.where}.{name}")
        if value is NO_VALUE:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._nodes if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def names(self) -> list[str]:
        """The properties' names as written, of those without a value too. Nothing is resolved."""
        return list(self._nodes)

    def required(self, name: str) -> Any:
        """Return the property.

        Raises:
            TemplateError: the resource does not have it.
        """
        try:
            return self[name]
        except KeyError:
            raise TemplateError(f"{self.where}.{name} is missing") from None

    def integer(self, name: str, default: int) -> int:
        """Return the property as a number.

        Raises:
            TemplateError: it is not a whole number.
        """
        value = self.get(name, default)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise TemplateError(f"{self.where}.{name} must be a whole number, not {value!r}") from None


@dataclass(frozen=True)
class Resource:
    """A resource that the stack has.

    Attributes:
        type: such as `AWS::Serverless::Function`.
        properties: its own and those of `Globals`.
        attributes: what stands beside its properties, such as `Metadata`, as written.
        identity: what its return values are made of.
    """

    type: str
    properties: Properties
    attributes: Mapping[str, Any]
    identity: Identity

    def return_value(self, attribute: str | None = None) -> str | None:
        """Return what `Fn::GetAtt` gives for the attribute, or `Ref` without one; None if that is not known here."""
        return return_value(self.type, attribute, self.properties, self.identity)


class Output(NamedTuple):
    """An output of a stack; the description is empty if the template gives none."""

    key: str
    value: str
    description: str


@dataclass(frozen=True)
class Stack:
    """What a template and the values of its parameters make.

    Attributes:
        id: its ARN.
        name: its name.
        parameters: the value of each as CloudFormation shows it: `****` where the template says NoEcho.
        resources: those whose conditions hold, by logical id.
    """

    id: str
    name: str
    parameters: Mapping[str, ParameterValue]
    resources: Mapping[str, Resource]
    _outputs: Mapping[str, Any]
    _resolver: Resolver

    def outputs(self) -> list[Output]:
        """Return the outputs whose conditions hold, in the template's order.

        Raises:
            TemplateError: a value cannot be resolved.
        """
        found = []
        for key, declared in self._outputs.items():
            where = f"Outputs.{key}"
            with well_formed(where):
                if "Condition" in declared and not self._resolver.holds(declared["Condition"], where):
                    continue
                value = as_text(self._resolver.resolve(declared.get("Value", ""), f"{where}.Value"))
                found.append(Output(key, value, declared.get("Description", "")))
        return found


def read_stack(
    path: Path,
    overrides: Mapping[str, str],
    region: str,
    *,
    account_id: str = ACCOUNT_ID,
    stack_name: str = STACK_NAME,
    physical_names: Mapping[str, str] = {},
    function_url: Callable[[str], str] | None = None,
) -> Stack:
    """Return the stack that a template makes, as written or as `sam build` left it.

    Args:
        path: the template; files that it includes count from its directory.
        overrides: parameter values to use in place of the template's defaults.
        region: the value of `AWS::Region`.
        account_id: the value of `AWS::AccountId`.
        stack_name: the value of `AWS::StackName`.
        physical_names: by logical id, names that CloudFormation made up for resources that the template does not name;
            without one, a resource is named STACK-LOGICAL_ID.
        function_url: gives, for a function's logical id, what `FunctionUrl` is for the resource that SAM makes of its
            FunctionUrlConfig; it is asked only for functions that have one.

    Raises:
        TemplateError: the template cannot be read, or a condition of a resource cannot be resolved. A property or an
            output that cannot be resolved raises it when it is asked for.
        ParameterError: an override does not fit the template's parameters or rules.
    """
    template = load(path)
    pseudo_parameters = {
        "AWS::AccountId": account_id,
        "AWS::NoValue": NO_VALUE,
        "AWS::Partition": "aws",
        "AWS::Region": region,
        # The id at its end is CloudFormation's own; no two stacks have the same.
        "AWS::StackId": f"arn:aws:cloudformation:{region}:{account_id}:stack/{stack_name}/{UUID(int=0)}",
        "AWS::StackName": stack_name,
        "AWS::URLSuffix": "amazonaws.com",
    }
    resources: dict[str, Resource] = {}

    def has_url(logical_id: str) -> bool:
        return logical_id in resources and "FunctionUrlConfig" in resources[logical_id].properties

    def value_of(logical_id: str, attribute: str | None, where: str) -> str:
        if attribute == "FunctionUrl" and logical_id.endswith("Url") and function_url is not None:
            function_id = logical_id.removesuffix("Url")
            if has_url(function_id):
                return function_url(function_id)
        if logical_id not in resources:
            raise TemplateError(
                f"{where}: no parameter, supported pseudo parameter or resource of the stack is named {logical_id}"
            )
        resource = resources[logical_id]
        value = resource.return_value(attribute)
        if value is None:
            asked = f"Fn::GetAtt {attribute}" if attribute else "Ref"
            raise TemplateError(f"{where}: {asked} of {logical_id}, an {resource.type}, is not supported")
        return value

    declared_parameters = section(template, "Parameters", path)
    with well_formed(f"{path}: Parameters"):
        parameters = parameter_values(declared_parameters, overrides)
    values = {**parameters, **pseudo_parameters}
    check_rules(section(template, "Rules", path), values)
    resolver = Resolver(
        values,
        section(template, "Conditions", path),
        section(template, "Mappings", path),
        value_of,
        path.parent,
    )
    with well_formed(f"{path}: Globals"):
        declared_resources = with_globals(template, path)
    for logical_id, declared in declared_resources.items():
        where = f"Resources.{logical_id}"
        if not isinstance(logical_id, str):
            raise TemplateError(f"{path}: {where}: the name of a resource is a text")
        if logical_id.startswith("Fn::"):
            raise TemplateError(f"{path}: {where}: {logical_id.rpartition('::')[0]} is not supported")
        if not isinstance(declared, dict) or not isinstance(declared.get("Type"), str):
            raise TemplateError(f"{path}: {where} has no Type")
        if "Condition" not in declared or resolver.holds(declared["Condition"], where):
            properties = Properties(declared.get("Properties", {}), f"{where}.Properties", resolver)
            identity = Identity(physical_names.get(logical_id, f"{stack_name}-{logical_id}"), region, account_id)
            resources[logical_id] = Resource(declared["Type"], properties, declared, identity)
    return Stack(
        str(pseudo_parameters["AWS::StackId"]),
        stack_name,
        {name: "****" if _is_hidden(declared_parameters[name]) else value for name, value in parameters.items()},
        resources,
        section(template, "Outputs", path),
        resolver,
    )


def _is_hidden(parameter: Mapping[str, Any]) -> bool:
    return str(parameter.get("NoEcho", False)).lower() == "true"
