"""The stack's functions as frozen specs: those with a streaming URL, and the scheduled ones."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.lambda_service.layers import Layer, has_module, layers_of, local_path
from sandbox.lambda_service.properties import ignored_in, ignored_properties
from template.errors import TemplateError, well_formed
from template.intrinsics import as_text
from template.resources import ACCOUNT_ID, Properties, Resource

# What Lambda sets itself and lets no function set:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
RESERVED_VARIABLES = {
    "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_HANDLER",
    "_X_AMZN_TRACE_ID",
}  # fmt: skip
LOG_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_PYTHON = re.compile(r"python3\.\d+")
NOT_SERVED = "its URL does not stream (InvokeMode is BUFFERED, the default), so the sandbox does not serve it"


@dataclass(frozen=True)
class FunctionSpec:
    """What Lambda needs to know about a function; times in seconds, memory in megabytes.

    Attributes:
        wrapper: its AWS_LAMBDA_EXEC_WRAPPER.
        log_level: the least that it logs if it logs JSON; None if it logs text.
        notices: what its developer should know about the template.
    """

    logical_id: str
    name: str
    handler: str
    runtime: str
    timeout: int
    memory: int
    environment: Mapping[str, str]
    code: Path
    layers: Sequence[Layer]
    wrapper: str | None
    reserved_concurrency: int | None
    auth_type: str
    alias: str | None
    log_group: str
    log_level: str | None
    tracing: str
    region: str
    notices: Sequence[str]

    @property
    def unqualified_arn(self) -> str:
        """The function's ARN without an alias or version."""
        return f"arn:aws:lambda:{self.region}:{ACCOUNT_ID}:function:{self.name}"

    @property
    def arn(self) -> str:
        """The function's ARN, with its alias if it has one: what a Function URL invokes."""
        return f"{self.unqualified_arn}:{self.alias}" if self.alias else self.unqualified_arn


def streaming_functions(resources: Mapping[str, Resource], path: Path, region: str) -> list[FunctionSpec]:
    """Return the stack's functions that have a streaming URL, in the template's order.

    Args:
        resources: those of the stack that `read_stack` returned.
        path: the template; relative directories in it count from its own.
        region: the stack's.

    Raises:
        TemplateError: the stack has no such function, or one that the sandbox cannot run.
    """
    modes = {}
    for name, resource in resources.items():
        with well_formed(resource.properties.where):
            if resource.type == "AWS::Serverless::Function" and "FunctionUrlConfig" in resource.properties:
                modes[name] = url_mode(resource)
    streaming = [name for name, mode in modes.items() if mode == "RESPONSE_STREAM"]
    # Others may be beside those that run here; if there are only others, one is refused with the reason.
    served = [name for name in streaming if not why_not_served(resources[name])] or streaming
    found = []
    for name in served:
        with well_formed(resources[name].properties.where):
            found.append(function(name, resources, path, region))
    if not modes:
        raise TemplateError(f"{path}: an AWS::Serverless::Function with a FunctionUrlConfig is needed, there is none")
    if not found:
        needed = "write InvokeMode: RESPONSE_STREAM in the FunctionUrlConfig of"
        raise TemplateError(f"{path}: no Function URL streams: {needed} {' or '.join(modes)}")
    names = [spec.name for spec in found]
    for spec in found:
        if names.count(spec.name) > 1:
            raise TemplateError(f"{path}: more than one function has the FunctionName {spec.name}")
    return found


def url_mode(resource: Resource) -> str:
    """Return the InvokeMode of a function's URL, empty if it has no URL.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html

    Raises:
        TemplateError: the URL's configuration is not valid.
    """
    if "FunctionUrlConfig" not in resource.properties:
        return ""
    ignored_in("FunctionUrlConfig", resource)
    where = f"{resource.properties.where}.FunctionUrlConfig.InvokeMode"
    mode = resource.properties["FunctionUrlConfig"].get("InvokeMode", "BUFFERED")
    return _choice(mode, where, ("RESPONSE_STREAM", "BUFFERED"))


def why_not_served(resource: Resource) -> str:
    """Return why the sandbox does not serve a function's URL, empty if it does or if there is no URL.

    Raises:
        TemplateError: the URL's configuration is not valid.
    """
    mode, runtime = url_mode(resource), str(resource.properties.get("Runtime", ""))
    if mode == "RESPONSE_STREAM" and not _PYTHON.fullmatch(runtime):
        return f"its Runtime is {runtime}, and the sandbox runs Python only, so it does not run"
    return NOT_SERVED if mode == "BUFFERED" else ""


def function(logical_id: str, resources: Mapping[str, Resource], path: Path, region: str) -> FunctionSpec:
    """Return the function of this name in the template; the other arguments are those of `streaming_functions`.

    Raises:
        TemplateError: the sandbox cannot run it.
    """
    resource = resources[logical_id]
    ignored = ignored_properties(resource)
    properties, where = resource.properties, resource.properties.where
    _choice(properties.get("PackageType", "Zip"), f"{where}.PackageType", ("Zip",))
    name = str(resource.return_value())
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise TemplateError(f"{where}.FunctionName must be up to 64 letters, digits, - and _, not {name!r}")
    runtime = str(properties.required("Runtime"))
    if not _PYTHON.fullmatch(runtime):
        raise TemplateError(f"{where}.Runtime must be a Python such as python3.13, not {runtime}")
    environment = _environment(properties)
    logging = properties.get("LoggingConfig", {})
    log_level = _log_level(logging, f"{where}.LoggingConfig")
    notices = [f"the sandbox ignores {', '.join(ignored)}"] if ignored else []
    if log_level:
        notices.append("Lambda's own log lines, such as REPORT, stay text in the sandbox; LogFormat is JSON")
    if url_mode(resource) == "BUFFERED":
        notices.append(NOT_SERVED)
    auth_type, reserved = _auth_type(properties), _reserved_concurrency(properties)
    if auth_type == "NONE":
        notices.append(_open_to_everybody(reserved))
    layers = layers_of(properties, path, resources)
    return FunctionSpec(
        logical_id=logical_id,
        name=name,
        handler=str(properties.required("Handler")),
        runtime=runtime,
        # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
        timeout=_number(properties, "Timeout", 3, 1, 900),
        memory=_number(properties, "MemorySize", 128, 128, 10240),
        environment=environment,
        code=_code(path, logical_id, properties, layers),
        layers=layers,
        wrapper=environment.get("AWS_LAMBDA_EXEC_WRAPPER"),
        reserved_concurrency=reserved,
        auth_type=auth_type,
        alias=properties.get("AutoPublishAlias"),
        log_group=str(logging.get("LogGroup", f"/aws/lambda/{name}")),
        log_level=log_level,
        tracing=_choice(
            properties.get("Tracing", "PassThrough"), f"{where}.Tracing", ("Active", "PassThrough", "Disabled")
        ),
        region=region,
        notices=notices,
    )


def _auth_type(properties: Properties) -> str:
    """Return the AuthType of the function's URL, empty if it has none."""
    url, where = properties.get("FunctionUrlConfig"), f"{properties.where}.FunctionUrlConfig"
    if url is None:
        return ""
    return _choice(url.get("AuthType"), f"{where}.AuthType", ("AWS_IAM", "NONE"))


def _reserved_concurrency(properties: Properties) -> int | None:
    name = "ReservedConcurrentExecutions"
    return _number(properties, name, 0, 0, 1_000_000) if name in properties else None


def _open_to_everybody(reserved: int | None) -> str:
    """Return what a developer should know whose URL demands no signature."""
    if reserved is None:
        limit = "set AuthType to AWS_IAM, or limit it with ReservedConcurrentExecutions"
    else:
        limit = f"ReservedConcurrentExecutions limits it to {reserved} requests at a time"
    return f"AuthType is NONE: on AWS everybody on the internet may call the URL and spend your money; {limit}"


def _choice(value: Any, where: str, choices: Sequence[str]) -> str:
    if value not in choices:
        raise TemplateError(f"{where} must be {' or '.join(choices)}, not {value}")
    return str(value)


def _number(properties: Properties, name: str, default: int, least: int, most: int) -> int:
    value = properties.integer(name, default)
    if not least <= value <= most:
        raise TemplateError(f"{properties.where}.{name} must be from {least} to {most}, not {value}")
    return value


def _environment(properties: Properties) -> Mapping[str, str]:
    where = f"{properties.where}.Environment.Variables"
    try:
        variables = {
            key: as_text(value) for key, value in properties.get("Environment", {}).get("Variables", {}).items()
        }
    except (AttributeError, TypeError) as error:
        raise TemplateError(f"{where} must be texts: {error}") from None
    if reserved := sorted(RESERVED_VARIABLES & variables.keys()):
        raise TemplateError(f"{where}.{reserved[0]}: Lambda sets this variable itself")
    return variables


def _log_level(logging: Mapping[str, Any], where: str) -> str | None:
    """Return the least level that the function logs as JSON; None if it logs text."""
    if _choice(logging.get("LogFormat", "Text"), f"{where}.LogFormat", ("Text", "JSON")) == "JSON":
        return _choice(logging.get("ApplicationLogLevel", "INFO"), f"{where}.ApplicationLogLevel", LOG_LEVELS)
    if "ApplicationLogLevel" in logging:
        raise TemplateError(f"{where}.ApplicationLogLevel needs LogFormat JSON")
    return None


def _code(path: Path, logical_id: str, properties: Properties, layers: Sequence[Layer]) -> Path:
    code = local_path(path, properties, "CodeUri")
    handler = str(properties.required("Handler"))
    module, dot, function = handler.rpartition(".")
    if not dot or not module or not function:
        raise TemplateError(f"{path}: {logical_id}: the handler must be MODULE.FUNCTION, not {handler!r}")
    file = module.replace(".", "/")
    in_code = (code / f"{file}.py").is_file() or (code / file / "__init__.py").is_file()
    if not in_code and not any(has_module(layer, file) for layer in layers):
        raise TemplateError(f"{path}: {logical_id}: the handler {handler} needs {code / file}.py, which does not exist")
    return code
