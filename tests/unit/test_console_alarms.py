"""What the console says of an alarm, its graph, and where it leads, from AWS's descriptions."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.alarms.alarm import Alarm, clock, datapoints, reason_in_words, span
from console.alarms.graph import graph, latest, measured, said, usual_range
from console.alarms.history import Change, changes, judged_values, step, times_on
from console.alarms.inputs import Inputs
from console.alarms.links import trace_links, went_off
from console.figures import figure
from console.time_range import TimeRange

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
LENGTH = timedelta(minutes=5)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:"


def evidence(*values: float, apart: float = 300, until: datetime = NOON) -> dict[str, Any]:
    """A StateReasonData whose values, the latest first, are so many seconds apart."""
    times = [until - timedelta(seconds=apart * (place + 1)) for place in range(len(values))]
    points = [{"timestamp": _written(time), "value": value} for time, value in zip(times, values, strict=True)]
    return {"version": "1.0", "queryDate": _written(until), "period": 300, "evaluatedDatapoints": points}


def _written(time: datetime) -> str:
    return f"{time.isoformat(timespec='milliseconds')[:23]}+0000"


def metric_alarm(*values: float, **described: Any) -> Alarm:
    """An alarm on the median of TimeToFirstToken above 2000 in two of two values, which are those given."""
    return Alarm(
        {
            "AlarmName": "slow",
            "StateValue": "ALARM",
            "StateReason": "Threshold  Crossed",
            "StateReasonData": json.dumps(evidence(*values)),
            "StateUpdatedTimestamp": NOON,
            "EvaluationPeriods": 2,
            "Threshold": 2000.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
            "Namespace": "Firstbyte",
            "MetricName": "TimeToFirstToken",
            "Dimensions": [{"Name": "service", "Value": "s"}],
            "Period": 300,
            "ExtendedStatistic": "p50",
            **described,
        }
    )


def composite_alarm(rule: str, **described: Any) -> Alarm:
    return Alarm({"AlarmName": "page", "StateValue": "ALARM", "AlarmRule": rule, "AlarmActions": [], **described})


def math_alarm(*metrics: str, namespace: str = "Firstbyte") -> Alarm:
    queries = [
        {
            "Id": f"m{place}",
            "MetricStat": {
                "Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": []},
                "Period": 300,
                "Stat": "Sum",
            },
            "ReturnData": False,
        }
        for place, name in enumerate(metrics)
    ]
    judged = {"Id": "judged", "Expression": "m0 * 100", "Label": "percent"}
    of_one = dict.fromkeys(("MetricName", "Namespace", "Dimensions", "Period", "ExtendedStatistic"))
    described = {**metric_alarm(90.0, 80.0).described, "Threshold": 5.0, "Metrics": [judged, *queries]}
    return Alarm({name: value for name, value in described.items() if name not in of_one})


def change(minutes: float, old: str, new: str, *values: float, apart: float = 300) -> Change:
    time = NOON + timedelta(minutes=minutes)
    return Change(time, old, new, "because", evidence(*values, apart=apart, until=time))


def test_what_an_alarm_judges_is_said_in_words() -> None:
    assert metric_alarm().judges() == (
        "Goes off when 2 of the latest 2 values are greater than 2,000. A value covers 5 min. "
        "A missing value counts as a good one."
    )
    assert metric_alarm(DatapointsToAlarm=1, TreatMissingData="breaching", Period=60).judges() == (
        "Goes off when 1 of the latest 2 values are greater than 2,000. A value covers 1 min. "
        "A missing value counts as a bad one."
    )
    assert math_alarm("ModelErrors").judges().startswith("Goes off when 2 of the latest 2 values are greater than 5 %.")


@pytest.mark.parametrize(
    ("alarm", "why"),
    [
        (metric_alarm(2503.4, 2511.0), "{when} 2,503; 2,511. 2 of 2 were greater than 2,000"),
        (metric_alarm(900.04, 2511.0), "{when} 900; 2,511. 1 of 2 was greater than 2,000"),
        (metric_alarm(2511.0), "{when} 2,511 (1 missing). 1 of 2 was greater than 2,000"),
        (metric_alarm(1.0, EvaluationPeriods=1), "{when} 1, which is not greater than 2,000"),
        (metric_alarm(), "Threshold Crossed"),
        (metric_alarm(1.0, StateValue="INSUFFICIENT_DATA", StateReason="No\n data"), "No data"),
    ],
    ids=range(6),
)
def test_the_reason_is_one_line(alarm: Alarm, why: str) -> None:
    assert alarm.why({}) == why.format(when=f"When it changed ({clock(NOON)}):")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            "Threshold Crossed: 2 out of the last 2 datapoints [33.333333333333336 (28/11/26 15:57:00), 1.0E-4 "
            "(27/11/26 09:00:00)] were not greater than the threshold (2000.0).",
            "Threshold Crossed: 2 out of the last 2 datapoints [33.33 (2026-11-28 15:57:00), 0.0001 (2026-11-27 "
            "09:00:00)] were not greater than the threshold (2,000).",
        ),
        (
            "arn:aws:cloudwatch:us-east-1:1:alarm:a-v1.25 transitioned to ALARM at Saturday 28 November, 2026 "
            "15:42:00 UTC",
            "a-v1.25 transitioned to ALARM at 2026-11-28 15:42:00 UTC",
        ),
        ("1 (99/99/26 15:57:00) at Someday 99 Nevember, 2026 15:42:00 UTC", None),
    ],
    ids=["values", "composite", "no dates"],
)
def test_a_reason_has_the_dates_and_numbers_of_the_console(reason: str, words: str | None) -> None:
    assert reason_in_words(reason) == (words or reason)


def test_a_time_of_another_day_has_its_date() -> None:
    assert clock(NOON.replace(year=2025)) == "2025-11-28 12:00 UTC"
    assert re.fullmatch(r"\d\d:\d\d UTC", clock(datetime.now(UTC)))


def math_of(expression: str, *values: float, until: datetime, **described: Any) -> Alarm:
    """An alarm on an expression, whose state changed at a time because of these values."""
    alarm = math_alarm("TimeToFirstToken", "Requests")
    judged = {**alarm.queries[0], "Expression": expression}
    data = json.dumps(evidence(*values, until=until))
    return Alarm({**alarm.described, "StateReasonData": data, "Metrics": [judged, *alarm.queries[1:]], **described})


@pytest.mark.parametrize(
    ("expression", "stand_in"),
    [
        ("IF(FILL(judgeable, 0) >= 20, ttft, 0)", 0),
        ("IF(asked > 0, 100 * (bad - 4) / asked / (12 + (100 - 95)), 10.5)", 10.5),
        ("FILL(failed, 1)", 1),
        ("IF(asked > 0, bad, good)", None),
        ("FILL(a, 0) + FILL(b, 0) + c", None),
        ("ttft", None),
    ],
)
def test_an_expression_may_have_a_stand_in(expression: str, stand_in: float | None) -> None:
    assert math_of(expression, until=NOON).stand_in == stand_in


def test_an_alarm_that_had_nothing_to_judge_says_so() -> None:
    now = datetime.now(UTC)
    alarm = math_of("IF(n > 20, ttft, 0)", 0.0, 0.0, until=now, StateValue="OK")
    empty = {"MetricDataResults": [{"Id": "m0", "Values": []}, {"Id": "m1", "Values": []}]}
    client = Paged(empty)
    inputs = Inputs(client)
    assert inputs.were_empty(alarm)
    assert alarm.why({}, without_data=True) == (
        f"When it changed ({clock(now)}): no data. Its expression gives 0 for that"
    )
    asked = client.asked["MetricDataQueries"]
    assert [(one["Id"], one["MetricStat"]["Stat"]) for one in asked] == [("m0", "SampleCount"), ("m1", "SampleCount")]
    assert client.asked["StartTime"] <= now - 2 * LENGTH
    assert client.asked["EndTime"] >= now - timedelta(seconds=1)
    client.asked = {}
    assert inputs.were_empty(alarm)
    assert client.asked == {}, "it is asked once for each change"
    some = Paged({"MetricDataResults": [{"Id": "m0", "Values": []}, {"Id": "m1", "Values": [3.0]}]})
    assert not Inputs(some).were_empty(alarm), "it had data, and its expression gave the same"
    other = math_of("IF(n > 20, ttft, 0)", 0.0, 3.0, until=now)
    assert not Inputs(Paged(empty)).were_empty(other), "one of its values is none of its stand-in"
    old = math_of("IF(n > 20, ttft, 0)", 0.0, 0.0, until=now - timedelta(days=16))
    assert not Inputs(Paged(empty)).were_empty(old), "nobody can tell"


def test_the_present_value_is_said_with_its_period() -> None:
    alarm = metric_alarm()
    lately = TimeRange(NOON - 12 * LENGTH, NOON, "1h")
    values = [(NOON - 3 * LENGTH, 1.0), (NOON - LENGTH, 2503.4)]
    assert latest(alarm, lately, values) == f"Now (5 min from {clock(NOON - LENGTH)}): 2,503"
    assert latest(alarm, lately, values[:1]) == "Now: no data"
    assert latest(alarm, lately, []) == "Now: no data"
    assert latest(alarm, TimeRange(NOON - 12 * LENGTH, NOON), values) == ""


def test_a_composite_alarm_says_its_rule_and_which_of_its_alarms_are_on() -> None:
    alarm = composite_alarm('ALARM("a b") OR (ALARM(c) AND ALARM("arn:aws:cloudwatch:r:1:alarm:d")) AND NOT OK("e")')
    assert alarm.children == ["a b", "c", "d", "e"]
    assert alarm.why({"a b": "ALARM", "c": "OK"}) == "On: a b"
    assert Alarm({**alarm.described, "StateValue": "OK"}).why({"c": "ALARM"}) == "On, but not enough: c"
    assert Alarm({**alarm.described, "StateValue": "OK"}).why({}) == "None of its 4 alarms is on"
    assert composite_alarm('ALARM("a")  OR (ALARM("b") AND ALARM("c"))').judges() == (
        "On while a is on or (b is on and c is on)."
    )


def test_whom_an_alarm_tells() -> None:
    parent = composite_alarm('ALARM("slow")')
    assert metric_alarm(AlarmActions=[f"{TOPIC}x-PageTopic"]).tells([]) == "Pages (x-PageTopic)"
    assert metric_alarm(AlarmActions=[f"{TOPIC}x-TicketTopic"]).tells([]) == "Opens a ticket (x-TicketTopic)"
    assert metric_alarm(AlarmActions=[f"{TOPIC}mail"]).tells([]) == "Notifies mail"
    assert metric_alarm(AlarmActions=[f"{TOPIC}mail"], ActionsEnabled=False).tells([]).startswith("Notifies nobody: ")
    assert metric_alarm(AlarmActions=[]).tells([parent]) == "Is in the rule of page"
    assert metric_alarm(AlarmActions=[]).tells([]) == "Notifies nobody"
    assert metric_alarm(AlarmActions=[], AlarmName="a-page").tells([]) == "Would page, but notifies nobody"


def test_numbers_and_lengths_of_time_are_short() -> None:
    assert [figure(value) for value in (0, 5.0, 96.8911, 208.3333, 999.96, 2000, 1234567.8, -0.5, 0.0004)] == [
        *("0", "5", "96.89", "208.3", "1,000", "2,000", "1,234,568", "-0.5", "0.0004")
    ]
    assert [span(seconds) for seconds in (1, 5, 60, 90, 300, 3600, 5400, 21600, 86400)] == [
        *("1 s", "5 s", "1 min", "90 s", "5 min", "1 h", "90 min", "6 h", "1 d")
    ]


def test_what_is_small_is_not_drawn_as_nothing() -> None:
    alarm = metric_alarm(0.0005, 0.0003, Threshold=0.0004)
    drawn = graph(alarm, [], TimeRange(NOON - 3 * LENGTH, NOON), [(NOON - LENGTH, 0.0005)])
    line, good, bad, _ = drawn["series"]
    assert {value for _, value in line["data"]} == {0.0005}
    assert [value for _, value in (*good["data"], *bad["data"])] == [0.0003, 0.0005]
    assert "0.0004" in alarm.judges()


def test_what_was_judged_comes_from_the_state_and_from_its_changes() -> None:
    alarm = metric_alarm(3000.0, 2500.0)
    judged = judged_values(alarm, [change(0, "OK", "ALARM", 3000.0, 2500.0), change(-30, "ALARM", "OK", 1.0)])
    assert [(point.time - NOON, point.value) for point in judged] == [
        (timedelta(minutes=-35), 1.0),
        (timedelta(minutes=-10), 2500.0),
        (timedelta(minutes=-5), 3000.0),
    ]
    assert datapoints({"evaluatedDatapoints": [{"timestamp": _written(NOON)}]}) == []


def test_an_alarm_is_on_from_one_change_to_another() -> None:
    start, end = NOON - timedelta(hours=1), NOON
    was = [change(-10, "OK", "ALARM"), change(-30, "ALARM", "OK")]
    assert times_on(metric_alarm(), was, start, end) == [
        (start, NOON - timedelta(minutes=30)),
        (NOON - timedelta(minutes=10), end),
    ]
    old = metric_alarm(StateUpdatedTimestamp=start - timedelta(days=1))
    assert times_on(old, [], start, end) == [(start, end)]
    assert times_on(Alarm({**old.described, "StateValue": "OK"}), [], start, end) == []
    # A graph of earlier times: it went off later.
    assert times_on(metric_alarm(), [change(60, "OK", "ALARM")], start, end) == []


@pytest.mark.parametrize(
    ("alarm", "found", "seconds", "last"),
    [
        (metric_alarm(1.0, 2.0), [], 300, "3h"),
        (metric_alarm(1.0, 2.0, Period=60, StateReasonData="{}"), [], 60, "1h"),
        (metric_alarm(1.0, 2.0, Period=21_600, StateReasonData="{}"), [], 21_600, "7d"),
        (metric_alarm(), [change(0, "OK", "ALARM", 1.0, 2.0, apart=5)], 5, "5m"),
        (metric_alarm(StateReasonData=json.dumps(evidence(1.0, apart=15))), [], 15, "15m"),
    ],
    ids=["period", "minute", "hours", "history", "one value"],
)
def test_the_graph_shows_as_much_as_the_alarm_judges(
    alarm: Alarm, found: Sequence[Change], seconds: float, last: str
) -> None:
    assert step(alarm, found) == seconds
    assert usual_range(alarm, found) == last
    note = said(alarm, found)
    assert ("s apart" in note) == (seconds < alarm.period)
    assert f"the line has one value for each {span(alarm.period)}." in note
    assert "on the line." in note


def test_the_graph_has_values_marks_threshold_and_times_on() -> None:
    shown = TimeRange(NOON - timedelta(hours=1), NOON, "1h")
    alarm = metric_alarm(3000.0, 100.0)
    values = [(NOON - 4 * LENGTH, 100.0), (NOON - 2 * LENGTH, 100.12345), (NOON - LENGTH, 3000.0)]
    options = graph(alarm, [change(-5, "OK", "ALARM")], shown, values)
    line, good, bad, limit = options["series"]

    def at(minutes: float) -> float:
        return (NOON + timedelta(minutes=minutes)).timestamp() * 1000

    assert line["data"] == [
        *([at(-20), 100.0], [at(-15), 100.0], [at(-15), None]),
        *([at(-10), 100.123], [at(-5), 100.123], [at(-5), 3000.0], [at(0), 3000.0]),
    ]
    assert (good["data"], bad["data"]) == ([[at(-10), 100.0]], [[at(-5), 3000.0]])
    assert good["symbol"] != bad["symbol"]
    (threshold,) = limit["markLine"]["data"]
    assert (threshold["yAxis"], threshold["name"]) == (2000.0, "threshold: 2,000")
    assert threshold["lineStyle"]["type"] == "dashed"
    ((begin, end),) = limit["markArea"]["data"]
    assert (begin["xAxis"], end["xAxis"], begin["name"]) == (at(-5), at(0), "in alarm")
    json.dumps(options)


class Paged:
    """A client whose every operation has two pages; it notes what it was asked."""

    def __init__(self, *pages: Mapping[str, Any]) -> None:
        self.pages = pages
        self.asked: dict[str, Any] = {}

    def get_paginator(self, _: str) -> "Paged":
        return self

    def paginate(self, **asked: Any) -> Sequence[Mapping[str, Any]]:
        self.asked = asked
        return self.pages


def test_values_of_all_pages_are_asked_for_from_the_beginning_of_a_period() -> None:
    pages = (
        {"MetricDataResults": [{"Id": "judged", "Timestamps": [NOON - LENGTH], "Values": [1.0]}]},
        {"MetricDataResults": [{"Id": "judged", "Timestamps": [NOON], "Values": [2.0]}]},
    )
    client = Paged(*pages)
    shown = TimeRange(NOON - timedelta(minutes=7), NOON)
    alarm = math_alarm("ModelErrors", "Requests")
    assert measured(client, alarm, shown, every=False) == {"judged": [(NOON - LENGTH, 1.0), (NOON, 2.0)]}
    assert client.asked["StartTime"] == NOON - 2 * LENGTH
    assert [query["ReturnData"] for query in client.asked["MetricDataQueries"]] == [True, False, False]
    measured(client, alarm, shown, every=True)
    assert [query["ReturnData"] for query in client.asked["MetricDataQueries"]] == [True, True, True]


def test_a_history_that_is_not_understood_still_has_its_summary() -> None:
    items = [
        {
            "Timestamp": NOON,
            "HistoryData": json.dumps(
                {
                    "oldState": {"stateValue": "OK"},
                    "newState": {
                        "stateValue": "ALARM",
                        "stateReason": "arn:aws:cloudwatch:r:1:alarm:a went on",
                        "stateReasonData": evidence(1.0),
                    },
                }
            ),
        },
        {"Timestamp": NOON, "HistoryData": "{", "HistorySummary": "Alarm updated"},
    ]
    first, second = changes(Paged({"AlarmHistoryItems": items}), "slow")
    assert (first.old, first.new, first.reason) == ("OK", "ALARM", "a went on")
    assert len(datapoints(first.evidence)) == 1
    assert (second.new, second.reason) == ("", "Alarm updated")


def test_traces_and_log_lines_are_those_of_the_time_that_set_it_off() -> None:
    alarm = metric_alarm(3000.0, 2500.0)
    window = went_off(alarm, [change(10, "ALARM", "OK", 1.0, 2500.0), change(0, "OK", "ALARM", 3000.0, 2500.0)], [])
    assert window
    assert window.start < NOON - 2 * LENGTH
    assert window.start > NOON - 3 * LENGTH
    assert NOON < window.end < NOON + LENGTH
    assert went_off(alarm, [change(10, "ALARM", "OK")], []) is None
    page = composite_alarm('ALARM("slow")', StateUpdatedTimestamp=NOON)
    of_page = went_off(page, [Change(NOON, "OK", "ALARM", "", {})], [alarm])
    assert of_page
    assert NOON - 2 * LENGTH < of_page.start < NOON - LENGTH


@pytest.mark.parametrize(
    ("alarm", "query"),
    [
        (metric_alarm(), "slow=2000"),
        (math_alarm("ModelErrors", "Requests"), "outcome=model_error"),
        (math_alarm("InterruptedStreams", "DeadlineExceeded"), "outcome=deadline_exceeded"),
        (math_alarm("Throttles", namespace="AWS/Lambda"), None),
        (math_alarm("GoodResponses", "InternalErrors", "Throttles"), None),
        (metric_alarm(ComparisonOperator="LessThanThreshold"), None),
    ],
    ids=["slow", "model errors", "two", "of Lambda", "budget", "too fast"],
)
def test_an_alarm_leads_to_the_traces_that_fit_what_it_judges(alarm: Alarm, query: str | None) -> None:
    links = trace_links(alarm, TimeRange(NOON, NOON + LENGTH))
    fitting = [link for link in links.values() if "outcome=" in link or "slow=" in link]
    assert [link.rpartition("&")[2] for link in fitting[-1:]] == ([query] if query else [])
    assert list(links)[-1] == "All traces"
    assert all(link.startswith("/traces?from=2026-11-28T12%3A00%3A00%2B00%3A00&to=") for link in links.values())
