"""Two series compared, and the table that shows it. Writes nothing itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from probe.terminal import bold

FIGURES = {"ttfb_ms": "TTFB", "last_byte_ms": "last byte", "duration_ms": "Duration"}

_ROW = "{:<6}{:<11}{:>9}{:>18}{:>12}{:>18}{:>12}{:>20}{:>8}"


def compare(telemetry: Sequence[float], nothing: Sequence[float]) -> dict[str, Any]:
    """Compare the values with telemetry to those without; values with the same index were measured one after the other.

    The interval of the medians' difference is a percentile bootstrap over pairs: what both of a pair share, such as a
    busy machine, cancels out.
    """
    pairs = np.array([telemetry, nothing])
    drawn = pairs[:, np.random.default_rng(0).integers(pairs.shape[1], size=(10_000, pairs.shape[1]))]
    differences = np.subtract(*np.median(drawn, axis=2))
    low, high = np.quantile(differences, (0.025, 0.975)).tolist()
    sides = [
        dict(zip(("p10", "median", "p90"), np.quantile(side, (0.1, 0.5, 0.9)).tolist(), strict=True)) for side in pairs
    ]
    first, second = (side["median"] for side in sides)
    difference = {"median": first - second, "low": low, "high": high}
    return {"with": sides[0], "without": sides[1], "difference": difference, "ratio": first / second}


def table(requests: Mapping[str, int], results: Sequence[Mapping[str, Any]], emphasis: bool) -> str:
    """The table; times are milliseconds."""
    counts = " and ".join(f"{count} {start}" for start, count in requests.items() if count)
    head = _ROW.format("start", "", "with", "p10 - p90", "without", "p10 - p90", "difference", "95 % interval", "ratio")
    lines = [f"medians in ms, with telemetry and without, {counts} requests each", "", bold(head, emphasis)]
    for result in results:
        cells = [result["start"], FIGURES[result["figure"]]]
        for side in (result["with"], result["without"]):
            cells += [f"{side['median']:.2f}", f"{side['p10']:.2f} - {side['p90']:.2f}"]
        difference = result["difference"]
        cells += [f"{difference['median']:+.2f}", f"{difference['low']:+.2f} .. {difference['high']:+.2f}"]
        lines.append(_ROW.format(*cells, f"{result['ratio']:.3f}"))
    return "\n".join(lines)
