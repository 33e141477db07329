"""What the metric widgets of a dashboard ask CloudWatch for: few calls of GetMetricData, with each metric in them once.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from console.dashboard.body import Widget, last_of
from console.dashboard.rows import Row, rows_of
from console.time_range import TimeRange, duration

MOST_QUERIES = 500
DEFAULT_STAT = "Average"
_DEFAULT_PERIOD = 300
# With `periodOverride: auto`, a graph has the shortest of these periods that leaves it no more points.
_PERIODS = (60, 300, 900, 3600, 21_600, 86_400)
_MOST_POINTS = 300
# The older a start, the larger the step (in seconds) to which CloudWatch rounds it down; by its age in days.
_START_STEPS = ((15, 60), (63, 300))
_OLDEST_STEP = 3600
# Quoted texts, such as those of SEARCH, and the ids of other rows.
_WORDS = re.compile(r"'[^']*'|\"[^\"]*\"|\b[a-z][A-Za-z0-9_]*\b")
# What a body that makes no sense raises, wherever that shows.
MALFORMED = (ValueError, TypeError, KeyError, AttributeError, IndexError)


def malformed(error: Exception) -> str:
    """Return why a widget cannot be drawn, for the reader."""
    named = "" if type(error) is ValueError else f"{type(error).__name__}: "
    return f"It cannot be drawn: {named}{error}."


@dataclass(frozen=True)
class Window:
    """The time that a widget shows."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> int:
        """Its length."""
        return int((self.end - self.start).total_seconds())


@dataclass(frozen=True)
class Drawn:
    """A metric widget that is drawn: its rows, and the time that it shows."""

    widget: Widget
    rows: list[Row]
    window: Window

    @property
    def stat(self) -> str:
        """The statistic of rows that name none."""
        return str(self.widget.properties.get("stat", DEFAULT_STAT))

    def period(self, row: Row, keeps_periods: bool) -> int:
        """Return the period of a row's metric, in seconds."""
        if has_one_period(self.widget):
            return self.window.seconds
        if not keeps_periods:
            return next((one for one in _PERIODS if self.window.seconds <= one * _MOST_POINTS), _PERIODS[-1])
        return int(row.options.get("period", self.widget.properties.get("period", _DEFAULT_PERIOD)))


@dataclass
class Call:
    """One call of GetMetricData.

    Attributes:
        window: the time that it asks for.
        queries: its MetricDataQueries by what makes them different.
        ids: of the queries of the visible rows, by the widgets' numbers and the rows' places.
        is_closed: whether it takes no other widget.
    """

    window: Window
    queries: dict[str, dict[str, Any]] = field(default_factory=dict)
    ids: dict[int, dict[int, str]] = field(default_factory=dict)
    is_closed: bool = False


def drawn(widget: Widget, shown: TimeRange) -> Drawn:
    """Return a metric widget with what it draws.

    Args:
        widget: the widget.
        shown: the dashboard's time.

    Raises:
        ValueError: its rows or its own time make no sense.
    """
    return Drawn(widget, rows_of(list(widget.properties.get("metrics", []))), _window(widget, shown))


def calls_of(widgets: Iterable[Drawn], keeps_periods: bool, apart: set[int]) -> list[Call]:
    """Return the calls that metric widgets need.

    Args:
        widgets: the widgets.
        keeps_periods: as the body says.
        apart: numbers of widgets that have a call of their own, for what they ask makes it fail.

    Raises:
        ValueError: the ids of a widget's rows are not different, or an expression needs itself.
    """
    calls: list[Call] = []
    for one in widgets:
        # METRICS() stands for all metrics of a call.
        is_alone = one.widget.number in apart or any("METRICS(" in row.expression for row in one.rows)
        open_calls = [call for call in calls if call.window == one.window and not call.is_closed and not is_alone]
        for call in [*open_calls, None]:
            built = _with_widget(call or Call(one.window), one, keeps_periods)
            if call is None or len(built.queries) <= MOST_QUERIES:
                break
        built.is_closed = is_alone
        if call is not None:
            calls[calls.index(call)] = built
        elif built.queries:
            calls.append(built)
    return calls


def has_one_period(widget: Widget) -> bool:
    """Tell whether each row has one value, of all the time that the widget shows."""
    return bool(widget.properties.get("setPeriodToTimeRange")) and widget.view != "timeSeries"


def _with_widget(call: Call, one: Drawn, keeps_periods: bool) -> Call:
    """Return a call that asks for what a widget needs, too."""
    queries = {key: dict(query) for key, query in call.queries.items()}
    by_id = {str(row.options["id"]): row for row in one.rows if "id" in row.options}
    if len(by_id) < sum("id" in row.options for row in one.rows):
        raise ValueError("two rows have the same id")
    takes_all = any("METRICS(" in row.expression for row in one.rows)

    def query_id(row: Row, within: tuple[Row, ...] = ()) -> str:
        if row in within:
            raise ValueError(f"the expression {row.expression!r} needs itself")
        asked = _asked(row, lambda name: query_id(by_id[name], (*within, row)) if name in by_id else name)
        key = json.dumps(asked)
        return str(queries.setdefault(key, {"Id": f"q{len(queries)}", **asked, "ReturnData": False})["Id"])

    def _asked(row: Row, other: Any) -> dict[str, Any]:
        period = one.period(row, keeps_periods)
        if row.names:
            metric = {
                "Namespace": row.names[0],
                "MetricName": row.names[1],
                "Dimensions": [{"Name": name, "Value": value} for name, value in row.dimensions.items()],
            }
            return {"MetricStat": {"Metric": metric, "Period": period, "Stat": row.options.get("stat", one.stat)}}
        expression = _WORDS.sub(lambda found: other(found[0]), row.expression)
        # One that needs other rows has their period.
        return {"Expression": expression, **({} if _WORDS.search(_unquoted(row.expression)) else {"Period": period})}

    ids = {
        place: query_id(row)
        for place, row in enumerate(one.rows)
        if takes_all or (row.is_visible and row.constant is None)
    }
    for query in queries.values():
        query["ReturnData"] |= query["Id"] in ids.values()
    visible = {place: asked for place, asked in ids.items() if one.rows[place].is_visible}
    return Call(call.window, queries, {**call.ids, one.widget.number: visible})


def _unquoted(expression: str) -> str:
    return re.sub(r"'[^']*'|\"[^\"]*\"", "", expression)


def _window(widget: Widget, shown: TimeRange) -> Window:
    """Return the time that a widget shows: its own, or the dashboard's; it begins with a period, at every look."""
    start, end = shown.start, shown.end
    said: Mapping[str, Any] = widget.properties
    if "start" in said and str(said["start"]).startswith("-"):
        start = end - duration(last_of(said["start"]))
    elif "start" in said:
        start = datetime.fromisoformat(said["start"])
        end = datetime.fromisoformat(said["end"]) if "end" in said else end
    if has_one_period(widget):
        # The one period ends with the minute that has not ended: what just came in counts. It begins where CloudWatch
        # need not round its start, or there would be two.
        length = timedelta(minutes=max(1, round((end - start).total_seconds() / 60)))
        step = next((step for days, step in _START_STEPS if length < timedelta(days=days)), _OLDEST_STEP)
        start = _floor(end - length + timedelta(seconds=step - 1), step)
        return Window(start, start + length)
    return Window(_floor(start, min(int(said.get("period", _DEFAULT_PERIOD)), 3600)), end)


def _floor(moment: datetime, seconds: int) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)
