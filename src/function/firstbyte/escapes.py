"""Resolves the escapes in which one text quotes another."""

import html
import re
import unicodedata
from urllib.parse import unquote

_ESCAPES = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def plain(text: str) -> str:
    """Return the text without the escapes of JSON, Python, HTML and URLs, however often it was escaped."""
    for _ in range(4):
        before = text
        if "\\" in text:
            text = _ESCAPES.sub(_character, text)
        if "&" in text:
            text = html.unescape(text)
        if "%" in text:
            text = unquote(text)
        if text == before:
            break
    return unicodedata.normalize("NFKC", text)


def _character(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2] or escape[3]
    if code is None:
        # A letter that stands for itself begins a word: the backslash was one of the text's own.
        return _CONTROLS.get(escape[4], f" {escape[4]}" if escape[4].isalnum() else escape[4])
    return chr(int(code, 16)) if int(code, 16) <= 0x10FFFF else ""
