"""What the console does with answers that the sandbox does not give: pages, errors of a whole call, slow queries."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from console.dashboard.body import Place, Widget
from console.dashboard.fetching import Metrics, records
from console.dashboard.queries import Drawn, drawn
from console.time_range import TimeRange

END = datetime(2026, 11, 28, 14, tzinfo=UTC)
SHOWN = TimeRange(END - timedelta(hours=1), END, "1h")


def client(service: str) -> Any:
    return boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


def widget(number: int, *metrics: list[Any]) -> Drawn:
    return drawn(Widget(number, "metric", Place(0, 0, 6, 6), {"metrics": list(metrics), "title": "t"}), SHOWN)


def result(query_id: str, label: str, minute: int, value: float) -> dict[str, Any]:
    moment = SHOWN.start + timedelta(minutes=minute)
    return {"Id": query_id, "Label": label, "Timestamps": [moment], "Values": [value], "StatusCode": "Complete"}


def test_pages_are_put_together_and_a_search_has_a_line_for_each_that_it_finds() -> None:
    cloudwatch = client("cloudwatch")
    request = {"MetricDataQueries": ANY, "StartTime": ANY, "EndTime": ANY, "ScanBy": "TimestampAscending"}
    with Stubber(cloudwatch) as stubber:
        first = [result("q0", "M", 0, 1), result("q1", "nova", 0, 5), result("q1", "claude", 0, 7)]
        stubber.add_response("get_metric_data", {"MetricDataResults": first, "NextToken": "more"}, request)
        second = [result("q1", "claude", 5, 8), result("q0", "M", 5, 2)]
        stubber.add_response("get_metric_data", {"MetricDataResults": second}, {**request, "NextToken": "more"})
        search = {"expression": "SEARCH('{N}', 'Sum', 300)", "label": "by model:", "color": "#123456"}
        source: Any = SimpleNamespace(cloudwatch=cloudwatch)
        found = Metrics(source).fetch([widget(0, ["N", "M", {"color": "#654321"}], [search])], keeps_periods=True)
    lines = found[0]
    assert not isinstance(lines, str)
    assert [(line.label, [value for _, value in line.points], line.color) for line in lines] == [
        ("M", [1, 2], "#654321"),
        ("by model: nova", [5], None),
        ("by model: claude", [7, 8], None),
    ]
    assert [line.step_ms for line in lines] == [300_000, 0, 300_000]


def test_an_error_of_the_whole_call_is_not_asked_for_again_for_each_widget() -> None:
    cloudwatch = client("cloudwatch")
    with Stubber(cloudwatch) as stubber:
        stubber.add_client_error("get_metric_data", "ExpiredToken", "The security token is expired")
        source: Any = SimpleNamespace(cloudwatch=cloudwatch)
        found = Metrics(source).fetch([widget(0, ["N", "A"]), widget(1, ["N", "B"])], keeps_periods=True)
    said = "GetMetricData: ExpiredToken: The security token is expired"
    assert found == {0: said, 1: said}


def test_a_widget_that_makes_its_call_fail_is_asked_for_apart_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.dashboard.fetching._PARALLEL", 1)  # the stubbed answers have an order
    cloudwatch = client("cloudwatch")
    answer = {"MetricDataResults": [result("q0", "A", 0, 1)]}
    with Stubber(cloudwatch) as stubber:
        refusal = ("get_metric_data", "ValidationError", "no such statistic")
        stubber.add_client_error(*refusal)
        for _ in range(2):
            stubber.add_response("get_metric_data", answer)
            stubber.add_client_error(*refusal)
        source: Any = SimpleNamespace(cloudwatch=cloudwatch)
        metrics = Metrics(source)
        for _ in range(2):
            found = metrics.fetch([widget(0, ["N", "A"]), widget(1, ["N", "B", {"stat": "tm"}])], keeps_periods=True)
            assert [isinstance(found[number], str) for number in (0, 1)] == [False, True]
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize("ends", ["Complete", "Timeout"])
def test_a_slow_query_is_waited_for(ends: str) -> None:
    logs = client("logs")
    waits: list[float] = []
    with Stubber(logs) as stubber:
        times = {"startTime": int(SHOWN.start.timestamp()), "endTime": int(END.timestamp())}
        asked = {"logGroupNames": ["/a"], "queryString": "fields x", **times}
        stubber.add_response("start_query", {"queryId": "1"}, asked)
        for status in ("Scheduled", "Running", "Running", ends):
            results = [[{"field": "x", "value": "1"}]] if status == "Complete" else []
            stubber.add_response("get_query_results", {"status": status, "results": results}, {"queryId": "1"})
        source: Any = SimpleNamespace(logs=logs)
        found = records(source, "SOURCE '/a' | fields x", SHOWN, waits.append)
    assert len(waits) == 3
    if ends == "Complete":
        assert not isinstance(found, str)
        assert found.rows == [["1"]]
    else:
        assert found == "The query ended without a result: timeout."
