"""The pages of the alarms: all of them, one with its graph, in each view, before and after something fails."""

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from chromium import DESKTOP, picture
from sandbox_client import call
from sandbox_process import RunningSandbox

pytestmark = pytest.mark.timeout(180)

PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def alarmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """A sandbox with 14 alarms, whose minutes last a second."""
    flags = (
        "--alarm-minute",
        "1",
        "--parameter-overrides",
        "ExpectedProbe=office",
        "PageTo=a@b.cd",
        "TicketsTo=a@b.cd",
    )
    running = RunningSandbox(flags, tmp_path_factory.mktemp("sandbox"))
    running.wait_until_ready()
    yield running
    running.stop()


def fail_until(page: Page, running: RunningSandbox, name: str) -> None:
    """Send requests that fail until the page says that an alarm is on."""
    body = json.dumps({"prompt": "[[sandbox: fault=unavailable]] go"})
    limit = time.monotonic() + PATIENCE_SECONDS
    while True:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: call(running.ready, body), range(40)))
        page.reload()
        if page.locator(".alarm-card", has_text=name).get_by_text("In alarm").count():
            return
        assert time.monotonic() < limit, page.locator("main").inner_text()


def follow(page: Page, link: Locator) -> None:
    """Click on a link when everything is there: what still loads when a page is left would be a failed request."""
    page.wait_for_load_state("networkidle")
    link.click()


def address(running: RunningSandbox, path: str) -> str:
    return running.ready["console_url"].rstrip("/") + path


def test_alarms_that_are_on_come_first(alarmed: RunningSandbox, page: Page) -> None:
    page.goto(address(alarmed, "/alarms"))
    expect(page.locator(".alarm-card")).to_have_count(14)
    fail_until(page, alarmed, "firstbyte-model-errors")
    assert page.get_by_text("Notifies nobody").count() == 0, "alarms that are OK need not say so"
    first = page.locator(".alarm-card").first
    expect(first.get_by_role("link")).to_have_text("firstbyte-page")
    expect(first).to_contain_text("▲ In alarm")
    expect(first).to_contain_text("Pages (firstbyte-PageTopic)")
    # The probe's alarm has insufficient data until it has warmed up.
    assert page.locator("h2").all_inner_texts() in (["In alarm", "OK"], ["In alarm", "Insufficient data", "OK"])
    expect(page.get_by_text(re.compile(r"^\d+ In alarm, [01] Insufficient data, \d+ OK$"))).to_be_visible()
    failing = page.locator(".alarm-card", has_text="firstbyte-model-errors")
    expect(failing).to_contain_text(re.compile(r"When it changed \(.* UTC\): .*\. 2 of 2 were greater than 5 %"))
    expect(failing).to_contain_text("Opens a ticket (firstbyte-TicketTopic)")
    picture(page, "alarms")


def test_an_alarm_shows_its_graph_its_rule_and_its_history(alarmed: RunningSandbox, page: Page) -> None:
    page.goto(address(alarmed, "/alarms"))
    fail_until(page, alarmed, "firstbyte-model-errors")
    follow(page, page.get_by_role("link", name="firstbyte-model-errors"))
    expect(page.get_by_role("heading", level=1)).to_have_text("firstbyte-model-errors")
    graph = page.locator(".look-chart svg")
    expect(graph.get_by_text("threshold: 5 %")).to_be_visible()
    expect(graph.get_by_text("judged, beyond the threshold")).to_be_visible()
    expect(page.get_by_text("The alarm has judged values only")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^Now( \(5 min from .*\))?: "))).to_be_visible()
    expect(page.get_by_text("Goes off when 2 of the latest 2 values are greater than 5 %.")).to_be_visible()
    expect(page.get_by_text("Sum of Firstbyte ModelErrors (service firstbyte)")).to_be_visible()
    expect(page.locator(".alarm-history tr").last).to_contain_text(
        re.compile(r"2 out of the last 2 datapoints \[[\d.,]+ \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\),")
    )
    traces = page.get_by_role("link", name="Traces of model errors").get_attribute("href") or ""
    assert re.search(r"/traces\?from=[^&]+&to=[^&]+&outcome=model_error$", traces)
    logs = page.get_by_role("link", name="Log lines").get_attribute("href") or ""
    assert re.search(r"/logs\?from=[^&]+&to=[^&]+$", logs)
    picture(page, "alarm")
    follow(page, page.get_by_role("link", name="Show what it is computed from"))
    expect(page.locator(".look-chart svg")).to_have_count(2)
    expect(page.locator(".look-chart svg").last.get_by_text("requests", exact=True)).to_be_visible()
    follow(page, page.locator(".alarm-history a").first)
    expect(page.get_by_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d to .* UTC$"))).to_be_visible()
    page.go_back()
    expect(page.locator(".look-chart svg")).to_have_count(2)


def test_a_composite_alarm_leads_to_those_in_its_rule(alarmed: RunningSandbox, page: Page) -> None:
    page.goto(address(alarmed, "/alarms/firstbyte-page"))
    rule = page.get_by_text(re.compile("^On while .*firstbyte-budget-burn-fast is on or "))
    expect(rule).to_be_visible()
    picture(page, "alarm-page")
    follow(page, page.locator(".alarm-children").get_by_role("link", name="firstbyte-budget-burn-fast"))
    expect(page.get_by_role("heading", level=1)).to_have_text("firstbyte-budget-burn-fast")
    expect(page.get_by_text("Is in the rule of firstbyte-page")).to_be_visible()


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_the_list_follows_the_alarms_by_itself(alarmed: RunningSandbox, page: Page) -> None:
    page.goto(address(alarmed, "/alarms"))
    page.evaluate("window.stayed = true")
    fail_until(page, alarmed, "firstbyte-model-errors")
    page.evaluate("window.stayed = true")
    card = page.locator(".alarm-card", has_text="firstbyte-model-errors")
    expect(card).to_contain_text("✓ OK", timeout=PATIENCE_SECONDS * 1000)
    assert page.evaluate("window.stayed"), "it was not loaded again"


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_a_name_or_a_time_that_is_none_is_said(alarmed: RunningSandbox, page: Page) -> None:
    page.goto(address(alarmed, "/alarms/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"))
    expect(page.get_by_text("This stack has no alarm named <img src=x onerror=alert(1)>.")).to_be_visible()
    page.goto(address(alarmed, "/alarms/firstbyte-ttft?last=soon"))
    expect(page.get_by_text("last=soon is not a time.")).to_be_visible()


EMPTY_TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: app.handler
      Runtime: python3.13
      FunctionUrlConfig: {AuthType: AWS_IAM, InvokeMode: RESPONSE_STREAM}
"""


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_a_stack_without_alarms_says_so(page: Page, tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(EMPTY_TEMPLATE)
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return None\n")
    running = RunningSandbox(("--template", str(tmp_path / "template.yaml")), tmp_path)
    running.wait_until_ready()
    page.goto(address(running, "/alarms"))
    expect(page.get_by_text("This stack has no alarms.")).to_be_visible()
    # A page that is still open would miss the console, and say so.
    page.wait_for_load_state("networkidle")
    page.goto("about:blank")
    running.stop()
