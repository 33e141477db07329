"""The stack's functions as frozen specs: the one that streams, and the scheduled ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from template.errors import TemplateError
from template.intrinsics import as_text
from template.resources import ACCOUNT_ID, Properties, Resource


@dataclass(frozen=True)
class FunctionSpec:
    """What Lambda needs to know about a function; times in seconds, memory in megabytes."""

    logical_id: str
    name: str
    handler: str
    runtime: str
    timeout: int
    memory: int
    environment: Mapping[str, str]
    code: Path
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
        wrapper=_wrapper(path, properties, environment.get("AWS_LAMBDA_EXEC_WRAPPER"), resources),
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


def _wrapper(
    path: Path, properties: Properties, variable: str | None, resources: Mapping[str, Resource]
) -> Path | None:
    """Return where the exec wrapper, which the function's only layer holds, is on this machine."""
    layers = properties.get("Layers", [])
    if not layers and not variable:
        return None
    if len(layers) != 1 or not variable:
        raise TemplateError(
            f"{properties.where}: the sandbox supports one layer, with the AWS_LAMBDA_EXEC_WRAPPER in it"
        )
    content, mount = _layer(path, layers[0], resources)
    wrapper = PurePosixPath(variable)
    found = content / wrapper.relative_to(mount) if wrapper.is_relative_to(mount) else content
    if not found.is_file():
        raise TemplateError(f"AWS_LAMBDA_EXEC_WRAPPER={variable} is not in the layer {content}, which is {mount}")
    if not found.stat().st_mode & 0o100:
        raise TemplateError(f"AWS_LAMBDA_EXEC_WRAPPER={variable} is {found}, not executable: chmod +x it")
    return found


def _layer(path: Path, arn: str, resources: Mapping[str, Resource]) -> tuple[Path, PurePosixPath]:
    """Return a layer's content on this machine, and the directory that it is on Lambda."""
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
    return content, PurePosixPath("/opt" if built else "/opt/python")
