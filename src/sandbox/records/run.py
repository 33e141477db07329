"""What the platform has measured of one invocation."""

import math
import time
from dataclasses import dataclass

from sandbox.invocation import FunctionError, Invocation

TIMEOUT = "Sandbox.Timedout"


@dataclass(frozen=True)
class Phase:
    """A part of the work: when it began (seconds since 1970, UTC), and how many seconds it took."""

    start: float
    seconds: float

    @property
    def end(self) -> float:
        """When it ended, in seconds since 1970."""
        return self.start + self.seconds

    @property
    def milliseconds(self) -> float:
        """How long it took, in the digits that Lambda reports."""
        return round(self.seconds * 1000, 2)


class Stopwatch:
    """Measures time from its creation on."""

    def __init__(self) -> None:
        self._start = time.time()
        self._clock = time.perf_counter()

    def phase(self, limit: float = math.inf) -> Phase:
        """Return the time that has passed, but no more seconds than `limit`."""
        return Phase(self._start, min(time.perf_counter() - self._clock, limit))


@dataclass(frozen=True)
class Run:
    """One invocation in its environment.

    Attributes:
        invocation: what was run.
        init: from the start of the process to its first request for work; None if it had been started before.
        invoke: from the delivery of the event to the request for the next; None if the init phase failed.
        failure: why the environment has ended; None if it goes on. `invocation` has an error that the runtime reported.
        memory_mb: the most memory that its processes have used so far, in megabytes.
    """

    invocation: Invocation
    init: Phase | None
    invoke: Phase | None
    failure: FunctionError | None
    memory_mb: int

    @property
    def counted(self) -> Phase:
        """The phase that counts as the invocation's duration.

        Lambda repeats a failed init phase within the invocation and counts that. Here it runs once and counts.
        """
        phase = self.invoke or self.init
        assert phase is not None, "an invocation without an init phase has been delivered"
        return phase

    @property
    def failed(self) -> bool:
        """Whether it ends with a function error."""
        return (self.failure or self.invocation.error) is not None
