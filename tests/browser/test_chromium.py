"""The fixtures themselves: what goes wrong in a page is seen, and a page is in the view that its test asks for."""

import re

import pytest
from playwright.sync_api import Page, Route

from chromium import DESKTOP, PHONE, VIEWS, View, overflow, picture

BROKEN = {
    "console: (?s:.*)it failed": "<script>console.error('it failed')</script>",
    "console: it may fail": "<script>console.warn('it may fail')</script>",
    "exception: nobody caught it": "<script>throw new Error('nobody caught it')</script>",
    "request: http://127.0.0.1:1/nothing.png: net::ERR_": "<img src='http://127.0.0.1:1/nothing.png'>",
    "request: http://page/nothing.png: 404": "<img src='/nothing.png'>",
}


@pytest.mark.parametrize("trouble", BROKEN)
@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_what_goes_wrong_in_a_page_is_a_trouble(page: Page, troubles: list[str], trouble: str) -> None:
    def serve(route: Route) -> None:
        if route.request.url == "http://page/":
            route.fulfill(body=f"<!DOCTYPE html>{BROKEN[trouble]}", content_type="text/html")
        else:
            route.fulfill(status=404)

    page.route("http://page/**", serve)
    page.goto("http://page/")
    page.wait_for_load_state("networkidle")
    assert [found for found in troubles if re.match(trouble, found)], troubles
    troubles.clear()


@pytest.mark.parametrize("view", [DESKTOP, PHONE], indirect=True)
def test_a_page_that_is_too_wide_is_a_trouble(page: Page, view: View) -> None:
    width = view.size[0]
    viewport = "<meta name=viewport content='width=device-width, initial-scale=1'>"
    style = "margin:0; height:9px; width:"
    page.set_content(f"<!DOCTYPE html>{viewport}<body style='margin:0'><p style='{style}{width}px'>")
    assert overflow(page) == []
    page.set_content(f"<!DOCTYPE html>{viewport}<body style='margin:0'><p class=wide style='{style}{width + 1}px'>")
    (found,) = overflow(page)
    assert found == f'overflow: {width + 1} > {width} px: <p class="wide">'
    page.set_content(f"<!DOCTYPE html>{viewport}<div style='overflow:auto'><p style='{style}{width + 1}px'>")
    assert overflow(page) == [], "what scrolls in a box of its own is fine"


def test_a_page_has_the_view_of_its_test(page: Page, view: View) -> None:
    page.set_content("<!DOCTYPE html><meta name=viewport content='width=device-width, initial-scale=1'>")
    assert (page.evaluate("innerWidth"), page.evaluate("innerHeight")) == view.size
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (view.theme == "dark")
    path = picture(page, "fixture")
    assert path.stem == f"fixture-{view}"
    assert path.read_bytes().startswith(b"\x89PNG")
    path.unlink()


def test_each_view_has_a_name_of_its_own() -> None:
    assert [str(view) for view in VIEWS] == ["desktop-light", "desktop-dark", "phone-light", "phone-dark"]
