"""A metric widget as a graph over time: its lines, limits and annotations as ECharts options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.dashboard.queries import Drawn
from console.figures import figure, rounded, unit_of
from look.charts import (
    SERIES,
    THRESHOLD,
    Options,
    base_options,
    line,
    threshold_line,
    time_axis,
    value_axis,
    wrapped_legend,
)

# No screen shows more points of a line side by side.
_MOST_POINTS = 1500
_SIDES = ("left", "right")
# A bar of 18 by 3 in the middle of 18 by 15: specks at two corners give the path its height.
_BAR = "path://M0 0h0.1v0.1zM0 6h18v3h-18zM18 15h-0.1v-0.1z"


@dataclass(frozen=True)
class Line:
    """The values of one row of a widget.

    Attributes:
        label: its name.
        points: times in milliseconds since 1970, ascending, and values.
        step_ms: from a point to the next, if none is missing.
        color: as the body says; None takes the next one.
        is_right: whether its axis is on the right.
    """

    label: str
    points: Sequence[tuple[int, float]]
    step_ms: int
    color: str | None
    is_right: bool


def graph(one: Drawn, lines: Sequence[Line]) -> Options:
    """Return the options of a widget's graph."""
    said = one.widget.properties
    axes: Mapping[str, Any] = said.get("yAxis", {})
    is_stacked = bool(said.get("stacked"))
    start_ms, end_ms = (_ms(moment) for moment in (one.window.start, one.window.end))
    marks = [_horizontal(one, is_right) for is_right in (False, True)]
    if vertical := _vertical(said.get("annotations", {}), start_ms, end_ms):
        marks[0].append(vertical)
    sides = _SIDES if marks[1] or any(given.is_right for given in lines) else _SIDES[:1]
    options = base_options()
    series = []
    for place, given in enumerate(lines):
        unit = unit_of(str(axes.get(_SIDES[given.is_right], {}).get("label", "")))
        color = given.color or SERIES[place % len(SERIES)]
        series.append(_series(given, color, unit, is_stacked))
    return {
        **options,
        "grid": {**options["grid"], "top": 24, "right": 4 if len(sides) > 1 else 16},
        "xAxis": time_axis(start_ms, end_ms),
        "yAxis": [_axis(side, axes.get(side, {}), is_stacked) for side in sides],
        "series": [*series, *(_marked(entries, place, start_ms) for place, entries in enumerate(marks) if entries)],
        **_legend(options, str(said.get("legend", {}).get("position", "bottom")), [given.label for given in lines]),
    }


def spoken(one: Drawn, lines: Sequence[Line]) -> str:
    """Return what a graph says to who does not see it: its title and the newest value of each line."""
    axes: Mapping[str, Any] = one.widget.properties.get("yAxis", {})
    said = []
    for given in lines:
        unit = unit_of(str(axes.get(_SIDES[given.is_right], {}).get("label", "")))
        newest = f"{figure(given.points[-1][1])} {unit}".rstrip() if given.points else "no data"
        said.append(f"{given.label}: {newest}")
    return f"{one.widget.title or 'Graph'}. Newest values: {'; '.join(said)}"


def _series(given: Line, color: str, unit: str, is_stacked: bool) -> Options:
    points = given.points if is_stacked else thinned(given.points)
    data: list[Any] = []
    alone = []
    for place, (time, value) in enumerate(points):
        before, after = points[place - 1 : place], points[place + 1 : place + 2]
        # A line ends where a value is missing. Thinned points are further apart.
        is_thin = len(points) < len(given.points)
        begins = not before or (time - before[0][0] > given.step_ms and not is_thin)
        ends = not after or (after[0][0] - time > given.step_ms and not is_thin)
        if begins and before:
            data.append([before[0][0] + given.step_ms, None, ""])
        if begins and ends:
            alone.append(len(data))
        # The tooltip shows the text, with its unit.
        data.append([time, rounded(value), f"{figure(value)} {unit}".rstrip()])
    if alone:
        # A point with no neighbour is not seen without its symbol.
        data = [item if place in alone else {"value": item, "symbol": "none"} for place, item in enumerate(data)]
    area: Options = {"stack": _SIDES[given.is_right], "areaStyle": {"opacity": 0.35}} if is_stacked else {}
    return line(
        given.label,
        data,
        showSymbol=bool(alone),
        symbolSize=5,
        dimensions=[{"name": "time", "type": "time"}, {"name": "value"}, {"name": "text", "type": "ordinal"}],
        encode={"x": 0, "y": 1, "tooltip": [2]},
        itemStyle={"color": color},
        yAxisIndex=int(given.is_right),
        **area,
    )


def thinned(points: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    """Return no more points than a screen shows: of those that fall on one pixel, the least and the greatest."""
    if len(points) <= _MOST_POINTS:
        return points
    step = -(-2 * len(points) // _MOST_POINTS)
    kept = []
    for begin in range(0, len(points), step):
        some = points[begin : begin + step]
        least, greatest = (choose(some, key=lambda point: point[1]) for choose in (min, max))
        kept += sorted({least, greatest})
    return kept


def _axis(side: str, said: Mapping[str, Any], is_stacked: bool) -> Options:
    axis = value_axis(str(said.get("label", "")))
    for end in ("min", "max"):
        if end in said:
            axis[end] = said[end]
    if "min" in said and "max" in said:
        # Else the last two labels may be close to each other.
        axis["interval"] = (said["max"] - said["min"]) / axis["splitNumber"]
    return {
        **axis,
        "position": side,
        "nameGap": 8,
        "nameTextStyle": {**axis["nameTextStyle"], "align": side},
        "scale": not is_stacked,
        # Two nets of lines would say nothing.
        **({"splitLine": {"show": False}} if side == "right" else {}),
    }


def _legend(options: Options, position: str, labels: Sequence[str]) -> Options:
    names = list(dict.fromkeys(labels))
    if position == "hidden":
        return {"legend": {"show": False}, "grid": {**options["grid"], "top": 24, "bottom": 4}}
    if position == "right":
        beside = {**options["grid"], "top": 24, "right": "32%", "bottom": 4}
        # A sign as high as the text: where a legend scrolls, what is higher than its signs is cut off.
        signs = {"itemHeight": 15, "icon": _BAR, "data": names}
        place = {"orient": "vertical", "left": "70%", "top": 20, "bottom": 0}
        return {"legend": {**options["legend"], **signs, **place}, "grid": beside}
    below = wrapped_legend(names)
    return {**below, "legend": {**below["legend"], "icon": _BAR}}


def _marked(entries: list[Options], place: int, start_ms: int) -> Options:
    """Return a series that draws nothing but its marks; the axis reaches as far as they do."""
    lines = [entry for marks in entries for entry in marks["lines"]]
    areas = [entry for marks in entries for entry in marks["areas"]]
    return line(
        f"limits-{_SIDES[place]}",
        [[start_ms, entry["yAxis"]] for entry in lines if "yAxis" in entry],
        yAxisIndex=place,
        silent=True,
        symbol="none",
        lineStyle={"opacity": 0},
        tooltip={"show": False},
        markLine={"symbol": "none", "silent": True, "animation": False, "data": lines},
        markArea={"silent": True, "animation": False, "data": areas},
    )


def _horizontal(one: Drawn, is_right: bool) -> list[Options]:
    """Return the marks of one axis: expressions that are the same at any time, and annotations."""
    found = [
        _limit(row.constant, str(row.options.get("label", "")), row.options.get("color"))
        for row in one.rows
        if row.constant is not None and row.is_visible and row.is_right == is_right
    ]
    for said in one.widget.properties.get("annotations", {}).get("horizontal", []):
        ends = said if isinstance(said, list) else [said]
        if not ends[0].get("visible", True) or (ends[0].get("yAxis", "left") == "right") != is_right:
            continue
        color = ends[0].get("color")
        marks = [_limit(end["value"], str(end.get("label", "")), color) for end in ends]
        bound = {"yAxis": ends[0]["value"]}
        other = {"yAxis": ends[1]["value"]} if len(ends) > 1 else None
        marks[0]["areas"] = _areas(bound, other, str(ends[0].get("fill", "none")), color)
        found += marks
    return found


def _vertical(annotations: Mapping[str, Any], start_ms: int, end_ms: int) -> Options:
    lines: list[Options] = []
    areas: list[Any] = []
    for said in annotations.get("vertical", []):
        ends = said if isinstance(said, list) else [said]
        if not ends[0].get("visible", True):
            continue
        color = ends[0].get("color", THRESHOLD)
        times = [_ms(datetime.fromisoformat(end["value"])) for end in ends]
        for end, time in zip(ends, times, strict=True):
            if start_ms <= time <= end_ms:
                mark = threshold_line(0, str(end.get("label", "")))
                del mark["yAxis"]
                mark["label"]["rotate"] = 0
                lines.append({**mark, "xAxis": time, "lineStyle": {**mark["lineStyle"], "color": color}})
        other = {"xAxis": times[1]} if len(times) > 1 else None
        areas += _areas({"xAxis": times[0]}, other, str(ends[0].get("fill", "none")), color)
    return {"lines": lines, "areas": areas} if lines or areas else {}


def _limit(value: float, label: str, color: str | None) -> Options:
    mark = threshold_line(value, label or figure(value))
    color = color or THRESHOLD
    # Dashes are thresholds, which are red; dots are objectives and the like.
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    kind = "dashed" if red > max(green, blue) else "dotted"
    return {"lines": [{**mark, "lineStyle": {**mark["lineStyle"], "color": color, "type": kind}}], "areas": []}


def _areas(bound: Options, other: Options | None, fill: str, color: str | None) -> list[list[Options]]:
    """Return what is shaded: the band between two bounds, or the side of one; an empty bound is the graph's end."""
    style = {"itemStyle": {"color": color or THRESHOLD, "opacity": 0.12}}
    if other is not None:
        return [[{**bound, **style}, other]]
    if fill in ("above", "after"):
        return [[{**bound, **style}, {}]]
    if fill in ("below", "before"):
        return [[style, bound]]
    return []


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
