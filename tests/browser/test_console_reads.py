"""A console of a deployed stack only reads: what every page asks AWS for, written down on the way there.

The stack is the sandbox's. A proxy between the two notes each call, and signs it anew, as the sandbox wants it.
"""

import http.client
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from playwright.sync_api import Page, expect

from chromium import DESKTOP
from console.source import READS
from sandbox_client import call
from sandbox_process import RunningSandbox
from tools import REPOSITORY, without_aws

pytestmark = pytest.mark.timeout(240)

PATIENCE_MS = 60_000
SECRET = "a+secret/key=that'must\\never\"show"
PROMPT = "the-prompt-of-this-test"
# X-Ray's requests have no name but their path.
XRAY = {"/TraceSummaries": "GetTraceSummaries", "/Traces": "BatchGetTraces"}


@dataclass
class Stack:
    """A deployed stack, as its console sees it: where the first page is, and what it has been asked for."""

    url: str = ""
    said: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    shown: str = ""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder, found = tmp_path_factory.mktemp("stack"), Stack()
    running = RunningSandbox(("--alarm-minute", "1"), folder)
    running.wait_until_ready()
    for script in ("gap=1 chunks=3", "fault=unavailable"):
        call(running.ready, json.dumps({"prompt": f"[[sandbox: {script}]] {PROMPT}"}))
    server = proxy(running, found.asked)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        **without_aws(),
        "HOME": str(folder),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_REGION": running.ready["region"],
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": SECRET[::-1],
    }
    command = [str(REPOSITORY / "scripts/console.sh"), "--stack", running.ready["stack_name"]]
    with subprocess.Popen(
        command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout
        found.said.append(process.stdout.readline().decode())
        address = re.search(r"http://\S+", found.said[0])
        assert address, found.said
        found.url = address[0].rstrip("/")
        found.shown = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
        try:
            yield found
        finally:
            process.terminate()
            found.said += process.stdout.read().decode().splitlines()
    server.shutdown()
    server.server_close()
    running.stop()
    text = "\n".join(found.said)
    assert (len(found.said), process.returncode) == (1, 0), text
    for secret in (SECRET, SECRET[::-1], "AKIDEXAMPLE", PROMPT):
        assert secret not in text + found.shown
    assert found.url.rpartition("/")[2] not in found.shown


def proxy(running: RunningSandbox, asked: set[str]) -> ThreadingHTTPServer:
    """Return a server that passes on what it is asked, and adds its name to `asked`."""
    keys = Credentials(running.ready["access_key_id"], running.ready["secret_access_key"])
    there = urlsplit(running.ready["aws_endpoint_url"])
    assert there.hostname

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            target = self.headers.get("x-amz-target", "")
            asked.add(target.rpartition(".")[2] or XRAY.get(self.path, f"{self.command} {self.path}"))
            kept = {
                name: value for name, value in self.headers.items() if name.lower() in ("content-type", "x-amz-target")
            }
            service = self.headers["authorization"].partition("Credential=")[2].split("/")[3]
            request = AWSRequest("POST", f"http://{there.netloc}{self.path}", headers=kept, data=body)
            SigV4Auth(keys, service, running.ready["region"]).add_auth(request)
            connection = http.client.HTTPConnection(there.netloc, timeout=60)
            connection.request("POST", self.path, body, dict(request.headers.items()))
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "date", "server", "connection"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_DELETE = do_PATCH = do_POST  # noqa: N815 - whatever it is, it is written down

        def log_message(self, *_: object) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_no_page_of_a_deployed_stack_asks_for_anything_but_reads(stack: Stack, page: Page) -> None:
    for path in ("/", "/traces", "/logs", "/alarms", "/alarms/firstbyte-ttft", "/alarms/firstbyte-page", "/try"):
        page.goto(f"{stack.url}{path}")
        expect(page.locator("nav[aria-label=Pages] a").first).to_be_visible()
        page.wait_for_load_state("networkidle")
    page.goto(f"{stack.url}/traces")
    page.get_by_role("region", name="Table of traces").locator("tbody a").first.click()
    expect(page.get_by_role("region", name="Log lines")).to_contain_text("response finished", timeout=PATIENCE_MS)
    page.goto(f"{stack.url}/alarms/firstbyte-ttft?all=1")
    expect(page.locator(".look-chart svg")).to_have_count(2)
    assert stack.asked <= set().union(*READS.values())
    assert stack.asked >= {"ListDashboards", "DescribeAlarms", "DescribeAlarmHistory", "GetMetricData"}
    assert stack.asked >= {"GetTraceSummaries", "BatchGetTraces", "FilterLogEvents"}


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_a_deployed_stack_is_not_called(stack: Stack, page: Page) -> None:
    """A call of its function costs money."""
    page.goto(stack.url + "/alarms")
    expect(page.get_by_role("link", name="Alarms", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Try it")).to_have_count(0)
    page.goto(stack.url + "/try")
    page.wait_for_load_state("networkidle")
    expect(page.locator("textarea, input, button")).to_have_count(0)
