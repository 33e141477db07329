"""The properties of a function and of a layer: which the sandbox models, ignores or refuses.

The names are those of SAM's resource types and of what these pass on to CloudFormation:
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-layerversion.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-loggingconfig.html
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from template.errors import TemplateError
from template.resources import Resource

_IMAGE = "the sandbox runs no container images"
_INSTANCES = "the sandbox has no Lambda Managed Instances"


@dataclass(frozen=True)
class Known:
    """All names that a mapping of the template may have.

    Attributes:
        what: what the mapping is.
        modelled: the sandbox does what AWS does.
        without_effect: nobody who calls the sandbox would notice them.
        ignored: somebody may notice on AWS what the sandbox does not do.
        refused: without them the function is another one; each with what to do, or why.
    """

    what: str
    modelled: frozenset[str]
    without_effect: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)

    def check(self, names: Iterable[str], where: str) -> list[str]:
        """Return the names that the sandbox ignores, in their order.

        Args:
            names: of the mapping's members.
            where: the mapping's place in the template.

        Raises:
            TemplateError: the sandbox refuses a name, or nobody knows it.
        """
        known = self.modelled | self.without_effect | self.ignored | self.refused.keys()
        ignored = []
        for name in map(str, names):
            if name in self.refused:
                raise TemplateError(f"{where}.{name} is not supported: {self.refused[name]}")
            if name not in known:
                similar = difflib.get_close_matches(name, known, 1)
                hint = f"; did you mean {similar[0]}?" if similar else ""
                raise TemplateError(f"{where}.{name}: {self.what} has no {name}{hint}")
            if name in self.ignored:
                ignored.append(name)
        return ignored


_ATTRIBUTES = Known(
    "a resource",
    modelled=frozenset({"Condition", "IgnoreGlobals", "Metadata", "Properties", "Type"}),
    without_effect=frozenset(
        {"Connectors", "CreationPolicy", "DeletionPolicy", "DependsOn", "UpdatePolicy", "UpdateReplacePolicy"}
    ),
)
FUNCTION = Known(
    "an AWS::Serverless::Function",
    modelled=frozenset(
        {
            "AutoPublishAlias",
            "CodeUri",
            "Environment",
            "FunctionName",
            "FunctionUrlConfig",
            "Handler",
            "Layers",
            "LoggingConfig",
            "MemorySize",
            "PackageType",
            "ReservedConcurrentExecutions",
            "Runtime",
            "Timeout",
            "Tracing",
        }
    ),
    without_effect=frozenset(
        {
            "Architectures",
            "AssumeRolePolicyDocument",
            "AutoPublishAliasAllProperties",
            "AutoPublishCodeSha256",
            "CodeSigningConfigArn",
            "DeadLetterQueue",
            "DeploymentPreference",
            "Description",
            "EventInvokeConfig",  # schedule.py reads it for the functions that it concerns
            "KmsKeyArn",
            "PermissionsBoundary",
            "Policies",
            "PropagateTags",
            "PublishToLatestPublished",
            "Role",
            "RolePath",
            "SourceKMSKeyArn",
            "Tags",
            "VersionDeletionPolicy",
            "VersionDescription",
        }
    ),
    ignored=frozenset(
        {
            "EphemeralStorage",
            "Events",
            "FileSystemConfigs",
            "ProvisionedConcurrencyConfig",
            "RecursiveLoop",
            "RuntimeManagementConfig",
            "SnapStart",
            "VpcConfig",
        }
    ),
    refused={
        "CapacityProviderConfig": _INSTANCES,
        "DurableConfig": "the sandbox has no durable functions",
        "FunctionScalingConfig": _INSTANCES,
        "ImageConfig": _IMAGE,
        "ImageUri": _IMAGE,
        "InlineCode": "put the code into a file, and name its folder in CodeUri",
        "TenancyConfig": "the sandbox does not isolate tenants",
    },
)
# The mappings inside of a function that the sandbox reads.
FUNCTION_PARTS = {
    "Environment": Known("an Environment", modelled=frozenset({"Variables"})),
    "FunctionUrlConfig": Known(
        "a FunctionUrlConfig", modelled=frozenset({"AuthType", "InvokeMode"}), ignored=frozenset({"Cors"})
    ),
    "LoggingConfig": Known(
        "a LoggingConfig",
        modelled=frozenset({"ApplicationLogLevel", "LogFormat", "LogGroup"}),
        ignored=frozenset({"SystemLogLevel"}),
    ),
}
LAYER = Known(
    "an AWS::Serverless::LayerVersion",
    modelled=frozenset({"ContentUri", "LayerName"}),
    without_effect=frozenset(
        {
            "CompatibleArchitectures",
            "CompatibleRuntimes",
            "Description",
            "LicenseInfo",
            "PublishLambdaVersion",
            "RetentionPolicy",
        }
    ),
)


def ignored_properties(resource: Resource) -> list[str]:
    """Return which properties of a function the sandbox ignores, such as `FunctionUrlConfig.Cors`.

    Raises:
        TemplateError: it has one that the sandbox refuses, or that no function has.
    """
    ignored = _check(resource, FUNCTION)
    for part in FUNCTION_PARTS:
        ignored += [f"{part}.{name}" for name in ignored_in(part, resource)]
    return ignored


def ignored_in(part: str, resource: Resource) -> list[str]:
    """Return which names in a mapping of `FUNCTION_PARTS` the sandbox ignores.

    Raises:
        TemplateError: it is no mapping, or has a name that nobody knows.
    """
    content, where = resource.properties.get(part, {}), f"{resource.properties.where}.{part}"
    if not isinstance(content, dict):
        raise TemplateError(f"{where} is not a mapping")
    return FUNCTION_PARTS[part].check(content, where)


def check_layer(resource: Resource) -> None:
    """Check the names of a layer's properties.

    Raises:
        TemplateError: it has one that no layer has.
    """
    _check(resource, LAYER)


def _check(resource: Resource, known: Known) -> list[str]:
    properties = resource.properties
    _ATTRIBUTES.check(resource.attributes, properties.where.removesuffix(".Properties"))
    # A name that nobody knows is refused even if it has no value.
    known.check((name for name in properties.names if name not in known.refused), properties.where)
    return known.check((name for name in properties.names if _has_value(resource, name)), properties.where)


def _has_value(resource: Resource, name: str) -> bool:
    """A property may be `!Ref AWS::NoValue`; one that the sandbox cannot resolve has a value on AWS."""
    try:
        return name in resource.properties
    except TemplateError:
        return True
