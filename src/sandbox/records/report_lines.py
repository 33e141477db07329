"""The lines that Lambda itself writes into a function's log.

Formats: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html, for failures
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html (the new style).
"""

import math

from sandbox.invocation import FunctionError, Invocation
from sandbox.lambda_service.function import FunctionSpec
from sandbox.records.run import TIMEOUT, Phase, Run


def init_start(spec: FunctionSpec) -> str:
    """The first line of an environment. It says that the sandbox does not run Lambda's own runtime."""
    runtime = spec.runtime.replace("python", "python:")
    arn = f"arn:aws:lambda:{spec.region}::runtime:sandbox"
    return f"INIT_START Runtime Version: {runtime}.sandbox\tRuntime Version ARN: {arn}"


def init_report(init: Phase, failure: FunctionError) -> str:
    """The line on an init phase that has failed. One that succeeds has no such line."""
    return "\t".join((f"INIT_REPORT Init Duration: {init.milliseconds:.2f} ms", "Phase: init", *_status(failure)))


def start(invocation: Invocation) -> str:
    """The line before all that an invocation prints."""
    return f"START RequestId: {invocation.request_id} Version: $LATEST"


def end(invocation: Invocation) -> str:
    """The line after all that an invocation prints."""
    return f"END RequestId: {invocation.request_id}"


def report(run: Run, spec: FunctionSpec) -> str:
    """The line on what an invocation took. Since August 2025 Lambda bills the init phase with it.

    https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/
    """
    # An init phase that has failed has a line of its own.
    init_ms = run.init.milliseconds if run.init and run.invoke else None
    duration_ms = run.counted.milliseconds
    fields = [
        f"REPORT RequestId: {run.invocation.request_id}",
        f"Duration: {duration_ms:.2f} ms",
        f"Billed Duration: {math.ceil(round(duration_ms + (init_ms or 0), 2))} ms",
        f"Memory Size: {spec.memory} MB",
        f"Max Memory Used: {run.memory_mb} MB",
    ]
    if init_ms is not None:
        fields.append(f"Init Duration: {init_ms:.2f} ms")
    fields += _status(run.failure) if run.failure else [""]
    line = "\t".join(fields)
    trace = run.invocation.trace
    if trace.sampled:
        line += f"\nXRAY TraceId: {trace.trace_id}\tSegmentId: {trace.function_segment_id}\tSampled: true\t"
    return line


def _status(failure: FunctionError) -> list[str]:
    if failure.type == TIMEOUT:
        return ["Status: timeout"]
    return ["Status: error", f"Error Type: {failure.type}"]
