"""Two sides compared, and the table that shows it in 80 columns. Writes nothing itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from probe.analysis.comparison import median_difference_interval
from probe.terminal import bold


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


def table(
    sides: tuple[str, str], requests: Mapping[str, int], results: Sequence[Mapping[str, Any]], emphasis: bool
) -> str:
    """Return the table of medians in milliseconds: for each case its figures.

    Args:
        sides: what the side with the thing measured is called, and the side without it.
        requests: how many each side had of each case.
        results: what `compare` has found.
        emphasis: whether titles are bold.
    """
    head = ("medians in ms", *sides, "difference", "95 % interval")
    rows = [(f"  {result['label']}", *_cells(result)) for result in results]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *figures = cells
        others = zip(figures, widths[1:], strict=True)
        return "  ".join((first.ljust(widths[0]), *(cell.rjust(width) for cell, width in others)))

    lines, case = [bold(line(head), emphasis)], ""
    for result, row in zip(results, rows, strict=True):
        if result["case"] != case:
            case = result["case"]
            lines.append(bold(f"{case}, {requests[case]} requests each", emphasis))
        lines.append(line(row))
    return "\n".join(lines)


def _cells(result: Mapping[str, Any]) -> tuple[str, ...]:
    difference = result["difference"]
    medians = (f"{result[side]['median']:.2f}" for side in ("with", "without"))
    return (*medians, _signed(difference["median"]), f"{_signed(difference['low'])} to {_signed(difference['high'])}")


def _signed(value: float) -> str:
    # No difference has no sign, and what rounds to none is none.
    return f"{value:+.2f}" if round(value, 2) else "0.00"
