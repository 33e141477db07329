"""What happens to the sandbox itself during the soak: environments killed and stopped, and a disk that is full."""

import contextlib
import os
import random
import resource
import signal
import threading
import time
from collections import Counter

import psutil

KILLED = "environments killed"
STOPPED = "environments stopped for a while"
FULL_DISK = "times that the disk was full"

# With every so many requests.
_KILL_EVERY, _STOP_EVERY = 150, 100
_STOP_SECONDS = (0.1, 1.0)
_FULL_DISK_AT = (0.2, 0.5, 0.8)
# Longer than the sandbox's flush of every second.
_FULL_DISK_SECONDS = 2.5


class Disturber:
    """Disturbs one sandbox. `before` may be called on several threads."""

    def __init__(self, pid: int, requests: int, seed: int) -> None:
        self.done: Counter[str] = Counter()
        self._sandbox = psutil.Process(pid)
        self._dice = random.Random(seed)  # noqa: S311 - it has to repeat itself
        self._full_at = {int(requests * share) for share in _FULL_DISK_AT}
        self._lock = threading.Lock()
        self._filling: list[threading.Thread] = []

    def before(self, number: int) -> None:
        """Do what is due before a request of this number."""
        if number % _KILL_EVERY == _KILL_EVERY // 2:
            self._signal(signal.SIGKILL, KILLED)
        if number % _STOP_EVERY == _STOP_EVERY // 4:
            self._stop()
        if number in self._full_at:
            # Not on this thread: the other requests go on meanwhile.
            filling = threading.Thread(target=self._fill_the_disk, daemon=True)
            self._filling.append(filling)
            filling.start()

    def end(self) -> None:
        """Wait until the disk has room again."""
        for filling in self._filling:
            filling.join()

    def _stop(self) -> None:
        if environment := self._signal(signal.SIGSTOP, STOPPED):
            time.sleep(self._dice.uniform(*_STOP_SECONDS))
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(environment, signal.SIGCONT)

    def _signal(self, number: signal.Signals, name: str) -> int | None:
        """Send a signal to an environment with all that it has started; return its process id, None without any."""
        environments = [child.pid for child in self._sandbox.children()]
        if not environments:
            return None
        environment = self._dice.choice(environments)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(environment, number)
            self.done[name] += 1
            return environment
        return None

    def _fill_the_disk(self) -> None:
        """Let the sandbox's files grow no more for a while. Its environments had their limits before."""
        if not hasattr(resource, "prlimit"):
            return  # Linux alone sets the limits of another process
        with self._lock:
            self.done[FULL_DISK] += 1
            before = resource.prlimit(self._sandbox.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(self._sandbox.pid, resource.RLIMIT_FSIZE, (1, before[1]))
            time.sleep(_FULL_DISK_SECONDS)
            resource.prlimit(self._sandbox.pid, resource.RLIMIT_FSIZE, before)
