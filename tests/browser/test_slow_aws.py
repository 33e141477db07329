"""Every page is there while AWS takes its time, says whom it asks, and shows the answer when it comes."""

import threading
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from aws_endpoint import running_endpoint
from chromium import DESKTOP
from console_answers import ANSWERS
from console_process import console_of

pytestmark = pytest.mark.parametrize("view", [DESKTOP], indirect=True)

PAGES = {
    "/alarms": ("CloudWatch", "all is well"),
    "/alarms/a": ("CloudWatch", "Its rule"),
    "/traces": ("X-Ray", "No traces yet."),
    "/logs": ("CloudWatch Logs", "Run"),
    "/logs/tail": ("CloudWatch Logs", "Follow"),
}


@pytest.fixture(scope="module")
def answering() -> threading.Event:
    """Set while AWS answers."""
    return threading.Event()


@pytest.fixture(scope="module")
def url(answering: threading.Event, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a console."""

    def late(answer: dict[str, object]) -> Callable[[], dict[str, object]]:
        def operation() -> dict[str, object]:
            assert answering.wait(60)
            return answer

        return operation

    with running_endpoint() as endpoint:
        for name, answer in ANSWERS.items():
            endpoint.offer(name, late(answer))
        with console_of(endpoint, tmp_path_factory.mktemp("slow")) as (address, _):
            yield address


@pytest.mark.parametrize("path", PAGES)
def test_a_page_does_not_wait_for_aws(page: Page, url: str, answering: threading.Event, path: str) -> None:
    asked, answer = PAGES[path]
    answering.clear()
    page.goto(url + path)
    expect(page.get_by_text(f"Asking {asked} …")).to_be_visible()
    answering.set()
    expect(page.get_by_text(answer).first).to_be_visible()
    expect(page.get_by_text("Asking ")).to_have_count(0)
