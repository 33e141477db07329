"""A headless Chromium as tests use it: in four views, and a page that tells what went wrong in it.

A `conftest.py` that wants it imports the fixtures: `from chromium import chromium, page, troubles, view`.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tools import REPOSITORY

# Git ignores it.
PICTURES = REPOSITORY / "tests/browser/pictures"

# How long a page may take: the machine may be busy, and some pages ask again only every ten seconds.
expect.set_options(timeout=120_000)

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class View:
    """How a user looks at a page; its text is what a test's id and a picture's name say of it."""

    device: Literal["desktop", "phone"]
    theme: Literal["light", "dark"]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the window in CSS pixels."""
        return (390, 844) if self.device == "phone" else (1280, 900)

    def __str__(self) -> str:
        return f"{self.device}-{self.theme}"


DESKTOP, PHONE = View("desktop", "light"), View("phone", "light")
VIEWS = (DESKTOP, View("desktop", "dark"), PHONE, View("phone", "dark"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser. It ends with its test file: while it is there, no test in its process can have an event loop."""
    path = next((found for name in _NAMES if (found := shutil.which(name))), None)
    assert path, f"none of {', '.join(_NAMES)} is on the PATH; scripts/test.sh installs one"
    # Chromium refuses to run as root with its sandbox.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(params=VIEWS, ids=str)
def view(request: pytest.FixtureRequest) -> View:
    """Each view in turn. A test that needs one says `@pytest.mark.parametrize("view", [DESKTOP], indirect=True)`."""
    found: View = request.param
    return found


@pytest.fixture
def troubles() -> list[str]:
    """What went wrong in `page` so far. A test that provokes some clears them; what is left fails it."""
    return []


@pytest.fixture
def page(chromium: Browser, view: View, troubles: list[str]) -> Iterator[Page]:
    """An empty page in each view. The test fails if anything went wrong in it, or if it is wider than its window."""
    width, height = view.size
    phone = view.device == "phone"
    context = chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme=view.theme, is_mobile=phone, has_touch=phone
    )
    opened = context.new_page()
    watch(opened, troubles)
    yield opened
    troubles += overflow(opened)
    context.close()
    assert troubles == []


def watch(page: Page, troubles: list[str]) -> None:
    """Add to `troubles` each console error and warning, uncaught exception and failed request of the page."""

    def failed(url: str, reason: object) -> None:
        troubles.append(f"request: {url[:200]}: {reason}")

    page.on(
        "console", lambda said: troubles.append(f"console: {said.text}") if said.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: troubles.append(f"exception: {error}"))
    page.on("requestfailed", lambda request: failed(request.url, request.failure))
    page.on("response", lambda response: failed(response.url, response.status) if response.status >= 400 else None)


def overflow(page: Page) -> list[str]:
    """Say which elements make the page wider than its window; nothing if it is not."""
    assert page.viewport_size
    found: list[str] = page.evaluate(
        """width => {
            if (document.documentElement.scrollWidth <= width) return [];
            const wide = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width);
            const named = wide.map(e => `<${e.localName} class="${e.getAttribute("class") ?? ""}">`);
            return [`overflow: ${document.documentElement.scrollWidth} > ${width} px: ${named.slice(0, 8)}`];
        }""",
        page.viewport_size["width"],
    )
    return found


def overlaps(page: Page) -> list[str]:
    """Say which labels of charts are cut, and which lie on another."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll(".look-chart")].flatMap(chart => {
            const texts = [...chart.querySelectorAll("svg text")].filter(text => text.textContent.trim());
            const boxes = texts.map(text => [text.textContent, text.getBoundingClientRect()]);
            const outer = chart.getBoundingClientRect();
            const cut = boxes.filter(([, a]) => a.left < outer.left - 1 || a.right > outer.right + 1
                || a.top < outer.top - 1 || a.bottom > outer.bottom + 1).map(([text]) => `${chart.id}: ${text} is cut`);
            const pairs = boxes.flatMap(([one, a], n) => boxes.slice(n + 1).filter(([, b]) =>
                a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3
            ).map(([other]) => `${chart.id}: ${one} on ${other}`));
            return [...cut, ...pairs];
        })"""
    )
    return found


def picture(page: Page, name: str) -> Path:
    """Write a picture of the whole page, to be looked at; its name also says the view. Returns its path."""
    assert page.viewport_size
    device = "phone" if page.viewport_size["width"] < 600 else "desktop"
    theme = "dark" if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
    path = PICTURES / f"{name}-{device}-{theme}.png"
    page.screenshot(path=path, full_page=True)
    return path
