"""The probe's report as a person sees it: on a desktop and a phone, light and dark, with nothing but its file."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page

from chromium import DESKTOP, PHONE, View, overlaps, picture
from probe.analysis.report import Report
from probe.figures import FIGURES
from probe.measurement import Failure, Run
from probe.output import render
from probe_reports import a_report, everything
from probe_runs import a_failed_run, a_run, a_series

REASON = "The stream ended without an end event: the connection was closed after 12 chunks of the answer."
PROMPT = "Explain in three sentences why the sky is blue, to somebody who has never seen it."


def some_runs(count: int, seed: int, *, ttft_ms: float = 400.0) -> list[Run]:
    """Runs that are as different as real ones."""
    drawn = random.Random(seed)
    found = []
    for number in range(1, count + 1):
        first = round(ttft_ms + drawn.expovariate(1 / 80), 1)
        gaps = [round(drawn.gammavariate(3, 9), 1) for _ in range(40)]
        found.append(a_run(number=number, ttft_ms=first, gaps_ms=gaps, total_ms=round(first + sum(gaps) + 3, 1)))
    return found


def asked(report: Report, prompt: str = PROMPT) -> Report:
    body = f'{{"prompt": "{prompt}"}}'.encode()
    return replace(report, result=replace(report.result, requests=(body,)))


def single() -> Report:
    return asked(a_report(*some_runs(1, 1)))


def many() -> Report:
    runs = some_runs(25, 2)
    runs[0] = a_run(number=1, cold_start=True, ttft_ms=1500.0, total_ms=2300.0)
    runs[6] = a_failed_run(number=7)
    runs[15] = a_failed_run("cut", number=16, error=Failure("cut", REASON))
    return asked(a_report(a_run(warm_up=True), *runs, slo="ttft_p50=650ms,ttft_max=700ms,failures=1%"))


def comparison() -> Report:
    others = [*some_runs(19, 3, ttft_ms=1500.0), a_failed_run(number=20)]
    return asked(a_report(*some_runs(20, 4), against=a_series(*others, buffered=True)))


def hundreds() -> Report:
    return a_report(a_run(warm_up=True), a_run(number=2, warm_up=True), *some_runs(300, 5))


REPORTS: dict[str, Callable[[], Report]] = {
    each.__name__: each for each in (single, many, comparison, hundreds, everything)
}


def show(page: Page, report: Report, folder: Path) -> list[str]:
    """Open the report, and return which addresses were asked for."""
    file = folder / "report.html"
    file.write_bytes(render(report, "html").encode(errors="replace"))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_function("[...document.querySelectorAll('.look-chart')].every(chart => chart.querySelector('svg'))")
    return requests


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_needs_nothing_but_its_file(page: Page, tmp_path: Path, name: str) -> None:
    assert show(page, REPORTS[name](), tmp_path) == [(tmp_path / "report.html").as_uri()]
    picture(page, f"report-{name}")


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("view", [DESKTOP, PHONE], indirect=True, ids=str)
def test_labels_do_not_overlap_and_are_whole(page: Page, tmp_path: Path, name: str) -> None:
    show(page, REPORTS[name](), tmp_path)
    assert overlaps(page) == []


def test_the_median_is_there_without_scrolling(page: Page, tmp_path: Path, view: View) -> None:
    report = many()
    show(page, report, tmp_path)
    card = page.locator(".figures li").first
    assert card.inner_text().split("\n")[0] == f"{FIGURES['ttft'].label} p50"
    assert f"{report.summary.figures['ttft'].p50:.1f}" in card.inner_text()
    box = card.bounding_box()
    assert box
    assert (box["x"] >= 0, box["x"] + box["width"] <= view.size[0]) == (True, True)
    assert box["y"] + box["height"] <= view.size[1]
    assert page.evaluate("[scrollX, scrollY]") == [0, 0]
    # In the table of all figures, too: the column stands beside the figures' names.
    cell = page.locator("#figures-measured td").first.bounding_box()
    assert cell
    assert cell["x"] + cell["width"] <= view.size[0]


def test_a_failed_run_is_recognised_without_colour_and_its_reason_is_readable(
    page: Page, tmp_path: Path, view: View
) -> None:
    show(page, many(), tmp_path)
    assert page.locator("h1").inner_text() == "\u2717 23 of 25 runs completed; 2 of 3 objectives missed"
    assert page.locator(".failed h2").inner_text() == "\u2717 2 runs failed"
    reason = page.locator("#failures tr", has_text="16").locator(".message")
    assert reason.inner_text() == f"cut {REASON}"
    box = reason.bounding_box()
    assert box
    assert (box["x"] >= 0, box["x"] + box["width"] <= view.size[0]) == (True, True)
    legend = page.locator("#chart-runs svg text").all_text_contents()
    assert {"completed", "cold start", "failed", "warm-up"} <= set(legend)


def contrast(page: Page, selector: str) -> dict[str, float]:
    """The ratio of contrast of each text to the card that it stands on. https://www.w3.org/TR/WCAG22/#contrast-minimum."""
    found: dict[str, float] = page.evaluate(
        """selector => {
            const light = color => {
                const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
                    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            return Object.fromEntries([...document.querySelectorAll(selector)].map(element => {
                const style = getComputedStyle(element), card = element.closest(".look-card") ?? document.body;
                const text = light(element.closest("svg") ? style.fill : style.color);
                const behind = light(getComputedStyle(card).backgroundColor);
                const [dark, bright] = [text, behind].sort((a, b) => a - b);
                return [element.textContent.trim(), (bright + 0.05) / (dark + 0.05)];
            }));
        }""",
        selector,
    )
    assert found
    return found


def test_all_texts_are_readable_in_both_themes(page: Page, tmp_path: Path, view: View) -> None:
    show(page, many(), tmp_path)
    selector = "h1, h2, .look-note, strong, th, td, td small, dt, dd, a, .look-good, .look-bad, .look-chart svg text"
    assert {text: ratio for text, ratio in contrast(page, selector).items() if ratio < 4.5} == {}
    outlined = (
        "[...document.querySelectorAll('svg text')].filter(text => getComputedStyle(text).stroke != 'none').length"
    )
    assert page.evaluate(outlined) == 0, "an outline in the colour of the other theme"
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(17, 20, 24)" if view.theme == "dark" else "rgb(246, 247, 249)")


@pytest.mark.parametrize("view", [DESKTOP], indirect=True, ids=str)
@pytest.mark.parametrize(
    ("chart", "shown"),
    [
        ("ttft", "400 to "),
        ("gap", "5 to "),
        ("runs", "run 2, completed: "),
        ("slowest", "chunk "),
    ],
)
def test_a_pointer_on_a_mark_shows_its_value(page: Page, tmp_path: Path, chart: str, shown: str) -> None:
    show(page, many(), tmp_path)
    page.locator(f"#chart-{chart}").scroll_into_view_if_needed()
    marks: list[dict[str, float]] = page.locator(f"#chart-{chart} svg").evaluate(
        """svg => {
            const marks = [...svg.querySelectorAll("path[fill]")].filter(path => !["none", "transparent"].includes(
                path.getAttribute("fill")));
            const drawn = marks.filter(path => path.getBoundingClientRect().height > 5);
            return drawn.map(path => path.getBoundingClientRect().toJSON());
        }"""
    )
    said = []
    for mark in marks:
        page.mouse.move(mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] - 3)
        tooltip = page.locator(f"#chart-{chart} > div").nth(1)
        if tooltip.count() and tooltip.is_visible():
            said.append(tooltip.inner_text())
    assert any(text.startswith(shown) for text in said), said


@pytest.mark.parametrize("view", [DESKTOP], indirect=True, ids=str)
def test_no_text_of_a_server_or_a_prompt_is_markup(page: Page, tmp_path: Path, troubles: list[str]) -> None:
    nasty = "</script><script>alert(1)</script><img src=x onerror=alert(2)><b>bold</b>"

    def popped_up(dialog: Dialog) -> None:
        troubles.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", popped_up)
    runs = [a_failed_run(number=2, error=Failure(nasty, nasty), request_id=nasty), a_run(model=nasty, trace_id=nasty)]
    report = asked(a_report(*runs, against=a_series(url=f"https://x/{nasty}")), nasty)
    show(page, report, tmp_path)
    assert page.locator("img, b:not(.look-bad)").count() == 0
    assert page.locator("script").count() == 2
    assert page.locator("#failures .message").inner_text() == f"{nasty} {nasty}"
    assert page.locator(".prompt").inner_text() == nasty
    assert page.locator("dd").filter(has_text=nasty).count() == 3, "the prompt, a URL, and the model"
