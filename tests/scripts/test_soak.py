"""A short soak: every fault is in it, its books balance, and they would not if anything were lost or counted twice."""

import copy
import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psutil
import pytest
from rich.console import Console

from bench.soak import Result, run
from bench.soak.books import balance
from bench.soak.client import LEFT, WHOLE, Seen
from bench.soak.plans import NOTHING, faults_of, plans
from bench.soak.records import Records
from bench.soak.report import document, tables
from bench.soak.resources import Held, leaks
from tools import REPOSITORY

REQUESTS = 300
# Its last check is about time.
pytestmark = [pytest.mark.alone, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def soaked() -> Result:
    return run(REQUESTS, 1, lambda stage, done, total: None)


def wrong(checks: list[Any]) -> list[str]:
    return [f"{check.what}: {check.expected} {check.found} {check.examples}" for check in checks if not check.balances]


def test_the_books_balance(soaked: Result) -> None:
    assert wrong(soaked.checks) == []
    assert soaked.balances


def test_every_fault_is_in_it(soaked: Result) -> None:
    assert len(soaked.seen) == REQUESTS
    assert sorted({one.fault for one in soaked.seen}) == sorted(faults_of(plans(REQUESTS, 1)))
    assert len({one.fault for one in soaked.seen}) == 15
    assert set(soaked.disturbances.values()) != {0}
    assert len(soaked.disturbances) == 3


def test_a_seed_repeats_what_requests_do() -> None:
    assert plans(200, 7) == plans(200, 7) != plans(200, 8)


def test_the_report_fits_into_80_columns_and_the_document_has_all_of_it(soaked: Result) -> None:
    paper = Console(file=io.StringIO(), width=200, no_color=True)
    paper.print(tables(soaked))
    assert isinstance(paper.file, io.StringIO)
    lines = paper.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith(f"{REQUESTS} requests by 12 clients in ")
    assert lines[-1].startswith(f"All {len(soaked.checks)} checks balance.")
    found = json.loads(json.dumps(document(soaked)))
    assert (found["schema_version"], found["subject"], found["requests"], found["seed"]) == (2, "soak", REQUESTS, 1)
    assert sum(fault["requests"] for fault in found["faults"]) == REQUESTS
    assert all(sum(end["count"] for end in fault["seen"]) == fault["requests"] for fault in found["faults"])
    assert found["balances"] is True


def without_last(name: str) -> Callable[[Records], None]:
    def change(records: Records) -> None:
        getattr(records, name).pop()

    return change


def doubled(name: str) -> Callable[[Records], None]:
    def change(records: Records) -> None:
        getattr(records, name).append(getattr(records, name)[-1])

    return change


def counted_twice(kind: str, name: str) -> Callable[[Records], None]:
    def change(records: Records) -> None:
        getattr(records, kind)[name] += 1

    return change


def booked_as_the_callers(records: Records) -> None:
    line = next(line for line in records.finished if line["outcome"] == "interrupted")
    line["outcome"] = "client_error"


def without_a_trace(records: Records) -> None:
    records.traced.popitem()


def with_another_status(records: Records) -> None:
    trace_id = next(trace_id for trace_id, status in records.statuses.items() if status == 200)
    records.statuses[trace_id] = 503


def with_a_death_too_many(records: Records) -> None:
    trace_id = next(line["trace_id"] for line in records.finished if line["outcome"] == "client_error")
    records.died.add(next(request_id for request_id, trace in records.reports if trace == trace_id))


@pytest.mark.parametrize(
    "change",
    [
        *(without_last(name) for name in ("starts", "ends", "reports", "finished", "documents")),
        *(doubled(name) for name in ("starts", "ends", "reports", "finished", "documents")),
        *(counted_twice("lambda_metrics", name) for name in ("Invocations", "Errors", "Throttles", "Url5xxCount")),
        *(counted_twice("function_metrics", name) for name in ("Requests", "Completed", "InterruptedStreams")),
        booked_as_the_callers,
        without_a_trace,
        with_another_status,
        with_a_death_too_many,
    ],
)
def test_a_record_too_few_or_too_many_or_changed_is_noticed(soaked: Result, change: Callable[[Records], None]) -> None:
    broken = copy.deepcopy(soaked.records)
    assert wrong(balance(everyone(soaked), broken)) == []
    change(broken)
    assert wrong(balance(everyone(soaked), broken)) != []


def everyone(soaked: Result) -> list[Seen]:
    """What the clients saw, and those of the warm-up, whose requests are in the records."""
    known = {one.trace_id for one in soaked.seen}
    others = soaked.records.statuses.keys() - known
    ran = {trace_id for _, trace_id in soaked.records.reports}
    return [
        *soaked.seen,
        *(
            Seen(NOTHING, trace_id, None, LEFT, None, trace_id not in ran, 0.0)
            for trace_id in others
        ),
    ]  # fmt: skip


def test_a_client_that_saw_something_else_is_noticed(soaked: Result) -> None:
    seen = everyone(soaked)
    place = next(place for place, one in enumerate(seen) if one.ending == WHOLE and one.error_type is not None)
    seen[place] = replace(seen[place], error_type=None)
    assert wrong(balance(seen, soaked.records)) != []
    assert wrong(balance(everyone(soaked)[1:], soaked.records)) != []


HELD = Held(processes=1, sockets=8, descriptors=17, threads=14, megabytes=150)


@pytest.mark.parametrize(
    ("field", "value"), [("processes", 2), ("sockets", 9), ("descriptors", 20), ("threads", 23), ("megabytes", 251)]
)
def test_what_is_left_over_is_noticed(field: str, value: int) -> None:
    assert wrong(leaks(HELD, HELD, HELD, 10_000)) == []
    assert len(wrong(leaks(HELD, HELD, replace(HELD, **{field: value}), 10_000))) == 1


def test_ctrl_c_ends_a_soak_and_leaves_nothing(tmp_path: Any) -> None:
    with subprocess.Popen(
        [str(REPOSITORY / "scripts/bench.sh"), "soak", "--requests", "5000", "--seed", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:
        try:
            assert process.stderr is not None
            lines: list[str] = []
            while not (line := process.stderr.readline()).startswith("requests with faults: "):
                assert line, f"the soak ended: {lines}"
                lines.append(line)
            assert lines[0] == "soak: seed 1\n"
            children = psutil.Process(process.pid).children(recursive=True)
            assert len(children) > 1
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            assert [child for child in children if child.is_running() and child.status() != "zombie"] == []
            assert list(tmp_path.glob("soak-*")) == []
        finally:
            process.kill()
