"""What a function prints and records is text on every page, whatever is in it."""

import json
from collections.abc import Mapping
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from chromium import DESKTOP, PHONE, overflow, picture
from recorded import Recorded, until
from sandbox_client import call, write_stack
from sandbox_process import StartSandbox, start_sandbox

__all__ = ["start_sandbox"]

MARKUP = "<img src=x onerror=\"document.title='hit'\"><script>document.title='hit'</script>'&"
ESCAPES = "\x1b[31mred\x07 \u202edaer"
CODE = f"""
import json, os, socket

MARKUP, ESCAPES = {MARKUP!r}, {ESCAPES!r}

def handler(event, context):
    print(MARKUP + ESCAPES)
    print("long " * 300 + "x" * 2000)
    print(json.dumps({{"message": MARKUP, "level": "ERROR", "code": MARKUP, MARKUP: MARKUP}}))
    header = dict(part.split("=") for part in os.environ["_X_AMZN_TRACE_ID"].split(";"))
    own = {{"name": MARKUP, "id": "00000000000000aa", "start_time": 0, "end_time": 0}}
    cause = {{"exceptions": [{{"type": "ValueError", "message": MARKUP}}]}}
    own |= {{"fault": True, "cause": cause, "namespace": "aws", "aws": {{"operation": MARKUP}}}}
    own |= {{"annotations": {{"outcome": MARKUP, "model": MARKUP}}, "metadata": {{MARKUP: {{MARKUP: [MARKUP]}}}}}}
    own |= {{"type": "subsegment", "trace_id": header["Root"], "parent_id": header["Parent"]}}
    import time
    own |= {{"start_time": time.time() - 0.1, "end_time": time.time()}}
    host, port = os.environ["AWS_XRAY_DAEMON_ADDRESS"].split(":")
    note = json.dumps({{"format": "json", "version": 1}}) + chr(10)
    socket.socket(type=socket.SOCK_DGRAM).sendto((note + json.dumps(own)).encode(), (host, int(port)))
    return {{"statusCode": 200, "body": "ok"}}
"""


@pytest.fixture(scope="module")
def ready(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The ready file of a sandbox with one recorded response, and its trace's id as `trace`."""
    template = write_stack(tmp_path_factory.mktemp("stack"), CODE, {}, Tracing="Active")
    ready = start_sandbox("--template", str(template)).ready
    assert call(ready).status == 200
    recorded = Recorded(ready)
    (found,) = until(lambda: [one for one in recorded.trace_summaries() if one["Annotations"]])
    return {**ready, "trace": found["Id"]}


def check(page: Page, times: int) -> None:
    """Check that the markup is there as text, so many times at least, and did nothing."""
    expect(page.get_by_text("<img src=x onerror=").filter(visible=True).first).to_be_visible()
    assert page.locator(".console-body").inner_text().count(MARKUP) >= times
    assert page.locator("img[src=x]").count() == 0
    assert page.title() != "hit"
    assert overflow(page) == []
    assert not {"\x1b", "\x07", "\u202e"} & set(page.locator(".console-body").inner_text())


@pytest.mark.parametrize("view", [DESKTOP, PHONE], indirect=True)
def test_on_every_page(page: Page, ready: Mapping[str, str]) -> None:
    console, query = ready["console_url"].rstrip("/"), quote("fields @message, message, code | sort @timestamp asc")
    (group,) = [name["logGroupName"] for name in Recorded(dict(ready)).logs.describe_log_groups()["logGroups"]]
    page.goto(f"{console}/traces")
    check(page, 1)
    page.goto(f"{console}/traces/{ready['trace']}")
    check(page, 7)
    expect(page.get_by_text("\\x1b[31mred\\x07 \\u202edaer")).to_be_visible()
    picture(page, "markup-trace")
    page.goto(f"{console}/logs?group={group}&query={query}")
    check(page, 4)
    page.goto(f"{console}/logs/tail?group={group}&pattern={quote(MARKUP)}")
    expect(page.get_by_role("status")).to_contain_text("filter pattern")
    page.goto(f"{console}/logs?query={quote(MARKUP)}&group={quote(MARKUP)}")
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_in_the_tail(page: Page, ready: Mapping[str, str]) -> None:
    page.goto(f"{ready['console_url']}logs/tail")
    assert call(dict(ready), json.dumps({})).status == 200
    check(page, 1)
    picture(page, "markup-tail")
