"""The style of a chart: ECharts options that every chart begins with. https://echarts.apache.org/en/option.html.

Options are plain JSON, without functions: the same ones draw a live page and a file. Charts are drawn as SVG, where
look.css gives texts the colour of the theme; what has a colour here can be read on light and on dark.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

Options = dict[str, Any]

# Colours that people with any colour vision can tell apart, in the order in which lines take them: after Okabe and Ito,
# https://jfly.uni-koeln.de/color/, a little darker or lighter so that each shows on both themes.
SERIES = ("#2f7ebc", "#d55e00", "#009e73", "#b8649a", "#c98a00", "#4fa3d8", "#7d7f86")
# What an alarm or an objective demands, and what failed.
THRESHOLD = "#cc3311"
_NEUTRAL = "#78828f"
_FAINT = "rgba(128, 136, 148, 0.22)"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"
# From a low column of a phone to one line on a wall.
_LEGEND_STEP = 20
_LEGEND_WIDTHS = range(160, 2000, _LEGEND_STEP)


def base_options() -> Options:
    """Return what is alike in all charts; the caller adds axes and series."""
    return {
        "animation": False,
        # As all times in the pages' texts.
        "useUTC": True,
        "color": list(SERIES),
        "textStyle": {"fontFamily": _FONT, "fontSize": 11, "color": _NEUTRAL},
        "grid": {"left": 4, "right": 16, "top": 16, "bottom": 28, "containLabel": True},
        "legend": {"bottom": 0, "left": 0, "type": "scroll", "itemWidth": 18, "itemHeight": 8, "itemGap": 14},
        "tooltip": {
            "trigger": "axis",
            "confine": True,
            # The tooltip is HTML with inline styles, where the theme's variables hold.
            "backgroundColor": "var(--card)",
            "borderColor": "var(--line)",
            "textStyle": {"color": "var(--ink)", "fontSize": 12},
            "axisPointer": {"lineStyle": {"color": _NEUTRAL}},
        },
    }


def wrapped_legend(labels: Sequence[str]) -> Options:
    """Return a legend below a chart that shows all its labels, in rows, with room for these at any width of the chart.

    It is a chart's `legend` and `media`: the browser knows how wide a chart is, and takes the options for that width.
    """
    legend = {
        **base_options()["legend"],
        "type": "plain",
        "data": list(labels),
        "itemHeight": 15,
        # Between rows, and between columns beside the labels' padding, which counts if it has a background.
        "itemGap": 1,
        "textStyle": {"padding": [0, 10, 0, 0], "backgroundColor": "transparent"},
    }
    rows = {width: _rows(labels, width) for width in _LEGEND_WIDTHS}
    changes = [width for width in _LEGEND_WIDTHS if rows[width] != rows.get(width + _LEGEND_STEP)]
    media = []
    for before, width in pairwise([0, *changes]):
        query = {"minWidth": before + _LEGEND_STEP if before else 0}
        if width != _LEGEND_WIDTHS[-1]:
            query["maxWidth"] = width + _LEGEND_STEP - 1
        media.append({"query": query, "option": {"grid": {"bottom": 12 + 16 * rows[width]}}})
    return {"legend": legend, "media": media}


def _rows(labels: Sequence[str], width: int) -> int:
    """Return how many rows a legend has, at most: a letter is narrower than this in most fonts."""
    rows, end = 1, 0.0
    for label in labels:
        item = 34 + 5.9 * len(label)
        if end and end + item > width - 10:
            rows, end = rows + 1, 0.0
        end += item
    return rows


def time_axis(start_ms: float, end_ms: float) -> Options:
    """Return a horizontal axis of the time from `start_ms` to `end_ms`, in milliseconds since 1970."""
    return {
        "type": "time",
        "min": start_ms,
        "max": end_ms,
        "axisLine": {"lineStyle": {"color": _FAINT}},
        "axisTick": {"show": False},
        "splitLine": {"show": False},
        # The tooltip's first line.
        "axisPointer": {"label": {"formatter": "{value} UTC"}},
        "axisLabel": {"color": _NEUTRAL, "hideOverlap": True, "alignMinLabel": "left", "alignMaxLabel": "right"},
    }


def value_axis(name: str = "", *, whole: bool = False) -> Options:
    """Return an axis of numbers with faint lines; `whole` is for counts, which have no label between two numbers."""
    return {
        "type": "value",
        "name": name,
        "nameTextStyle": {"color": _NEUTRAL, "align": "left"},
        "axisLine": {"show": False},
        "axisTick": {"show": False},
        "axisLabel": {"color": _NEUTRAL, "hideOverlap": True},
        "splitLine": {"lineStyle": {"color": _FAINT}},
        "splitNumber": 4,
        **({"minInterval": 1} if whole else {}),
    }


def line(name: str, points: list[list[float | None]], **more: Any) -> Options:
    """Return a line through `points`, pairs of a time in milliseconds since 1970 and a value.

    `more` are further options of the series, such as its colour or a second axis.
    """
    return {
        "type": "line",
        "name": name,
        "data": points,
        # A point with no neighbour would not be seen without its symbol.
        "symbol": "circle",
        "symbolSize": 4,
        "showSymbol": len(points) < 2,
        "lineStyle": {"width": 1.5},
        **more,
    }


def threshold_line(value: float, label: str) -> Options:
    """Return a `markLine` entry at a value: dashed and named, so that nobody needs its colour."""
    return {
        "yAxis": value,
        "name": label,
        "lineStyle": {"color": THRESHOLD, "type": "dashed", "width": 1.5},
        "label": {"show": True, "position": "insideEndTop", "formatter": "{b}", "fontSize": 11},
    }
