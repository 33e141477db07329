"""Whether a request means this address: a page in a browser reaches loopback ports too, under names of its own choice.

With DNS rebinding a page's own name leads here: the browser takes the answers for the page's own, and only Host tells.
Any page may also send requests here without it: `Origin` and `Sec-Fetch-Site` tell, and no page can change the three.
https://www.rfc-editor.org/rfc/rfc9110#section-7.2 and https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
"""

from collections.abc import Iterable

HOST = "127.0.0.1"


def why_foreign(headers: Iterable[tuple[str, str]], port: int) -> str | None:
    """Return why a request must not be answered, in a sentence that says what to do; None if it may be.

    Args:
        headers: the request's; their names are in lower case.
        port: where it came in, on 127.0.0.1.
    """
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    hosts = [host.lower() for host in values.get("host", ())]
    if len(hosts) != 1 or hosts[0] not in (f"{HOST}:{port}", f"localhost:{port}"):
        return f"the Host header must be {HOST}:{port}, not {_shown(hosts)}: call the sandbox by this address"
    origins = values.get("origin", [])
    # `none` is somebody's own doing, such as an address that was typed in.
    sites = [site for site in values.get("sec-fetch-site", ()) if site not in ("same-origin", "none")]
    if sites or any(origin != f"http://{hosts[0]}" for origin in origins):
        return f"it comes from a page of another origin, {_shown(origins or sites)}: call the sandbox from a program"
    return None


def _shown(values: list[str]) -> str:
    return ascii(", ".join(values)[:100])
