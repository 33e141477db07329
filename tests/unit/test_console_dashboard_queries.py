"""What the console asks CloudWatch for, so that it can draw the metric widgets of a dashboard."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.dashboard.body import Place, Widget, read_body
from console.dashboard.queries import Call, Drawn, calls_of, drawn
from console.time_range import TimeRange
from dashboard_body import metric_queries, with_variable
from stack_template import dashboard_body

END = datetime(2026, 11, 28, 14, 3, 20, tzinfo=UTC)
SHOWN = TimeRange(END - timedelta(hours=3), END, "3h")


def widget(number: int, *metrics: list[Any], **properties: Any) -> Drawn:
    said = {"region": "us-east-1", "metrics": list(metrics), **properties}
    return drawn(Widget(number, "metric", Place(0, 0, 6, 6), said), SHOWN)


def expressions(call: Call) -> list[str]:
    return [query["Expression"] for query in call.queries.values() if "Expression" in query]


def written_out(query_id: str, queries: dict[str, dict[str, Any]]) -> Any:
    """A query with those that it needs in the place of their ids: the same whatever they are called."""
    query = queries[query_id]
    if "MetricStat" in query:
        stat = query["MetricStat"]
        dimensions = sorted((one["Name"], one["Value"]) for one in stat["Metric"]["Dimensions"])
        return (stat["Metric"]["Namespace"], stat["Metric"]["MetricName"], dimensions, stat["Period"], stat["Stat"])
    parts = re.split(r"\b([a-z]\w*)\b", query["Expression"])
    return [written_out(part, queries) if part in queries else part for part in parts], query.get("Period")


def test_the_stack_s_dashboard_asks_for_what_its_rows_stand_for_in_few_calls() -> None:
    said = with_variable(dashboard_body({}), "model", "nova")
    body = read_body(json.dumps(dashboard_body({})), {"model": "nova"})
    one_each = {one.number: drawn(one, SHOWN) for one in body.widgets if one.kind == "metric"}
    calls = calls_of(one_each.values(), body.keeps_periods, set())
    assert len(calls) == len({one.window for one in one_each.values()}) == 3
    for number, one in one_each.items():
        (call,) = (call for call in calls if number in call.ids)
        asked = {query["Id"]: query for query in call.queries.values()}
        expected = metric_queries(said["widgets"][number]["properties"])
        by_id = {query["Id"]: query for query in expected}
        for place, query in enumerate(expected):
            if query["ReturnData"] and one.rows[place].constant is None:
                mine = call.ids[number][place]
                assert asked[mine]["ReturnData"]
                assert written_out(mine, asked) == written_out(query["Id"], by_id)
    for call in calls:  # CloudWatch bills each metric that is asked for
        stats = [json.dumps(query["MetricStat"]) for query in call.queries.values() if "MetricStat" in query]
        assert len(set(stats)) == len(stats)


def test_ids_of_two_widgets_do_not_meet() -> None:
    one = widget(0, ["N", "A", {"id": "m1", "visible": False}], [{"expression": "m1 * 2", "label": "x"}])
    two = widget(1, ["N", "B", {"id": "m1", "visible": False}], [{"expression": "m1 * 2"}])
    (call,) = calls_of([one, two], True, set())
    first, second = expressions(call)
    assert first != second
    assert call.ids.keys() == {0, 1}


def test_what_is_hidden_and_not_needed_is_not_asked_for() -> None:
    (call,) = calls_of(
        [widget(0, ["N", "A", {"visible": False}], ["N", "B"], [{"expression": "TIME_SERIES(3)"}])], True, set()
    )
    assert [query["MetricStat"]["Metric"]["MetricName"] for query in call.queries.values()] == ["B"]
    assert calls_of([widget(0, [{"expression": "TIME_SERIES(3)"}])], True, set()) == []


def test_quoted_words_are_no_ids() -> None:
    search = "SEARCH('{N,a} m1', \"p50\", 300)"
    (call,) = calls_of([widget(0, ["N", "A", {"id": "m1"}], [{"expression": search}])], True, set())
    assert expressions(call) == [search]
    assert [query["Period"] for query in call.queries.values() if "Expression" in query] == [300]


def test_a_widget_that_means_all_metrics_has_a_call_of_its_own() -> None:
    everything = widget(1, ["N", "A"], ["N", "B", {"visible": False}], [{"expression": "SUM(METRICS())"}])
    calls = calls_of([widget(0, ["N", "C"]), everything, widget(2, ["N", "D"])], True, set())
    assert [set(call.ids) for call in calls] == [{0, 2}, {1}]
    assert len(calls[1].queries) == 3
    assert calls_of([widget(0, ["N", "C"]), widget(1, ["N", "D"])], True, {1})[1].ids == {1: {0: "q0"}}


def test_a_call_has_at_most_500_queries() -> None:
    many = [widget(number, *(["N", f"m{number}x{row}"] for row in range(180))) for number in range(4)]
    calls = calls_of(many, True, set())
    assert [len(call.queries) for call in calls] == [360, 360]
    assert [set(call.ids) for call in calls] == [{0, 1}, {2, 3}]


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ([["N", "A", {"id": "m"}], ["N", "B", {"id": "m"}]], "same id"),
        ([[{"expression": "e2", "id": "e1"}], [{"expression": "e1", "id": "e2"}]], "needs itself"),
    ],
)
def test_rows_that_make_no_sense(metrics: list[list[Any]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        calls_of([widget(0, *metrics)], True, set())


def period(one: Drawn, keeps_periods: bool = True) -> int:
    (call,) = calls_of([one], keeps_periods, set())
    (query,) = call.queries.values()
    return int(query["MetricStat"]["Period"])


def test_periods_are_those_of_rows_or_widgets_or_fit_the_time() -> None:
    assert period(widget(0, ["N", "A"])) == 300
    assert period(widget(0, ["N", "A"], period=900)) == 900
    assert period(widget(0, ["N", "A", {"period": 60}], period=900)) == 60
    assert period(widget(0, ["N", "A", {"period": 86_400}]), keeps_periods=False) == 60
    assert period(widget(0, ["N", "A"], start="-P7D"), keeps_periods=False) == 3600


def test_a_window_begins_with_a_period_at_every_look() -> None:
    starts = {
        drawn(widget(0, ["N", "A"]).widget, TimeRange(SHOWN.start + timedelta(seconds=later), END, "3h")).window.start
        for later in (0, 30, 99)
    }
    assert starts == {datetime(2026, 11, 28, 11, 0, tzinfo=UTC)}


def test_a_widget_s_own_time() -> None:
    last = widget(0, ["N", "A"], start="-PT5M", period=300, setPeriodToTimeRange=True, view="singleValue")
    assert (last.window.end - END).total_seconds() == 40  # the minute that has not ended counts
    assert period(last) == last.window.seconds == 300
    month = widget(0, ["N", "A"], start="-P30D", setPeriodToTimeRange=True, view="singleValue")
    # CloudWatch rounds an old start down: to a time between two steps, it would give two values.
    assert (month.window.start.minute % 5, month.window.start.second) == (0, 0)
    assert period(month) == month.window.seconds == 30 * 86_400
    assert 0 <= (month.window.end - END).total_seconds() < 300
    year = widget(0, ["N", "A"], start="-P365D", setPeriodToTimeRange=True, view="singleValue")
    assert (year.window.start.minute, period(year)) == (0, 365 * 86_400)
    fixed = widget(0, ["N", "A"], start="2026-11-01T00:00:00Z", end="2026-11-02T00:00:00Z")
    assert (fixed.window.start.day, fixed.window.end.day) == (1, 2)
    assert widget(0, ["N", "A"], setPeriodToTimeRange=True).period(last.rows[0], True) == 300, "a graph has points"
