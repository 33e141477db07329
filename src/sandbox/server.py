"""Puts the sandbox together: reads the template, starts the servers, and takes everything down again."""

import asyncio
import contextlib
import secrets
import signal
import string
import sys
from collections.abc import AsyncIterator, Mapping
from shutil import which

import botocore.session
from aiohttp import web

from sandbox.aws_api.app import aws_endpoint_app
from sandbox.banner import banner, print_line
from sandbox.bedrock.app import bedrock_app
from sandbox.errors import StartError, UsageError
from sandbox.lambda_service import function_process
from sandbox.lambda_service.environments import Environment
from sandbox.lambda_service.function import FunctionSpec, streaming_function
from sandbox.lambda_service.function_url import function_url_app
from sandbox.lambda_service.invoke_api import invoke_api
from sandbox.lambda_service.pool import EnvironmentPool
from sandbox.lambda_service.schedule import schedules
from sandbox.lambda_service.scheduler import scheduling
from sandbox.ready_file import Ready, ready_file, refuse_a_second_sandbox
from sandbox.records.recorder import LogStream, Recorder
from sandbox.settings import Settings
from sandbox.signing.credentials import Credentials, random_role, random_user
from sandbox.signing.signed import refused_by_url, signature_check
from sandbox.telemetry import Telemetry, running_telemetry
from template.resources import Resource, read_resources

HOST = "127.0.0.1"
# How long a server waits for its open connections at the end; the promise is to be gone within two seconds.
_GOODBYE_SECONDS = 0.3
# A Function URL's id on AWS: 32 lower-case letters and digits.
_URL_ID_ALPHABET = string.ascii_lowercase + string.digits


async def run(settings: Settings) -> None:
    """Run the sandbox until SIGINT, SIGTERM or SIGHUP.

    Raises:
        UsageError: the settings ask for something that makes no sense.
        StartError: something that the settings name is not there, or a port is not free.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    refuse_a_second_sandbox(settings.ready_file)
    urls: dict[str, str] = {}
    resources = read_resources(settings.template, settings.overrides, settings.region, function_urls=urls)
    spec = streaming_function(resources, settings.template, settings.region)
    async with contextlib.AsyncExitStack() as stack:
        ready = await _start(settings, resources, spec, urls, stack)
        stack.enter_context(ready_file(settings.ready_file, ready))
        print_line(banner(ready, settings.ready_file, settings.bedrock))
        await stop.wait()


async def _start(
    settings: Settings,
    resources: Mapping[str, Resource],
    spec: FunctionSpec,
    urls: dict[str, str],
    stack: contextlib.AsyncExitStack,
) -> Ready:
    """Start everything; put the Function URL, once it answers, among the URLs that the template may refer to."""
    user, role, client_role = random_user(), random_role(), random_role()
    telemetry = await stack.enter_async_context(
        running_telemetry(settings.data, resources, settings.region, settings.alarm_minute)
    )
    recorder = _recorder(spec, telemetry)
    bedrock_url, aws = await _bedrock(settings, user, role, recorder, stack)
    pool = _pool(settings, spec, {**aws, "AWS_XRAY_DAEMON_ADDRESS": telemetry.xray_daemon_address}, recorder, "")
    keys = {key.access_key_id: key for key in (user, client_role)}
    check = signature_check(keys, settings.region, "lambda", refused_by_url)
    url_id = "".join(secrets.choice(_URL_ID_ALPHABET) for _ in range(32))
    domain_name = f"{url_id}.lambda-url.{settings.region}.on.aws"
    url_app = function_url_app(pool, spec, recorder, domain_name, [check] if spec.auth_type == "AWS_IAM" else [])
    function_url = await stack.enter_async_context(_listening(url_app, settings.port))
    endpoint_app = aws_endpoint_app(keys, settings.region, invoke_api(pool, spec, recorder), telemetry.operations)
    aws_endpoint_url = await stack.enter_async_context(_listening(endpoint_app, 0))
    urls[f"{spec.logical_id}Url"] = f"{function_url}/"
    for schedule in schedules(resources, settings.template, settings.region):
        function = schedule.function
        aws = {**_role_keys(client_role), "AWS_ENDPOINT_URL": aws_endpoint_url}
        scheduled = _pool(settings, function, aws, _recorder(function, telemetry), f"{function.logical_id} ")
        stack.push_async_callback(scheduled.close)
        await stack.enter_async_context(scheduling(schedule, scheduled, settings.alarm_minute))
    # Entered last, so ended first: killed functions end their clients' streams, and no server has to wait for any.
    stack.push_async_callback(pool.close)
    return Ready(
        function_url=f"{function_url}/",
        aws_endpoint_url=aws_endpoint_url,
        bedrock_url=bedrock_url,
        region=settings.region,
        access_key_id=user.access_key_id,
        secret_access_key=user.secret_access_key,
    )


def _recorder(spec: FunctionSpec, telemetry: Telemetry) -> Recorder:
    telemetry.logs.create_group(spec.log_group)  # the template's, there before anything is logged
    return Recorder(spec, telemetry.logs, telemetry.metrics, telemetry.traces)


def _pool(
    settings: Settings, spec: FunctionSpec, aws: Mapping[str, str], recorder: Recorder, label: str
) -> EnvironmentPool:
    """Return a function's environments, which tell where AWS is by `aws`; the label stands before their numbers."""
    command = function_process.command(spec, _interpreter(settings))

    def create(number: int) -> Environment:
        variables = function_process.variables(spec, aws)
        log_stream = LogStream(f"{label}{number}", variables["AWS_LAMBDA_LOG_STREAM_NAME"])
        return Environment(command, spec.code, variables, spec.timeout, log_stream, recorder)

    limit = settings.concurrency if spec.reserved_concurrency is None else spec.reserved_concurrency
    return EnvironmentPool(limit, create, recorder)


async def _bedrock(
    settings: Settings, user: Credentials, role: Credentials, recorder: Recorder, stack: contextlib.AsyncExitStack
) -> tuple[str, Mapping[str, str]]:
    """Return Bedrock's address, and the variables by which the function finds it and signs for it."""
    if settings.bedrock == "aws":
        return f"https://bedrock-runtime.{settings.region}.amazonaws.com", _callers_own_keys()
    if settings.bedrock == "sandbox":
        try:
            app = bedrock_app(settings.model_script, recorder.served)
        except ValueError as error:
            raise UsageError(f"{error} (--model-script)") from None
        keys = {key.access_key_id: key for key in (user, role)}
        app.middlewares.insert(0, signature_check(keys, settings.region, "bedrock"))
        url = await stack.enter_async_context(_listening(app, 0))
    else:
        url = settings.bedrock
    return url, {**_role_keys(role), "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": url}


def _role_keys(role: Credentials) -> Mapping[str, str]:
    assert role.session_token is not None
    return {
        "AWS_ACCESS_KEY_ID": role.access_key_id,
        "AWS_SECRET_ACCESS_KEY": role.secret_access_key,
        "AWS_SESSION_TOKEN": role.session_token,
    }


def _callers_own_keys() -> Mapping[str, str]:
    credentials = botocore.session.get_session().get_credentials()
    if credentials is None:
        raise UsageError("--bedrock aws needs AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret")
    keys = credentials.get_frozen_credentials()
    token = {"AWS_SESSION_TOKEN": keys.token} if keys.token else {}
    return {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key, **token}


def _interpreter(settings: Settings) -> str:
    if not settings.python:
        return sys.executable
    found = which(settings.python)
    if found is None:
        raise UsageError(f"--python {settings.python} is no program that can be run")
    return found


@contextlib.asynccontextmanager
async def _listening(app: web.Application, port: int) -> AsyncIterator[str]:
    """Serve an application on 127.0.0.1 while the body runs; give its address, without a slash at the end."""
    # Bodies stay as they came: a signature covers what is on the wire, compressed or not.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GOODBYE_SECONDS, auto_decompress=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port)
        try:
            await site.start()
        except OSError as error:
            raise StartError(f"cannot listen on {HOST}:{port}: {error.strerror}; choose another --port") from None
        address = runner.addresses[0]
        yield f"http://{HOST}:{address[1]}"
    finally:
        await runner.cleanup()
