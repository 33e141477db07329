"""The drill: from an alarm that is on to its graph, to a slow trace and to its log lines, in four clicks at most."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from chromium import DESKTOP, PHONE
from sandbox_process import RunningSandbox
from tools import REPOSITORY

pytestmark = pytest.mark.timeout(240)

PATIENCE_MS = 60_000
MOST_CLICKS = 4
ALARM = "firstbyte-ttft"
OBJECTIVE_MS = 1000
SLOW = "[[sandbox: ttft=1300 gap=1 chunks=3 output=60]] slow"
COUNT_CLICKS = """addEventListener("click", event => {
    if (event.isTrusted) sessionStorage.clicks = Number(sessionStorage.clicks ?? 0) + 1;
}, true)"""


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a console while the probe calls a slow function: alarms have minutes of a second."""
    folder = tmp_path_factory.mktemp("drill")
    flags = ("--alarm-minute", "1", "--parameter-overrides", f"TtftObjectiveMilliseconds={OBJECTIVE_MS}")
    running = RunningSandbox((*flags, "ReservedConcurrency=20"), folder)
    running.wait_until_ready()
    probe = start_probe(running.ready_file, folder)
    try:
        yield running.ready["console_url"].rstrip("/")
    finally:
        probe.terminate()
        probe.wait()
        running.stop()


def start_probe(ready_file: Path, folder: Path) -> "subprocess.Popen[bytes]":
    """Start a probe that goes on for longer than the tests do."""
    command = ("--sandbox", "--ready-file", str(ready_file), "--runs", "2000", "--concurrency", "12", "--prompt", SLOW)
    return subprocess.Popen(
        [str(REPOSITORY / "scripts/probe.sh"), *command],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("view", [DESKTOP, PHONE], indirect=True)
def test_from_an_alarm_to_the_log_lines_of_a_slow_trace_in_four_clicks(drilled: str, page: Page) -> None:
    page.add_init_script(COUNT_CLICKS)
    page.goto(f"{drilled}/alarms")
    alarm = page.locator(".alarm-card", has_text=ALARM)
    expect(alarm).to_contain_text("In alarm", timeout=PATIENCE_MS)
    # What is still loading when a page is left would be a failed request.
    page.wait_for_load_state("networkidle")
    alarm.get_by_role("link").click()

    expect(page.get_by_role("heading", level=1)).to_have_text(ALARM)
    expect(page.locator(".look-chart svg").get_by_text(f"threshold: {OBJECTIVE_MS:,} ms")).to_be_visible()
    expect(page.locator(".look-chart svg").get_by_text("judged, beyond the threshold")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.get_by_role("link", name="Traces of slow answers").click()

    traces = page.get_by_role("region", name="Table of traces").locator("tbody tr")
    expect(traces.first).to_be_visible(timeout=PATIENCE_MS)
    assert f"slow={OBJECTIVE_MS}" in page.url
    slowest = traces.last
    shown = slowest.locator("td").nth(2).inner_text()
    assert _milliseconds(shown) > OBJECTIVE_MS, shown
    page.wait_for_load_state("networkidle")
    slowest.get_by_role("link").click()

    expect(page.get_by_role("region", name="Waterfall")).to_be_visible(timeout=PATIENCE_MS)
    lines = page.get_by_role("region", name="Log lines")
    expect(lines).to_contain_text("response finished", timeout=PATIENCE_MS)
    clicks = page.evaluate("Number(sessionStorage.clicks)")
    assert 3 <= clicks <= MOST_CLICKS, "each page was reached with a click"


def _milliseconds(text: str) -> float:
    """A figure of the list of traces, such as `1,302 ms` or `1.3 s`, in milliseconds."""
    found = re.fullmatch(r"([\d,.]+)\s*(ms|s)", text.strip())
    assert found, text
    return float(found[1].replace(",", "")) * (1000 if found[2] == "s" else 1)
