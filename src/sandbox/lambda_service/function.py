"""The stack's functions, the one that streams and others, as frozen specs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from template.errors import TemplateError
from template.intrinsics import as_text
from template.resources import ACCOUNT_ID, Properties, Resource

# Where the platform puts the contents of layers.
OPT = PurePosixPath("/opt")


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

    logical_id: str
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


def streaming_function(resources: Mapping[str, Resource], path: Path, region: str) -> FunctionSpec:
    """Return the stack's function that has a streaming URL.

    Args:
        resources: what `read_resources` returned.
        path: the template; relative directories in it count from its own.
        region: the stack's.

    Raises:
        TemplateError: the stack has no such function, or one that the sandbox cannot run.
    """
    logical_id = _logical_id(resources, path)
    url = resources[logical_id].properties["FunctionUrlConfig"]
    if url.get("InvokeMode") != "RESPONSE_STREAM":
        raise TemplateError(f"{path}: {logical_id}: FunctionUrlConfig.InvokeMode must be RESPONSE_STREAM")
    return function(logical_id, resources, path, region)


def function(logical_id: str, resources: Mapping[str, Resource], path: Path, region: str) -> FunctionSpec:
    """Return the function of this name in the template; the other arguments are those of `streaming_function`.

    Raises:
        TemplateError: the sandbox cannot run it.
    """
    properties = resources[logical_id].properties
    name = str(resources[logical_id].return_value())
    environment = _environment(properties)
    code = _code(path, logical_id, properties)
    layers = tuple(_layer(path, layer, resources) for layer in properties.get("Layers", []))
    reserved = properties.integer("ReservedConcurrentExecutions", -1)
    return FunctionSpec(
        logical_id=logical_id,
        name=name,
        handler=properties.required("Handler"),
        runtime=properties.required("Runtime"),
        timeout=properties.integer("Timeout", 3),
        memory=properties.integer("MemorySize", 128),
        environment=environment,
        code=code,
        layers=layers,
        wrapper=_wrapper(environment.get("AWS_LAMBDA_EXEC_WRAPPER"), layers),
        reserved_concurrency=None if reserved < 0 else reserved,
        auth_type=str(properties.get("FunctionUrlConfig", {}).get("AuthType")),
        alias=properties.get("AutoPublishAlias"),
        log_group=str(properties.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{name}")),
        tracing=str(properties.get("Tracing", "PassThrough")),
        region=region,
    )


def _logical_id(resources: Mapping[str, Resource], path: Path) -> str:
    found = [
        name
        for name, resource in resources.items()
        if resource.type == "AWS::Serverless::Function" and "FunctionUrlConfig" in resource.properties
    ]
    if len(found) != 1:
        raise TemplateError(
            f"{path}: exactly one AWS::Serverless::Function with a FunctionUrlConfig expected, found {found}"
        )
    return found[0]


def _environment(properties: Properties) -> Mapping[str, str]:
    try:
        return {key: as_text(value) for key, value in properties.get("Environment", {}).get("Variables", {}).items()}
    except (AttributeError, TypeError) as error:
        raise TemplateError(f"{properties.where}.Environment.Variables must be texts: {error}") from None


def _code(path: Path, logical_id: str, properties: Properties) -> Path:
    code = (path.parent / str(properties.required("CodeUri"))).resolve()
    handler = str(properties.required("Handler"))
    module, dot, function = handler.rpartition(".")
    if not dot or not module or not function:
        raise TemplateError(f"{path}: {logical_id}: the handler must be MODULE.FUNCTION, not {handler!r}")
    stem = code / module.replace(".", "/")
    if not stem.with_name(f"{stem.name}.py").is_file() and not (stem / "__init__.py").is_file():
        raise TemplateError(f"{path}: {logical_id}: the handler {handler} needs {stem}.py, which does not exist")
    return code


def _layer(path: Path, arn: str, resources: Mapping[str, Resource]) -> Layer:
    layers = {
        resource.return_value(): (name, resource)
        for name, resource in resources.items()
        if resource.type == "AWS::Serverless::LayerVersion"
    }
    if arn not in layers:
        raise TemplateError(f"{path}: the layer {arn} is not an AWS::Serverless::LayerVersion of this template")
    name, resource = layers[arn]
    content = (path.parent / str(resource.properties.required("ContentUri"))).resolve()
    if not content.is_dir():
        raise TemplateError(f"{path}: the layer {name} needs the directory {content}, which does not exist")
    # `sam build` puts what a Python BuildMethod builds under python/; unbuilt, the content is what will go there.
    built = (content / "python").is_dir() or "BuildMethod" not in resource.metadata
    return Layer(content, OPT if built else OPT / "python")


def _wrapper(variable: str | None, layers: tuple[Layer, ...]) -> Path | None:
    if not variable:
        return None
    for layer in layers:
        found = layer.locate(PurePosixPath(variable))
        if found and found.is_file():
            if not found.stat().st_mode & 0o100:
                raise TemplateError(f"AWS_LAMBDA_EXEC_WRAPPER={variable} is {found}, not executable: chmod +x it")
            return found
    searched = ", ".join(f"{layer.content} ({layer.mount})" for layer in layers) or "no layer"
    raise TemplateError(f"AWS_LAMBDA_EXEC_WRAPPER={variable} is in no layer of the function; looked in {searched}")
