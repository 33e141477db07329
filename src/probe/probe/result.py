"""What one call of the probe measured: the runs of one target, or of two in turn, and how they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .measurement import COMPLETED, INTERRUPTED, Run


@dataclass(frozen=True)
class Conditions:
    """How the runs were made; figures are comparable under equal ones.

    Attributes:
        runs: How many were asked for, of each target, without the warm-up.
        warm_up: How many more came before them, of each target; they are reported and not counted.
        concurrency: How many requests were under way at a time.
        reuse: Whether a connection was kept from one run to the next.
        think_seconds: The pause between the end of one run and the start of the next on the same connection.
        prompts: How many different requests took turns.
        model: The model id that was asked for, or None for the function's choice.
        max_tokens: The limit that was asked for, or None for the function's.
        fingerprint: Equal for equal requests, which are not kept themselves.
    """

    runs: int
    warm_up: int
    concurrency: int
    reuse: bool
    think_seconds: float
    prompts: int
    model: str | None
    max_tokens: int | None
    fingerprint: str = ""


# What a series is called that is alone, and two that take turns.
ALONE = "measured"
IN_TURN = ("A", "B")


@dataclass(frozen=True)
class Series:
    """The runs of one target.

    Attributes:
        name: What it is called beside another one.
        url: Where the requests went.
        region: The region of the function, which signed requests name; None where none is known or needed.
        buffered: Whether the answer was asked for as one JSON document in place of a stream of events.
        runs: In the order in which they ended, the warm-up among them.
    """

    name: str
    url: str
    region: str | None
    buffered: bool
    runs: Sequence[Run] = field(default_factory=list)

    @property
    def counted(self) -> list[Run]:
        """The runs without the warm-up."""
        return [run for run in self.runs if not run.warm_up]

    @property
    def completed(self) -> list[Run]:
        """Of these the ones that completed, which figures come from."""
        return [run for run in self.counted if run.outcome == COMPLETED]

    @property
    def failed(self) -> list[Run]:
        """Of these the ones that neither completed nor were stopped."""
        return [run for run in self.counted if run.outcome not in (COMPLETED, INTERRUPTED)]


@dataclass(frozen=True)
class Result:
    """Everything that was measured.

    Attributes:
        started_at: In UTC as ISO 8601.
        conditions: How.
        series: What was asked about.
        against: What it is compared with, or None.
        conditions_against: How the runs of that were made; None for those that took turns, under the same conditions.
        requests: The different request bodies, of a measurement that was just made; a saved result has none.
    """

    started_at: str
    conditions: Conditions
    series: Series
    against: Series | None = None
    conditions_against: Conditions | None = None
    requests: tuple[bytes, ...] = ()


def differing(before: Conditions, after: Conditions) -> list[str]:
    """What makes figures of the two hard to compare, for people; more or fewer runs do not."""
    named = {
        "concurrency": "--concurrency",
        "reuse": "--reuse",
        "think_seconds": "--think",
        "model": "--model",
        "max_tokens": "--max-tokens",
    }
    found = [
        f"{option} was {getattr(before, name)}, then {getattr(after, name)}"
        for name, option in named.items()
        if getattr(before, name) != getattr(after, name)
    ]
    return found + (["the requests were others"] if before.fingerprint != after.fingerprint else [])
