"""Reads a SAM template, as written or as built, and returns the one streaming function in it as a frozen spec."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from sandbox.errors import StartError
from sandbox.stack.intrinsics import NO_VALUE, Resolver
from sandbox.stack.parameters import parameter_values

# Where the platform puts the contents of layers.
OPT = PurePosixPath("/opt")
# The account that everything in the sandbox belongs to; AWS uses this number in its own examples.
ACCOUNT_ID = "123456789012"
# samconfig.toml deploys under the same name.
STACK_NAME = "firstbyte"


@dataclass(frozen=True)
class Layer:
    """A layer's content on this machine, and the directory under /opt that it stands for."""

    content: Path
    mount: PurePosixPath

    def locate(self, path: PurePosixPath) -> Path | None:
        """Return where `path`, one under /opt, is on this machine; None if it is not in this layer."""
        if not path.is_relative_to(self.mount):
            return None
        found = self.content / path.relative_to(self.mount)
        return found if found.exists() else None


@dataclass(frozen=True)
class FunctionSpec:
    """What Lambda needs to know of a function; times in seconds, memory in megabytes."""

    name: str
    handler: str
    runtime: str
    timeout: int
    memory: int
    environment: Mapping[str, str]
    code: Path
    layers: tuple[Layer, ...]
    wrapper: Path | None
    reserved_concurrency: int | None
    auth_type: str
    alias: str | None
    log_group: str
    tracing: str
    region: str

    @property
    def unqualified_arn(self) -> str:
        """The function's ARN without an alias or version."""
        return f"arn:aws:lambda:{self.region}:{ACCOUNT_ID}:function:{self.name}"

    @property
    def arn(self) -> str:
        """The function's ARN, with its alias if it has one: what a Function URL invokes."""
        return f"{self.unqualified_arn}:{self.alias}" if self.alias else self.unqualified_arn


def read_template(path: Path, overrides: Mapping[str, str], region: str) -> FunctionSpec:
    """Return the template's function that has a streaming URL.

    Args:
        path: the template; relative directories in it count from its own.
        overrides: parameter values to use in place of the template's defaults.
        region: the value of `AWS::Region`.

    Raises:
        StartError: the template cannot be read, has no such function, or one that the sandbox cannot run.
        UsageError: an override does not fit the template's parameters.
    """
    template = _load(path)
    if "Globals" in template:
        raise StartError(f"{path}: the sandbox does not read Globals; move them to the function")
    resources = _section(template, "Resources", path)
    values = parameter_values(_section(template, "Parameters", path), overrides)
    # `Ref` of a resource gives its physical name; the sandbox names each one by its logical id.
    names = {**{name: name for name in resources}, **values, **_pseudo_parameters(region)}
    resolver = Resolver(names, _section(template, "Conditions", path))
    logical_id = _streaming_function(resources, path)
    properties = _Properties(resources[logical_id]["Properties"], f"Resources.{logical_id}.Properties", resolver)
    name = str(properties.get("FunctionName", f"{STACK_NAME}-{logical_id}"))
    url = properties.get("FunctionUrlConfig", {})
    if url.get("InvokeMode") != "RESPONSE_STREAM":
        raise StartError(f"{path}: {logical_id}: FunctionUrlConfig.InvokeMode must be RESPONSE_STREAM: it is a stream")
    environment = {key: _text(value) for key, value in properties.get("Environment", {}).get("Variables", {}).items()}
    code = _code(path, logical_id, properties)
    layers = tuple(_layer(path, layer, resources, resolver) for layer in properties.get("Layers", []))
    reserved = properties.integer("ReservedConcurrentExecutions", -1)
    return FunctionSpec(
        name=name,
        handler=properties.get("Handler"),
        runtime=properties.get("Runtime"),
        timeout=properties.integer("Timeout", 3),
        memory=properties.integer("MemorySize", 128),
        environment=environment,
        code=code,
        layers=layers,
        wrapper=_wrapper(environment.get("AWS_LAMBDA_EXEC_WRAPPER"), layers),
        reserved_concurrency=None if reserved < 0 else reserved,
        auth_type=str(url.get("AuthType")),
        alias=properties.get("AutoPublishAlias", None),
        log_group=_log_group(properties, resources, resolver) or f"/aws/lambda/{name}",
        tracing=str(properties.get("Tracing", "PassThrough")),
        region=region,
    )


class _Properties:
    """A resource's properties, each resolved when it is asked for: what nobody asks for may hold any intrinsic."""

    def __init__(self, properties: Mapping[str, Any], where: str, resolver: Resolver) -> None:
        self._properties = properties
        self._where = where
        self._resolver = resolver

    def get(self, name: str, *default: Any) -> Any:
        where = f"{self._where}.{name}"
        value = self._resolver.resolve(self._properties.get(name, NO_VALUE), where)
        if value is not NO_VALUE:
            return value
        if not default:
            raise StartError(f"{where} is missing")
        return default[0]

    def integer(self, name: str, default: int) -> int:
        value = self.get(name, default)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise StartError(f"{self._where}.{name} must be a whole number, not {value!r}") from None


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


def _load(path: Path) -> dict[str, Any]:
    try:
        template = yaml.load(path.read_bytes(), _Loader)  # noqa: S506 - derived from SafeLoader
    except OSError as error:
        raise StartError(f"cannot read the template {path}: {error.strerror}; name one with --template") from None
    except yaml.YAMLError as error:
        raise StartError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(template, dict):
        raise StartError(f"{path} is not a template: its top level is not a mapping")
    return template


def _section(template: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    section = template.get(name, {})
    if not isinstance(section, dict):
        raise StartError(f"{path}: {name} is not a mapping")
    return section


def _streaming_function(resources: Mapping[str, Any], path: Path) -> str:
    found = [
        name
        for name, resource in resources.items()
        if resource.get("Type") == "AWS::Serverless::Function" and "FunctionUrlConfig" in resource.get("Properties", {})
    ]
    if len(found) != 1:
        raise StartError(
            f"{path}: exactly one AWS::Serverless::Function with a FunctionUrlConfig expected, found {found}"
        )
    return found[0]


def _pseudo_parameters(region: str) -> dict[str, Any]:
    return {
        "AWS::AccountId": ACCOUNT_ID,
        "AWS::NoValue": NO_VALUE,
        "AWS::Partition": "aws",
        "AWS::Region": region,
        "AWS::StackName": STACK_NAME,
        "AWS::URLSuffix": "amazonaws.com",
    }


def _text(value: Any) -> str:
    """CloudFormation gives a function `true`, not Python's `True`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _code(path: Path, logical_id: str, properties: _Properties) -> Path:
    code = (path.parent / str(properties.get("CodeUri"))).resolve()
    handler = str(properties.get("Handler"))
    module, dot, function = handler.rpartition(".")
    if not dot or not module or not function:
        raise StartError(f"{path}: {logical_id}: the handler must be MODULE.FUNCTION, not {handler!r}")
    stem = code / module.replace(".", "/")
    if not stem.with_name(f"{stem.name}.py").is_file() and not (stem / "__init__.py").is_file():
        raise StartError(f"{path}: {logical_id}: the handler {handler} needs {stem}.py, which does not exist")
    return code


def _layer(path: Path, name: str, resources: Mapping[str, Any], resolver: Resolver) -> Layer:
    resource = resources.get(name, {})
    if resource.get("Type") != "AWS::Serverless::LayerVersion":
        raise StartError(f"{path}: the layer {name} is not an AWS::Serverless::LayerVersion of this template")
    properties = _Properties(resource.get("Properties", {}), f"Resources.{name}.Properties", resolver)
    content = (path.parent / str(properties.get("ContentUri"))).resolve()
    if not content.is_dir():
        raise StartError(f"{path}: the layer {name} needs the directory {content}, which does not exist")
    # `sam build` puts what a Python BuildMethod builds under python/; unbuilt, the content is what will go there.
    built = (content / "python").is_dir() or "BuildMethod" not in resource.get("Metadata", {})
    return Layer(content, OPT if built else OPT / "python")


def _log_group(properties: _Properties, resources: Mapping[str, Any], resolver: Resolver) -> str | None:
    name = properties.get("LoggingConfig", {}).get("LogGroup")
    resource = resources.get(name, {})
    if "LogGroupName" not in resource.get("Properties", {}):
        return None if name is None else str(name)
    group = _Properties(resource["Properties"], f"Resources.{name}.Properties", resolver)
    return str(group.get("LogGroupName"))


def _wrapper(variable: str | None, layers: tuple[Layer, ...]) -> Path | None:
    if not variable:
        return None
    for layer in layers:
        found = layer.locate(PurePosixPath(variable))
        if found and found.is_file():
            if not found.stat().st_mode & 0o100:
                raise StartError(f"AWS_LAMBDA_EXEC_WRAPPER={variable} is {found}, which is not executable: chmod +x it")
            return found
    searched = ", ".join(f"{layer.content} ({layer.mount})" for layer in layers) or "no layer"
    raise StartError(f"AWS_LAMBDA_EXEC_WRAPPER={variable} is in no layer of the function; looked in {searched}")
