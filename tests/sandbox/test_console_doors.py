"""Who may open the console: requests and WebSocket handshakes as another page, or another program, could send them."""

from pathlib import Path

import pytest

from console.doors import MOST_CONNECTIONS
from console_client import POLLING, WEBSOCKET, Answer, Console, console
from recorded import until
from sandbox_process import RunningSandbox

__all__ = ["console"]

pytestmark = pytest.mark.timeout(120)


def refused(answer: Answer, why: str) -> bool:
    """Whether a request was refused for this reason, and nobody was told that another origin may read the answer."""
    assert "access-control-allow-origin" not in answer.headers
    return answer.status == 403 and why in answer.body


def test_its_own_browser_gets_every_page(console: Console) -> None:
    for path in ("", "alarms", "alarms/firstbyte-page", POLLING):
        for headers in (None, console.own, (*console.own, ("Sec-Fetch-Site", "same-origin"))):
            assert console.send(f"/{console.token}/{path}", headers).status == 200, path
    for site in ("none", "same-origin"):
        assert console.send(f"/{console.token}/", (("Host", console.host), ("Sec-Fetch-Site", site))).status == 200
    assert console.websocket(f"/{console.token}/{WEBSOCKET}", console.own).status == 101


def test_a_page_is_reached_as_localhost_too(console: Console) -> None:
    host = f"localhost:{console.port}"
    own = (("Host", host), ("Origin", f"http://{host}"))
    assert console.send(f"/{console.token}/alarms", own).status == 200
    assert console.send(f"/{console.token}/alarms", (("Host", host.upper()),)).status == 200
    assert console.websocket(f"/{console.token}/{WEBSOCKET}", own).status == 101


PATHS = ("", "alarms", "no-such-page", "_nicegui/3.18.0/static/nicegui.css", POLLING)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.1:{port}", "localhost.:{port}"),
        *("[::1]:{port}", "127.0.0.1:{port}.evil.example", "evil@127.0.0.1:{port}", "0.0.0.0:{port}", ""),
    ],
)
def test_a_name_that_leads_here_is_refused(console: Console, host: str) -> None:
    """DNS rebinding: the browser takes the answers for those of the page's own server."""
    said = host.format(port=console.port)
    for path in PATHS:
        headers = (("Host", said), ("Origin", f"http://{said}"), ("Sec-Fetch-Site", "same-origin"))
        assert refused(console.send(f"/{console.token}/{path}", headers), "the Host header must be")
    assert console.websocket(
        f"/{console.token}/{WEBSOCKET}", (("Host", said), ("Origin", f"http://{said}"))
    ).status in (
        400,
        403,
    )


def test_one_host_is_needed(console: Console) -> None:
    own = ("Host", console.host)
    for headers in ((own, own), (own, ("Host", "evil.example")), (("Host", "evil.example"), own)):
        assert console.send(f"/{console.token}/", headers).status in (400, 403)
    answer = console.send_raw(f"GET /{console.token}/ HTTP/1.0\r\n\r\n".encode())
    assert refused(answer, "the Host header must be")
    absolute = f"http://evil.example/{console.token}/"
    assert console.send(absolute, (("Host", "evil.example"),)).status == 403


@pytest.mark.parametrize(
    "origin",
    [
        *("http://evil.example", "null", "", "http://127.0.0.1", "http://127.0.0.1:1", "https://127.0.0.1:{port}"),
        *("http://localhost:{port}", "http://127.0.0.1:{port}.evil.example", "http://127.0.0.1:{port}/", "file://"),
    ],
)
def test_another_origin_is_refused(console: Console, origin: str) -> None:
    """Whatever it asks for, with which method, and however it opens a channel."""
    headers = (("Host", console.host), ("Origin", origin.format(port=console.port)))
    for path in PATHS:
        for method in ("GET", "HEAD", "OPTIONS", "POST"):
            answer = console.send(f"/{console.token}/{path}", headers, method)
            assert answer.status == 403, (method, path)
            assert "access-control-allow-origin" not in answer.headers
    assert console.websocket(f"/{console.token}/{WEBSOCKET}", headers).status == 403
    twice = (*console.own, headers[1])
    assert refused(console.send(f"/{console.token}/", twice), "a page of another origin")
    assert console.websocket(f"/{console.token}/{WEBSOCKET}", twice).status in (400, 403)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin, cross-site", "Same-Origin", ""])
def test_what_another_page_makes_a_browser_do_is_refused(console: Console, site: str) -> None:
    """A link, a form, an image or an iframe: none of them has to send an Origin."""
    headers = (("Host", console.host), ("Sec-Fetch-Site", site))
    for path in PATHS:
        for method in ("GET", "POST"):
            assert refused(console.send(f"/{console.token}/{path}", headers, method), "a page of another origin")
    assert console.websocket(f"/{console.token}/{WEBSOCKET}", (*console.own, headers[1])).status == 403
    own_and_other = (("Host", console.host), ("Sec-Fetch-Site", "same-origin"), headers[1])
    assert refused(console.send(f"/{console.token}/", own_and_other), "a page of another origin")


def test_a_websocket_needs_an_origin(console: Console) -> None:
    """Every browser sends one; only a program can leave it out."""
    assert console.websocket(f"/{console.token}/{WEBSOCKET}", (("Host", console.host),)).status == 403


@pytest.mark.parametrize(
    "path",
    [
        *("/", "//{token}/", "/{token}", "/{token}x/", "/x{token}/", "/{half}/", "/{upper}/", "/%00/", "/%ff/", "*"),
        *("/x/../{token}/", "/./{token}/", "/%2e/{token}/", "/x%2F..%2F{token}/", "/;/{token}/", "/?/{token}/"),
        *("/_nicegui/3.18.0/static/nicegui.css", "/alarms", f"/{POLLING}", "/x/alarms", "/\\{token}/", "/ {token}/"),
    ],
)
def test_an_address_without_its_token_is_refused(console: Console, path: str) -> None:
    token = console.token
    said = path.format(token=token, half=token[: len(token) // 2], upper=token.swapcase())
    for headers in (None, console.own):
        for method in ("GET", "POST"):
            assert console.send(said, headers, method).status in (400, 403), said
    assert console.websocket("/" + WEBSOCKET, console.own).status == 403
    assert console.websocket(f"/{token}x/{WEBSOCKET}", console.own).status == 403


@pytest.mark.parametrize(
    "rest", ["../", "../{token}/alarms", "..%2f..%2f", "_nicegui/../../../../etc/passwd", "_nicegui/%2e%2e/%2e%2e/x"]
)
def test_a_path_leads_to_nothing_above_the_pages(console: Console, rest: str) -> None:
    answer = console.send(f"/{console.token}/{rest.format(token=console.token)}")
    assert answer.status in (404, 403, 400)
    assert "root:" not in answer.body


def test_no_other_page_may_frame_a_page_or_learn_its_address(console: Console) -> None:
    for path in ("", "alarms", "no-such-page", POLLING):
        headers = console.send(f"/{console.token}/{path}", console.own).headers
        policy = headers["content-security-policy"].split("; ")
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'self'" in policy
        assert "form-action 'self'" in policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"


def test_polling_by_post_needs_the_token_and_the_origin(console: Console) -> None:
    """socket.io takes messages by POST, too, from any origin if it is asked directly."""
    opened = console.send(f"/{console.token}/{POLLING}", console.own)
    session = opened.body.partition('"sid":"')[2].partition('"')[0]
    assert session
    message = {"method": "POST", "body": "40"}
    foreign = (("Host", console.host), ("Origin", "http://evil.example"), ("Content-Type", "text/plain"))
    path = f"{POLLING}&sid={session}"
    assert refused(console.send(f"/{console.token}/{path}", foreign, **message), "a page of another origin")
    assert refused(console.send(f"/wrong/{path}", console.own, **message), "no valid token")
    assert console.send(f"/{console.token}/{path}", console.own, **message).status == 200


def test_a_refusal_does_not_tell_the_token(console: Console) -> None:
    answer = console.send("/", (("Host", "evil.example"),))
    assert console.token not in answer.body + str(answer.headers)


@pytest.mark.parametrize("name", ["X-Forwarded-Prefix", "x-forwarded-prefix", "X-Forwarded-Host", "Forwarded"])
def test_what_a_proxy_would_say_is_not_believed(console: Console, name: str) -> None:
    claimed = (name, "/elsewhere.example")
    for path in ("", "alarms", "no-such-page", "_nicegui"):
        answer = console.send(f"/{console.token}/{path}", (("Host", console.host), claimed))
        assert answer.body
        assert "elsewhere.example" not in answer.body + str(answer.headers), path


def test_connections_have_a_limit_that_counts_websockets(tmp_path: Path) -> None:
    """A page that somebody left open in a loop takes no memory without end, and the console comes back."""
    running = RunningSandbox((), tmp_path)
    running.wait_until_ready()
    flooded = Console(running.ready["console_url"])
    assert flooded.send(f"/{flooded.token}/alarms").status == 200
    opened = [flooded.stay() for _ in range(MOST_CONNECTIONS)]
    assert flooded.send(f"/{flooded.token}/alarms").status == 503
    assert flooded.websocket(f"/{flooded.token}/{WEBSOCKET}", flooded.own).status == 503
    for connection in opened:
        connection.close()
    until(lambda: flooded.send(f"/{flooded.token}/alarms").status == 200 or None)
    running.stop()
