"""How the probe makes its runs: their order, how many at a time, the pauses, and how they are stopped."""

import itertools
import json
import os
import resource
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from probe import connection
from probe.credentials import Credentials
from probe.errors import UsageError
from probe.load import Side, Watcher, measure_all
from probe.measurement import Run
from probe.result import Conditions
from probe.stop import Stop
from probe.target import parse_url
from probe_process import KEYS, PATIENCE_SECONDS, SECRET, Probe
from sandbox_process import descendants
from scripted_server import (
    END,
    LAST_CHUNK,
    START,
    STREAM_HEAD,
    Hang,
    Keep,
    Script,
    ScriptedServer,
    answer,
    event,
    plain,
)

KEPT_ANSWER: Script = [(0.0, answer("hi")), (0.0, Keep)]
# Longer than any test may take: a pause that should not be is seen.
FOREVER_SECONDS = 1_000.0


class Notes(Watcher):
    """A watcher that writes down what it is told, on which thread, and lets the test act on it."""

    def __init__(self, then: Callable[[str], None] = lambda _: None) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.threads: set[int] = set()
        self._then = then

    def began(self, side: int, number: int, warm_up: bool) -> None:
        self._note("began", side, number, warm_up)

    def text(self, side: int, number: int, text: str) -> None:
        self._note("text", side, number, text)

    def ended(self, side: int, run: Run) -> None:
        self._note("ended", side, run)

    def _note(self, *what: Any) -> None:
        self.told.append(what)
        self.threads.add(threading.get_ident())
        self._then(what[0])


def load(
    server: ScriptedServer,
    notes: Notes | None = None,
    bodies: Sequence[bytes] = (b"{}",),
    against_buffered: bool = False,
    **how: Any,
) -> list[list[Run]]:
    """Make runs with the real curl, under conditions that are one plain run unless said otherwise."""
    plainly: dict[str, Any] = {"runs": 1, "warm_up": 0, "concurrency": 1, "reuse": False, "think_seconds": 0.0}
    conditions = Conditions(**(plainly | how), prompts=len(bodies), model=None, max_tokens=None)
    target = parse_url(server.url, "eu-west-1", {})
    keys = Credentials("AKIDEXAMPLE", SECRET, None)
    sides = [Side(target, keys, buffered) for buffered in ([False, True] if against_buffered else [False])]
    environment = {"PATH": os.environ["PATH"], **KEYS}
    with Stop() as stop:
        return measure_all(sides, bodies, conditions, 60.0, notes or Notes(), environment, stop)


def curls() -> list[int]:
    """The curls that this process has started and that still run."""
    return [pid for pid in descendants(os.getpid()) if b"curl" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_the_watcher_is_told_everything_in_order() -> None:
    notes = Notes()
    script: Script = [
        (0.0, STREAM_HEAD + START + event("delta", text="he")),
        (0.2, event("delta", text="llo") + END + LAST_CHUNK),
    ]
    with ScriptedServer(script) as server:
        [runs] = load(server, notes, runs=2, warm_up=1)
    pieces = [("text", 0, 1, "he"), ("text", 0, 1, "llo")]
    assert notes.told == [
        *(("began", 0, 1, True), *pieces, ("ended", 0, runs[0])),
        *(("began", 0, 1, False), *pieces, ("ended", 0, runs[1])),
        *(("began", 0, 2, False), *((*piece[:2], 2, piece[3]) for piece in pieces), ("ended", 0, runs[2])),
    ]
    assert [(run.number, run.warm_up, run.outcome) for run in runs] == [
        (1, True, "completed"),
        (1, False, "completed"),
        (2, False, "completed"),
    ]
    assert notes.threads == {threading.get_ident()}
    assert len(server.exchanges) == 3


def test_a_busy_watcher_cannot_keep_the_readers_from_the_clock_for_long() -> None:
    intervals: list[float] = []
    before = sys.getswitchinterval()
    with ScriptedServer(KEPT_ANSWER) as server:
        load(server, Notes(then=lambda _: intervals.append(sys.getswitchinterval())))
    assert max(intervals) <= 0.0005 < before
    assert sys.getswitchinterval() == before


def test_bodies_take_turns() -> None:
    bodies = [b'{"prompt": "%d"}' % number for number in range(3)]
    with ScriptedServer(KEPT_ANSWER) as server:
        load(server, bodies=bodies, warm_up=1, runs=4)
        load(server, bodies=bodies, warm_up=1, runs=4, reuse=True)
    turns = [bodies[number] for number in (0, 0, 1, 2, 0)]
    assert [exchange.body for exchange in server.exchanges] == turns * 2
    # The server would keep every connection.
    assert [exchange.connection for exchange in server.exchanges] == [1, 2, 3, 4, 5, *[6] * 5]


def test_bodies_take_turns_with_several_at_a_time() -> None:
    bodies = [b'{"prompt": "%d"}' % number for number in range(3)]
    with ScriptedServer(KEPT_ANSWER) as server:
        load(server, bodies=bodies, runs=12, concurrency=2, reuse=True)
    assert Counter(exchange.body for exchange in server.exchanges) == dict.fromkeys(bodies, 4)


@pytest.mark.parametrize("reuse", [False, True])
def test_so_many_are_under_way_at_a_time(reuse: bool) -> None:
    release = threading.Event()
    notes = Notes()
    with ScriptedServer([(release, answer("hi")), (0.0, Keep)]) as server:

        def watch() -> None:
            server.wait_for_request(4)
            # All workers wait for their answers: a fifth request would have to come from one too many.
            release.set()

        watching = threading.Thread(target=watch)
        watching.start()
        [runs] = load(server, notes, runs=10, concurrency=4, reuse=reuse)
        watching.join()
    assert sorted(run.number for run in runs) == list(range(1, 11))
    assert {run.outcome for run in runs} == {"completed"}
    began = [told[2] for told in notes.told if told[0] == "began"]
    assert began == list(range(1, 11))
    under_way = itertools.accumulate({"began": 1, "ended": -1}.get(told[0], 0) for told in notes.told)
    assert max(under_way) == 4
    assert len(server.exchanges) == 10


@pytest.mark.parametrize("reuse", [False, True])
def test_the_warm_up_is_over_before_anything_counts(reuse: bool) -> None:
    slow: Script = [(0.5, answer("hi")), (0.5, Keep)]
    with ScriptedServer(slow, KEPT_ANSWER) as server:
        [runs] = load(server, warm_up=4, runs=6, concurrency=3, reuse=reuse)
    assert [run.warm_up for run in runs] == [True] * 4 + [False] * 6
    assert sorted(run.number for run in runs[:4]) == [1, 2, 3, 4]
    assert sorted(run.number for run in runs[4:]) == [1, 2, 3, 4, 5, 6]
    warm_up, counted = server.exchanges[:4], server.exchanges[4:]
    assert min(exchange.accepted_at for exchange in counted) > max(exchange.sent_at[-1] for exchange in warm_up)
    if reuse:
        assert len({exchange.connection for exchange in server.exchanges}) == 3
        assert [run.connection for run in runs[4:]] == ["reused"] * 6


@pytest.mark.parametrize("reuse", [False, True])
def test_two_sides_take_turns_and_change_places(reuse: bool) -> None:
    streamed: Script = KEPT_ANSWER
    whole: Script = [(0.0, plain(200, b'{"text": "hi"}', "application/json")), (0.0, Keep)]
    bodies = [b'{"prompt": "%d"}' % number for number in range(3)]
    order = [0, 1, 0, 1, 1, 0, 0, 1]
    with ScriptedServer(*([streamed, whole][side] for side in order)) as server:
        sides = load(server, bodies=bodies, warm_up=1, runs=3, against_buffered=True, reuse=reuse)
    accepted = {"text/event-stream, application/x-ndjson;q=0.9, */*;q=0.8": 0, "application/json": 1}
    assert [accepted[exchange.headers["accept"]] for exchange in server.exchanges] == order
    assert [exchange.body for exchange in server.exchanges] == [bodies[number] for number in (0, 0, 0, 0, 1, 1, 2, 2)]
    for runs in sides:
        assert [(run.number, run.warm_up) for run in runs] == [(1, True), (1, False), (2, False), (3, False)]
        assert [run.outcome for run in runs] == ["completed"] * 4
    if reuse:
        assert [exchange.connection for exchange in server.exchanges] == [side + 1 for side in order]


@pytest.mark.parametrize("reuse", [False, True])
def test_there_is_a_pause_between_two_runs(reuse: bool) -> None:
    with ScriptedServer(KEPT_ANSWER) as server:
        load(server, warm_up=1, runs=2, think_seconds=0.4, reuse=reuse)
    for earlier, later in itertools.pairwise(server.exchanges):
        assert later.accepted_at - earlier.sent_at[-1] >= 0.4


def test_there_is_no_pause_before_the_first_run_nor_after_the_last() -> None:
    with ScriptedServer(KEPT_ANSWER) as server:
        [runs] = load(server, runs=3, concurrency=3, think_seconds=FOREVER_SECONDS)
    assert len(runs) == 3


@pytest.mark.parametrize("reuse", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_pause(number: signal.Signals, reuse: bool) -> None:
    notes = Notes(then=lambda what: os.kill(os.getpid(), number) if what == "ended" else None)
    with ScriptedServer(KEPT_ANSWER) as server:
        [runs] = load(server, notes, runs=3, think_seconds=FOREVER_SECONDS, reuse=reuse)
    assert [run.outcome for run in runs] == ["completed"]
    assert len(server.exchanges) == 1
    assert curls() == []


@pytest.mark.parametrize("reuse", [False, True])
def test_a_signal_interrupts_all_that_is_under_way(reuse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody waits for a curl that is in the middle of an answer.
    monkeypatch.setattr(connection, "_END_PATIENCE_SECONDS", FOREVER_SECONDS)
    handler = signal.getsignal(signal.SIGINT)
    with ScriptedServer(KEPT_ANSWER, KEPT_ANSWER, [(0.0, STREAM_HEAD + START), (0.0, Hang)]) as server:

        def stop() -> None:
            server.wait_for_request(5)
            # Twice, as impatient people do; and each may come when the first is being dealt with.
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

        stopping = threading.Thread(target=stop)
        stopping.start()
        [runs] = load(server, warm_up=2, runs=9, concurrency=3, reuse=reuse)
        stopping.join()
    assert [run.outcome for run in runs] == ["completed"] * 2 + ["interrupted"] * 3
    assert all(run.ttft_ms is None and run.total_ms is None for run in runs[2:])
    assert len(server.exchanges) == 5
    assert curls() == []
    assert signal.getsignal(signal.SIGINT) == handler


def test_a_signal_at_the_start_leaves_nothing() -> None:
    notes = Notes(then=lambda what: os.kill(os.getpid(), signal.SIGTERM) if what == "began" else None)
    with ScriptedServer([(0.0, Hang)]) as server:
        [runs] = load(server, notes, runs=3, warm_up=3, concurrency=3)
    assert {run.outcome for run in runs} == {"interrupted"}
    assert [told[0] for told in notes.told].count("ended") == len(runs)
    assert curls() == []


def test_ctrl_c_does_not_reach_curl(probe: Probe) -> None:
    """A terminal sends the signal to a process group. A curl of that group would end first, and count as failed."""
    with ScriptedServer([(0.0, Hang)]) as server:
        process = probe.start("--url", server.url, "--runs", "2", "--output", "json")
        server.wait_for_request(1)
        [curl] = descendants(process.pid)
        assert os.getpgid(curl) != os.getpgid(process.pid)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert [run["outcome"] for run in json.loads(out)["runs"]] == ["interrupted"]


@pytest.mark.parametrize("reuse", [False, True])
@pytest.mark.parametrize("moment", ["began", "text", "ended"])
def test_a_watcher_that_fails_ends_everything(moment: str, reuse: bool) -> None:
    def fail(what: str) -> None:
        if what == moment:
            raise BrokenPipeError

    endless: Script = [(0.0, STREAM_HEAD + START + event("delta", text="hi")), (0.0, Hang)]
    with (
        ScriptedServer(KEPT_ANSWER, endless) as server,
        pytest.raises(BrokenPipeError),
    ):
        load(server, Notes(then=fail), runs=6, concurrency=2, reuse=reuse)
    assert curls() == []


def test_without_curl_there_are_no_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with ScriptedServer(KEPT_ANSWER) as server, pytest.raises(UsageError, match="No such file"):
        load(server, runs=2, concurrency=2)
    assert server.exchanges == []


@pytest.fixture
def few_open_files() -> Iterator[None]:
    """The usual limit for an interactive shell, or less: what a hundred curls need is beyond it."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.usefixtures("few_open_files")
def test_a_hundred_at_a_time() -> None:
    """Under such a load the pipes of a curl fill while they are being read: header section and body must keep order."""
    release = threading.Event()
    with ScriptedServer([(release, answer("hi"))]) as server:

        def watch() -> None:
            server.wait_for_request(100)
            release.set()

        watching = threading.Thread(target=watch)
        watching.start()
        [runs] = load(server, runs=300, concurrency=100)
        watching.join()
    assert Counter(run.outcome for run in runs) == {"completed": 300}
