"""The export's two files, and what the command says of them."""

from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from console.dashboard.body import BodyError, shown_time
from console.dashboard.fetching import dashboard_body, dashboard_names
from console.export.browser import BrowserError, browser, draw
from console.export.document import document
from console.source import Source, reason

_INSTALL = "install Chrome, Chromium or Edge, and try again"


def export(source: Source, folder: Path, last: str | None, say: Callable[[str], None]) -> int:
    """Write `dashboard.html` and `dashboard.png`.

    Args:
        source: whose dashboard.
        folder: where; it is made if it is not there.
        last: the time to show, such as `3h`; None for what the dashboard shows by itself.
        say: takes a line for each file, or for what is wrong.

    Returns:
        The exit code: 0, or 1 if a file is not there.
    """
    try:
        names = dashboard_names(source)
        if not names:
            say("the stack has no dashboard")
            return 1
        body = dashboard_body(source, names[0], {})
        page = document(source, names[0], body, shown_time(body, {"last": last} if last else {}))
        folder.mkdir(parents=True, exist_ok=True)
        file, picture = folder / "dashboard.html", folder / "dashboard.png"
        file.write_text(page)
        say(f"wrote {file}")
        if (path := browser()) is None:
            say(f"no {picture.name}: there is no browser to draw it: {_INSTALL}")
            return 1
        draw(path, page, picture)
        say(f"wrote {picture}")
    except (BotoCoreError, ClientError) as error:
        say(reason(error))
        return 1
    except OSError as error:
        say(f"cannot write {error.filename or folder}: {error.strerror}")
        return 1
    except (BodyError, BrowserError) as error:
        say(str(error))
        return 1
    return 0
