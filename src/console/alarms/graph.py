"""The graph that an alarm judges: its values with the threshold, what was judged, and when it was on."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from console.alarms.alarm import Alarm, Datapoint, clock, span, with_unit
from console.alarms.history import Change, judged_values, step, times_on
from console.figures import rounded
from console.time_range import CHOICES, TimeRange, duration
from look.charts import SERIES, THRESHOLD, Options, base_options, line, threshold_line, time_axis, value_axis

Measured = dict[str, list[tuple[datetime, float]]]
"""Values, and when their periods begin, by the ids of their queries."""

# How many values a graph shows if its address does not say from when to when.
_VALUES = 24
_BAND = "rgba(204, 51, 17, 0.13)"
# A name needs so much of the graph's width.
_NAME_SHARE = 0.08


def usual_range(alarm: Alarm, found: Sequence[Change]) -> str:
    """Return the `last` of a graph that shows what the alarm has judged lately, one of `CHOICES`."""
    seconds = _VALUES * step(alarm, found)
    return next((choice for choice in CHOICES if duration(choice).total_seconds() >= seconds), CHOICES[-1])


def measured(cloudwatch: Any, alarm: Alarm, shown: TimeRange, every: bool) -> Measured:
    """Return the values of an alarm's query by its id, the earliest first; with `every`, those of all its queries.

    Raises:
        ClientError, BotoCoreError: AWS refuses, or cannot be reached.
    """
    # Periods begin at whole multiples of their length, so that a value stays the same when the graph moves on.
    start = datetime.fromtimestamp(shown.start.timestamp() // alarm.period * alarm.period, UTC)
    queries = [{**query, "ReturnData": every or query.get("ReturnData", True)} for query in alarm.queries]
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        StartTime=start, EndTime=shown.end, MetricDataQueries=queries, ScanBy="TimestampAscending"
    )
    values: Measured = {}
    for page in pages:
        for result in page["MetricDataResults"]:
            values.setdefault(result["Id"], []).extend(zip(result["Timestamps"], result["Values"], strict=True))
    return values


def graph(alarm: Alarm, found: Sequence[Change], shown: TimeRange, values: Sequence[tuple[datetime, float]]) -> Options:
    """Return the graph of what an alarm judges.

    Args:
        alarm: it.
        found: how its state has changed since the graph's beginning, the latest first.
        shown: from when to when.
        values: those of its query, as CloudWatch has them now.
    """
    start_ms, end_ms = _ms(shown.start), _ms(shown.end)
    judged = [point for point in judged_values(alarm, found) if shown.start <= point.time <= shown.end]
    bad = [point for point in judged if alarm.is_bad(point.value)]
    good = [point for point in judged if not alarm.is_bad(point.value)]
    name = alarm.unit or str(alarm.judged.get("MetricStat", {}).get("Metric", {}).get("MetricName", "value"))
    series = [
        line(name, _steps(values, alarm.period, shown), showSymbol=False),
        _dots("judged, within the threshold", good, SERIES[0], "circle", 7),
        _dots("judged, beyond the threshold", bad, THRESHOLD, "diamond", 11),
        _limits(alarm, found, shown),
    ]
    options = base_options()
    options["legend"] |= {"data": [one["name"] for one in series[:3] if one["data"]], "itemWidth": 12, "itemHeight": 10}
    return options | {
        "grid": {**options["grid"], "top": 20},
        "xAxis": time_axis(start_ms, end_ms),
        "yAxis": value_axis(),
        "series": series,
    }


def inputs_graph(alarm: Alarm, shown: TimeRange, values: Measured) -> Options:
    """Return the graph of what an alarm's values are computed from."""
    options = base_options()
    judged = alarm.judged.get("Id")
    return options | {
        "xAxis": time_axis(_ms(shown.start), _ms(shown.end)),
        "yAxis": value_axis(),
        "series": [
            line(query_id, _steps(points, alarm.period, shown), showSymbol=False)
            for query_id, points in values.items()
            if query_id != judged and points
        ],
    }


def said(alarm: Alarm, found: Sequence[Change]) -> str:
    """Return what a reader of the graph has to know, in one sentence or two."""
    every, length = step(alarm, found), span(alarm.period)
    text = f"The marks are the values that were judged, the line has one value for each {length}."
    if every < alarm.period / 2:
        return f"{text} The alarm has judged values only {span(round(every))} apart, so not all lie on the line."
    return f"{text} A mark is of the {length} before it was judged, so it need not lie on the line."


def latest(alarm: Alarm, shown: TimeRange, values: Sequence[tuple[datetime, float]]) -> str:
    """Return what the last value of a graph that goes on until now is, in words; empty if the graph ended earlier."""
    if not shown.last:
        return ""
    # The period that runs may have no value yet.
    if not values or values[-1][0] + timedelta(seconds=2 * alarm.period) < shown.end:
        return "Now: no data"
    time, value = values[-1]
    return f"Now ({span(alarm.period)} from {clock(time)}): {with_unit(value, alarm.unit)}"


def _ms(moment: datetime) -> float:
    return round(moment.timestamp() * 1000)


def _steps(values: Sequence[tuple[datetime, float]], period: int, shown: TimeRange) -> list[list[float | None]]:
    """Return a line that keeps each value for as long as its period, and is broken where there is none."""
    points: list[list[float | None]] = []
    length = timedelta(seconds=period)
    until: datetime | None = None
    for time, value in values:
        if until is not None and time > until:
            points.append([_ms(until), None])
        begin, until = max(time, shown.start), time + length
        points += [[_ms(begin), rounded(value)], [_ms(min(until, shown.end)), rounded(value)]]
    return points


def _dots(name: str, points: Sequence[Datapoint], color: str, symbol: str, size: int) -> Options:
    return {
        "type": "scatter",
        "name": name,
        "data": [[_ms(point.time), rounded(point.value)] for point in points],
        "symbol": symbol,
        "symbolSize": size,
        "itemStyle": {"color": color},
        "z": 5,
    }


def _limits(alarm: Alarm, found: Sequence[Change], shown: TimeRange) -> Options:
    """Return an invisible line that makes room for the threshold, and has its name and the times when it was on."""
    start_ms, end_ms = _ms(shown.start), _ms(shown.end)
    bands = []
    for begin, end in times_on(alarm, found, shown.start, shown.end):
        wide = _ms(end) - _ms(begin) > _NAME_SHARE * (end_ms - start_ms)
        bands.append([{"xAxis": _ms(begin), "name": "in alarm" if wide else ""}, {"xAxis": _ms(end)}])
    threshold = alarm.threshold
    lines = []
    if threshold is not None:
        lines = [threshold_line(threshold, f"threshold: {with_unit(threshold, alarm.unit)}")]
    return {
        "type": "line",
        "name": "threshold",
        "data": [] if threshold is None else [[start_ms, threshold], [end_ms, threshold]],
        "symbol": "none",
        "lineStyle": {"opacity": 0},
        "itemStyle": {"opacity": 0},
        "silent": True,
        "tooltip": {"show": False},
        "markLine": {"symbol": "none", "silent": True, "data": lines},
        "markArea": {
            "silent": True,
            "itemStyle": {"color": _BAND},
            "label": {"position": "insideBottom", "fontSize": 11, "formatter": "{b}"},
            "data": bands,
        },
    }
