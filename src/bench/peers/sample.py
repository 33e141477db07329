"""What a measurement says: one figure of one peer, a value a round. Page, table and JSON read nothing else."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """One figure of one peer in one case, over all rounds.

    Attributes:
        part: the kind of measurement, such as `layer`.
        case: what was done, such as `chunks`.
        peer: who did it, such as `firstbyte`.
        figure: a name with its unit at the end, such as `ttfb_p50_ms`.
        values: one for each round, in the order of the rounds; never empty.
    """

    part: str
    case: str
    peer: str
    figure: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The lowest round."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The highest round."""
        return max(self.values)


class Samples:
    """Gathers the values of one part, in the order in which they are measured."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._values: dict[tuple[str, str, str], list[float]] = {}

    def add(self, case: str, peer: str, figure: str, value: float) -> None:
        """Add what a round has given for a figure."""
        self._values.setdefault((case, peer, figure), []).append(value)

    def all(self) -> list[Sample]:
        """Return a sample for each figure."""
        return [Sample(self._part, *key, tuple(values)) for key, values in self._values.items()]
