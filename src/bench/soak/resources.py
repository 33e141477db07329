"""What a sandbox holds, processes to memory, in a state that it can be brought to again."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from bench.sandbox import Sandbox
from bench.soak.books import Check

_PATIENCE_SECONDS = 30.0
# DuckDB opens the log beside its file when there is something in it, and asyncio starts its threads as it needs them.
_MORE_DESCRIPTORS, _MORE_THREADS = 2, 8
# In the second half of a soak. The sandbox keeps all of the records: of 10,000 requests some 40 MB in DuckDB's caches,
# and as much again in what its and Python's allocators hold on to.
MORE_MEGABYTES = 100


@dataclass(frozen=True)
class Held:
    """What one process holds at a moment; `megabytes` is its resident memory."""

    processes: int
    sockets: int
    descriptors: int
    threads: int
    megabytes: float


def held(sandbox: Sandbox) -> Held:
    """Return what the sandbox holds now."""
    process = psutil.Process(sandbox.pid)
    with process.oneshot():
        return Held(
            len(process.children(recursive=True)),
            len(process.net_connections("inet")),
            process.num_fds(),
            process.num_threads(),
            process.memory_info().rss / 1e6,
        )


def at_rest(sandbox: Sandbox, ask: Callable[[], object]) -> Held:
    """Bring the sandbox to one environment that waits, and return what it holds then.

    Args:
        sandbox: nobody else asks it for anything.
        ask: makes a request. With it, the sandbox gets rid of the environments that were killed.
    """
    sandbox.kill_environments()
    ask()
    found, limit = held(sandbox), time.monotonic() + _PATIENCE_SECONDS
    calm_since = time.monotonic()
    # Connections that were left are closed a moment later.
    while time.monotonic() < min(limit, calm_since + 2):
        time.sleep(0.2)
        now = held(sandbox)
        if (now.processes, now.sockets, now.descriptors) != (found.processes, found.sockets, found.descriptors):
            found, calm_since = now, time.monotonic()
    return found


def leaks(before: Held, half: Held, after: Held, requests: int) -> list[Check]:
    """Return the checks that nothing has leaked; what may differ a little counts only if it differs by more.

    Args:
        before: at rest, before the soak.
        half: after half of the requests, at work.
        after: at rest, after the soak.
        requests: how many there were; memory is looked at if they were enough to tell.
    """
    checks = [
        Check("processes of the sandbox at rest", before.processes, after.processes),
        Check("sockets of the sandbox at rest", before.sockets, after.sockets),
        _bounded("descriptors of the sandbox at rest", before.descriptors, after.descriptors, _MORE_DESCRIPTORS),
        _bounded("threads of the sandbox at rest", before.threads, after.threads, _MORE_THREADS),
    ]
    if requests >= 1000:
        megabytes = round(half.megabytes), round(after.megabytes)
        checks.append(_bounded("MB of memory, half way and after", *megabytes, MORE_MEGABYTES))
    return checks


def _bounded(what: str, before: int, after: int, more: int) -> Check:
    return Check(f"{what}: at most {before} + {more}", after if after <= before + more else before + more, after)
