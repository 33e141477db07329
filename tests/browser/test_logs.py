"""Logs in the browser: saved queries, queries of one's own, wrong ones, and a live tail."""

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from aws_endpoint import Endpoint, refusing, running_endpoint
from chromium import DESKTOP, View, overflow, picture
from console_process import console_of, console_process
from recorded import LOG_GROUP, Recorded, until
from sandbox.aws_api.contract import ApiError
from sandbox_client import call
from sandbox_process import StartSandbox, start_sandbox

__all__ = ["start_sandbox"]

SENT = 3


@pytest.fixture(scope="module")
def ready(start_sandbox: StartSandbox) -> Mapping[str, str]:
    """What the ready file says of a sandbox that has answered."""
    ready = start_sandbox("--parameter-overrides", "ProbeEveryMinutes=5", "--alarm-minute", "60").ready
    for _ in range(SENT):
        ask(ready)
    # Beside those of the scheduled probe.
    recorded = Recorded(ready)
    until(lambda: recorded.metric("Requests", "Sum") or 0, lambda count: count >= SENT)
    return ready


def ask(ready: Mapping[str, str], prompt: str = "[[sandbox: ttft=20 gap=5 chunks=5]] hello") -> str:
    """Ask for an answer; return the request's id."""
    answer = call(dict(ready), json.dumps({"prompt": prompt}))
    assert answer.status == 200
    return answer.header("x-amzn-requestid") or ""


def console(ready: Mapping[str, str], path: str) -> str:
    return ready["console_url"].rstrip("/") + path


def looked_at(page: Page, name: str) -> None:
    """Write a picture, and see that the page is no wider than its window."""
    picture(page, name)
    assert overflow(page) == []


def run(page: Page, query: str) -> None:
    """Write a query and run it with the keys."""
    field = page.get_by_label("Query", exact=True).and_(page.locator("textarea"))
    field.fill(query)
    field.press("Control+Enter")


def cells(page: Page, column: str) -> Locator:
    """The values of a column."""
    headings = page.locator(".logs-results th").all_inner_texts()
    return page.locator(f".logs-results tbody td:nth-child({headings.index(column) + 1})")


def test_a_saved_query_is_run_by_a_click_and_leads_to_a_trace(page: Page, view: View, ready: Mapping[str, str]) -> None:
    page.goto(console(ready, "/logs"))
    expect(page.get_by_label("/aws/lambda/firstbyte-streaming")).to_be_checked()
    expect(page.get_by_label("/aws/lambda/firstbyte-probe")).not_to_be_checked()
    page.get_by_role("link", name="slowest responses").click()
    expect(page.locator(".logs-results tbody tr").nth(SENT - 1)).to_be_visible()
    assert "ispresent(first_text_ms)" in page.locator("textarea").input_value()
    expect(page.get_by_role("link", name="slowest responses")).to_have_attribute("aria-current", "true")
    slowest = cells(page, "first_text_ms")
    figures = [float(text) for text in slowest.all_inner_texts()]
    assert figures == sorted(figures, reverse=True)
    assert slowest.first.evaluate("cell => getComputedStyle(cell).textAlign") == "right"
    looked_at(page, "logs")
    trace = cells(page, "trace_id").first.inner_text()
    cells(page, "request_id").first.get_by_role("link").click()
    expect(page).to_have_url(console(ready, f"/traces/{trace}"))
    page.go_back()
    expect(page.locator(".logs-results tbody tr").first).to_be_visible()


def test_a_query_of_ones_own_is_in_the_address(page: Page, view: View, ready: Mapping[str, str]) -> None:
    page.goto(console(ready, "/logs"))
    run(page, "filter message = 'response finished'\n| stats count(*) as responses by outcome")
    expect(page.locator(".logs-results tbody tr")).to_have_count(1)
    expect(cells(page, "outcome")).to_have_text(["completed"])
    assert quote("| stats count", safe="").replace("%20", "+") in page.url
    page.reload()
    expect(cells(page, "outcome")).to_have_text(["completed"])
    assert page.locator("textarea").input_value().splitlines()[1].startswith("| stats")
    page.get_by_role("link", name="30d").click()
    expect(page).to_have_url(re.compile("last=30d"))
    expect(cells(page, "outcome")).to_have_text(["completed"])


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_after_back_the_form_is_what_the_address_says(page: Page, ready: Mapping[str, str]) -> None:
    page.goto(console(ready, "/logs"))
    run(page, "fields @message | limit 1")
    expect(page.locator(".logs-results tbody tr")).to_have_count(1)
    page.get_by_label("/aws/lambda/firstbyte-probe").check()
    page.locator("textarea").fill("fields @message | limit 2")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".logs-results tbody tr")).to_have_count(2)
    page.go_back()
    expect(page.locator(".logs-results tbody tr")).to_have_count(1)
    expect(page.locator("textarea")).to_have_value("fields @message | limit 1")
    expect(page.get_by_label("/aws/lambda/firstbyte-probe")).not_to_be_checked()
    page.go_back()
    expect(page.locator("textarea")).to_have_value("")
    page.goto(console(ready, "/logs/tail"))
    page.get_by_label("Filter pattern").fill("START")
    page.get_by_label("Log group").select_option("/aws/lambda/firstbyte-probe")
    expect(page).to_have_url(re.compile("pattern=START"))
    page.go_back()
    expect(page.get_by_label("Filter pattern")).to_have_value("")
    expect(page.get_by_label("Log group")).to_have_value("/aws/lambda/firstbyte-streaming")


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
@pytest.mark.parametrize("path", ["/logs", "/logs/tail", "/traces"])
def test_a_page_from_the_browsers_memory_is_loaded_again(page: Page, ready: Mapping[str, str], path: str) -> None:
    page.goto(console(ready, path))
    expect(page.locator("form")).to_be_visible()
    page.evaluate("document.body.dataset.old = 'yes'")
    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(page.locator("body[data-old]")).to_have_count(0)
    expect(page.locator("form")).to_be_visible()


def test_a_wrong_query_is_answered_in_the_engines_words(page: Page, view: View, ready: Mapping[str, str]) -> None:
    page.goto(console(ready, "/logs"))
    run(page, "fields @message | dedup model")
    expect(page.get_by_role("alert")).to_contain_text("the sandbox does not support the Logs Insights command dedup")
    assert page.locator("textarea").input_value() == "fields @message | dedup model", "it can be mended"
    run(page, "filter (")
    expect(page.get_by_role("alert")).to_contain_text("MalformedQueryException")
    looked_at(page, "logs-error")
    page.get_by_label("/aws/lambda/firstbyte-streaming").uncheck()
    run(page, "fields @message")
    expect(page.get_by_text("Choose a log group for the query.")).to_be_visible()
    page.get_by_label("/aws/lambda/firstbyte-streaming").check()
    run(page, "filter message = 'nobody says so'")
    expect(page.get_by_text("Nothing matches in this time.")).to_be_visible()
    command = page.locator("code", has_text="scripts/probe.sh")
    expect(command).to_have_text(re.compile(r"^scripts/probe\.sh --sandbox --ready-file /\S+/ready\.json$"))
    lines = command.get_by_text("--ready-file").evaluate(
        "word => word.offsetHeight / parseFloat(getComputedStyle(word).fontSize)"
    )
    assert lines < 2, "an option does not break at its hyphens"


def test_whole_log_lines_are_readable(page: Page, view: View, ready: Mapping[str, str]) -> None:
    query = quote("fields @timestamp, @message | filter message = 'response finished' | limit 5")
    page.goto(console(ready, f"/logs?group={LOG_GROUP}&query={query}"))
    line = cells(page, "@message").first
    expect(line.get_by_text("response finished")).to_be_visible()
    line.get_by_text("all fields").click()
    expect(line.get_by_text('"prompt_chars"')).to_be_visible()
    line.get_by_role("link", name="trace").click()
    expect(page.get_by_label("Waterfall")).to_be_visible()


def shown(page: Page, text: str) -> int:
    return page.locator(".logs-tail .logs-line", has_text=text).count()


def test_a_tail_shows_each_line_once(page: Page, view: View, ready: Mapping[str, str]) -> None:
    page.goto(console(ready, "/logs"))
    page.get_by_role("link", name="Live tail").click()
    expect(page.get_by_role("status")).to_contain_text("live, every 2 seconds")
    first = ask(ready)
    expect(page.locator(".logs-tail").get_by_text(f"REPORT RequestId: {first}")).to_be_visible()
    second = ask(ready)
    expect(page.locator(".logs-tail").get_by_text(f"REPORT RequestId: {second}")).to_be_visible()
    for request_id in (first, second):
        assert [shown(page, f"{kind} RequestId: {request_id}") for kind in ("START", "END", "REPORT")] == [1, 1, 1]
    lines = page.locator(".logs-tail .logs-line").all_inner_texts()
    assert "REPORT" in lines[-1], "the newest is at the bottom"
    expect(page.locator(".logs-tail .logs-line").last).to_be_in_viewport()
    looked_at(page, "logs-tail")


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_a_tail_that_pauses_or_is_not_seen_loses_nothing(page: Page, ready: Mapping[str, str]) -> None:
    page.goto(console(ready, f"/logs/tail?group={LOG_GROUP}"))
    marker = ask(ready)
    expect(page.get_by_text(f"REPORT RequestId: {marker}")).to_be_visible()
    for stop, go_on in ((paused, resumed), (hidden, seen)):
        stop(page)
        missed = ask(ready)
        page.wait_for_timeout(4_500)
        assert shown(page, missed) == 0
        go_on(page)
        expect(page.get_by_text(f"REPORT RequestId: {missed}")).to_be_visible()
        assert shown(page, f"REPORT RequestId: {missed}") == 1
    assert shown(page, f"REPORT RequestId: {marker}") == 1


def paused(page: Page) -> None:
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status")).to_have_text("paused")


def resumed(page: Page) -> None:
    page.get_by_role("button", name="Go on").click()


def hidden(page: Page, is_hidden: str = "true") -> None:
    """As the browser does when another tab is in front."""
    page.evaluate(
        f"Object.defineProperty(document, 'hidden', {{get: () => {is_hidden}, configurable: true}});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    expect(page.get_by_role("status")).to_contain_text("nobody sees this page" if is_hidden == "true" else "live")


def seen(page: Page) -> None:
    hidden(page, "false")


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_a_tail_that_opens_in_the_background_waits(page: Page, ready: Mapping[str, str]) -> None:
    page.add_init_script("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
    page.goto(console(ready, f"/logs/tail?group={LOG_GROUP}"))
    expect(page.get_by_role("status")).to_have_text("paused while nobody sees this page")
    seen(page)


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_a_tail_has_a_pattern_and_names_what_is_wrong_with_one(page: Page, ready: Mapping[str, str]) -> None:
    page.goto(console(ready, f"/logs/tail?group={LOG_GROUP}"))
    page.get_by_label("Filter pattern").fill('{ $.message = "response finished" }')
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("pattern="))
    ask(ready)
    expect(page.locator(".logs-line").last).to_be_visible()
    assert all("response finished" in line for line in page.locator(".logs-line").all_inner_texts())
    page.get_by_label("Filter pattern").fill("{ $.message")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("the filter pattern")


@dataclass
class Slow:
    """A console whose CloudWatch takes its time: each query runs until `done` is set."""

    endpoint: Endpoint
    url: str
    done: threading.Event


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slow]:
    done = threading.Event()
    with running_endpoint() as endpoint:
        endpoint.offer("DescribeLogGroups", lambda: {"logGroups": [{"logGroupName": "/g"}]})
        endpoint.offer("DescribeQueryDefinitions", lambda: {"queryDefinitions": []})
        endpoint.offer("StartQuery", lambda: {"queryId": "q"})
        statistics = {"recordsMatched": 1.0, "recordsScanned": 1234567.0, "bytesScanned": 2.5e9}
        rows = [[{"field": "a", "value": "found"}]]

        def answer() -> dict[str, object]:
            status = "Complete" if done.is_set() else "Running"
            return {"status": status, "statistics": statistics, "results": rows if done.is_set() else []}

        endpoint.offer("GetQueryResults", answer)
        with console_of(endpoint, tmp_path_factory.mktemp("slow")) as (url, _):
            yield Slow(endpoint, url, done)


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_a_query_that_runs_long_says_so_and_shows_what_it_finds(page: Page, slow: Slow) -> None:
    slow.done.clear()
    page.goto(f"{slow.url}/logs?group=/g&query=fields+a")
    expect(page.get_by_text("So far it has looked at 1,234,567 log events.")).to_be_visible()
    slow.done.set()
    expect(page.locator(".logs-results").get_by_text("found")).to_be_visible()
    expect(page.get_by_text("2.50 GB scanned")).to_be_visible()


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_nobody_has_to_wait_for_a_query(page: Page, slow: Slow) -> None:
    slow.done.clear()
    page.goto(f"{slow.url}/logs?group=/g&query=fields+a")
    page.get_by_role("button", name="Stop waiting").click()
    expect(page.get_by_text("You stopped waiting for this query.")).to_be_visible()
    asked = len(slow.endpoint.asked)
    page.wait_for_timeout(2_000)
    assert len(slow.endpoint.asked) == asked


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_a_tail_keeps_the_newest_lines(page: Page, slow: Slow) -> None:
    now_ms = int(time.time() * 1000)
    events: list[dict[str, object]] = []

    def add(count: int) -> None:
        for number in range(len(events), len(events) + count):
            named = {"eventId": f"{number}", "logStreamName": "s", "message": f"line {number}."}
            events.append({**named, "timestamp": now_ms, "ingestionTime": now_ms})

    add(600)
    slow.endpoint.offer("FilterLogEvents", lambda: {"events": list(events)})
    page.goto(f"{slow.url}/logs/tail?group=/g")
    lines = page.locator(".logs-tail .logs-text")
    expect(lines).to_have_count(500)
    expect(lines.first).to_have_text("line 100.")
    add(3)
    expect(lines.last).to_have_text("line 602.")
    assert lines.all_inner_texts() == [f"line {number}." for number in range(103, 603)]
    expect(lines.last).to_be_in_viewport()


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_of_a_deployed_stack_only_its_own_is_asked_for(page: Page) -> None:
    group = "/aws/lambda/mine-streaming"
    dimensions = [{"Name": "FunctionName", "Value": "mine-Function-1X"}]
    alarm = {"AlarmName": "mine-a", "StateValue": "OK", "Dimensions": dimensions}
    saved = {"name": "mine/count", "queryString": "stats count(*)", "logGroupNames": [group]}
    with running_endpoint() as endpoint:
        endpoint.offer("ListDashboards", lambda: {"DashboardEntries": [{"DashboardName": "mine-d"}]})
        endpoint.offer("DescribeLogGroups", lambda: {"logGroups": [{"logGroupName": group}]})
        endpoint.offer("DescribeQueryDefinitions", lambda: {"queryDefinitions": [saved]})
        endpoint.offer("DescribeAlarms", lambda: {"MetricAlarms": [alarm]})
        endpoint.offer("GetTraceSummaries", lambda: {"TraceSummaries": []})
        variables = {
            "AWS_ENDPOINT_URL": endpoint.ready["aws_endpoint_url"],
            "AWS_ACCESS_KEY_ID": endpoint.ready["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": endpoint.ready["secret_access_key"],
        }
        with console_process("--stack", "mine", "--region", endpoint.ready["region"], **variables) as (url, _):
            page.goto(f"{url}/logs")
            expect(page.get_by_role("link", name="count", exact=True)).to_be_visible()
            expect(page.get_by_text("$0.005 for each GB")).to_be_visible()
            page.goto(f"{url}/traces?outcome=throttled&last=5m")
            expect(page.get_by_text("No trace matches the filter in this time.")).to_be_visible()
            refusal = refusing(ApiError("AccessDeniedException", "it is not allowed", 403))
            for operation in ("DescribeAlarms", "DescribeLogGroups", "DescribeQueryDefinitions"):
                endpoint.offer(operation, refusal)
            for path, operation in (
                ("/traces", "DescribeAlarms"),
                *[(f"/logs{end}", "DescribeLogGroups") for end in ("", "/tail")],
            ):
                page.goto(f"{url}{path}")
                expect(page.get_by_text(f"{operation}: AccessDeniedException: it is not allowed")).to_be_visible()
            page.goto("about:blank")  # before the console ends: an open page would try to reach it again
        assert {"logGroupNamePrefix": "/aws/lambda/mine-"} in endpoint.asked
        assert {"queryDefinitionNamePrefix": "mine/"} in endpoint.asked
        expected = 'service("mine-Function-1X") AND annotation.outcome = "throttled"'
        assert {asked["FilterExpression"] for asked in endpoint.asked if "FilterExpression" in asked} == {expected}
