"""The dashboard in the browser: what a user sees of mixed traffic, and what a user does with it."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from bedrock_service import CLAUDE, NOVA
from chromium import DESKTOP, View, picture
from console.figures import figure
from recorded import Recorded
from sandbox_client import aws_client, call
from sandbox_process import StartSandbox, start_sandbox

__all__ = ["start_sandbox"]

SCRIPTS = [*["ttft=50 gap=5 chunks=8"] * 6, "ttft=2500 gap=1 chunks=3", "fault=throttling", "fault=internal"]
LOADED = "() => ![...document.querySelectorAll('.dash-note')].some(note => note.textContent === 'loading')"
# A test sets it: the page of a tab that nobody sees.
HIDDEN = "Object.defineProperty(document, 'visibilityState', {get: () => window.isHidden ? 'hidden' : 'visible'})"


@dataclass(frozen=True)
class Site:
    """A console beside a sandbox that had mixed traffic."""

    ready: dict[str, str]
    widgets: list[dict[str, Any]]

    def open(self, page: Page, query: str = "") -> None:
        """Open the dashboard and wait until everything is drawn."""
        page.goto(f"{self.ready['console_url']}{query}")
        expect(page.locator(".dash-grid")).to_be_attached(timeout=60_000)
        page.wait_for_function(LOADED, timeout=60_000)


@pytest.fixture(scope="module")
def site(start_sandbox: StartSandbox) -> Site:
    models = ("--parameter-overrides", f"ModelId={NOVA}", f"FallbackModelId={CLAUDE}")
    ready = start_sandbox(*models, "--alarm-minute", "1").ready
    for script in SCRIPTS:
        call(ready, json.dumps({"prompt": f"[[sandbox: {script}]] go", "model": NOVA}))
    call(ready, json.dumps({"prompt": "[[sandbox: ttft=1 gap=1]] go", "model": CLAUDE}))
    Recorded(ready).wait_for_requests(len(SCRIPTS) + 1)
    cloudwatch = aws_client(ready, "cloudwatch")
    (entry,) = cloudwatch.list_dashboards()["DashboardEntries"]
    body = cloudwatch.get_dashboard(DashboardName=entry["DashboardName"])["DashboardBody"]
    return Site(ready, json.loads(body)["widgets"])


def floored(moment: datetime) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // 300 * 300, UTC)


def widget(page: Page, title: str) -> Locator:
    return page.locator(".dash-widget").filter(has=page.get_by_role("heading", name=title, exact=True))


def test_everything_is_drawn(page: Page, view: View, site: Site) -> None:
    site.open(page, "?last=15m")
    widgets = page.locator(".dash-widget")
    expect(widgets).to_have_count(len(site.widgets))
    for title in (one["properties"]["title"] for one in site.widgets if "title" in one["properties"]):
        expect(widget(page, title)).to_be_attached()
    graphs = page.locator(".dash-timeSeries")
    drawn = [graphs.nth(place) for place in range(graphs.count())]
    assert all(one.locator("svg path").count() > 3 or "no data in this time" in one.inner_text() for one in drawn)
    assert sum(one.locator("svg path").count() > 3 for one in drawn) > len(drawn) / 2
    expect(page.get_by_role("heading", name="Is it good now?")).to_be_visible()
    picture(page, "dashboard")
    boxes = [widgets.nth(place).bounding_box() for place in range(widgets.count())]
    lefts = [round(box["x"]) for box in boxes if box]
    assert len(lefts) == len(boxes)
    if view.device == "phone":
        assert len(set(lefts)) == 1, "one column"
    else:
        width = max(box["x"] + box["width"] for box in boxes if box) - min(lefts)
        columns = [round(24 * (left - min(lefts)) / width) for left in lefts]
        assert columns == [one["x"] for one in site.widgets]


def test_the_names_of_all_lines_are_in_sight(page: Page, site: Site) -> None:
    site.open(page, "?last=15m")
    for title in ("Failures in %", "Budget alarms: 100 % sets them off", "Tokens in 5 minutes"):
        (rows,) = (one["properties"]["metrics"] for one in site.widgets if one["properties"].get("title") == title)
        said = [row[-1] for row in rows if row[-1].get("visible", True)]
        names = [one["label"] for one in said if not str(one.get("expression")).startswith("TIME_SERIES")]
        assert len(names) > 3
        chart = widget(page, title).locator(".look-chart")
        chart.scroll_into_view_if_needed()
        room = chart.bounding_box()
        assert room
        tops = []
        for name in names:
            box = chart.get_by_text(name, exact=True).bounding_box()
            assert box, name
            assert box["x"] >= room["x"], name
            assert box["x"] + box["width"] <= room["x"] + room["width"], name
            assert box["y"] + box["height"] <= room["y"] + room["height"] + 1, name
            tops.append(box["y"])
        axis = chart.get_by_text(re.compile(r"^\d\d:\d\d$")).first.bounding_box()
        assert axis
        assert axis["y"] + axis["height"] <= min(tops) + 1, "the legend has its own room"


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_no_column_of_a_table_is_out_of_sight(page: Page, site: Site) -> None:
    site.open(page, "?last=15m")
    for title in ("Latest failures", "Failures by code", "Why answers ended", "Slowest first texts"):
        box = widget(page, title).locator(".dash-inner")
        expect(box.locator("tbody tr").first).to_be_attached()
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth"), title


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_a_chart_has_words_and_times_say_that_they_are_in_utc(page: Page, site: Site) -> None:
    site.open(page, "?last=15m")
    chart = page.get_by_role("img", name=re.compile(r"^Time to first text\. Newest values: p50: [\d.,]+ ms; p95: "))
    expect(chart).to_be_attached()
    chart.scroll_into_view_if_needed()
    chart.hover()
    expect(chart).to_contain_text(re.compile(r"\d\d:\d\d:\d\d UTC"))
    expect(page.get_by_text("times in UTC")).to_be_visible()
    levels = page.get_by_role("heading", level=3)
    expect(levels.filter(has_text="Time to first text")).to_have_count(1)


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_a_table_has_the_records_and_a_trace_is_a_link(page: Page, site: Site) -> None:
    site.open(page, "?last=15m")
    failures = widget(page, "Failures by code").locator("tbody tr")
    # Both models were asked, one after the other.
    expect(failures).to_have_count(4)
    codes = {row.split()[1] for row in failures.all_inner_texts()}
    assert codes == {"InternalServerException", "ThrottlingException"}
    slowest = widget(page, "Slowest first texts").locator("tbody tr").first
    assert float(slowest.locator("td").nth(1).inner_text()) >= 2500
    href = slowest.get_by_role("link").get_attribute("href")
    assert re.fullmatch(r"traces/1-[0-9a-f]{8}-[0-9a-f]{24}", href or "")


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_an_alarm_has_its_state_in_words_and_leads_to_its_page(page: Page, site: Site) -> None:
    site.open(page)
    described = aws_client(site.ready, "cloudwatch").describe_alarms(AlarmNames=["firstbyte-ttft"])["MetricAlarms"]
    words = {"OK": "OK", "ALARM": "in alarm", "INSUFFICIENT_DATA": "no data"}
    item = widget(page, "Alarms that open tickets").get_by_role("listitem").filter(has_text="ttft")
    assert words[described[0]["StateValue"]] in item.inner_text()
    assert item.get_by_role("link").get_attribute("href") == "alarms/firstbyte-ttft"


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_hovering_shows_the_values_that_cloudwatch_has(page: Page, site: Site) -> None:
    site.open(page, "?last=15m")
    end = datetime.now(UTC)
    query = {
        "MetricStat": {
            "Metric": {
                "Namespace": "Firstbyte",
                "MetricName": "TimeToFirstText",
                "Dimensions": [{"Name": "service", "Value": "firstbyte"}],
            },
            "Period": 300,
            "Stat": "p50",
        }
    }
    (found,) = aws_client(site.ready, "cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "m", **query}], StartTime=floored(end - timedelta(minutes=15)), EndTime=end
    )["MetricDataResults"]
    chart = widget(page, "Time to first text").locator(".look-chart")
    chart.scroll_into_view_if_needed()
    chart.hover()
    shown = re.search(r"p50\s+([\d.,]+ ms)", chart.inner_text())
    assert shown, chart.inner_text()
    assert shown[1] in {f"{figure(value)} ms" for value in found["Values"]}
    expect(chart.get_by_text("objective 2000 ms")).to_be_attached()


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_time_and_model_are_chosen_and_the_address_says_them(page: Page, site: Site) -> None:
    site.open(page)
    times = page.get_by_role("navigation", name="Time")
    expect(times.locator("[aria-current]")).to_have_text("12h")
    times.get_by_role("link", name="1h", exact=True).click()
    expect(page).to_have_url(re.compile(r"\?last=1h$"))
    expect(times.locator("[aria-current]")).to_have_text("1h")
    page.get_by_label("Model").select_option(CLAUDE)
    expect(page).to_have_url(re.compile(r"last=1h&model="))
    expect(page.locator(".dash-text strong")).to_have_text(CLAUDE)
    expect(page.get_by_label("Model")).to_have_value(CLAUDE)
    page.go_back()
    expect(page.locator(".dash-text strong")).to_have_text(NOVA)
    page.get_by_role("navigation", name="Refresh").get_by_role("link", name="off").click()
    expect(page).to_have_url(re.compile(r"last=1h&refresh=off"))
    page.wait_for_function(LOADED)


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_an_address_that_makes_no_sense_is_said_in_a_sentence(page: Page, site: Site) -> None:
    page.goto(f"{site.ready['console_url']}?last=soon")
    expect(page.get_by_text("last=soon is not a time.")).to_be_visible()
    page.goto(f"{site.ready['console_url']}?dashboard=other")
    expect(page.get_by_text("Dashboard other does not exist")).to_be_visible()


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_a_page_that_nobody_sees_asks_for_nothing_until_it_is_seen(page: Page, site: Site) -> None:
    page.add_init_script(HIDDEN)
    site.open(page, "?last=15m&refresh=10s")
    # Of ten responses, three were bad; then of eleven.
    good = widget(page, "Latest 30 days").locator(".dash-number").first
    before = good.inner_text()
    page.evaluate("window.isHidden = true")
    call(site.ready, json.dumps({"prompt": "[[sandbox: ttft=1 gap=1]] go"}))
    page.wait_for_timeout(13_000)
    expect(good).to_have_text(before)
    page.evaluate("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(good).not_to_have_text(before, timeout=60_000)
