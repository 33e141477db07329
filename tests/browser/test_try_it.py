"""Try it: what a user does on the page, with the sandbox's function and with functions of one's own."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, Locator, Page, expect

from chromium import DESKTOP, View, overflow, picture, watch
from console.try_it.choices import EXAMPLE
from sandbox_client import aws_client
from sandbox_process import RunningSandbox, StartSandbox, start_sandbox
from tools import REPOSITORY

__all__ = ["start_sandbox"]

MODEL, FALLBACK = "amazon.nova-lite-v1:0", "amazon.nova-micro-v1:0"
# How long anything may take on a busy machine. No test passes because something took long.
PATIENCE = 120_000
ON_DESKTOP = pytest.mark.parametrize("view", [DESKTOP], indirect=True)

OWN = """
import json, time
from lambda_streaming import streamify_response

@streamify_response
def handler(event, context, *, response_stream):
    prompt = json.loads(event["body"])["prompt"]
    response_stream.start(status_code=200, headers={"content-type": "text/html"})
    if prompt == "much":
        for number in range(10_000):
            response_stream.write(f"chunk {number}, ")
        return
    for word in ("<b>one</b> ", "two ", "three"):
        response_stream.write(word)
        if prompt == "break" and word == "two ":
            raise RuntimeError("broken")
        time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def running(start_sandbox: StartSandbox) -> RunningSandbox:
    return start_sandbox("--parameter-overrides", f"FallbackModelId={FALLBACK}")


@pytest.fixture(scope="module")
def own(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> RunningSandbox:
    """Two functions of a user's own, without a dashboard."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "app.py").write_text(OWN)
    layer = {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": str(REPOSITORY / "src/runtime")}}
    layer["Metadata"] = {"BuildMethod": "makefile"}
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "CodeUri": ".",
            "Handler": "app.handler",
            "Runtime": "python3.13",
            "Layers": [{"Ref": "Layer"}],
            "Environment": {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/python/lambda_streaming/bootstrap"}},
            "FunctionUrlConfig": {"AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM"},
        },
    }
    template = folder / "template.yaml"
    template.write_text(yaml.safe_dump({"Resources": {"Layer": layer, "First": function, "Second": function}}))
    return start_sandbox("--template", str(template))


def open_page(page: Page, sandbox: RunningSandbox) -> None:
    page.goto(sandbox.ready["console_url"] + "try")
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    # Until the WebSocket is there, a click is lost.
    page.wait_for_function("window.socket?.connected")


def send(page: Page, prompt: str, *, beside: bool = False) -> None:
    box = page.get_by_role("checkbox")
    # A function of one's own has no answer in one piece.
    if box.is_visible():
        if box.is_checked() != beside:
            box.click()
        # The server says so.
        expect(box).to_be_checked(checked=beside)
    page.get_by_label("Prompt").fill(prompt)
    page.evaluate("document.querySelectorAll('.try-results > *').forEach(shown => { shown.dataset.old = 'yes'; })")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-old]")).to_have_count(0)


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_label(label).click()
    page.get_by_role("option", name=option, exact=True).click()


def answer(page: Page, name: str = "streamed") -> Locator:
    return page.get_by_role("region", name=f"The answer, {name}")


def text(page: Page, name: str = "streamed") -> Locator:
    return answer(page, name).get_by_role("region", name="Text")


def figures(page: Page, name: str = "streamed") -> dict[str, list[str]]:
    """What the table shows: measured here, and recorded."""
    rows = answer(page, name).locator("tbody tr").all()
    return {row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in rows}


def whole(page: Page, name: str = "streamed") -> None:
    """Wait until an answer is whole and its record is there."""
    expect(answer(page, name)).to_contain_text("✓ Whole after")
    expect(answer(page, name).get_by_role("link", name="log lines")).to_be_visible()


def left(running: RunningSandbox) -> int:
    return running.log().count("the client left before the response was complete")


# It is the first test: a client that left in another one may be noticed late.
@ON_DESKTOP
def test_who_leaves_the_page_leaves_the_function(page: Page, running: RunningSandbox) -> None:
    open_page(page, running)
    before = left(running)
    send(page, "[[sandbox: echo gap=100 chunks=3000 stall=1:1000]]" + "word " * 3000)
    expect(text(page)).to_contain_text("word word")
    page.goto("about:blank")
    until = time.monotonic() + PATIENCE / 1000
    while left(running) == before:
        assert time.monotonic() < until, running.log()[-3000:]
        time.sleep(0.1)


@ON_DESKTOP
def test_the_first_words_are_there_before_the_last_are_sent(page: Page, running: RunningSandbox) -> None:
    open_page(page, running)
    # The model holds the fourth word back for ten minutes.
    send(page, "[[sandbox: echo stall=3:600000]]one two three four")
    expect(text(page)).to_have_text("one two three")
    expect(answer(page)).to_contain_text("Streaming.")
    expect(answer(page).get_by_role("row", name="Chunks")).to_contain_text("3")
    assert figures(page)["TTFT"][0].endswith(" ms")
    assert figures(page)["Duration"][0] == "-"
    page.get_by_role("button", name="Stop").click()
    expect(answer(page)).to_contain_text("◼ Stopped after")
    expect(answer(page)).to_contain_text("after 3 chunks. You stopped it")
    assert text(page).inner_text() == "one two three"
    expect(answer(page)).to_contain_text('No log line "response finished" has come within 15 s.')
    # The next one can be sent.
    send(page, "[[sandbox: echo]]again")
    whole(page)
    assert text(page).inner_text() == "again"


def test_side_by_side(page: Page, view: View, running: RunningSandbox) -> None:
    open_page(page, running)
    prompt = "[[sandbox: chunks=40 gap=60]] side by side"
    send(page, prompt, beside=True)
    for name in ("streamed", "in one piece"):
        whole(page, name)
    # Both environments are warm now.
    send(page, prompt, beside=True)
    expect(answer(page, "in one piece")).to_contain_text("The function holds the answer back until it is whole.")
    for name in ("streamed", "in one piece"):
        whole(page, name)
    verdict = page.get_by_role("status").inner_text()
    assert re.fullmatch(r"First text \d+\.\d\d s earlier than in one piece\.", verdict)
    assert text(page).inner_text() == text(page, "in one piece").inner_text()
    streamed, piece = figures(page), figures(page, "in one piece")
    assert (streamed["Chunks"][0], piece["Chunks"][0]) == ("40", "1")
    assert (streamed["Tokens out"], piece["Tokens out"]) == (["40", "40"], ["40", "40"])
    assert streamed["Bytes"][0] == streamed["Bytes"][1]
    for name in ("streamed", "in one piece"):
        trace = answer(page, name).get_by_role("link", name="trace").get_attribute("href") or ""
        assert re.search(r"/traces/1-[0-9a-f]{8}-[0-9a-f]{24}$", trace)
        logs = answer(page, name).get_by_role("link", name="log lines").get_attribute("href") or ""
        assert "/logs?group=%2Faws%2Flambda%2Ffirstbyte-streaming&query=" in logs
    picture(page, "try-it")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_very_wide_screen(chromium: Browser, running: RunningSandbox, theme: Any) -> None:
    troubles: list[str] = []
    page = chromium.new_page(viewport={"width": 3840, "height": 2160}, color_scheme=theme)
    watch(page, troubles)
    open_page(page, running)
    send(page, "wide", beside=True)
    whole(page)
    whole(page, "in one piece")
    picture(page, "try-it-wide")
    assert [*troubles, *overflow(page)] == []
    page.context.close()


@ON_DESKTOP
def test_figures_are_those_of_the_metrics(page: Page, start_sandbox: StartSandbox) -> None:
    running = start_sandbox("--parameter-overrides", f"ModelPrices={MODEL}=0.06/0.24")
    open_page(page, running)
    send(page, "[[sandbox: chunks=25 gap=30]] the only one")
    whole(page)
    recorded = {name: value for name, (_, value) in figures(page).items()}
    cloudwatch = aws_client(running.ready, "cloudwatch")

    def metric(name: str, dimension: tuple[str, str] = ("model", MODEL)) -> float:
        now = datetime.now(UTC)
        (point,) = cloudwatch.get_metric_statistics(
            Namespace="Firstbyte",
            MetricName=name,
            Dimensions=[
                {"Name": "service", "Value": running.ready["stack_name"]},
                *([{"Name": dimension[0], "Value": dimension[1]}] if dimension[0] else []),
            ],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=7200,
            Statistics=["Sum", "SampleCount"],
        )["Datapoints"]
        assert point["SampleCount"] == 1
        return float(point["Sum"])

    assert {
        "TTFB": f"{metric('TimeToFirstByte'):,.1f} ms",
        "TTFT": f"{metric('TimeToFirstToken'):,.1f} ms",
        "Max gap": f"{metric('MaxInterChunkLatency'):,.1f} ms",
        "Duration": f"{metric('ResponseDuration'):,.1f} ms",
        "Tokens in": f"{metric('InputTokens'):,.0f}",
        "Tokens out": f"{metric('OutputTokens'):,.0f}",
        "Tokens/s": f"{metric('OutputTokensPerSecond', ('', '')):,.1f}",
        "Cost": f"${metric('EstimatedCost'):.8f}",
    } == {name: value for name, value in recorded.items() if name not in ("Chunks", "Bytes", "Outcome")}
    assert recorded["Outcome"] == "completed"


@ON_DESKTOP
@pytest.mark.parametrize(
    ("fault", "says", "outcome"),
    [
        ("throttling", "✕ Status 429 after .* throttled: Bedrock throttled the request; try again later.", "throttled"),
        ("Bedrock is unavailable", "✕ Status 503 after .* model_unavailable: ", "model_error"),
        ("the model fails", "✕ Status 502 after .* model_error: ", "model_error"),
        ("access denied", "✕ Status 403 after .* access_denied: ", "rejected"),
        ("an internal error after 5 chunks", "✕ Broke off after .*, after 5 chunks. model_error: ", "interrupted"),
        ("the connection drops after 5 chunks", "✕ Broke off after .*, after 5 chunks. model_error: ", "interrupted"),
    ],
)
def test_faults(page: Page, running: RunningSandbox, fault: str, says: str, outcome: str) -> None:
    open_page(page, running)
    choose(page, "Fault", fault)
    send(page, "what goes wrong")
    expect(answer(page)).to_contain_text(re.compile(says))
    expect(answer(page).get_by_role("link", name="log lines")).to_be_visible()
    assert figures(page)["Outcome"][1] == outcome
    assert answer(page).get_by_role("link", name="trace").count() == 1


@ON_DESKTOP
def test_the_chosen_model_answers(page: Page, running: RunningSandbox) -> None:
    open_page(page, running)
    choose(page, "Model", FALLBACK)
    send(page, f"[[sandbox: fault=throttling for={MODEL}]] not asked")
    whole(page)
    expect(answer(page)).to_contain_text(FALLBACK)


@ON_DESKTOP
def test_the_fallback_takes_over(page: Page, running: RunningSandbox) -> None:
    open_page(page, running)
    choose(page, "Fault", "the first model is throttled")
    send(page, "who answers")
    whole(page)
    expect(answer(page)).to_contain_text(FALLBACK)
    expect(answer(page)).to_contain_text("The fallback model was asked.")


@ON_DESKTOP
def test_markup_in_an_answer_is_text(page: Page, running: RunningSandbox) -> None:
    open_page(page, running)
    markup = "<img src=x onerror=alert(1)> <script>alert(2)</script> {{ 1 + 1 }} &amp; **bold**"
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    for beside in (False, True):
        send(page, f"[[sandbox: echo]]{markup}", beside=beside)
        whole(page)
        assert text(page).inner_text() == markup
    whole(page, "in one piece")
    assert text(page, "in one piece").inner_text() == markup
    assert page.locator("main img").count() == 0


@ON_DESKTOP
def test_what_an_answer_hides_is_shown(page: Page, running: RunningSandbox) -> None:
    open_page(page, running)
    send(page, "[[sandbox: echo]]a\u202eb \x1b[31mred\ttab\nline \u2066end", beside=True)
    for name in ("streamed", "in one piece"):
        whole(page, name)
        assert text(page, name).inner_text() == "a\\u202eb \\x1b[31mred\ttab\nline \\u2066end"


def test_an_answer_that_reaches_the_token_limit(page: Page, view: View, running: RunningSandbox) -> None:
    open_page(page, running)
    send(page, "[[sandbox: chunks=2000 ttft=50 gap=1]] more than 1024 tokens")
    expect(answer(page)).to_contain_text(re.compile(r"! Cut at the token limit after .* \(max_tokens\)\."))
    expect(answer(page).get_by_role("link", name="log lines")).to_be_visible()
    assert figures(page)["Outcome"] == ["not whole", "completed"]
    expect(page.get_by_role("status")).to_contain_text("cut at the token limit after")
    picture(page, "try-it-limit")


@ON_DESKTOP
def test_after_back_the_form_is_what_is_sent(page: Page, running: RunningSandbox) -> None:
    open_page(page, running)
    choose(page, "Fault", "throttling")
    send(page, "[[sandbox: echo]]typed")
    expect(answer(page)).to_contain_text("✕ Status 429")
    page.get_by_role("link", name="Traces").click()
    expect(page.get_by_label("Outcome")).to_be_visible()
    page.go_back()
    page.wait_for_function("window.socket?.connected")
    expect(page.get_by_label("Fault")).to_have_value("none")
    expect(page.get_by_label("Prompt")).to_have_value(EXAMPLE)
    page.get_by_role("button", name="Send").click()
    whole(page)
    expect(text(page)).not_to_have_text("typed")


@ON_DESKTOP
def test_by_keyboard_alone(page: Page, running: RunningSandbox) -> None:
    open_page(page, running)
    focused = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText"

    def tab_to(name: str) -> None:
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate(focused).strip() == name:
                return
        pytest.fail(f"no way to {name} by Tab")

    tab_to("Prompt")
    page.keyboard.press("Control+A")
    page.keyboard.type("[[sandbox: echo gap=100 stall=1:600000]]by keyboard")
    page.keyboard.press("Control+Enter")
    expect(text(page)).to_have_text("by")
    tab_to("Stop")
    page.keyboard.press("Enter")
    expect(answer(page)).to_contain_text("◼ Stopped after")
    expect(page.get_by_label("Prompt")).to_be_focused()
    tab_to("Fault")
    page.keyboard.press("Enter")
    expect(page.get_by_role("option", name="throttling", exact=True)).to_be_visible()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("option")).to_have_count(0)
    tab_to("Send")
    page.keyboard.press("Enter")
    expect(answer(page)).to_contain_text("✕ Status 429")


@ON_DESKTOP
def test_a_function_of_ones_own(page: Page, own: RunningSandbox) -> None:
    open_page(page, own)
    choose(page, "Function", "Second")
    for label in ("Model", "Fault"):
        assert page.get_by_label(label).is_hidden()
    assert page.get_by_text("directives of the sandbox").count() == 0
    send(page, "hello")
    expect(answer(page)).to_contain_text("✓ Whole after")
    assert text(page).inner_text() == "<b>one</b> two three"
    # It writes no log line and is not traced.
    shown = figures(page)
    assert list(shown) == ["TTFB", "TTFT", "Max gap", "Duration", "Chunks", "Bytes", "Outcome"]
    assert (shown["Chunks"], shown["Max gap"][0][-2:], len(shown["TTFT"])) == (["3"], "ms", 1)
    assert page.get_by_text("ecorded by the function").count() == 0
    expect(answer(page).get_by_role("link")).to_have_count(0)
    expect(answer(page)).not_to_contain_text("log line")
    picture(page, "try-it-own")


def test_an_answer_that_is_cut(page: Page, own: RunningSandbox) -> None:
    open_page(page, own)
    send(page, "break")
    expect(answer(page)).to_contain_text(re.compile(r"✕ Cut after .*, after 2 chunks\. The transfer was cut: "))
    assert text(page).inner_text() == "<b>one</b> two "
    timeline = page.get_by_label("Timeline")
    expect(timeline.get_by_text("broke off")).to_be_visible()
    axis, legend = (timeline.get_by_text(said).first.bounding_box() for said in (re.compile(r"^\d+ ms$"), "waiting"))
    assert axis
    assert legend
    assert axis["y"] + axis["height"] <= legend["y"], "the legend leaves the axis free"
    picture(page, "try-it-broke-off")


@ON_DESKTOP
def test_a_long_answer_is_appended(page: Page, own: RunningSandbox) -> None:
    open_page(page, own)
    send(page, "much")
    expect(answer(page)).to_contain_text("✓ Whole after")
    expected = "".join(f"chunk {number}, " for number in range(10_000))
    assert text(page).inner_text() == expected
    # Only the last label changes when text comes, so no update is longer than a label.
    assert max(map(len, page.locator(".try-text > *").all_inner_texts())) <= 2000
    assert page.locator(".look-chart path").count() < 300
