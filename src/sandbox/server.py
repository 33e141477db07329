"""Runs the sandbox: starts its parts in the order in which they need each other, and ends them in reverse.

1. Read the template: it says which functions, alarms and schedules there are. It may refer to a Function URL, so each
   one listens from then on.
2. Start telemetry: every later part records something.
3. Start Bedrock: the functions need its address.
4. Start the Function URLs and the AWS endpoint: the scheduled functions need their addresses.
5. Start the schedules.
6. Write the ready file: everything answers now. The console starts when somebody opens it.
"""

import asyncio
import logging
import signal
import socket
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import botocore.session
from botocore.exceptions import BotoCoreError

from sandbox.aws_api.app import aws_endpoint_app
from sandbox.banner import banner, print_line
from sandbox.bedrock.app import bedrock_app
from sandbox.bedrock.served import Served
from sandbox.cloudformation import api as cloudformation_api
from sandbox.console_process import Console
from sandbox.doors import address, listen, serve
from sandbox.errors import UsageError
from sandbox.lambda_service.deployed import Deployed
from sandbox.lambda_service.function import FunctionSpec, streaming_functions, why_not_served
from sandbox.lambda_service.function_process import python_version
from sandbox.lambda_service.function_url import function_url_app
from sandbox.lambda_service.invoke_api import invoke_api
from sandbox.lambda_service.pool import EnvironmentPool, environment_pool
from sandbox.lambda_service.schedule import schedules
from sandbox.lambda_service.scheduler import scheduling
from sandbox.lambda_service.served_function import ServedFunction
from sandbox.ready_file import Ready, ready_file, refuse_a_second_sandbox
from sandbox.records.bedrock_metrics import bedrock_points
from sandbox.records.recorder import Recorder
from sandbox.settings import Settings
from sandbox.signing.credentials import Keys, random_keys
from sandbox.signing.signed import refused_by_url, signature_check
from sandbox.telemetry import Telemetry, running_telemetry
from template.resources import Resource, read_stack


async def run(settings: Settings) -> None:
    """Run the sandbox until SIGINT, SIGTERM or SIGHUP.

    Raises:
        UsageError: the settings ask for something that makes no sense.
        StartError: something that the settings name is not there.
        TemplateError: the template cannot be read, or asks for something that the sandbox does not support.
        ParameterError: a parameter's value does not fit the template.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    refuse_a_second_sandbox(settings.ready_file)
    async with AsyncExitStack() as running:
        console = Console(settings.ready_file)
        ready = await _start(settings, console.url, running)
        running.enter_context(ready_file(settings.ready_file, ready))
        await running.enter_async_context(console.waiting())
        print_line(banner(ready, settings.ready_file, settings.bedrock, settings.is_own_stack))
        await stop.wait()


async def _start(settings: Settings, console_url: str, running: AsyncExitStack) -> Ready:
    """Start everything but the console, and return where it all answers; `running` ends it in reverse order."""
    url_listeners: dict[str, socket.socket] = {}

    def function_url(logical_id: str) -> str:
        """Return the URL of a function. From the first call on, something listens there."""
        if logical_id not in url_listeners:
            url_listeners[logical_id] = running.enter_context(listen())
        return f"{address(url_listeners[logical_id])}/"

    stack = read_stack(settings.template, settings.overrides, settings.region, function_url=function_url)
    resources = stack.resources
    specs = streaming_functions(resources, settings.template, settings.region)
    schedules_found = schedules(resources, settings.template, settings.region)
    layouts = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True)))
    functions_found = (*specs, *(schedule.function for schedule in schedules_found))
    deployed = _deployed(settings.python, functions_found, resources, layouts)

    telemetry = await running.enter_async_context(
        running_telemetry(settings.data, resources, settings.region, settings.alarm_minute)
    )
    keys = random_keys()

    bedrock_url, bedrock_variables = await _start_bedrock(settings, keys, telemetry, running)

    def pool(function: FunctionSpec, variables: Mapping[str, str], recorder: Recorder, label: str) -> EnvironmentPool:
        return environment_pool(function, deployed[function.logical_id], settings.python, variables, recorder, label)

    variables = {**bedrock_variables, "AWS_XRAY_DAEMON_ADDRESS": telemetry.xray_daemon_address}
    callers = (keys.user, keys.client)
    functions = []
    for spec in specs:
        recorder = _recorder(spec, telemetry)
        label = f"{spec.logical_id} " if len(specs) > 1 else ""
        function = ServedFunction(spec, pool(spec, variables, recorder, label), recorder)
        functions.append(function)
        url_app = function_url_app(function)
        if spec.auth_type == "AWS_IAM":
            url_app.middlewares.append(signature_check(callers, settings.region, "lambda", refused_by_url))
        function_url(spec.logical_id)
        await serve(url_app, url_listeners[spec.logical_id], running)
    for logical_id in url_listeners.keys() - {spec.logical_id for spec in specs}:
        url_listeners[logical_id].close()  # who calls a URL that is not served should not wait
    endpoint_listener = running.enter_context(listen())
    invoke = invoke_api(functions)
    engines = {**telemetry.operations, "cloudformation": cloudformation_api.operations(stack)}
    await serve(aws_endpoint_app(callers, settings.region, invoke, engines), endpoint_listener, running)
    # The pools end before the servers: a killed function ends its clients' streams, so no server waits for one.
    running.push_async_callback(_close, functions)

    client_variables = {**keys.client.variables, "AWS_ENDPOINT_URL": address(endpoint_listener)}
    for schedule in schedules_found:
        spec = schedule.function
        scheduled = pool(spec, client_variables, _recorder(spec, telemetry), f"{spec.logical_id} ")
        running.push_async_callback(scheduled.close)
        await running.enter_async_context(scheduling(schedule, scheduled, settings.alarm_minute))

    urls = {spec.logical_id: function_url(spec.logical_id) for spec in specs}
    return Ready(
        function_url=next(iter(urls.values())),
        function_urls=urls,
        console_url=console_url,
        aws_endpoint_url=address(endpoint_listener),
        bedrock_url=bedrock_url,
        stack_name=stack.name,
        region=settings.region,
        access_key_id=keys.user.access_key_id,
        secret_access_key=keys.user.secret_access_key,
    )


async def _close(functions: Sequence[ServedFunction]) -> None:
    await asyncio.gather(*(function.pool.close() for function in functions))


def _deployed(
    python: str, specs: Iterable[FunctionSpec], resources: Mapping[str, Resource], layouts: Path
) -> Mapping[str, Deployed]:
    """Return the functions' code and layers by logical id, and print what their developer should know."""
    run = {spec.logical_id: spec for spec in specs}
    deployed = {logical_id: Deployed(spec, layouts) for logical_id, spec in run.items()}
    for logical_id, spec in run.items():
        for notice in (*spec.notices, *deployed[logical_id].notices()):
            print_line(f"sandbox: {logical_id}: {notice}")
    for logical_id, resource in resources.items():
        if resource.type in ("AWS::Serverless::Function", "AWS::Lambda::Function") and logical_id not in run:
            neither = "it has neither a FunctionUrlConfig nor a schedule, so it does not run"
            print_line(f"sandbox: {logical_id}: {why_not_served(resource) or neither}")
    version, runtimes = python_version(python), ", ".join(sorted({spec.runtime for spec in run.values()}))
    print_line(f"sandbox: Python {version} ({python}) runs the functions; in the template it is {runtimes}")
    return deployed


async def _start_bedrock(
    settings: Settings, keys: Keys, telemetry: Telemetry, running: AsyncExitStack
) -> tuple[str, Mapping[str, str]]:
    """Return Bedrock's address, and the variables with which the functions find it and sign for it."""
    if settings.bedrock == "aws":
        return f"https://bedrock-runtime.{settings.region}.amazonaws.com", _callers_own_keys()
    url = settings.bedrock
    if settings.bedrock == "sandbox":

        def record(served: Served) -> None:
            telemetry.metrics.put(bedrock_points(served, int(time.time() * 1000)))

        try:
            app = bedrock_app(settings.model_script, settings.region, record)
        except ValueError as error:
            raise UsageError(f"{error} (--model-script)") from None
        app.middlewares.insert(0, signature_check((keys.user, keys.role), settings.region, "bedrock"))
        listener = running.enter_context(listen())
        await serve(app, listener, running)
        url = address(listener)
    return url, {**keys.role.variables, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": url}


def _recorder(spec: FunctionSpec, telemetry: Telemetry) -> Recorder:
    telemetry.logs.create_group(spec.log_group)  # as the template does, before anything is logged
    return Recorder(spec, telemetry.logs, telemetry.metrics, telemetry.traces)


def _callers_own_keys() -> Mapping[str, str]:
    need = "--bedrock aws needs AWS credentials"
    logging.getLogger("botocore.credentials").setLevel(logging.CRITICAL)  # what it warns of is raised, too
    try:
        credentials = botocore.session.get_session().get_credentials()
        keys = credentials.get_frozen_credentials() if credentials else None
    except BotoCoreError as error:
        raise UsageError(f"{need}: {' '.join(str(error).split())}") from None
    except (AttributeError, OSError, RuntimeError, TypeError, ValueError) as error:
        # What botocore lets through of a program that a profile names and of a file that is missing.
        raise UsageError(f"{need}, and the profile's cannot be read: {' '.join(str(error).split())}") from None
    if keys is None:
        raise UsageError(f"{need}: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret")
    token = {"AWS_SESSION_TOKEN": keys.token} if keys.token else {}
    return {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key, **token}
