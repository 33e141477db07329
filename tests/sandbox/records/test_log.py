"""The function's log as Lambda would have kept it: the platform's lines around the function's own, and true figures."""

import math
import re
from pathlib import Path

import pytest

from recorded import Recorded, fields, until
from sandbox_client import Answer, call, raw_stack, steps
from sandbox_process import RunningSandbox, StartSandbox

TIMEOUT = 2
GROUP = "/aws/lambda/firstbyte-Raw"
INIT_START = (
    "INIT_START Runtime Version: python:3.13.sandbox\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:sandbox"
)


@pytest.fixture(scope="module")
def raw(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> RunningSandbox:
    """One environment at a time, so that one request follows the other."""
    template = raw_stack(
        tmp_path_factory.mktemp("raw"),
        {"RAW_INIT": "slow"},
        Timeout=TIMEOUT,
        MemorySize=512,
        ReservedConcurrentExecutions=1,
    )
    return start_sandbox("--template", str(template))


@pytest.fixture(scope="module")
def recorded(raw: RunningSandbox) -> Recorded:
    return Recorded(raw.ready)


def request_id(answer: Answer) -> str:
    found = answer.header("x-amzn-requestid")
    assert found
    return found


def own_part(log: list[str], of: str) -> list[str]:
    """From a request's START to its REPORT."""
    first = next(number for number, message in enumerate(log) if message.startswith(f"START RequestId: {of} "))
    last = next(number for number, message in enumerate(log) if message.startswith(f"REPORT RequestId: {of}\t"))
    return log[first : last + 1]


def around(of: str, *lines: str) -> list[str]:
    return [f"START RequestId: {of} Version: $LATEST", *lines, f"END RequestId: {of}"]


def test_a_cold_start_and_what_is_printed_before_in_and_after_the_response(
    start_sandbox: StartSandbox, tmp_path: Path
) -> None:
    template = raw_stack(tmp_path, {"RAW_INIT": "slow"}, LoggingConfig={"LogGroup": "/own/group"})
    running = start_sandbox("--template", str(template))
    recorded = Recorded(running.ready)
    assert recorded.streams("/own/group") == {}, "the template's group is there before anything is logged"
    program = [
        ["print", "before\ntwice"],
        ["head"],
        ["chunk", "x"],
        ["print", '{"in": 1}'],
        ["end"],
        ["print", "after"],
    ]
    first = call(running.ready, steps(*program))
    log = recorded.log("/own/group", request_id(first))
    assert log[:-1] == [
        INIT_START,
        "starting",
        *around(request_id(first), "before", "twice", '{"in": 1}', "after"),
    ]
    assert recorded.streams("/own/group").keys() == {
        call(running.ready, steps(["show", "environment"])).json["shown"]["AWS_LAMBDA_LOG_STREAM_NAME"]
    }
    running.stop()


def test_the_report_of_a_cold_start_bills_the_init_phase(raw: RunningSandbox, recorded: Recorded) -> None:
    call(raw.ready, steps(["exit", 1]))
    cold = request_id(call(raw.ready, steps(["sleep", 0.1], ["buffered", "1"])))
    report = recorded.report(GROUP, cold)
    assert re.fullmatch(
        rf"REPORT RequestId: {cold}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 512 MB\t"
        r"Max Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t",
        report,
    )
    figures = fields(report)
    # What the process slept, and time for its interpreter to start.
    assert 300 <= figures["Init Duration"] < 5000
    assert 100 <= figures["Duration"] < 1000
    assert figures["Billed Duration"] == math.ceil(round(figures["Duration"] + figures["Init Duration"], 2))
    warm = fields(recorded.report(GROUP, request_id(call(raw.ready, steps(["buffered", "1"])))))
    assert "Init Duration" not in warm
    assert warm["Billed Duration"] == math.ceil(warm["Duration"])


def test_work_after_the_last_byte_counts(raw: RunningSandbox, recorded: Recorded) -> None:
    answer = call(raw.ready, steps(["head"], ["chunk", "x"], ["end"], ["sleep", 1]))
    assert answer.complete
    assert 1000 <= fields(recorded.report(GROUP, request_id(answer)))["Duration"] < TIMEOUT * 1000


def test_the_peak_of_the_memory_is_the_environments(raw: RunningSandbox, recorded: Recorded) -> None:
    call(raw.ready, steps(["exit", 1]))
    before, most, later = (
        fields(recorded.report(GROUP, request_id(call(raw.ready, steps(*program, ["buffered", "1"])))))[
            "Max Memory Used"
        ]
        for program in ([], [["allocate", 100], ["allocate", 0]], [])
    )
    assert 1 < before < 60
    assert 98 <= most - before <= 105
    assert later == most


def test_the_memory_of_children_counts(raw: RunningSandbox, recorded: Recorded) -> None:
    call(raw.ready, steps(["exit", 1]))
    alone, with_child = (
        fields(recorded.report(GROUP, request_id(call(raw.ready, steps(*program, ["buffered", "1"])))))[
            "Max Memory Used"
        ]
        for program in ([], [["child"]])
    )
    assert with_child > alone


def test_every_line_is_within_its_invocation(raw: RunningSandbox, recorded: Recorded) -> None:
    """The last thing that a runtime does before it asks for more work may be to print."""
    ids = []
    for number in range(40):
        program = steps(["print", f"{number} before"], ["buffered", "1"], ["print", f"{number} after\nunfinished", ""])
        ids.append(request_id(call(raw.ready, program)))
    log = recorded.log(GROUP, ids[-1])
    for number, own in enumerate(ids):
        assert own_part(log, own)[:-1] == around(own, f"{number} before", f"{number} after", "unfinished")


def test_a_timeout_shows_in_the_report_alone(raw: RunningSandbox, recorded: Recorded) -> None:
    call(raw.ready, steps(["buffered", "1"]))
    late = request_id(call(raw.ready, steps(["allocate", 50], ["print", "sleepy"], ["sleep", 600])))
    own = own_part(recorded.log(GROUP, late), late)
    assert own[:-1] == around(late, "sleepy")
    assert own[-1].endswith("\tStatus: timeout")
    assert fields(own[-1])["Duration"] == fields(own[-1])["Billed Duration"] == TIMEOUT * 1000
    assert fields(own[-1])["Max Memory Used"] > 50, "it was looked at before it was killed"


@pytest.mark.parametrize("death", [["exit", 3], ["crash"]])
def test_a_death_shows_in_the_report_alone(raw: RunningSandbox, recorded: Recorded, death: list[object]) -> None:
    call(raw.ready, steps(["buffered", "1"]))
    dead = request_id(call(raw.ready, steps(["print", "farewell"], ["child"], death)))
    own = own_part(recorded.log(GROUP, dead), dead)
    assert own[:-1] == around(dead, "farewell")
    assert own[-1].endswith(" MB\tStatus: error\tError Type: Runtime.ExitError")


def test_an_error_that_the_runtime_reports_is_an_end_like_any_other(raw: RunningSandbox, recorded: Recorded) -> None:
    call(raw.ready, steps(["buffered", "1"]))
    for program in ([["error", "ValueError", "no"]], [["head"], ["chunk", "x"], ["end", "ValueError"]]):
        own_id = request_id(call(raw.ready, steps(*program)))
        own = own_part(recorded.log(GROUP, own_id), own_id)
        assert own[:-1] == around(own_id)
        assert own[-1].endswith(" MB\t")


@pytest.mark.parametrize(
    ("init", "printed", "error_type"),
    [("exit", ["cannot go on"], "Runtime.ExitError"), ("error", [], "Test.BadConfig")],
)
def test_a_failed_init_phase_has_a_report_of_its_own(
    start_sandbox: StartSandbox, tmp_path: Path, init: str, printed: list[str], error_type: str
) -> None:
    running = start_sandbox("--template", str(raw_stack(tmp_path, {"RAW_INIT": init})))
    failed = request_id(call(running.ready, steps(["buffered", "1"])))
    log = Recorded(running.ready).log(GROUP, failed)
    assert log[:1] + log[1:-4] == [INIT_START, *printed]
    status = f"Status: error\tError Type: {error_type}"
    assert re.fullmatch(rf"INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\t{status}", log[-4])
    assert log[-3:-1] == around(failed)
    assert re.fullmatch(rf"REPORT RequestId: {failed}\tDuration: .*\tMax Memory Used: \d+ MB\t{status}", log[-1])
    assert f"Init Duration: {fields(log[-1])['Duration']:.2f} ms" in log[-4]
    running.stop()


def test_each_environment_has_a_stream(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start_sandbox("--template", str(raw_stack(tmp_path)))
    for _ in range(3):
        call(running.ready, steps(["exit", 1]))
    recorded = Recorded(running.ready)
    streams = until(lambda: recorded.streams(GROUP), lambda streams: len(streams) == 3)
    assert all(re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", name) for name in streams)
    until(lambda: recorded.streams(GROUP), lambda streams: all(len(stream) == 4 for stream in streams.values()))
    running.stop()
