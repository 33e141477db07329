"""Lambda's own log lines, letter by letter."""

import pytest

from platform_runs import REQUEST_ID, SPEC, TRACE_ID, invocation, run
from sandbox.invocation import FunctionError
from sandbox.records import report_lines
from sandbox.records.run import Phase

HEAD = f"REPORT RequestId: {REQUEST_ID}\t"
MEMORY = "Memory Size: 512 MB\tMax Memory Used: 87 MB\t"
TIMEOUT = FunctionError("Sandbox.Timedout", "late")
EXIT = FunctionError("Runtime.ExitError", "gone")


def test_the_lines_around_an_invocation() -> None:
    assert report_lines.start(invocation()) == f"START RequestId: {REQUEST_ID} Version: $LATEST"
    assert report_lines.end(invocation()) == f"END RequestId: {REQUEST_ID}"
    assert report_lines.init_start(SPEC) == (
        "INIT_START Runtime Version: python:3.13.sandbox\t"
        "Runtime Version ARN: arn:aws:lambda:eu-west-1::runtime:sandbox"
    )


@pytest.mark.parametrize(
    ("init", "invoke", "failure", "rest"),
    [
        (None, 0.12345, None, f"Duration: 123.45 ms\tBilled Duration: 124 ms\t{MEMORY}"),
        (None, 0.1, None, f"Duration: 100.00 ms\tBilled Duration: 100 ms\t{MEMORY}"),
        (None, 0.1000001, None, f"Duration: 100.00 ms\tBilled Duration: 100 ms\t{MEMORY}"),
        # The init phase is billed, and the sum is what is rounded up.
        (0.45632, 0.00227, None, f"Duration: 2.27 ms\tBilled Duration: 459 ms\t{MEMORY}Init Duration: 456.32 ms\t"),
        (None, 3, TIMEOUT, f"Duration: 3000.00 ms\tBilled Duration: 3000 ms\t{MEMORY}Status: timeout"),
        (
            0.5143,
            900,
            TIMEOUT,
            f"Duration: 900000.00 ms\tBilled Duration: 900515 ms\t{MEMORY}Init Duration: 514.30 ms\tStatus: timeout",
        ),
        (
            0.08,
            0.13361,
            EXIT,
            f"Duration: 133.61 ms\tBilled Duration: 214 ms\t{MEMORY}"
            "Init Duration: 80.00 ms\tStatus: error\tError Type: Runtime.ExitError",
        ),
        # An init phase that has failed counts as the invocation itself.
        (
            0.13769,
            None,
            EXIT,
            f"Duration: 137.69 ms\tBilled Duration: 138 ms\t{MEMORY}Status: error\tError Type: Runtime.ExitError",
        ),
    ],
)
def test_the_report(init: float | None, invoke: float | None, failure: FunctionError | None, rest: str) -> None:
    measured = run(invocation(sampled=False), init=init, invoke=invoke, failure=failure)
    assert report_lines.report(measured, SPEC) == HEAD + rest


def test_an_error_that_the_runtime_reported_shows_in_no_line() -> None:
    failed = invocation(sampled=False)
    failed.end(FunctionError("ValueError", "no"))
    assert "ValueError" not in report_lines.report(run(failed), SPEC)


def test_a_traced_invocation_names_its_segment() -> None:
    lines = report_lines.report(run(invocation()), SPEC).split("\n")
    assert lines == [
        f"{HEAD}Duration: 100.00 ms\tBilled Duration: 100 ms\t{MEMORY}",
        f"XRAY TraceId: {TRACE_ID}\tSegmentId: cccccccccccccccc\tSampled: true\t",
    ]


def test_an_init_phase_that_failed_has_a_line() -> None:
    line = report_lines.init_report(Phase(0, 1.23604), TIMEOUT)
    assert line == "INIT_REPORT Init Duration: 1236.04 ms\tPhase: init\tStatus: timeout"
    line = report_lines.init_report(Phase(0, 0.00079), FunctionError("Runtime.InvalidEntrypoint", "no such file"))
    assert line == (
        "INIT_REPORT Init Duration: 0.79 ms\tPhase: init\tStatus: error\tError Type: Runtime.InvalidEntrypoint"
    )
