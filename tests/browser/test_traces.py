"""Traces in the browser: from the list to the one that failed or was slow, and what is seen of it."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bedrock_service import CLAUDE, NOVA
from chromium import DESKTOP, View, overflow, picture
from recorded import Recorded, until
from sandbox_client import call
from sandbox_process import StartSandbox, start_sandbox

__all__ = ["start_sandbox"]

PROMPTS = {
    "fast": "[[sandbox: ttft=50 gap=5 chunks=5]] fast",
    "slow": "[[sandbox: ttft=2500 gap=5 chunks=5]] slow",
    "fallback": f"[[sandbox: fault=throttling for={NOVA}]] [[sandbox: ttft=50 gap=5 chunks=5]] from the other",
    "throttled": "[[sandbox: fault=throttling]] no",
    "interrupted": "[[sandbox: ttft=50 gap=5 fault=drop:3]] half",
}
NEITHER = "1-{:08x}-000000000000000000000000"


@pytest.fixture(scope="module")
def traces(start_sandbox: StartSandbox) -> Mapping[str, str]:
    """The console's address as `console`, and the ids of traces by what happened."""
    ready = start_sandbox("--parameter-overrides", f"ModelId={NOVA}", f"FallbackModelId={CLAUDE}").ready
    answers = {name: call(ready, f'{{"prompt": "{prompt}"}}') for name, prompt in PROMPTS.items()}
    ids = {name: re.sub("Root=|;.*", "", answer.header("x-amzn-trace-id") or "") for name, answer in answers.items()}
    recorded = Recorded(ready)
    until(lambda: all(whole(recorded, trace_id) for trace_id in ids.values()))
    requests = {f"request of {name}": answer.header("x-amzn-requestid") or "" for name, answer in answers.items()}
    return {**ids, **requests, "console": ready["console_url"].rstrip("/")}


def whole(recorded: Recorded, trace_id: str) -> bool:
    """Whether Lambda's segments and the function's subsegments are there."""
    segments: list[dict[str, Any]] = recorded.segments(trace_id)
    return len(segments) >= 3


def looked_at(page: Page, name: str) -> None:
    """Write a picture, and see that the page is no wider than its window."""
    picture(page, name)
    assert overflow(page) == []


def words(page: Page) -> list[str]:
    """The outcomes in the list, from the top."""
    return [text.strip() for text in page.locator(".traces-list tbody tr td:nth-child(2)").all_inner_texts()]


def test_the_list_leads_from_the_failed_ones_to_the_cause(page: Page, view: View, traces: Mapping[str, str]) -> None:
    page.goto(f"{traces['console']}/traces")
    expect(page.locator(".traces-list tbody tr")).to_have_count(len(PROMPTS))
    assert words(page) == ["✕ interrupted", "✕ throttled", "✓ completed", "✓ completed", "✓ completed"]
    looked_at(page, "traces")
    page.get_by_label("Outcome").select_option("failed")
    expect(page).to_have_url(re.compile("outcome=failed"))
    expect(page.locator(".traces-list tbody tr")).to_have_count(2)
    assert words(page) == ["✕ interrupted", "✕ throttled"]
    # Anywhere on the row.
    page.locator(".traces-list tbody tr").first.click(position={"x": 250, "y": 10})
    expect(page).to_have_url(f"{traces['console']}/traces/{traces['interrupted']}")
    fall = page.get_by_label("Waterfall")
    expect(fall.get_by_text("remaining tokens")).to_be_visible()
    assert fall.get_by_text("✕ fault: ").count() == 3, "handler, call, and its second part"
    expect(fall.get_by_text("after the last byte it writes its telemetry")).to_be_visible()
    log = page.get_by_label("Log lines")
    expect(log.get_by_text("⚠ WARNING")).to_be_visible()
    expect(log.get_by_text("request failed")).to_be_visible()
    expect(log.get_by_text("XRAY TraceId")).to_be_visible()
    looked_at(page, "trace-interrupted")
    page.go_back()
    expect(page.get_by_label("Outcome")).to_have_value("failed")
    page.get_by_text("show all").click()
    expect(page.locator(".traces-list tbody tr")).to_have_count(len(PROMPTS))


def test_the_slow_one_is_found_and_its_log_line_opens(page: Page, view: View, traces: Mapping[str, str]) -> None:
    page.goto(f"{traces['console']}/traces")
    page.get_by_label("TTFT above").fill("2000")
    page.keyboard.press("Enter")
    expect(page.locator(".traces-list tbody tr")).to_have_count(1)
    page.locator(".traces-list tbody a").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{traces['console']}/traces/{traces['slow']}")
    names = page.locator(".traces-name > span:first-child")
    expect(names.first).to_have_text("firstbyte-StreamingFunction")
    shown = [text for text in names.all_inner_texts() if text]
    # A cold start has its initialization, too.
    assert [name for name in shown if name not in ("Initialization", "nothing recorded")] == [
        *["firstbyte-StreamingFunction"] * 2,
        *("Invocation", "## handler", "bedrock", "first token", "remaining tokens"),
    ]
    bar, whole = (
        page.locator(f".traces-fall > div:has-text('{name}') .traces-lane i").last.bounding_box()
        for name in ("first token", "## handler")
    )
    assert bar
    assert whole
    assert 0.9 < bar["width"] / whole["width"] < 1, "nearly all of the time"
    log = page.get_by_label("Log lines")
    line = log.locator(".logs-line", has_text="response finished")
    expect(line).to_have_count(1)
    expect(line.get_by_text("ttft_ms")).to_be_visible()
    line.get_by_text("all fields").click()
    expect(line.get_by_text('"prompt_chars"')).to_be_visible()
    expect(page.get_by_label("Annotations").get_by_text("amazon.nova")).to_be_visible()
    expect(page.get_by_label("Metadata").get_by_text("request_id")).to_be_visible()
    looked_at(page, "trace-slow")


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_the_list_can_begin_with_the_slowest(page: Page, traces: Mapping[str, str]) -> None:
    page.goto(f"{traces['console']}/traces?last=1h")
    page.get_by_role("link", name="TTFT").click()
    expect(page).to_have_url(re.compile("sort=slow"))
    expect(page.locator(".traces-list tbody a").first).to_have_attribute("href", re.compile(traces["slow"]))
    page.get_by_label("Model").select_option(CLAUDE)
    expect(page).to_have_url(re.compile("sort=slow"))
    assert words(page) == ["✓ completed", "✕ throttled"], "without a first token there is no time to sort by"


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_after_back_the_filter_is_what_the_address_says(page: Page, traces: Mapping[str, str]) -> None:
    page.goto(f"{traces['console']}/traces")
    page.get_by_role("spinbutton").fill("1")
    page.get_by_label("Outcome").select_option("completed")
    expect(page).to_have_url(re.compile("outcome=completed"))
    expect(page.locator(".traces-list tbody tr")).to_have_count(3)
    page.go_back()
    expect(page.locator(".traces-list tbody tr")).to_have_count(len(PROMPTS))
    expect(page.get_by_label("Outcome")).to_have_value("")
    expect(page.get_by_role("spinbutton")).to_have_value("")


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_a_fallback_shows_the_call_that_failed(page: Page, traces: Mapping[str, str]) -> None:
    page.goto(f"{traces['console']}/traces/{traces['fallback']}")
    calls = page.locator(".traces-name", has_text="bedrock")
    expect(calls).to_have_count(2)
    assert "✕ throttle" in calls.nth(0).inner_text()
    assert NOVA in calls.nth(0).inner_text()
    assert "✕" not in calls.nth(1).inner_text()
    assert CLAUDE in calls.nth(1).inner_text()
    expect(page.get_by_label("Log lines").get_by_text("ThrottlingException")).to_be_visible()
    looked_at(page, "trace-fallback")


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_a_request_leads_to_its_trace(page: Page, traces: Mapping[str, str]) -> None:
    page.goto(f"{traces['console']}/traces/{traces['request of slow']}?last=1h")
    expect(page).to_have_url(f"{traces['console']}/traces/{traces['slow']}")
    page.goto(f"{traces['console']}/traces/00000000-0000-0000-0000-000000000000?last=1h")
    expect(page.get_by_text("The log names no trace of the request")).to_be_visible()


def test_a_trace_that_is_not_there_says_why(page: Page, traces: Mapping[str, str]) -> None:
    page.goto(f"{traces['console']}/traces/{NEITHER.format(1_000_000_000)}")
    expect(page.get_by_text("It began on 2001-09-09: X-Ray keeps traces for 30 days.")).to_be_visible()
    begun = int(traces["slow"][2:10], 16)
    page.goto(f"{traces['console']}/traces/{NEITHER.format(begun)}")
    expect(page.get_by_text("This trace is not there yet")).to_be_visible()
    expect(page.get_by_text("or the function is not traced: it needs `Tracing: Active`")).to_be_visible()
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_text("This trace is not there yet")).to_be_visible()
    page.goto(f"{traces['console']}/traces/{'x' * 300}")
    expect(page.get_by_text("is no id of a trace")).to_be_visible()
    looked_at(page, "trace-absent")


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_what_an_address_says_wrongly_is_named(page: Page, traces: Mapping[str, str]) -> None:
    page.goto(f"{traces['console']}/traces?slow=fast")
    expect(page.get_by_text("slow=fast is not a time.")).to_be_visible()
    page.goto(f"{traces['console']}/traces?last=never")
    expect(page.get_by_text("last=never is not a time.")).to_be_visible()
    page.goto(f"{traces['console']}/traces?outcome=unheard_of")
    expect(page.get_by_text("No trace matches the filter in this time.")).to_be_visible()
    page.goto(f"{traces['console']}/traces?from=2020-01-01T00:00:00&to=2020-01-02T00:00:00")
    expect(page.get_by_text("No traces yet. Send a request: scripts/probe.sh --sandbox --ready-file /")).to_be_visible()
