"""The way from page to page: it keeps the time, and each page has its name as a heading."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from aws_endpoint import running_endpoint
from chromium import DESKTOP
from console_answers import offer_answers
from console_process import console_of

pytestmark = pytest.mark.parametrize("view", [DESKTOP], indirect=True)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a console whose stack has one alarm, named `a`."""
    with running_endpoint() as endpoint:
        offer_answers(endpoint)
        with console_of(endpoint, tmp_path_factory.mktemp("navigation")) as (address, _):
            yield address


def ways(page: Page) -> dict[str, str]:
    """What the links in the head say after the token, by their names."""
    links = page.get_by_role("navigation", name="Pages").get_by_role("link").all()
    return {link.inner_text(): (link.get_attribute("href") or "").partition("/token")[2] for link in links}


ENDS = "from=2026-11-28T12%3A00%3A00Z&to=2026-11-28T13%3A00%3A00Z"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/?last=12h&refresh=off", "?last=12h"),
        (f"/traces?{ENDS}&outcome=failed", f"?{ENDS}"),
        (f"/logs?{ENDS}", f"?{ENDS}"),
        ("/alarms/a?last=3d", "?last=3d"),
        ("/alarms", ""),
        ("/?last=xyz", ""),
    ],
)
def test_the_way_to_another_page_keeps_the_time(page: Page, url: str, path: str, said: str) -> None:
    page.goto(url + path)
    page.wait_for_load_state("networkidle")
    assert ways(page) == {
        "Dashboard": f"/{said}",
        "Try it": "/try",
        "Traces": f"/traces{said}",
        "Logs": f"/logs{said}",
        "Alarms": "/alarms",
    }


@pytest.mark.parametrize("path", ["/", "/traces", "/logs", "/alarms/a"])
def test_times_are_underlined_where_the_pointer_is(page: Page, url: str, path: str) -> None:
    page.goto(url + path)
    link = page.get_by_role("navigation", name="Time").get_by_role("link", name="12h", exact=True)
    expect(link).to_have_css("text-decoration-line", "none")
    link.hover()
    expect(link).to_have_css("text-decoration-line", "underline")
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *(("/", "Dashboard"), ("/try", "Try it"), ("/traces", "Traces"), ("/logs", "Logs"), ("/logs/tail", "Logs")),
        *(("/alarms", "Alarms"), ("/alarms/a", "a")),
    ],
)
def test_each_page_has_its_name_as_its_heading(page: Page, url: str, path: str, name: str) -> None:
    page.goto(url + path)
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page).to_have_title(f"{name} · s")
    page.wait_for_load_state("networkidle")
