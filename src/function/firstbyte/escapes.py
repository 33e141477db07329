"""Resolves the escapes in which one text quotes another, and the ways in which Unicode can write it."""

import html
import re
import unicodedata
from typing import Literal
from urllib.parse import unquote

_ESCAPES = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
# Python converts no integer of thousands of digits. The first eight tell that a number is too high for a character.
_NUMBER = re.compile("&#0*([0-9]{1,8})[0-9]*")
# Every combining mark is such a character, except the two that are replaced before.
_LONG_RUN = re.compile(r"[^\w\x00-\x7f]{30}")
_GRAPHEME_JOINER = "\u034f"


def plain(text: str) -> str:
    """Return the text without the escapes of JSON, Python, HTML and URLs, however often it was escaped."""
    for _ in range(4):
        before = text
        if "\\" in text:
            text = _ESCAPES.sub(_character, text)
        if "&" in text:
            text = html.unescape(_NUMBER.sub(r"&#\1", text))
        if "%" in text:
            text = unquote(text)
        if text == before:
            break
    return normalized("NFKC", text)


def normalized(form: Literal["NFKC", "NFKD"], text: str) -> str:
    """Return the text in this normalization form, in a time in proportion to its length.

    Sorting a long run of combining marks takes the square of its length. So a run is cut after thirty of them, as in
    the Stream-Safe Text Format: https://www.unicode.org/reports/tr15/#Stream_Safe_Text_Format
    """
    if text.isascii():
        return text
    # Both forms make combining marks of the halfwidth sound marks, which are letters.
    text = text.replace("\uff9e", "\u3099").replace("\uff9f", "\u309a")
    return unicodedata.normalize(form, _LONG_RUN.sub(rf"\g<0>{_GRAPHEME_JOINER}", text))


def _character(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2] or escape[3]
    if code is None:
        # A letter that stands for itself begins a word: the backslash was one of the text's own.
        return _CONTROLS.get(escape[4], f" {escape[4]}" if escape[4].isalnum() else escape[4])
    return chr(int(code, 16)) if int(code, 16) <= 0x10FFFF else ""
