"""The same requests through the probe and with bare curl in turn, both held against the server's clock."""

import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import IO, Any

from bench.probing.bare_curl import ask
from bench.progress import Told
from bench.report import compare
from probe.credentials import Credentials
from probe.load import Side, measure_all
from probe.measurement import COMPLETED
from probe.result import Conditions
from probe.screen import watcher
from probe.stop import Stop
from probe.target import parse_url

SIDES = ("probe", "bare curl")
FIGURES = {"wire_ms": "TTFT on the wire", "late_ms": "TTFT later than sent", "gap_ms": "worst gap off by"}

_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Schedule:
    """When the server sends the pieces of text of an answer; each request carries its own."""

    wait_seconds: float
    gap_seconds: float
    chunks: int


@dataclass(frozen=True)
class Case:
    """What is asked for, how many requests are under way at a time, and how many a side makes in its turn."""

    schedule: Schedule
    at_a_time: int
    in_a_turn: int

    @property
    def body(self) -> bytes:
        """The request body."""
        return json.dumps(asdict(self.schedule)).encode()


CASES = {
    "five texts": Case(Schedule(wait_seconds=0.1, gap_seconds=0.1, chunks=5), at_a_time=1, in_a_turn=1),
    "500 texts": Case(Schedule(wait_seconds=0.1, gap_seconds=0.0, chunks=500), at_a_time=1, in_a_turn=1),
    "eight at a time": Case(Schedule(wait_seconds=0.1, gap_seconds=0.1, chunks=5), at_a_time=8, in_a_turn=40),
}


def measure(requests: Mapping[str, int], told: Told) -> list[dict[str, Any]]:
    """Make so many requests of each case, through the probe and without it; return a comparison of every figure."""
    results = []
    with _terminal() as terminal, Server() as server:
        side = Side(parse_url(server.url, "us-east-1", {}), Credentials("AKIDEXAMPLE", "secret", None), buffered=False)
        for name, count in requests.items():
            case = CASES[name]
            samples: tuple[list[dict[str, float]], ...] = ([], [])
            for turn, begun in enumerate(range(0, count, case.in_a_turn)):
                told(name, begun, count)
                number = min(case.in_a_turn, count - begun)
                for which in (0, 1) if turn % 2 == 0 else (1, 0):  # neither is always the first of a pair
                    if which == 0:
                        samples[0].extend(_through_the_probe(side, case, number, server, terminal))
                    else:
                        samples[1].extend(_with_bare_curl(side, case, number, server))
            if count:
                results += compare(name, FIGURES, *samples)
    return results


class Server:
    """The server in its process. Ctrl-C on the terminal does not reach it: it ends with the `with` statement."""

    def __enter__(self) -> "Server":
        command = [sys.executable, "-P", "-m", "bench.probing.server"]
        sources = Path(__file__).parents[2]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(sources), str(sources / "probe")))}
        self._process = subprocess.Popen(  # noqa: S603 - a part of this program
            command, env=environment, stdout=subprocess.PIPE, text=True, process_group=0
        )
        self.url = self._line().rstrip()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def accounts(self, count: int) -> dict[str, dict[str, Any]]:
        """What the server says of its next answers, by their request ids."""
        found = (json.loads(self._line()) for _ in range(count))
        return {account["request_id"]: account for account in found}

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline() or sys.exit("bench: the server has ended")


@contextlib.contextmanager
def _terminal() -> Iterator[IO[str]]:
    """A terminal whose other end is read and thrown away, so that the probe draws what people see."""
    screen, keyboard = pty.openpty()
    # In a process group of its own: Ctrl-C would end it, and the probe could not write any more.
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(["cat"], stdin=screen, stdout=nowhere, stderr=nowhere, process_group=0):  # noqa: S607
        os.close(screen)
        with os.fdopen(keyboard, "w", encoding="utf-8") as terminal:
            yield terminal


def _through_the_probe(side: Side, case: Case, count: int, server: Server, terminal: IO[str]) -> list[dict[str, float]]:
    conditions = Conditions(
        runs=count,
        warm_up=0,
        concurrency=min(count, case.at_a_time),
        reuse=False,
        think_seconds=0.0,
        prompts=1,
        model=None,
        max_tokens=None,
    )
    environment = {**os.environ, "TERM": "xterm"}
    # The watcher looks at what standard output is: the terminal that nobody sees.
    with contextlib.redirect_stdout(terminal), watcher(conditions, 1, "table", environment) as shown, Stop() as stop:
        (runs,) = measure_all([side], [case.body], conditions, _TIMEOUT_SECONDS, shown, environment, stop)
        if stop.comes_within(0.0):
            raise KeyboardInterrupt
    whole = [
        (run, run.request_id, run.ttft_ms)
        for run in runs
        if run.outcome == COMPLETED and run.request_id is not None and run.ttft_ms is not None
    ]
    # Looked at first: of an answer that is not whole the server would give no account.
    if len(whole) < count:
        failed = [(run.outcome, run.error) for run in runs if run.outcome != COMPLETED]
        sys.exit(f"bench: of {count} runs through the probe {len(whole)} are whole answers: {failed}")
    accounts = server.accounts(count)
    samples = []
    for run, request_id, ttft_ms in whole:
        account = accounts[request_id]
        # The probe counts from when curl began, the server from when it accepted, which is later: what lies between
        # counts as the probe's lateness.
        texts_ms = accumulate(run.gaps_ms, initial=account["accepted_at"] * 1000 + ttft_ms)
        samples.append(sample(account, list(texts_ms)))
    return samples


def _with_bare_curl(side: Side, case: Case, count: int, server: Server) -> list[dict[str, float]]:
    heard = ask(side, case.body, count, case.at_a_time)
    accounts = server.accounts(count)
    return [sample(accounts[each.request_id], [at * 1000 for at in each.texts_at]) for each in heard]


def sample(account: Mapping[str, Any], texts_ms: Sequence[float]) -> dict[str, float]:
    """The figures of one request, whose texts the client had at these times of the server's clock."""
    sent_ms = [at * 1000 for at in account["sent_at"]]
    gaps_off = [
        abs((later - earlier) - (sent_later - sent_earlier))
        for (earlier, later), (sent_earlier, sent_later) in zip(pairwise(texts_ms), pairwise(sent_ms), strict=True)
    ]
    return {
        "wire_ms": sent_ms[0] - account["accepted_at"] * 1000,
        "late_ms": texts_ms[0] - sent_ms[0],
        "gap_ms": max(gaps_off),
    }
