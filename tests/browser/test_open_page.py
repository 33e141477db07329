"""What the dashboard costs: how soon 100,000 points are drawn, and what an open page does to the function's TTFB."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median
from typing import Any

import pytest
from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as NotInTimeError

from chromium import DESKTOP
from dashboard_body import metric_queries, with_variable
from disturbance import allowance_ms
from recorded import Recorded
from sandbox_client import Call, aws_client
from sandbox_process import StartSandbox, start_sandbox

__all__ = ["start_sandbox"]

pytestmark = [pytest.mark.alone, pytest.mark.parametrize("view", [DESKTOP], indirect=True)]

POINTS = 100_000
PERIODS = 144
LOOKS = 7
ROUNDS = 4
REQUESTS = 60
DRAWN = """() => {
    const graphs = [...document.querySelectorAll('.dash-timeSeries')];
    return graphs.length > 10 && graphs.every(graph => graph.querySelectorAll('.look-chart svg path').length > 3);
}"""


@pytest.fixture(scope="module")
def ready(start_sandbox: StartSandbox) -> dict[str, str]:
    """A sandbox that has 100,000 points of the last twelve hours, of every metric on its dashboard."""
    ready = start_sandbox().ready
    time_to_first_byte_ms(ready)
    Recorded(ready).wait_for_requests(1)
    cloudwatch = aws_client(ready, "cloudwatch")
    (entry,) = cloudwatch.list_dashboards()["DashboardEntries"]
    body = json.loads(cloudwatch.get_dashboard(DashboardName=entry["DashboardName"])["DashboardBody"])
    for namespace, data in points(with_variable(body, "model", body["variables"][0]["defaultValue"])):
        unit = unit_of(cloudwatch, namespace, data[0])
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{**datum, "Unit": unit} for datum in data])
    return ready


def unit_of(cloudwatch: Any, namespace: str, datum: dict[str, Any]) -> str:
    """The unit that the metric has in the first response's record: it can have but one."""
    now = datetime.now(UTC)
    metric = {"Namespace": namespace, **{name: datum[name] for name in ("MetricName", "Dimensions")}}
    time_range = {"StartTime": now - timedelta(hours=1), "EndTime": now + timedelta(minutes=1)}
    found = cloudwatch.get_metric_statistics(**metric, **time_range, Period=3600, Statistics=["Sum"])["Datapoints"]
    return str(found[0]["Unit"]) if found else "None"


def points(body: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """What to put into each namespace."""
    queries = [
        query
        for widget in body["widgets"]
        if widget["type"] == "metric"
        for query in metric_queries(widget["properties"])
        if "MetricStat" in query
    ]
    metrics = {json.dumps(query["MetricStat"]["Metric"]): query["MetricStat"]["Metric"] for query in queries}
    random, now = Random(1), datetime.now(UTC)
    each = -(-POINTS // (PERIODS * len(metrics)))
    for metric in metrics.values():
        yield (
            metric["Namespace"],
            [
                {
                    "MetricName": metric["MetricName"],
                    "Dimensions": metric["Dimensions"],
                    "Timestamp": now - timedelta(minutes=5 * period + 1),
                    "Values": [random.lognormvariate(4, 0.5) for _ in range(each)],
                }
                for period in range(PERIODS)
            ],
        )


def drawn(page: Page) -> None:
    try:
        page.wait_for_function(DRAWN, polling=20, timeout=40_000)
    except NotInTimeError:
        pytest.fail(page.inner_text("body"))


def test_the_dashboard_is_drawn_within_a_second(page: Page, ready: dict[str, str]) -> None:
    took = []
    for _ in range(LOOKS):
        page.goto("about:blank")
        began = time.monotonic()
        page.goto(ready["console_url"], wait_until="commit")
        drawn(page)
        took.append(time.monotonic() - began)
    print(f"from navigation to the last graph: median {median(took[1:]):.2f} s of {LOOKS - 1}")
    # The first look starts the console.
    assert median(took[1:]) <= 1 + allowance_ms(0) / 1000


def test_an_open_page_does_not_slow_the_function_down(page: Page, ready: dict[str, str]) -> None:
    found: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS):
        for is_open in (True, False):
            page.goto(f"{ready['console_url']}?refresh=10s" if is_open else "about:blank")
            if is_open:
                drawn(page)
            for _ in range(REQUESTS):
                found[is_open].append(time_to_first_byte_ms(ready))
                page.wait_for_timeout(150)
    with_page, without = median(found[True]), median(found[False])
    print(f"TTFB with an open page {with_page:.2f} ms, without {without:.2f} ms, of {ROUNDS * REQUESTS} each")
    assert with_page <= without + allowance_ms(1)


def time_to_first_byte_ms(ready: dict[str, str]) -> float:
    sent = Call(ready, json.dumps({"prompt": "[[sandbox: ttft=0 gap=0 chunks=2]] go"}))
    first = sent.socket.recv(65_536)
    took = time.monotonic() - sent.started
    sent.connection.receive_data(first)
    assert sent.finish().status == 200
    return 1000 * took
