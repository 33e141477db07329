"""A picture of a page: Chrome, or a browser made of the same parts, draws it without a window.

https://developer.chrome.com/docs/chromium/headless
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

_NAMES = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome", "msedge", "microsoft-edge")
_MACOS = [
    Path(f"/Applications/{name}.app/Contents/MacOS/{name}") for name in ("Google Chrome", "Chromium", "Microsoft Edge")
]
_WIDTH = 1280
_SECONDS = 60
# A script at the end of a copy of the page: its title then says how high the page is, once everything is drawn.
_MEASURE = "<script type=module>document.title = `height:${document.documentElement.scrollHeight}`</script>"
# Charts are light, whatever the system's setting.
_FLAGS = (
    *("--headless", "--disable-gpu", "--no-first-run", "--no-default-browser-check", "--hide-scrollbars"),
    *("--disable-extensions", "--blink-settings=preferredColorScheme=1"),
)


class BrowserError(Exception):
    """There is no picture; the message says why."""


def browser() -> str | None:
    """Return the path of a browser that can draw, or None."""
    found = (shutil.which(name) for name in _NAMES)
    return next((path for path in found if path), None) or next((str(path) for path in _MACOS if path.exists()), None)


def draw(path: str, page: str, picture: Path) -> None:
    """Draw a page, as wide as a desktop's window and as high as it needs.

    Args:
        path: the browser's.
        page: HTML that needs nothing else.
        picture: the PNG to write.

    Raises:
        BrowserError: the browser failed.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder, "page.html")
        # The page's policy allows no script but its own.
        open_page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
        # The chart library's own text has a </body>, too.
        before, _, after = open_page.rpartition("</body>")
        file.write_text(f"{before}{_MEASURE}</body>{after}")
        said = _run(path, folder, ["--dump-dom", f"--window-size={_WIDTH},1000", file.as_uri()])
        found = re.search(r"<title>height:(\d+)</title>", said)
        if not found:
            raise BrowserError(f"{path} does not say how high the page is")
        drawn = Path(folder, "picture.png")
        file.write_text(page)
        _run(path, folder, [f"--screenshot={drawn}", f"--window-size={_WIDTH},{found[1]}", file.as_uri()])
        if not drawn.exists():
            raise BrowserError(f"{path} has drawn nothing")
        shutil.copyfile(drawn, picture)


def _run(path: str, folder: str, arguments: list[str]) -> str:
    # Chrome refuses to run as root with its own sandbox; what it opens here is the console's own.
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [path, *_FLAGS, *root, f"--user-data-dir={folder}/profile", *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - the user's browser, and no shell
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BrowserError(f"{path} took more than {_SECONDS} seconds") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BrowserError(f"{path} ended with exit code {done.returncode}: {last[:300]}")
    return done.stdout
