"""What makes text fit for a terminal: emphasis where it is wanted, and no control characters from a stranger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

# The control characters of ASCII and Latin-1 (C0, DEL, C1) can move the cursor, set the title or type for the user.
# Those of Unicode that change the direction of writing can make text look like another.
_DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROLS = {code: None for code in (*range(0x20), 0x7F, *range(0x80, 0xA0), *_DIRECTIONS) if chr(code) not in "\n\t"}


def harmless(text: str) -> str:
    """`text` without control characters other than line feed and tab."""
    return text.translate(_CONTROLS)


def harmless_line(text: str) -> str:
    """`text` as one line without control characters."""
    return " ".join(harmless(text).split())


def wants_emphasis(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether bold and dim help here: on a terminal, unless NO_COLOR is set or TERM is dumb (no-color.org)."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def bold(text: str, emphasis: bool) -> str:
    """`text` in bold where `emphasis` is wanted."""
    return f"\x1b[1m{text}\x1b[0m" if emphasis else text
