"""What one call of the probe measured: the runs of one target, or of two in turn, and how they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .measurement import COMPLETED, Run


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
    """

    runs: int
    warm_up: int
    concurrency: int
    reuse: bool
    think_seconds: float
    prompts: int
    model: str | None
    max_tokens: int | None


@dataclass(frozen=True)
class Series:
    """The runs of one target.

    Attributes:
        url: Where the requests went.
        region: The region that they were signed for.
        buffered: Whether the answer was asked for as one JSON document in place of a stream of events.
        runs: In the order in which they ended, the warm-up among them.
    """

    url: str
    region: str
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


@dataclass(frozen=True)
class Result:
    """Everything that was measured.

    Attributes:
        started_at: In UTC as ISO 8601.
        conditions: How.
        series: What was asked about.
        against: What it is compared with, or None.
    """

    started_at: str
    conditions: Conditions
    series: Series
    against: Series | None = None
