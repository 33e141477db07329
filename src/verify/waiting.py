"""Waits for what AWS shows only after a while: looks again and again, calmly, until it is there or the time is over."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from verify.access import is_denied, reason
from verify.findings import FAILED, UNSEEN, Finding

# Seconds between two looks; the last one holds from then on.
_PAUSES = (1, 2, 4, 8, 10)

# A verdict, or None as long as there is nothing to judge; and what was seen.
Look = Callable[[], tuple[str | None, str]]


@dataclass(frozen=True)
class Watch:
    """A check that may have to wait.

    Attributes:
        name: the check's.
        expected: what the project claims.
        look: looks once.
    """

    name: str
    expected: str
    look: Look

    def at(self, verdict: str, seen: str) -> Finding:
        """Return the check's finding."""
        return Finding(self.name, self.expected, verdict, seen)


def wait_for(watches: Sequence[Watch], limit_seconds: float, say: Callable[[str], None]) -> list[Finding]:
    """Look until every check has a verdict, for so many seconds at most; return the findings in the same order.

    Args:
        watches: the checks.
        limit_seconds: how long to look.
        say: tells whoever waits what is missing.
    """
    found: dict[str, Finding] = {}
    begun = time.monotonic()
    for turn in itertools.count():
        missing = {}
        for watch in watches:
            if watch.name in found:
                continue
            verdict, seen = _look(watch)
            if verdict:
                found[watch.name] = watch.at(verdict, seen)
            else:
                missing[watch.name] = watch.at(UNSEEN, seen)
        waited = time.monotonic() - begun
        pause = _PAUSES[min(turn, len(_PAUSES) - 1)]
        if not missing or waited + pause > limit_seconds:
            break
        say(f"waiting for {', '.join(missing)} ({waited:.0f} s of {limit_seconds:.0f} s)")
        time.sleep(pause)
    late = {name: f"{finding.seen} after {waited:.0f} s" for name, finding in missing.items()}
    return [found.get(watch.name) or watch.at(UNSEEN, late[watch.name]) for watch in watches]


def _look(watch: Watch) -> tuple[str | None, str]:
    try:
        return watch.look()
    except (ClientError, BotoCoreError) as error:
        # A log group, or the network, may be there later. A permission is not.
        return FAILED if is_denied(error) else None, reason(error)
