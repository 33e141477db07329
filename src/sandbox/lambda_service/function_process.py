"""How the function's process is started: its command, and the environment variables that Lambda would give it.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
"""

import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sandbox.errors import UsageError
from sandbox.lambda_service.deployed import Deployed
from sandbox.lambda_service.function import FunctionSpec

# What stands in for Lambda's /var/runtime where awslambdaric lacks its native part.
STAND_IN_RUNTIME_DIR = str(Path(__file__).with_name("var_runtime"))
RUNTIME_DIR = "/var/runtime" if sys.platform == "linux" else STAND_IN_RUNTIME_DIR
# A wrapper gets the path of the start-up code as the second argument.
_MANAGED_BOOTSTRAP = Path(__file__).with_name("managed_bootstrap.py")


@dataclass(frozen=True)
class Launch:
    """What starts a process: its command, where it starts, and all of its environment variables."""

    command: list[str]
    directory: Path
    variables: Mapping[str, str]


def launch(spec: FunctionSpec, deployed: Deployed, python: str, log_stream: str, aws: Mapping[str, str]) -> Launch:
    """Return what starts the runtime of an environment: the managed runtime, in the function's wrapper if it has one.

    Args:
        spec: the function; its own variables win over Lambda's.
        deployed: its code and layers.
        python: the interpreter's path.
        log_stream: the environment's.
        aws: keys, and where Bedrock and the X-Ray daemon are.

    Raises:
        TemplateError: a layer or the wrapper cannot be used.
        OSError: a layer cannot be laid out.
    """
    wrapper, opt = deployed.wrapper(), deployed.opt()
    command = [*([str(wrapper)] if wrapper else []), python, str(_MANAGED_BOOTSTRAP)]
    variables = _variables(spec, log_stream)
    if opt:
        # A process that no container holds does not find its layers in /opt.
        layers = {"SANDBOX_OPT": str(opt), "PATH": f"{variables['PATH']}:{opt}/bin", "LD_LIBRARY_PATH": f"{opt}/lib"}
        variables.update(layers)
    return Launch(command, spec.code, {**variables, **aws, **spec.environment})


def new_log_stream() -> str:
    """Return the name of an environment's log stream."""
    return f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"


def python_version(python: str) -> str:
    """Return the version of an interpreter, such as `3.13.0`.

    Raises:
        UsageError: it is no interpreter of Python 3.
    """
    say = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that the user names is the one to run
            [python, "-I", "-c", say], capture_output=True, text=True, errors="replace", timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        raise UsageError(f"--python {python} is no Python that runs") from None
    return done.stdout.strip()


def _variables(spec: FunctionSpec, log_stream: str) -> dict[str, str]:
    """Return what Lambda gives every environment of the function; all but PYTHONDONTWRITEBYTECODE is Lambda's."""
    json_logs = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": spec.log_level} if spec.log_level else {}
    return {
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        **json_logs,
        "AWS_REGION": spec.region,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LAMBDA_RUNTIME_DIR": RUNTIME_DIR,
        "LAMBDA_TASK_ROOT": str(spec.code),
        "LANG": "en_US.UTF-8",
        # The order of Lambda's PATH, without the directories that only its images have; layers come last.
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        # In place of Lambda's read-only directories: a compiled file beside built code would go into the next upload.
        "PYTHONDONTWRITEBYTECODE": "1",
        "TZ": ":UTC",
        "_HANDLER": spec.handler,
    }
