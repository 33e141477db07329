"""The page's charts, as options of ECharts. No text of a server is in them."""

from collections.abc import Iterator, Sequence
from itertools import cycle, pairwise
from math import ceil, floor, isclose, isqrt, log10
from typing import Any

import numpy as np

from look.charts import SERIES, THRESHOLD, Options, base_options, threshold_line, value_axis

from ..analysis.phases import arrivals, phases
from ..analysis.report import Report
from ..figures import FIGURES
from ..measurement import COMPLETED, INTERRUPTED, Run
from ..result import Series
from .named import named_series

# What was measured is filled; what it is compared with is an outline.
_STYLES: tuple[dict[str, Any], ...] = (
    {"color": SERIES[0]},
    {"color": "transparent", "borderColor": SERIES[1], "borderWidth": 1.5},
)

# How runs are told apart over time: what they are called, and the symbols of the two series.
_CROSS, _PLUS = "path://M1 0L5 4L9 0L10 1L6 5L10 9L9 10L5 6L1 10L0 9L4 5L0 1Z", "path://M4 0H6V4H10V6H6V10H4V6H0V4H4Z"
_SYMBOLS = {
    "completed": ("circle", "triangle"),
    "cold start": ("diamond", "rect"),
    "failed": (_CROSS, _PLUS),
    "stopped": ("path://M0 0H3V10H0ZM7 0H10V10H7Z", "path://M0 0H10V3H0ZM0 7H10V10H0Z"),
    "warm-up": ("circle", "triangle"),
}

_MOST_LABELS = 6
_MOST_CATEGORIES, _MOST_LARGE_POINTS = 40, 200
# Figures whose medians are worth a picture: what a client waits for.
_COMPARED = ("ttfb", "ttft", "max_gap", "total")


def charts(report: Report) -> dict[str, Options]:
    """The charts that have something to show, by the names that the page calls them by."""
    found = {
        "ttft": _distribution(report, "ttft", "run"),
        "gap": _distribution(report, "gap", "gap"),
        "runs": _run_by_run(report),
        "slowest": _waterfall(report.slowest.run) if report.slowest else None,
        "compared": _comparison(report),
    }
    return {name: chart for name, chart in found.items() if chart}


def run_by_run_figure(report: Report) -> str:
    """What the runs are shown by: their time to the first token, or to their end where no run has one."""
    has_tokens = any(run.ttft_ms is not None for _, series, _ in named_series(report) for run in series.runs)
    return "ttft" if has_tokens else "total"


def _distribution(report: Report, figure: str, one: str) -> Options | None:
    """How often which value came, with two percentiles of what was measured; `one` is what a value is of."""
    pooled = {name: FIGURES[figure].pooled(series.completed) for name, series, _ in named_series(report)}
    pooled = {name: values for name, values in pooled.items() if values}
    everything = [value for values in pooled.values() for value in values]
    if len(everything) < 2:  # a figure says the same
        return None
    edges, interval = _edges(min(everything), max(everything), len(everything))
    ranges = [f"{_number(low)} to {_number(high)} ms" for low, high in pairwise(edges)]
    series = []
    for style, (name, _, _) in zip(_STYLES, named_series(report), strict=False):
        counts = np.histogram(pooled.get(name, []), bins=edges)[0].tolist()
        series.append(
            {
                "type": "bar",
                "name": name,
                "data": [
                    # A bin without a value has no bar, not even a line on the axis.
                    _named(f"{_whose(name, report)}{of}: {_counted(n, one)}", n) if n else None
                    for of, n in zip(ranges, counts, strict=True)
                ],
                "itemStyle": style,
                "barGap": "-100%",
                "barCategoryGap": "8%",
            }
        )
    # Bars stand on categories; percentiles lie between them, on an axis of numbers with the same ends.
    lines = {"type": "scatter", "xAxisIndex": 1, "data": [], "tooltip": {"show": False}}
    distribution = report.summary.figures.get(figure)
    if distribution and distribution.count > 1:
        lines["markLine"] = {
            "symbol": "none",
            "silent": True,
            "data": list(_percentiles(distribution.p50, distribution.p95)),
        }
    chart = _chart(top=50, left=14, right=44, legend=len(pooled) > 1)
    chart["xAxis"] = [
        {"type": "category", "data": ranges, "show": False},
        {**value_axis(), "position": "bottom", "min": edges[0], "max": edges[-1], "interval": interval}
        | {"splitLine": {"show": False}, "axisLine": {"show": True, **_category_style()["axisLine"]}},
    ]
    chart["yAxis"] = value_axis(whole=True)
    chart["series"] = [*series, lines]
    return chart


def _percentiles(p50: float, p95: float | None) -> Iterator[Options]:
    """Vertical lines with their names above them, in two rows: names of lines that are close do not overlap."""
    for name, value, kind, distance in (("p50", p50, "dashed", 9), ("p95", p95, "dotted", 24)):
        if value is not None:
            label = {"formatter": "{b}", "position": "end", "distance": distance}
            style = {"type": kind, "width": 1.5, "color": SERIES[6]}
            yield {"xAxis": value, "name": f"{name} {_ms(value)}", "label": label, "lineStyle": style}


def _edges(low: float, high: float, count: int) -> tuple[list[float], float]:
    """The ends of the bins from `low` to `high`, and the interval between those that have a label: round numbers."""
    width = max(high - low, abs(high) / 1000, 0.001)
    step = _round(width / min(max(isqrt(count), 6), 16))
    intervals = (step * factor for factor in (1, 2, 4, 5, 10, 20))
    interval = next(each for each in intervals if width / each <= _MOST_LABELS and isclose(each, _round(each)))
    first, last = floor(low / interval), max(ceil(high / interval), floor(low / interval) + 1)
    bins = round((last - first) * interval / step)
    return [round(first * interval + number * step, 9) for number in range(bins + 1)], interval


def _round(value: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above `value`."""
    power = 10.0 ** floor(log10(value) + 1e-9)
    return next(power * factor for factor in (5, 2, 1) if power * factor <= value * (1 + 1e-9))


def _run_by_run(report: Report) -> Options | None:
    """Every run's time; the warm-up stands left of 1. A run that failed stands where it ended."""
    figure = run_by_run_figure(report)
    kinds: list[Options] = []
    positions = {_position(run, series) for _, series, _ in named_series(report) for run in series.runs}
    if len(positions) < 2:
        return None
    first, many = min(positions), len(positions) > _MOST_CATEGORIES
    for side, (name, series, _) in enumerate(named_series(report)):
        for kind, symbols in _SYMBOLS.items():
            points = []
            for run in series.runs:
                value = run.ttft_ms if run.ttft_ms is not None else run.total_ms
                if _kind(run) == kind and value is not None:
                    what = FIGURES["ttft" if run.ttft_ms is not None else "total"].label
                    said = (
                        f"{_whose(name, report)}run {run.number}, {kind}: {what} {_ms(value)}, began {run.started_at}"
                    )
                    points.append(_named(said, [_position(run, series) - (0 if many else first), round(value, 1)]))
            if points:
                kinds.append(
                    {
                        "type": "scatter",
                        "name": f"{_whose(name, report)}{kind}",
                        "data": points,
                        "symbol": symbols[side],
                        "symbolSize": 11 if kind == "failed" else 4 if len(points) > _MOST_LARGE_POINTS else 9,
                        "itemStyle": _point_style(kind, side),
                    }
                )
    if not kinds:
        return None
    limits = [
        threshold_line(verdict.objective.limit, f"{verdict.objective.name} {verdict.objective.text}")
        for verdict in report.verdicts
        if verdict.objective.name.rpartition("_")[0] == figure
    ]
    for limit, position in zip(limits, cycle(("insideEndTop", "insideStartTop", "insideMiddleTop")), strict=False):
        limit["label"]["position"] = position  # the names of limits that are close do not overlap
    if limits:
        kinds[0]["markLine"] = {"symbol": "none", "silent": True, "data": limits}
    chart = _chart(top=20)
    chart["xAxis"] = _runs_axis(first, max(positions))
    # A limit above all points is to be seen, too.
    highest = max([point["value"][1] for kind in kinds for point in kind["data"]] + [line["yAxis"] for line in limits])
    chart["yAxis"] = _axis_to(highest)
    chart["series"] = kinds
    rows = ceil(len(kinds) / 2)
    if rows < 3:
        return chart
    # A legend of many kinds needs more than one row on a phone.
    narrow = {"legend": {**chart["legend"], "type": "plain"}, "grid": {"bottom": 16 + 18 * rows}}
    return {"baseOption": chart, "media": [{"query": {"maxWidth": 420}, "option": narrow}]}


def _runs_axis(first: int, last: int) -> Options:
    """The runs' numbers; a few have a label each, where they fit, and many have round numbers."""
    if last - first >= _MOST_CATEGORIES:
        ends = {"min": first - 1, "max": last + 1}
        numbers = {**value_axis(whole=True), **ends, "splitNumber": 6, "splitLine": {"show": False}}
        style = _category_style()
        numbers["axisLabel"] = {**style["axisLabel"], "showMinLabel": first > 0, "showMaxLabel": False}
        return {**numbers, "axisLine": {"show": True, **style["axisLine"], "onZero": False}}
    names = [str(each) if each > 0 else f"w{each - first + 1}" for each in range(first, last + 1)]
    return {"type": "category", "data": names, **_category_style()}


def _waterfall(run: Run) -> Options:
    """The run's phases on one axis with their lengths beside them, and below them a mark for every chunk."""
    rows = list(phases(run))
    labels = [label for label, _, _ in rows]
    lengths = [_ms(end - begin) for _, begin, end in rows]
    names = [f"{label}: {_ms(begin)} to {_ms(end)}" for label, begin, end in rows]
    series: list[Options] = [
        {
            "type": "bar",
            "stack": "phases",
            "silent": True,
            "itemStyle": {"color": "transparent"},
            "data": [round(begin, 3) for _, begin, _ in rows],
            "tooltip": {"show": False},
        },
        {
            "type": "bar",
            "stack": "phases",
            "barMinHeight": 2,
            "barCategoryGap": "40%",
            "itemStyle": {"color": SERIES[0], "borderRadius": 1},
            "data": [_named(name, round(end - begin, 3)) for name, (_, begin, end) in zip(names, rows, strict=True)],
        },
    ]
    if run.first_chunk_ms is not None:
        chunks = arrivals(run)
        series.append(
            {
                "type": "scatter",
                "symbol": "rect",
                "symbolSize": [2, 14],
                "itemStyle": {"color": SERIES[1]},
                "data": [
                    _named(f"chunk {number}: {_ms(at)}", [round(at, 3), len(rows)])
                    for number, at in enumerate(chunks, 1)
                ],
            }
        )
        labels.append("Chunks")
        lengths.append(f"{len(chunks):,}")
    chart = _chart(top=8, legend=False)
    end = max([end for _, _, end in rows] + (chunks if run.first_chunk_ms is not None else []))
    chart["xAxis"] = _axis_to(end)
    sides = {"type": "category", "inverse": True, **_category_style()}
    chart["yAxis"] = [
        {**sides, "data": labels},
        {**sides, "data": lengths, "position": "right", "axisLine": {"show": False}},
    ]
    chart["series"] = series
    return chart


def _comparison(report: Report) -> Options | None:
    """The medians of the two sides, next to each other."""
    against = report.against
    shown = [name for name in _COMPARED if name in report.differences]
    if not against or not shown:
        return None
    chart = _chart(top=8, right=64)
    chart["xAxis"] = _axis_to(max(side.figures[name].p50 for side in (report.summary, against) for name in shown))
    chart["yAxis"] = {
        "type": "category",
        "inverse": True,
        "data": [FIGURES[name].label for name in shown],
        **_category_style(),
    }
    chart["series"] = []
    for style, (name, _, summary) in zip(_STYLES, named_series(report), strict=False):
        medians = {FIGURES[figure].label: summary.figures[figure].p50 for figure in shown}
        chart["series"].append(
            {
                "type": "bar",
                "name": name,
                "itemStyle": style,
                "barGap": "20%",
                "barCategoryGap": "35%",
                "data": [
                    {
                        **_named(f"{name}, {label} p50: {_ms(value)}", round(value, 3)),
                        "label": {"show": True, "position": "right", "formatter": _ms(value)},
                    }
                    for label, value in medians.items()
                ],
            }
        )
    return chart


def _chart(*, top: int, left: int = 4, right: int = 16, legend: bool = True) -> Options:
    """A chart whose points say themselves what they are when a pointer is on them."""
    chart = base_options()
    chart["tooltip"] |= {"trigger": "item", "formatter": "{b}"}
    chart["grid"] |= {"top": top, "left": left, "right": right, "bottom": 34 if legend else 4}
    chart["legend"] |= {"show": legend, "itemWidth": 10, "itemHeight": 10}
    return chart


def _category_style() -> Options:
    numbers = value_axis()
    return {
        "axisLabel": numbers["axisLabel"],
        "axisTick": {"show": False},
        "axisLine": {"lineStyle": numbers["splitLine"]["lineStyle"]},
    }


def _whose(name: str, report: Report) -> str:
    """What tells the two series apart, if there are two."""
    return f"{name}, " if report.result.against else ""


def _named(name: str, value: float | Sequence[float]) -> Options:
    return {"name": name, "value": value}


def _counted(count: int, one: str) -> str:
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"


def _ms(value: float) -> str:
    return f"{value:,.1f} ms"


def _number(value: float) -> str:
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def _axis_to(value: float) -> Options:
    """An axis of numbers from 0 to a round one that is not below `value`, with few labels."""
    power = 10.0 ** floor(log10(value)) if value > 0 else 1.0
    ends = ((1, 0.25), (1.5, 0.5), (2, 0.5), (3, 1), (4, 1), (5, 1), (6, 2), (8, 2), (10, 2.5))
    end, interval = next((end * power, step * power) for end, step in ends if end * power >= value)
    return {**value_axis(), "min": 0, "max": end, "interval": interval}


def _point_style(kind: str, side: int) -> Options:
    if kind == "warm-up":
        return {"color": "transparent", "borderColor": SERIES[side], "borderWidth": 1.5}
    return {"color": THRESHOLD if kind == "failed" else SERIES[side]}


def _kind(run: Run) -> str:
    if run.warm_up:
        return "warm-up"
    if run.outcome == INTERRUPTED:
        return "stopped"
    if run.outcome != COMPLETED:
        return "failed"
    return "cold start" if run.cold_start else "completed"


def _position(run: Run, series: Series) -> int:
    return run.number - (sum(other.warm_up for other in series.runs) if run.warm_up else 0)
