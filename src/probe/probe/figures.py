"""The figures that every run has, under the names that objectives, summaries and comparisons call them by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .measurement import Run


@dataclass(frozen=True)
class Figure:
    """One figure; all are milliseconds.

    Attributes:
        label: For people.
        values: A run's values: none where it did not get so far, several for the gaps.
    """

    label: str
    values: Callable[[Run], list[float]]

    def pooled(self, runs: Iterable[Run]) -> list[float]:
        """The values of all these runs."""
        return [value for run in runs for value in self.values(run)]


def _one(value: float | None) -> list[float]:
    return [] if value is None else [value]


FIGURES: Mapping[str, Figure] = {
    "dns": Figure("DNS", lambda run: _one(run.dns_ms)),
    "connect": Figure("Connect", lambda run: _one(run.connect_ms)),
    "tls": Figure("TLS", lambda run: _one(run.tls_ms)),
    "headers": Figure("Headers", lambda run: _one(run.ttfb_headers_ms)),
    "ttfb": Figure("TTFB", lambda run: _one(run.ttfb_ms)),
    "ttft": Figure("TTFT", lambda run: _one(run.ttft_ms)),
    "gap": Figure("Gap", lambda run: run.gaps_ms),
    "max_gap": Figure("Max gap", lambda run: _one(run.max_gap_ms)),
    "tpot": Figure("TPOT", lambda run: _one(run.tpot_ms)),
    "total": Figure("Total", lambda run: _one(run.total_ms)),
}
