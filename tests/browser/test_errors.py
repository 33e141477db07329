"""Errors on every page: they look alike, are a sentence, and lead on."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from aws_endpoint import running_endpoint
from chromium import DESKTOP
from console_process import console_of

desktop = pytest.mark.parametrize("view", [DESKTOP], indirect=True)
ALARM = {
    "AlarmName": "a",
    "StateValue": "OK",
    "StateReason": "all is well",
    "ActionsEnabled": True,
    "AlarmActions": [],
    "StateUpdatedTimestamp": datetime.now(UTC),
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "Namespace": "N",
    "MetricName": "M",
    "Dimensions": [],
    "Period": 60,
    "Statistic": "Sum",
}
ANSWERS: dict[str, dict[str, object]] = {
    "ListDashboards": {"DashboardEntries": [{"DashboardName": "d"}]},
    "GetDashboard": {"DashboardBody": '{"widgets": []}', "DashboardName": "d"},
    "DescribeAlarms": {"MetricAlarms": [ALARM], "CompositeAlarms": []},
    "DescribeAlarmHistory": {"AlarmHistoryItems": []},
    "GetMetricData": {"MetricDataResults": []},
    "GetTraceSummaries": {"TraceSummaries": []},
    "DescribeLogGroups": {"logGroups": [{"logGroupName": "/g"}]},
    "DescribeQueryDefinitions": {"queryDefinitions": []},
    "FilterLogEvents": {"events": []},
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a console whose stack has one alarm, named `a`."""
    with running_endpoint() as endpoint:
        for name, answer in ANSWERS.items():
            endpoint.offer(name, lambda answer=answer: answer)
        with console_of(endpoint, tmp_path_factory.mktemp("errors")) as (address, _):
            yield address


@desktop
@pytest.mark.parametrize(
    ("path", "sentence", "way", "leads"),
    [
        ("/?last=xyz", "last=xyz is not a time. Use 30m, 3h, 7d or 2w.", "Show this page without last", "/"),
        (
            "/traces?slow=abc&model=m&last=3h",
            "slow=abc is not a time. Use a number of milliseconds, such as 2000.",
            "Show this page without slow",
            "/traces?model=m&last=3h",
        ),
        (
            "/logs?group=%2Fg&group=%2Fh&from=never&to=1",
            "from=never is not a time. Use one such as 2026-11-28T14:00:00Z.",
            "Show this page without from and to",
            "/logs?group=%2Fg&group=%2Fh",
        ),
        ("/alarms/none", "This stack has no alarm named none.", "Show all alarms", "/alarms"),
        (
            "/alarms/a?before=x&last=1h",
            "before=x is not a time. Use one such as 2026-11-28T14:00:00Z.",
            "Show this page without before",
            "/alarms/a?last=1h",
        ),
    ],
    ids=["dashboard", "traces", "logs", "alarm", "history"],
)
def test_an_error_is_one_sentence_with_a_way_on(
    page: Page, url: str, path: str, sentence: str, way: str, leads: str
) -> None:
    page.goto(url + path)
    card = page.get_by_role("alert")
    expect(card).to_contain_text(f"✕ {sentence}")
    expect(card).to_have_class("look-card console-error")
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link", name="Traces")).to_be_visible()
    page.wait_for_load_state("networkidle")
    card.get_by_role("link", name=way).click()
    page.wait_for_url(url + leads)
    expect(page.locator(".console-body > *").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("alert")).to_have_count(0)
