"""How the function's process is started: its command, and the environment variables that Lambda would give it.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath

from sandbox.lambda_service.function import FunctionSpec

# The managed runtime's own start-up code, which a wrapper gets as its second argument.
_MANAGED_BOOTSTRAP = "/var/runtime/bootstrap.py"


def command(spec: FunctionSpec, python: str) -> list[str]:
    """Return what starts the runtime: the wrapper with the managed runtime's command, else the plain runtime client."""
    if spec.wrapper:
        return [str(spec.wrapper), python, _MANAGED_BOOTSTRAP]
    return [python, "-m", "awslambdaric", spec.handler]


def variables(spec: FunctionSpec, aws: Mapping[str, str]) -> dict[str, str]:
    """Return all environment variables of one environment, none of them the sandbox's own.

    Args:
        spec: the function; its own variables win over Lambda's.
        aws: keys, and where Bedrock and the X-Ray daemon are.
    """
    today = datetime.now(UTC).strftime("%Y/%m/%d")
    return {
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{today}/[$LATEST]{uuid.uuid4().hex}",
        "AWS_REGION": spec.region,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LAMBDA_RUNTIME_DIR": str(PurePosixPath(_MANAGED_BOOTSTRAP).parent),
        "LAMBDA_TASK_ROOT": str(spec.code),
        "LANG": "en_US.UTF-8",
        # The order of Lambda's PATH, without the directories that only its images have.
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TZ": ":UTC",
        "_HANDLER": spec.handler,
        **aws,
        **spec.environment,
    }
