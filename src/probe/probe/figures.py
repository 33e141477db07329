"""The one table of figures: their names in objectives, summaries and metrics, their labels, and their fields of a run.

Every output and every way of showing a run takes its names from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .measurement import Run


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        label: What people see.
        field: Where `Run`, and so JSON, JSON lines and CSV, have it.
        unit: "ms", or "tokens/s".
    """

    label: str
    field: str
    unit: str = "ms"

    @property
    def labelled(self) -> str:
        """The label with the unit, unless the label is the unit."""
        return self.label if self.label.lower() == self.unit else f"{self.label} {self.unit}"

    def values(self, run: Run) -> list[float]:
        """A run's values: none where it did not get so far, several for the gaps."""
        found: float | list[float] | None = getattr(run, self.field)
        return found if isinstance(found, list) else [] if found is None else [found]

    def pooled(self, runs: Iterable[Run]) -> list[float]:
        """The values of all these runs."""
        return [value for run in runs for value in self.values(run)]


FIGURES: Mapping[str, Figure] = {
    "dns": Figure("DNS", "dns_ms"),
    "connect": Figure("Connect", "connect_ms"),
    "tls": Figure("TLS", "tls_ms"),
    "headers": Figure("Headers", "headers_ms"),
    "ttfb": Figure("TTFB", "ttfb_ms"),
    "ttft": Figure("TTFT", "ttft_ms"),
    "gap": Figure("Gap", "gaps_ms"),
    "max_gap": Figure("Max gap", "max_gap_ms"),
    "tpot": Figure("TPOT", "tpot_ms"),
    "output_tokens_per_second": Figure("Tokens/s", "output_tokens_per_second", "tokens/s"),
    "total": Figure("Total", "total_ms"),
}

# The smaller the better, so that they can have a limit and be compared. The speed of tokens has TPOT for that.
TIMES: Mapping[str, Figure] = {name: figure for name, figure in FIGURES.items() if figure.unit == "ms"}
