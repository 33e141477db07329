"""One soak: a sandbox, clients and disturbances, then the books and what is left."""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.progress import Told
from bench.sandbox import Sandbox, running
from bench.soak.books import Check, balance
from bench.soak.client import WHOLE, Client, Seen
from bench.soak.disturber import Disturber
from bench.soak.plans import NOTHING, Plan, plans
from bench.soak.records import Reader, Records
from bench.soak.resources import Held, at_rest, held, leaks
from bench.soak.stack import ENVIRONMENTS, faulty_stack, flags

# With fewer, not every fault would be among them; of more, the sandbox would not keep all records.
FEWEST, MOST = 100, 14_000
# More than there are environments, so that Lambda throttles some.
CLIENTS = ENVIRONMENTS + 2
# Without it, those that are throttled would use up most of the plans.
_BACK_OFF_SECONDS = 0.3
# The sandbox's promise. On a busy machine it gets a part of the processors' time.
_END_SECONDS = 2.0
_EVERYDAY = Plan(NOTHING, b'{"prompt": "[[sandbox: ttft=1 gap=1 chunks=3]] Hi"}')


@dataclass(frozen=True)
class Result:
    """What a soak has found.

    Attributes:
        seed: of the random choices.
        seconds: how long the requests took.
        seen: what each client saw.
        disturbances: how often each happened to the sandbox.
        records: what was recorded.
        held: what the sandbox held before, after half of the requests, and at the end.
        end_seconds: how long it took to end.
        checks: what must balance.
    """

    seed: int
    seconds: float
    seen: list[Seen]
    disturbances: Counter[str]
    records: Records
    held: tuple[Held, Held, Held]
    end_seconds: float
    checks: list[Check]

    @property
    def balances(self) -> bool:
        """Whether everything does."""
        return all(check.balances for check in self.checks)


def run(requests: int, seed: int, told: Told) -> Result:
    """Run a soak.

    Args:
        requests: how many.
        seed: decides on the plans of the requests; which of them meet which disturbance is left to chance.
        told: is called with each stage and how far it is.
    """
    with contextlib.ExitStack() as stack:
        told("starting a sandbox", 0, 0)
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True)))
        sandbox = stack.enter_context(running(faulty_stack(directory), directory, *flags(directory)))
        client, extra = Client(sandbox.ready), list[Seen]()

        def ask() -> None:
            extra.append(client.make(_EVERYDAY))

        reader = Reader(sandbox.ready)
        reader.read()  # the endpoint's first answers make its threads and import what it needs
        with ThreadPoolExecutor(CLIENTS) as pool:
            extra += pool.map(client.make, [_EVERYDAY] * (2 * CLIENTS))
        reader.wait_until_quiet()
        reader.close()
        before = at_rest(sandbox, ask)
        begun = time.monotonic()
        seen, half, disturber = _requests(sandbox, client, plans(requests, seed), seed, told)
        seconds = time.monotonic() - begun
        told("waiting for the last records", 0, 0)
        reader.wait_until_quiet()
        reader.close()
        after = at_rest(sandbox, ask)
        answers = extra[-1].status == 200 and extra[-1].ending == WHOLE
        told("reading the records", 0, 0)
        reader.wait_until_quiet()
        everything = [*extra, *seen]
        records = reader.read()
        reader.close()
        limit = _END_SECONDS * (1 + os.getloadavg()[0] / (os.cpu_count() or 1))
        end_seconds = _end(sandbox, limit)
        checks = [
            *balance(everything, records),
            *leaks(before, half, after, requests),
            Check("answers after all this", 1, int(answers)),
            Check("exit code after SIGTERM", 0, sandbox.process.returncode),
            Check(f"ended within {limit:.0f} s", 1, int(end_seconds < limit)),
        ]
        return Result(seed, seconds, seen, disturber.done, records, (before, half, after), end_seconds, checks)


def _requests(
    sandbox: Sandbox, client: Client, wanted: list[Plan], seed: int, told: Told
) -> tuple[list[Seen], Held, Disturber]:
    disturber, seen, lock = Disturber(sandbox.pid, len(wanted), seed), list[Seen](), threading.Lock()
    halves: list[Held] = []

    def make(number: int) -> None:
        disturber.before(number)
        one = client.make(wanted[number])
        with lock:
            seen.append(one)
            told("requests with faults", len(seen), len(wanted))
            if len(seen) == len(wanted) // 2:
                halves.append(held(sandbox))
        if one.throttled:
            time.sleep(_BACK_OFF_SECONDS)

    pool = ThreadPoolExecutor(CLIENTS)
    try:
        for done in [pool.submit(make, number) for number in range(len(wanted))]:
            done.result()
    finally:
        client.close()
        pool.shutdown(cancel_futures=True)
    disturber.end()
    return seen, halves[0], disturber


def _end(sandbox: Sandbox, limit: float) -> float:
    begun = time.monotonic()
    sandbox.process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        sandbox.process.wait(limit)
    seconds = time.monotonic() - begun
    if sandbox.process.poll() is None:
        sandbox.process.kill()
        sandbox.process.wait()
    return seconds
