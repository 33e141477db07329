"""What Lambda does and the sandbox does not: the terminal says so when it happens, and the function goes on."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from platform_runs import SPEC, invocation
from recorded import until
from sandbox.cloudwatch.metrics import Metrics
from sandbox.lambda_service import environments
from sandbox.lambda_service.environments import Environment
from sandbox.lambda_service.function_process import Launch
from sandbox.logs.logs import Logs
from sandbox.records.recorder import LogStream, Recorder
from sandbox.store import Store
from sandbox.xray.traces import Traces
from sandbox_client import RAW_RUNTIME, call, raw_stack, steps
from sandbox_process import StartSandbox

OVER = "its MemorySize is 128 MB: Lambda would have ended the environment (Runtime.OutOfMemory)"


def test_memory_over_the_limit_is_said_once_for_an_environment(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start_sandbox("--template", str(raw_stack(tmp_path, ReservedConcurrentExecutions=1)))
    for megabytes in (90, 150, 160):
        call(running.ready, steps(["allocate", megabytes], ["buffered", "1"]))
    call(running.ready, steps(["exit", 1]))
    call(running.ready, steps(["allocate", 150], ["buffered", "1"]))
    until(lambda: running.log().count(OVER), lambda count: count == 2)
    lines = [line for line in running.log().splitlines() if OVER in line]
    running.stop()
    assert [line.partition(" ")[0] for line in lines] == ["[1]", "[2]"]
    assert all(int(line.partition("used ")[2].partition(" MB")[0]) > 150 for line in lines), lines


@pytest.mark.parametrize(("limit", "is_said"), [(0.1, True), (60, False)])
async def test_an_init_phase_over_the_limit_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], limit: float, is_said: bool
) -> None:
    monkeypatch.setattr(environments, "INIT_SECONDS", limit)
    store = Store()
    command = Launch([sys.executable, str(RAW_RUNTIME)], Path(), {**os.environ, "RAW_INIT": "slow"})  # 0.3 s
    recorder = Recorder(SPEC, Logs(store), Metrics(store), Traces(store))
    environment = Environment(lambda: command, 0, SPEC, LogStream("1", "stream"), recorder)
    asked = invocation()
    asked.event = b'{"body": "[[\\"buffered\\", \\"1\\"]]"}'
    async with asyncio.timeout(30):
        assert await environment.run(asked), "it goes on"
        await environment.stop()
    said = capsys.readouterr().err
    assert (
        f"[1] the init phase takes longer than {limit} s: Lambda would stop it and begin it again within the "
        "invocation, whose timeout is 3 s\n" in said
    ) is is_said, said
