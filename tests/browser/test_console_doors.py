"""What a page of another origin can do to a console in the same browser, though it knows the whole address: nothing."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from chromium import DESKTOP
from console_client import POLLING, WEBSOCKET, Console, console

__all__ = ["console"]

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """The address of an empty page on another port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!DOCTYPE html><link rel=icon href=data:,><title>elsewhere</title><p>elsewhere")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def unwatched(chromium: Browser) -> Iterator[Page]:
    """An empty page in which errors are expected: a browser says so of everything that is refused."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def stranger(unwatched: Page, elsewhere: str) -> Page:
    """The page elsewhere."""
    unwatched.goto(elsewhere)
    return unwatched


def answers(page: Page, console: Console) -> list[Response]:
    """What the console answers to the page, from now on."""
    found: list[Response] = []
    page.on("response", lambda response: found.append(response) if f":{console.port}/" in response.url else None)
    return found


def address(console: Console, path: str = "alarms", host: str = "127.0.0.1") -> str:
    return f"http://{host}:{console.port}/{console.token}/{path}"


@pytest.mark.parametrize("view", [DESKTOP], indirect=True)
def test_its_own_page_works(console: Console, page: Page) -> None:
    """Everything below would hold for a console that answers nobody."""
    for host in ("127.0.0.1", "localhost"):
        with page.expect_websocket() as opened:
            page.goto(address(console, host=host))
        assert opened.value.url.startswith(f"ws://{host}:{console.port}/{console.token}/_nicegui_ws/")
        expect(page.locator(".alarm-card").first).to_be_visible()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize(
    "request_of",
    [
        "url => fetch(url, {mode: 'no-cors'})",
        "url => fetch(url, {mode: 'no-cors', method: 'POST', body: '40', credentials: 'include'})",
        "url => { new Image().src = url }",
        "url => { navigator.sendBeacon(url, '40') }",
    ],
    ids=["get", "post", "image", "beacon"],
)
def test_what_another_page_sends_is_refused(console: Console, stranger: Page, request_of: str, host: str) -> None:
    """A browser sends such a request, and lets nobody read the answer."""
    for path in ("alarms", POLLING):
        with stranger.expect_response(lambda response: f":{console.port}/" in response.url) as answer:
            stranger.evaluate(f"url => {{ ({request_of})(url) }}", address(console, path, host))
        assert answer.value.status == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize(
    "options", ["{}", "{credentials: 'include'}", "{method: 'POST', body: '40'}", "{method: 'PUT'}"]
)
def test_another_page_reads_nothing(console: Console, stranger: Page, options: str, host: str) -> None:
    for path in ("alarms", POLLING):
        read = f"url => fetch(url, {options}).then(() => 'read', () => 'refused')"
        assert stranger.evaluate(read, address(console, path, host)) == "refused"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_another_page_opens_no_websocket(console: Console, stranger: Page, host: str) -> None:
    url = address(console, WEBSOCKET, host).replace("http:", "ws:")
    opened = """url => new Promise(done => {
        const socket = new WebSocket(url);
        socket.onopen = () => done("open");
        socket.onerror = () => done("refused");
    })"""
    assert stranger.evaluate(opened, url) == "refused"


def test_another_page_leads_nobody_in(console: Console, stranger: Page, elsewhere: str) -> None:
    """By a link, a form, a redirect of its own, or a window that it opens."""
    leading = {
        "a link": "url => { const a = document.createElement('a'); a.href = url; document.body.append(a); a.click() }",
        "a form": """url => { const form = document.createElement('form'); form.action = url; form.method = 'post';
            document.body.append(form); form.submit() }""",
        "a script": "url => { location = url }",
    }
    for name, script in leading.items():
        stranger.goto(elsewhere)
        with stranger.expect_navigation(url=f"**:{console.port}/**"):
            stranger.evaluate(script, address(console))
        assert "it comes from a page of another origin" in stranger.locator("body").inner_text(), name
    stranger.goto(elsewhere)
    with stranger.expect_popup() as popup:
        stranger.evaluate("url => { window.open(url) }", address(console))
    popup.value.wait_for_load_state()
    assert "it comes from a page of another origin" in popup.value.locator("body").inner_text()


def test_another_page_frames_nothing(console: Console, stranger: Page) -> None:
    found = answers(stranger, console)
    framed = """url => new Promise(done => {
        const frame = document.createElement('iframe');
        frame.onload = done;
        frame.src = url;
        document.body.append(frame);
    }).then(() => null)"""
    stranger.evaluate(framed, address(console))
    assert [response.status for response in found] == [403]


def test_a_page_is_not_framed_by_its_own_either(console: Console, unwatched: Page) -> None:
    """What an answer of a model or a log line could get into a page, if all else failed."""
    unwatched.goto(address(console))
    framed = "url => { const f = document.createElement('iframe'); f.src = url; document.body.append(f) }"
    with unwatched.expect_console_message(lambda said: "frame-ancestors" in said.text):
        unwatched.evaluate(framed, address(console))
    assert all(frame.locator(".alarm-card").count() == 0 for frame in unwatched.frames[1:])


def test_a_page_sends_nothing_elsewhere(console: Console, unwatched: Page, elsewhere: str) -> None:
    unwatched.goto(address(console))
    expect(unwatched.locator(".alarm-card").first).to_be_visible()
    fetched = "url => fetch(url, {mode: 'no-cors'}).then(() => 'sent', () => 'refused')"
    with unwatched.expect_console_message(lambda said: "Content Security Policy" in said.text):
        assert unwatched.evaluate(fetched, elsewhere) == "refused"
    image = (
        "url => new Promise(done => { const x = new Image(); x.onload = x.onerror = e => done(e.type); x.src = url })"
    )
    assert unwatched.evaluate(image, elsewhere) == "error"


@pytest.mark.parametrize("name", ["evil.localhost", "127.0.0.1.evil.localhost"])
def test_a_name_of_somebody_that_leads_here_opens_nothing(console: Console, unwatched: Page, name: str) -> None:
    """DNS rebinding. Chromium leads every name below `localhost` to 127.0.0.1, as an attacker's server would."""
    for path in ("", "alarms", POLLING):
        response = unwatched.goto(address(console, path, name))
        assert response
        assert response.status == 403
        assert "the Host header must be" in response.text()
