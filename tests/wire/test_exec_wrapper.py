"""Other vendors around the layer, as its README has it: OpenTelemetry, whose wrapper ADOT runs, and Datadog."""

from collections.abc import Callable
from pathlib import Path

import pytest

from readme import blocks
from tools import environment
from wire.conftest import BOOTSTRAP, Runtime
from wire.strict_runtime_api import Invocation, StrictRuntimeApi

SOURCE = """
from lambda_streaming import ResponseStart, streamify_response

@streamify_response
def handler(event, context):
    yield ResponseStart(headers={"content-type": "text/plain"})
    yield "one "
    if event.get("fail"):
        raise ValueError("late")
    yield "two"
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """An interpreter with OpenTelemetry's instrumentation of Lambda handlers and the layer's runtime client."""
    packages = ("opentelemetry-instrumentation==0.66b1", "opentelemetry-distro==0.66b1", "opentelemetry-sdk==1.45.1")
    return environment(*packages, "opentelemetry-instrumentation-aws-lambda==0.66b1", "awslambdaric==4.2.2")


def it_streams_and_breaks_off(api: StrictRuntimeApi) -> None:
    """One invocation that goes well, and one that fails after its first chunk."""
    api.invoke(Invocation())
    assert api.answer().request.chunks[1:] == [b"one ", b"two"]
    api.invoke(Invocation(event=b'{"fail": true}'))
    request = api.answer().request
    assert request.chunks[1:] == [b"one "]
    assert request.trailer("Lambda-Runtime-Function-Error-Type") == "ValueError"
    api.wait_for_next(3)


def test_opentelemetry_in_front_sees_every_invocation(
    python: Path, api: StrictRuntimeApi, run_function: Callable[..., Runtime], tmp_path: Path
) -> None:
    (block,) = (block for block in blocks("", "src/runtime") if block.text.startswith("#!"))
    wrapper, opt = tmp_path / "wrapper", tmp_path / "opt"
    opt.mkdir()
    (opt / "python").symlink_to(BOOTSTRAP.parents[1])
    # ADOT's script does the same: it puts the layers' packages on the path, and runs OpenTelemetry's.
    (opt / "otel-instrument").write_text(
        f'#!/bin/sh\nexport PYTHONPATH="{opt}/python"\nexec "{python.parent}/opentelemetry-instrument" "$@"\n'
    )
    wrapper.write_text(block.text)
    for script in (wrapper, opt / "otel-instrument"):
        script.chmod(0o755)
    runtime = run_function(
        SOURCE,
        interpreter=str(python),
        bootstrap=wrapper,
        environment={
            "SANDBOX_OPT": str(opt),
            "OTEL_TRACES_EXPORTER": "console",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
        },
    )
    it_streams_and_breaks_off(api)
    assert runtime.log.count('"name": "f"') == 2, runtime.log
    assert runtime.log.count('"status_code": "ERROR"') == 1


def test_datadog_in_the_handlers_place_sees_every_invocation(
    api: StrictRuntimeApi, run_function: Callable[..., Runtime]
) -> None:
    python = environment("datadog-lambda==8.130.0", "awslambdaric==4.2.2")
    runtime = run_function(
        SOURCE,
        interpreter=str(python),
        environment={
            "_HANDLER": "datadog_lambda.handler.handler",
            "DD_LAMBDA_HANDLER": "app.handler",
            "DD_FLUSH_TO_LOG": "true",
            "DD_TRACE_ENABLED": "false",
            "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
        },
    )
    it_streams_and_breaks_off(api)
    assert runtime.log.count("aws.lambda.enhanced.invocations") == 2, runtime.log
