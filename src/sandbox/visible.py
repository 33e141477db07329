"""Makes lines for a terminal of a log event, which a stranger may have written parts of."""

import re

# A terminal takes control characters for commands: they move the cursor, set titles and fill the clipboard. Half of a
# surrogate pair is no character, so it cannot be written.
_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n|\r|\n")


def visible_lines(event: str) -> list[str]:
    """Return the lines of an event; every control character but the tab is shown as an escape such as `\\x1b`.

    A stack trace is one event. awslambdaric indents its lines with no-break spaces, and joins them with carriage
    returns where it has no descriptor for frames.
    """
    shown = _UNFIT.sub(lambda match: ascii(match[0])[1:-1], event.replace("\u00a0", " "))
    return _LINE_END.split(shown.removesuffix("\n").removesuffix("\r"))
