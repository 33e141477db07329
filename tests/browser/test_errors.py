"""Errors on every page: they look alike, are a sentence, and lead on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from aws_endpoint import running_endpoint
from chromium import DESKTOP, picture
from console_answers import offer_answers
from console_process import console_of

desktop = pytest.mark.parametrize("view", [DESKTOP], indirect=True)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a console whose stack has one alarm, named `a`."""
    with running_endpoint() as endpoint:
        offer_answers(endpoint)
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


def test_an_address_that_is_no_page_leads_back(page: Page, troubles: list[str], url: str) -> None:
    response = page.goto(f"{url}/no/such-page")
    assert response
    assert response.status == 404
    expect(page.get_by_role("alert")).to_contain_text("✕ This address is not a page of the console.")
    expect(page.locator("body")).not_to_contain_text("HTTPException")
    picture(page, "404")
    page.wait_for_load_state("networkidle")
    page.get_by_role("link", name="Show the dashboard").click()
    page.wait_for_url(f"{url}/")
    page.wait_for_load_state("networkidle")
    assert all("404" in trouble for trouble in troubles)
    troubles.clear()


@desktop
def test_a_fault_of_the_console_is_a_page_and_a_line(page: Page, troubles: list[str], tmp_path: Path) -> None:
    """A dashboard whose name is a number is nothing that AWS says, and no fault that anybody foresaw."""
    with running_endpoint() as endpoint:
        endpoint.offer("ListDashboards", lambda: {"DashboardEntries": [{}]})
        with console_of(endpoint, tmp_path) as (address, process):
            response = page.goto(f"{address}/")
            assert response
            assert response.status == 500
            expect(page.get_by_role("alert")).to_contain_text("✕ The console failed to build this page.")
            expect(page.locator("body")).not_to_contain_text("KeyError")
            page.wait_for_load_state("networkidle")
            page.goto("about:blank")
            process.terminate()
            _, said = process.communicate(timeout=30)
    lines = said.splitlines()
    assert len(lines) == 1, said
    assert lines[0].startswith("console: KeyError: 'DashboardName'")
    assert all("500" in trouble for trouble in troubles)
    troubles.clear()


def test_the_end_of_the_console_is_said(page: Page, troubles: list[str], tmp_path: Path) -> None:
    with running_endpoint() as endpoint:
        offer_answers(endpoint)
        with console_of(endpoint, tmp_path) as (address, _):
            page.goto(f"{address}/alarms")
            expect(page.locator(".alarm-card")).to_be_visible()
            page.wait_for_load_state("networkidle")
    popup = page.locator("#popup")
    expect(popup).to_be_visible()
    said = popup.evaluate("popup => getComputedStyle(popup, '::after').content")
    assert said == '"The console has ended. Start it again, and open the address that it prints."'
    assert popup.inner_text() == ""
    picture(page, "ended")
    troubles.clear()
