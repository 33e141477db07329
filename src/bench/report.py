"""Two sides compared, and the table that shows it. Writes nothing itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from probe.analysis.comparison import median_difference_interval
from probe.terminal import bold

_ROW = "{:<7}{:<18}{:>9}{:>18}{:>12}{:>18}{:>12}{:>20}{:>8}"


def compare(
    case: str, figures: Mapping[str, str], first: Sequence[Mapping[str, float]], second: Sequence[Mapping[str, float]]
) -> list[dict[str, Any]]:
    """Compare the figures of samples with something to those without it; neighbours in time have the same index."""
    results: list[dict[str, Any]] = []
    for figure, label in figures.items():
        sides = [[sample[figure] for sample in side] for side in (first, second)]
        with_it, without = map(_spread, sides)
        low, high = median_difference_interval(*sides, paired=True)
        results.append(
            {
                "case": case,
                "figure": figure,
                "label": label,
                "with": with_it,
                "without": without,
                "difference": {"median": with_it["median"] - without["median"], "low": low, "high": high},
                "ratio": with_it["median"] / without["median"],
            }
        )
    return results


def _spread(values: Sequence[float]) -> dict[str, float]:
    return dict(zip(("p10", "median", "p90"), np.quantile(values, (0.1, 0.5, 0.9)).tolist(), strict=True))


def table(what: str, requests: Mapping[str, int], results: Sequence[Mapping[str, Any]], emphasis: bool) -> str:
    """The table; times are milliseconds, `what` is what one side has and the other has not."""
    counts = " and ".join(f"{count} {case}" for case, count in requests.items() if count)
    head = _ROW.format("case", "", "with", "p10 - p90", "without", "p10 - p90", "difference", "95 % interval", "ratio")
    lines = [f"medians in ms, with {what} and without, {counts} requests each", "", bold(head, emphasis)]
    for result in results:
        cells = [result["case"], result["label"]]
        for side in (result["with"], result["without"]):
            cells += [f"{side['median']:.2f}", f"{side['p10']:.2f} - {side['p90']:.2f}"]
        difference = result["difference"]
        cells += [f"{difference['median']:+.2f}", f"{difference['low']:+.2f} .. {difference['high']:+.2f}"]
        lines.append(_ROW.format(*cells, f"{result['ratio']:.3f}"))
    return "\n".join(lines)
