"""The benchmark's page as a person sees it: on a desktop and a phone, light and dark, with nothing but its file."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from bench.peers import Sample
from bench.peers.page import page as written
from chromium import DESKTOP, PHONE, overlaps, picture

MACHINE = {
    "date": "2026-01-01 00:00 UTC",
    "commit": "0123456789",
    "processor": "A processor with a rather long name @ 2.40GHz",
    "cores": "2",
    "packages": "awslambdaric 4.2.2, boto3 1.44.5, botocore 1.44.5, fastapi 0.165.0, uvicorn 0.54.0, uvloop 0.23.0",
}


def samples() -> list[Sample]:
    """Figures of every size, and a part whose cases share a chart."""
    made = []
    for number, peer in enumerate(("floor", "firstbyte", "node", "fastapi"), 1):
        for case, figure, value in (
            ("response", "ttfb_p50_ms", 0.08),
            ("response", "ttfb_p99_ms", 1.3),
            ("chunks", "chunks_per_second", 212_345.0),
            ("chunks", "server_share", 0.235),
            ("memory", "rss_mb", 21.0),
        ):
            values = tuple(value * number * factor for factor in (1.0, 0.9, 1.05, 1.4, 0.98))
            made.append(Sample("layer", case, peer, figure, values))
    return made + [
        Sample("events", case, peer, "cpu_us_per_event", (value, value * 1.1))
        for case, value in (("1 stream", 30.0), ("10 streams", 33.0), ("50 streams", 41.0))
        for peer in ("floor", "firstbyte")
    ]


def show(page: Page, folder: Path) -> list[str]:
    """Open the page, and return which addresses were asked for."""
    file = folder / "peers.html"
    file.write_text(written(samples(), MACHINE))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_function("[...document.querySelectorAll('.look-chart')].every(chart => chart.querySelector('svg'))")
    return requests


def test_it_needs_nothing_but_its_file(page: Page, tmp_path: Path) -> None:
    assert show(page, tmp_path) == [(tmp_path / "peers.html").as_uri()]
    picture(page, "peers")


@pytest.mark.parametrize("view", [DESKTOP, PHONE], indirect=True, ids=str)
def test_labels_do_not_overlap_and_are_whole(page: Page, tmp_path: Path) -> None:
    show(page, tmp_path)
    assert overlaps(page) == []


@pytest.mark.parametrize("view", [PHONE], indirect=True, ids=str)
def test_a_phone_shows_all_columns_of_the_table(page: Page, tmp_path: Path) -> None:
    show(page, tmp_path)
    last = page.locator("#table-layer td:last-child").first.bounding_box()
    assert last
    assert last["x"] + last["width"] <= 390
