"""What a dashboard asks AWS for: metrics in few calls, alarms in one, and a query of logs for each table."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from console.dashboard.body import Body, read_body
from console.dashboard.graph import Line
from console.dashboard.labels import row_labels, with_values
from console.dashboard.queries import MALFORMED, Call, Drawn, calls_of, malformed
from console.dashboard.tables import Table, log_query, table
from console.source import Source, reason
from console.time_range import TimeRange

Failed = str
"""Why there is nothing to draw, for the reader."""

# Codes of a request of which a part makes no sense, or is not supported.
_OF_ONE_WIDGET = {
    *("ValidationError", "InvalidParameterValue", "InvalidParameterCombination", "MissingParameter"),
    *("InvalidParameterValueException", "InvalidParameterCombinationException", "NotImplementedException"),
}
_PARALLEL = 3
_POLL_SECONDS = (0.05, 0.2, 0.5, 1.0)
_LONGEST_QUERY_SECONDS = 60


@dataclass(frozen=True)
class _Refusal:
    """Why a call has no results, and whether one widget may be the reason."""

    why: Failed
    is_of_one_widget: bool


_Results = dict[str, list[dict[str, Any]]]
"""By the queries' ids."""


class Metrics:
    """The metrics of one dashboard, as a page asks for them again and again."""

    def __init__(self, source: Source) -> None:
        self._source = source
        # Widgets whose part in a shared call made it fail.
        self._apart: set[int] = set()

    def fetch(self, widgets: Sequence[Drawn], *, keeps_periods: bool) -> dict[int, list[Line] | Failed]:
        """Return the lines of widgets by their numbers, or why there are none."""
        found: dict[int, list[Line] | Failed] = {}
        sensible = {}
        for one in widgets:
            try:
                calls_of([one], keeps_periods, self._apart)
                sensible[one.widget.number] = one
            except MALFORMED as error:
                found[one.widget.number] = malformed(error)
        answers = self._answers(calls_of(sensible.values(), keeps_periods, self._apart))
        for call, answer in answers:
            if isinstance(answer, _Refusal) and answer.is_of_one_widget and len(call.ids) > 1:
                again = [sensible[number] for number in call.ids]
                each = self._answers(calls_of(again, keeps_periods, set(call.ids)))
                self._apart |= {number for one, said in each if isinstance(said, _Refusal) for number in one.ids}
                answers += each
            else:
                for number in call.ids:
                    found[number] = (
                        answer.why if isinstance(answer, _Refusal) else _lines(sensible[number], call, answer)
                    )
        return {number: found.get(number, []) for number in (one.widget.number for one in widgets)}

    def _answers(self, calls: list[Call]) -> list[tuple[Call, _Results | _Refusal]]:
        with ThreadPoolExecutor(_PARALLEL) as threads:
            return list(zip(calls, threads.map(self._answer, calls), strict=True))

    def _answer(self, call: Call) -> _Results | _Refusal:
        results: _Results = {}
        request = {
            "MetricDataQueries": list(call.queries.values()),
            "StartTime": call.window.start,
            "EndTime": call.window.end,
            "ScanBy": "TimestampAscending",
        }
        try:
            while True:
                page = self._source.cloudwatch.get_metric_data(**request)
                for result in page["MetricDataResults"]:
                    _join(results.setdefault(result["Id"], []), result)
                if not page.get("NextToken"):
                    return results
                request["NextToken"] = page["NextToken"]
        except ClientError as error:
            return _Refusal(reason(error), error.response["Error"]["Code"] in _OF_ONE_WIDGET)
        except BotoCoreError as error:
            return _Refusal(reason(error), isinstance(error, ParamValidationError))


def dashboard_names(source: Source) -> list[str]:
    """Return the names of the stack's dashboards.

    Raises:
        BotoCoreError, ClientError: AWS does not say.
    """
    prefix = {"DashboardNamePrefix": source.prefix} if source.prefix else {}
    pages = source.cloudwatch.get_paginator("list_dashboards").paginate(**prefix)
    return [entry["DashboardName"] for page in pages for entry in page["DashboardEntries"]]


def dashboard_body(source: Source, name: str, chosen: Mapping[str, str]) -> Body:
    """Return the body of a dashboard, with chosen values of its variables by their ids.

    Raises:
        BotoCoreError, ClientError: AWS has none of this name, or does not say.
        BodyError: nobody can read it.
    """
    return read_body(source.cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"], chosen)


def alarms(source: Source, names: Sequence[str]) -> dict[str, dict[str, Any]] | Failed:
    """Return what DescribeAlarms says of alarms by their names, or why it does not."""
    described: dict[str, dict[str, Any]] = {}
    try:
        for begin in range(0, len(names), 100):
            page = source.cloudwatch.describe_alarms(
                AlarmNames=names[begin : begin + 100], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
            described |= {alarm["AlarmName"]: alarm for alarm in [*page["MetricAlarms"], *page["CompositeAlarms"]]}
    except (BotoCoreError, ClientError) as error:
        return reason(error)
    return described


def records(
    source: Source, query: str, shown: TimeRange, sleep: Callable[[float], None] = time.sleep
) -> Table | Failed:
    """Return the table of a log widget's query, or why there is none. It may take a minute."""
    try:
        groups, commands = log_query(query)
        query_id = source.logs.start_query(
            logGroupNames=groups,
            queryString=commands,
            startTime=int(shown.start.timestamp()),
            endTime=int(shown.end.timestamp()),
        )["queryId"]
        waited = 0.0
        while waited < _LONGEST_QUERY_SECONDS:
            answer = source.logs.get_query_results(queryId=query_id)
            if answer["status"] not in ("Scheduled", "Running"):
                break
            pause = next((pause for pause in _POLL_SECONDS if pause > waited / 2), _POLL_SECONDS[-1])
            sleep(pause)
            waited += pause
        if answer["status"] != "Complete":
            return f"The query ended without a result: {answer['status'].lower()}."
        return table(answer["results"])
    except ValueError as error:
        return malformed(error)
    except (BotoCoreError, ClientError) as error:
        return reason(error)


def _join(known: list[dict[str, Any]], result: Mapping[str, Any]) -> None:
    """Add a result to those of its query: a page may have but a part of its values."""
    for one in known:
        if one["Label"] == result["Label"]:
            one["Timestamps"] += result["Timestamps"]
            one["Values"] += result["Values"]
            return
    known.append(dict(result))


def _lines(one: Drawn, call: Call, results: Mapping[str, list[dict[str, Any]]]) -> list[Line]:
    labels = row_labels(one.rows, one.stat)
    found = []
    for place, query_id in call.ids[one.widget.number].items():
        row = one.rows[place]
        given = results.get(query_id, [])
        for result in given:
            # SEARCH finds several, and CloudWatch says what each is.
            label = labels[place] if len(given) == 1 else f"{row.options.get('label', '')} {result['Label']}"
            points = [
                (round(moment.timestamp() * 1000), value)
                for moment, value in zip(result["Timestamps"], result["Values"], strict=True)
            ]
            label = with_values(label.strip(), row, str(row.options.get("stat", one.stat)), result["Values"])
            color = row.options.get("color") if len(given) == 1 else None
            found.append(Line(label, points, _step_ms(points, call, query_id), color, row.is_right))
    return found


def _step_ms(points: Sequence[tuple[int, float]], call: Call, query_id: str) -> int:
    """Return the period of points; that of an expression is the shortest time between two."""
    query = next(query for query in call.queries.values() if query["Id"] == query_id)
    if "MetricStat" in query:
        return 1000 * int(query["MetricStat"]["Period"])
    return min((after[0] - before[0] for before, after in pairwise(points)), default=0)
