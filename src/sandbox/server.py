"""Runs the sandbox: starts its parts in the order in which they need each other, and ends them in reverse.

1. Listen for the Function URL: the template may refer to its address.
2. Read the template: it says which functions, alarms and schedules there are.
3. Start telemetry: every later part records something.
4. Start Bedrock: the function needs its address.
5. Start the Function URL and the AWS endpoint: the scheduled functions need their addresses.
6. Start the schedules.
7. Write the ready file: everything answers now.
"""

import asyncio
import signal
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack

import botocore.session
from aiohttp import web

from sandbox.aws_api.app import aws_endpoint_app
from sandbox.banner import banner, print_line
from sandbox.bedrock.app import bedrock_app
from sandbox.errors import UsageError
from sandbox.lambda_service.function import FunctionSpec, streaming_function
from sandbox.lambda_service.function_url import function_url_app
from sandbox.lambda_service.invoke_api import invoke_api
from sandbox.lambda_service.pool import environment_pool
from sandbox.lambda_service.schedule import schedules
from sandbox.lambda_service.scheduler import scheduling
from sandbox.ready_file import Ready, ready_file, refuse_a_second_sandbox
from sandbox.records.recorder import Recorder
from sandbox.settings import Settings
from sandbox.signing.credentials import Keys, random_keys
from sandbox.signing.signed import refused_by_url, signature_check
from sandbox.telemetry import Telemetry, running_telemetry
from template.resources import read_resources

HOST = "127.0.0.1"
# How long a server waits for its open connections at the end. The sandbox promises to be gone within two seconds.
_GOODBYE_SECONDS = 0.3


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
        ready = await _start(settings, running)
        running.enter_context(ready_file(settings.ready_file, ready))
        print_line(banner(ready, settings.ready_file, settings.bedrock))
        await stop.wait()


async def _start(settings: Settings, running: AsyncExitStack) -> Ready:
    """Start everything and return where it answers; `running` ends it in reverse order."""
    url_listener = running.enter_context(_listener())
    function_url = f"{_address(url_listener)}/"

    resources = read_resources(settings.template, settings.overrides, settings.region, function_url=function_url)
    spec = streaming_function(resources, settings.template, settings.region)
    schedules_found = schedules(resources, settings.template, settings.region)

    telemetry = await running.enter_async_context(
        running_telemetry(settings.data, resources, settings.region, settings.alarm_minute)
    )
    recorder, keys = _recorder(spec, telemetry), random_keys()

    bedrock_url, bedrock_variables = await _start_bedrock(settings, keys, recorder, running)

    variables = {**bedrock_variables, "AWS_XRAY_DAEMON_ADDRESS": telemetry.xray_daemon_address}
    pool = environment_pool(spec, settings.python, variables, recorder)
    callers = (keys.user, keys.client)
    url_app = function_url_app(pool, spec, recorder)
    if spec.auth_type == "AWS_IAM":
        url_app.middlewares.append(signature_check(callers, settings.region, "lambda", refused_by_url))
    await _serve(url_app, url_listener, running)
    endpoint_listener = running.enter_context(_listener())
    invoke = invoke_api(pool, spec, recorder)
    await _serve(aws_endpoint_app(callers, settings.region, invoke, telemetry.operations), endpoint_listener, running)
    # The pool ends before the servers: a killed function ends its clients' streams, so no server waits for one.
    running.push_async_callback(pool.close)

    client_variables = {**keys.client.variables, "AWS_ENDPOINT_URL": _address(endpoint_listener)}
    for schedule in schedules_found:
        function = schedule.function
        label = f"{function.logical_id} "
        scheduled = environment_pool(function, settings.python, client_variables, _recorder(function, telemetry), label)
        running.push_async_callback(scheduled.close)
        await running.enter_async_context(scheduling(schedule, scheduled, settings.alarm_minute))

    return Ready(
        function_url=function_url,
        aws_endpoint_url=_address(endpoint_listener),
        bedrock_url=bedrock_url,
        region=settings.region,
        access_key_id=keys.user.access_key_id,
        secret_access_key=keys.user.secret_access_key,
    )


async def _start_bedrock(
    settings: Settings, keys: Keys, recorder: Recorder, running: AsyncExitStack
) -> tuple[str, Mapping[str, str]]:
    """Return Bedrock's address, and the variables with which the function finds it and signs for it."""
    if settings.bedrock == "aws":
        return f"https://bedrock-runtime.{settings.region}.amazonaws.com", _callers_own_keys()
    url = settings.bedrock
    if settings.bedrock == "sandbox":
        try:
            app = bedrock_app(settings.model_script, recorder.served)
        except ValueError as error:
            raise UsageError(f"{error} (--model-script)") from None
        app.middlewares.insert(0, signature_check((keys.user, keys.role), settings.region, "bedrock"))
        listener = running.enter_context(_listener())
        await _serve(app, listener, running)
        url = _address(listener)
    return url, {**keys.role.variables, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": url}


def _recorder(spec: FunctionSpec, telemetry: Telemetry) -> Recorder:
    telemetry.logs.create_group(spec.log_group)  # as the template does, before anything is logged
    return Recorder(spec, telemetry.logs, telemetry.metrics, telemetry.traces)


def _callers_own_keys() -> Mapping[str, str]:
    credentials = botocore.session.get_session().get_credentials()
    if credentials is None:
        raise UsageError("--bedrock aws needs AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret")
    keys = credentials.get_frozen_credentials()
    token = {"AWS_SESSION_TOKEN": keys.token} if keys.token else {}
    return {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key, **token}


def _listener() -> socket.socket:
    """Listen on a free port of 127.0.0.1. Clients wait until something serves it."""
    return socket.create_server((HOST, 0))


def _address(listener: socket.socket) -> str:
    """Return the listener's address, without a slash at the end."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


async def _serve(app: web.Application, listener: socket.socket, running: AsyncExitStack) -> None:
    """Serve an application until `running` ends it."""
    # Bodies stay as they came: a signature covers what is on the wire, compressed or not.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GOODBYE_SECONDS, auto_decompress=False)
    await runner.setup()
    running.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listener).start()
