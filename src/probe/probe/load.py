"""Makes the runs: one after another or several at a time, over new connections or kept ones, until done or stopped."""

import contextlib
import resource
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue

from .connection import Connection
from .credentials import Credentials
from .curl import configuration
from .errors import UsageError
from .formats import DOCUMENT
from .headers import Header, merged
from .masking import masked
from .measurement import Run, measure
from .observation import Observer
from .result import Conditions
from .stop import Stop
from .target import Target

# A thread that has read from curl looks at the clock when it has Python's lock again. Python lets another thread, such
# as the main one that draws a live table, keep the lock for 5 ms by default.
_SWITCH_INTERVAL_SECONDS = 0.0001

# macOS sets no upper limit for open files, and refuses to allow more than so many (`man setrlimit`).
_OPEN_MAX = 10_240

# A server that has none of the formats that tell most sends what it has, in place of 406.
_ACCEPT = "text/event-stream, application/x-ndjson;q=0.9, */*;q=0.8"


@dataclass(frozen=True)
class Side:
    """Where one series of requests goes.

    Attributes:
        target: The function.
        credentials: The keys that sign for it, or None for requests without a signature.
        buffered: The answer is asked for in one piece.
        headers: What the requests carry besides the probe's own headers, or in place of them.
        expected: The format that its answers must have, or None for any.
    """

    target: Target
    credentials: Credentials | None
    buffered: bool
    headers: Sequence[Header] = ()
    expected: str | None = None

    def hidden_in(self, text: str) -> str:
        """`text` without the keys and the headers from files, should the server have sent them back."""
        keys = self.credentials.secrets if self.credentials else []
        return masked(text, [*keys, *(secret for header in self.headers for secret in header.secrets)])


class Watcher:
    """Is told what happens, in order, on the thread that called `measure_all`. Sides count from 0, runs from 1.

    This one does nothing about it; others have what they care for.
    """

    def began(self, side: int, number: int, warm_up: bool) -> None:
        """A run has begun."""

    def text(self, side: int, number: int, text: str) -> None:
        """Text was added to its answer; it is as the server sent it, control characters and all."""

    def ended(self, side: int, run: Run) -> None:
        """A run is over."""


def measure_all(
    sides: Sequence[Side],
    bodies: Sequence[bytes],
    conditions: Conditions,
    timeout_seconds: float,
    watcher: Watcher,
    environment: Mapping[str, str],
    stop: Stop,
) -> list[list[Run]]:
    """Make all runs. To be called on the main thread.

    Args:
        sides: What is asked; two take turns.
        bodies: The request bodies, which take turns; at least one.
        conditions: How the runs are made.
        timeout_seconds: The longest that one of them may take.
        watcher: Is told of them; what it raises ends them and is passed on.
        environment: The surroundings for curl.
        stop: Ends them early; runs that were under way have the outcome `interrupted` then, and no curl is left.

    Returns:
        The runs of each side, the warm-up among them, in the order in which they ended.

    Raises:
        UsageError: The system does not let curl be started so often.
    """
    _allow_open_files()
    with _prompt_threads():
        load = _Load(sides, conditions, timeout_seconds, watcher, environment, stop)
        workers = [_Worker(load, steps) for steps in _plan(len(sides), bodies, conditions)]
        try:
            load.do([partial(worker.make_runs, True) for worker in workers])
            load.do([partial(worker.make_runs, False) for worker in workers])
        finally:
            for worker in workers:
                worker.close()
    return load.runs


@dataclass(frozen=True)
class _Step:
    """A run that is to be made."""

    side: int
    warm_up: bool
    body: bytes


def _plan(sides: int, bodies: Sequence[bytes], conditions: Conditions) -> list[list[_Step]]:
    """The steps of each worker.

    Shares are fixed. If whoever is free took the next step, connections that answer fast, if only with an error, would
    make more than their share of the runs.
    """
    plans: list[list[_Step]] = [[] for _ in range(conditions.concurrency)]
    for warm_up, count in ((True, conditions.warm_up), (False, conditions.runs)):
        for turn in range(count):
            # A B, B A, A B: neither has the better place.
            for side in range(sides)[:: -1 if turn % 2 else 1]:
                plans[turn % len(plans)].append(_Step(side, warm_up, bodies[turn % len(bodies)]))
    return plans


class _Load:
    """What the workers share: how requests are made, the runs and their numbers, and the way to the main thread."""

    def __init__(
        self,
        sides: Sequence[Side],
        conditions: Conditions,
        timeout_seconds: float,
        watcher: Watcher,
        environment: Mapping[str, str],
        stop: Stop,
    ) -> None:
        self.sides = sides
        self.configs = [_config(side, timeout_seconds) for side in sides]
        self.conditions = conditions
        self.environment = environment
        self.stop = stop
        self.runs: list[list[Run]] = [[] for _ in sides]
        self._watcher = watcher
        self._calls: SimpleQueue[Future[None] | Callable[[], None]] = SimpleQueue()
        self._begun = {(side, warm_up): 0 for side in range(len(sides)) for warm_up in (True, False)}
        self._beginning = threading.Lock()

    def do(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Do the tasks, each on a thread of its own, and tell the watcher on this one until all of them are done."""
        with ThreadPoolExecutor(len(tasks)) as threads:
            under_way = [threads.submit(task) for task in tasks]
            try:
                for future in under_way:
                    future.add_done_callback(self._calls.put)
                while under_way:
                    call = self._calls.get()
                    if isinstance(call, Future):
                        under_way.remove(call)
                        call.result()
                    else:
                        call()
            except BaseException:
                self.stop.trip()
                raise

    def begin(self, step: _Step) -> int:
        """The number of a run that begins now."""
        with self._beginning:
            self._begun[step.side, step.warm_up] += 1
            number = self._begun[step.side, step.warm_up]
            self._calls.put(partial(self._watcher.began, step.side, number, step.warm_up))
        return number

    def text(self, step: _Step, number: int, text: str) -> None:
        """Pass on what came."""
        self._calls.put(partial(self._watcher.text, step.side, number, text))

    def end(self, step: _Step, run: Run) -> None:
        """Pass on a run that is over."""

        def keep() -> None:
            self.runs[step.side].append(run)
            self._watcher.ended(step.side, run)

        self._calls.put(keep)


class _Worker:
    """Makes its share of the runs one after another; with `reuse` it keeps a connection for each side."""

    def __init__(self, load: _Load, steps: Sequence[_Step]) -> None:
        self._load = load
        self._steps = deque(steps)
        self._think_seconds = 0.0  # none before the first
        self._connections: dict[int, Connection] = {}

    def make_runs(self, warm_up: bool) -> None:
        """Make those of the warm-up, or the others."""
        while self._steps and self._steps[0].warm_up == warm_up:
            if self._load.stop.comes_within(self._think_seconds):
                return
            self._make_run()
            self._steps.popleft()
            self._think_seconds = self._load.conditions.think_seconds

    def close(self) -> None:
        """End what curls there are."""
        while self._connections:
            self._connections.popitem()[1].close()

    def _make_run(self) -> None:
        step = self._steps[0]
        side = self._load.sides[step.side]
        observer = Observer()
        started_at = utc_now()
        number = self._load.begin(step)
        connection = self._connection(step.side)
        for arrival in connection.exchange():
            text = observer.take(arrival)
            if text:
                self._load.text(step, number, text)
        if connection.figures and connection.figures.exit_code == 0:
            observer.end()
        run = measure(
            observer.observation,
            connection.figures,
            number=number,
            warm_up=step.warm_up,
            started_at=started_at,
            uses_tls=side.target.url.startswith("https:"),
            buffered=side.buffered,
            expected=side.expected,
            hidden=side.hidden_in,
        )
        self._load.end(step, run)
        if not connection.lasts:
            self._connections.pop(step.side).close()

    def _connection(self, side: int) -> Connection:
        """The one that is kept for this side, or a new one, which begins with the next run."""
        if side not in self._connections:
            bodies = [step.body for step in self._steps if step.side == side]
            if not self._load.conditions.reuse:
                del bodies[1:]
            try:
                self._connections[side] = Connection(
                    self._load.configs[side], bodies, self._load.environment, self._load.stop.descriptor
                )
            except OSError as error:
                raise UsageError(f"curl cannot be started: {error.strerror}; try a lower --concurrency") from None
        return self._connections[side]


def utc_now() -> str:
    """This second, in UTC as ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _config(side: Side, timeout_seconds: float) -> str:
    defaults = {"accept": _ACCEPT, "content-type": "application/json"}
    headers = merged(side.headers, defaults) | ({"accept": DOCUMENT} if side.buffered else {})
    return configuration(side.target, side.credentials, "lambda", headers, timeout_seconds)


def _allow_open_files() -> None:
    """Allow as many as an ordinary user may have: seven belong to each curl. The usual limit is 1024, on macOS 256."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_MAX if most == resource.RLIM_INFINITY else most
    if now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


@contextlib.contextmanager
def _prompt_threads() -> Iterator[None]:
    """Let a thread that comes back from a read go on soon."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
