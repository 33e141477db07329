"""Where things are shown: a console of `rich` that keeps to what its stream and its user's locale can show."""

import locale
from collections.abc import Mapping
from typing import TextIO

from rich.console import Console

from ..terminal import wants_emphasis

# What lies in a file should not depend on the window that it was made in.
_COLUMNS_IN_A_FILE = 100


class _Console(Console):
    """Draws with ASCII where the locale has no more, such as with LC_ALL=C: Python writes UTF-8 there all the same."""

    @property
    def encoding(self) -> str:
        """What may be drawn with, which is not always what text is written in."""
        return super().encoding if locale.getencoding().lower().startswith("utf") else "ascii"


def console(stream: TextIO, environment: Mapping[str, str]) -> Console:
    """A console on this stream, in which no text is markup: what a server said is shown as it is."""
    is_terminal = stream.isatty()
    return _Console(
        file=stream,
        force_terminal=is_terminal,
        color_system="auto" if wants_emphasis(stream, environment) else None,
        width=None if is_terminal else _COLUMNS_IN_A_FILE,
        markup=False,
        emoji=False,
        highlight=False,
        _environ=environment,
    )
