"""Dashboards of any stack: what cannot be drawn says so in its place, names are text, and the rest is drawn."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from chromium import DESKTOP, PHONE, picture
from sandbox_client import aws_client, write_stack
from sandbox_process import StartSandbox, start_sandbox

__all__ = ["start_sandbox"]

MARKUP = "<img src=x onerror=alert(1)>"
LOADED = "() => ![...document.querySelectorAll('.dash-note')].some(note => note.textContent === 'loading')"
REGION = "us-east-1"
GOOD = ["Mine", MARKUP, {"stat": "Sum", "label": f"{MARKUP} ${{LAST}}"}]


def metric(title: str, *rows: list[Any], **properties: Any) -> dict[str, Any]:
    return {"type": "metric", "properties": {"title": title, "region": REGION, "metrics": list(rows), **properties}}


WIDGETS = {
    "Good": metric("Good", GOOD, view="timeSeries"),
    "Value": metric("Value", GOOD, view="singleValue", sparkline=True),
    "Marked": metric(
        "Marked",
        GOOD,
        annotations={
            "horizontal": [{"value": 9, "label": f"limit {MARKUP}", "fill": "above"}],
            "vertical": [{"value": "2020-01-01T00:00:00Z", "label": "never"}],
        },
    ),
    "Search": metric("Search", [{"expression": "SEARCH('{Mine} x', 'Sum', 300)"}]),
    "Trimmed": metric("Trimmed", ["Mine", "x", {"stat": "tm90"}]),
    "Pie": metric("Pie", GOOD, view="pie"),
    "Elsewhere": metric("Elsewhere", GOOD, region="eu-west-1"),
    "Nonsense": metric("Nonsense", ["Mine"]),
    "Empty": metric("Empty", ["Mine", "nothing"]),
    "Query": {
        "type": "log",
        "properties": {"title": "Query", "region": REGION, "query": "SOURCE '/aws/lambda/firstbyte-Raw' | unmask x"},
    },
    "Own": {"type": "custom", "properties": {"title": "Own", "endpoint": "arn:aws:lambda:r:1:function:f"}},
    MARKUP: {
        "type": "text",
        "properties": {"markdown": f"# Words\n{MARKUP}\n\n{MARKUP} and ![a picture](https://x.example/p)"},
    },
}
SAYS = {
    "Search": "the sandbox does not support SEARCH in metric math",
    "Trimmed": "the sandbox does not support the statistic 'tm90'",
    "Pie": "This console does not draw the view pie.",
    "Elsewhere": f"It shows eu-west-1, and this console reads {REGION}.",
    "Nonsense": "It cannot be drawn: row 1 is not a namespace, a name, and dimensions with a value each.",
    "Empty": "no data in this time",
    "Query": "unmask",
    "Own": "This console does not draw widgets of the type custom.",
}


@pytest.fixture(scope="module")
def ready(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder: Path = tmp_path_factory.mktemp("stack")
    path = write_stack(folder, "def handler(event, context): ...\n", {})
    (folder / "layer").mkdir()
    template = json.loads(path.read_text())
    for name, widgets in (("odd", [*WIDGETS.values()]), ("none", []), ("quiet", [WIDGETS["Empty"]])):
        body = json.dumps({"start": "-PT1H", "widgets": widgets})
        template["Resources"][name.title()] = {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"DashboardName": name, "DashboardBody": body},
        }
    path.write_text(json.dumps(template))
    ready = start_sandbox("--template", str(path), "--region", REGION).ready
    data = [{"MetricName": MARKUP, "Value": value} for value in (1, 2)]
    aws_client(ready, "cloudwatch").put_metric_data(Namespace="Mine", MetricData=data)
    return ready


def opened(page: Page, ready: dict[str, str], name: str) -> None:
    page.goto(f"{ready['console_url']}?dashboard={name}")
    expect(page.locator(".console-body")).to_be_attached(timeout=60_000)
    page.wait_for_function(LOADED, timeout=60_000)


def widget(page: Page, title: str) -> Locator:
    return page.locator(".dash-widget").filter(has=page.get_by_role("heading", name=title, exact=True))


@pytest.mark.parametrize("view", [DESKTOP, PHONE], indirect=True)
def test_what_cannot_be_drawn_says_so_and_the_rest_is_drawn(page: Page, ready: dict[str, str]) -> None:
    opened(page, ready, "odd")
    picture(page, "widgets")
    for title, said in SAYS.items():
        expect(widget(page, title)).to_contain_text(said)
    expect(widget(page, "Good").locator(".look-chart")).to_contain_text(f"{MARKUP} 3")
    expect(widget(page, "Marked").locator(".look-chart")).to_contain_text(f"limit {MARKUP}")
    expect(widget(page, "Value").locator(".dash-number")).to_have_text("3")
    chart = widget(page, "Good").locator(".look-chart")
    chart.hover(position={"x": 200, "y": 100})
    expect(page.get_by_role("heading", name="Words")).to_be_visible()
    assert page.locator(".dash-text").inner_text().count(MARKUP) == 2
    expect(page.get_by_role("link", name="a picture")).to_have_attribute("href", "https://x.example/p")
    assert page.locator(".console-body img").count() == 0


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_another_dashboard_is_chosen_and_an_empty_one_says_what_to_do(page: Page, ready: dict[str, str]) -> None:
    opened(page, ready, "none")
    expect(page.get_by_text("This dashboard has no widgets: add some to its body.")).to_be_visible()
    choice = page.get_by_role("combobox", name="Dashboard")
    expect(choice).to_have_value("none")
    assert choice.locator("option").all_inner_texts() == ["none", "odd", "quiet"]
    choice.select_option("quiet")
    expect(page.get_by_text("No responses in this time. Send some: scripts/probe.sh --sandbox")).to_be_visible()
