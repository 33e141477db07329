"""Cleans Bedrock's words for the log: masks what also stands in the request or the answer, and what looks like a key.

Bedrock quotes a request in many ways: cut short, in another case, with the escapes of JSON, HTML or a URL. So single
words are compared. A common word or a single letter stays, unless it is part of a longer quotation.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import unquote

MASK = "[...]"
# The longest text in the log, in characters; and how much of a longer one is looked at.
_LONGEST, _MOST_READ = 1000, 3000
_RUN = 4  # so many words in a row are a quotation, even if all of them are common
_PART = 3  # so long a part of a word of the request is masked, because a quotation may be cut
_WHOLE = 6  # a longer word around so long a word of the request is masked

# What the messages of such services are made of. That a request has these words, too, tells nothing of it.
_COMMON = frozenset(
    re.findall(
        r"\w+",
        """
        a about access account action active actively again an and another any api are arn as at aws based be
        because bedrock been before both but by call calls can cannot check configuration contains could count
        currently daily day days denied did does doesn either end enough error errors exceed exceeded exceeds
        exception expected failed failure field fields following for format found from greater has have id
        identifier if in inference input internal invalid invocation invoke is isn it its key last least legacy
        length less life limit limits longer malformed many marked maximum message messages minimum missing model
        models more must needs no not of on one only operation or output p parameter parameters per perform
        permission please policy profile provided provider quota rate reached reason received region request
        requested requests required requires resource response retry s schema see server service size specified
        still such support supported supports t temperature than that the there these this throttled throughput time
        to token tokens too top try unable unavailable unexpected use used user using valid validation value values
        wait was were when which while will with within without you your
        """,
    )
)

_PIECE = r"[^\W\d_]+|\d+|[^\x00-\x7f]"  # a run of letters or of digits; other characters than ASCII's one by one
_PIECES = re.compile(_PIECE)
_UNITS = re.compile(
    # An ARN names the account, the role and the model at fault. Its resource may be as long as a key.
    r"(?P<arn>\barn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:)(?P<resource>[A-Za-z0-9/._:*-]*)"
    r"|(?P<key>\bA[KS]IA[A-Z0-9]{12,}|[A-Za-z0-9+/=_-]{40,})"
    rf"|{_PIECE}"
)
_ESCAPES = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_TYPOGRAPHY = str.maketrans("‘’“”‐‑–—", "''\"\"----")  # noqa: RUF001


class Redaction:
    """Masks what stands in some texts. It reads them on its first use, in a time in proportion to their length.

    Args:
        texts: what must not come through: the parts of the request, and of the answer so far.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = texts

    def clean(self, words: str) -> str:
        """Return the words for the log, at most 1,000 characters: every escape resolved, every secret masked."""
        if len(words) > _MOST_READ:
            words = re.sub(r"\S*$", "", words[:_MOST_READ])  # half of a key is no longer known as one
        words = _plain(words).translate(_TYPOGRAPHY)
        cleaned, at, masking = [], 0, False
        for start, end, secret in self._judged(words):
            if not (secret and masking):
                cleaned.append(words[at:start])
                cleaned.append(MASK if secret else words[start:end])
            at, masking = end, secret
        return "".join([*cleaned, words[at:]])[:_LONGEST]

    def _judged(self, words: str) -> Iterator[tuple[int, int, bool]]:
        """Yield start and end of each part of the words, and whether it is secret."""
        units = list(_units(words))
        tokens = [(number, words[start:end].casefold()) for number, (start, end, kind) in enumerate(units) if not kind]
        quoted: set[int] = set()
        grams = list(zip(*(tokens[offset:] for offset in range(_RUN)), strict=False))
        found = {tuple(token for _, token in gram) for gram in grams}.intersection(self._grams())
        for gram in grams:
            if tuple(token for _, token in gram) in found:
                quoted.update(number for number, _ in gram)
        touching = False
        for number, (start, end, kind) in enumerate(units):
            token = words[start:end].casefold()
            cut = touching or words.endswith("..", 0, start) or words.startswith("..", end)
            glued = words[start - 1 : start].isalnum() or words[end : end + 1].isalnum()
            if kind:
                secret = kind == "key"
            elif number in quoted or not token.isascii():
                secret = True  # Bedrock writes English: other letters are quoted, and there are many ways to write them
            else:
                secret = (len(token) > 1 or cut or glued) and self._is_quoted(token, cut=cut)
            yield start, end, secret
            touching = secret

    def _is_quoted(self, token: str, *, cut: bool) -> bool:
        if token in _COMMON:
            return False
        if token in self._words or ((cut or len(token) >= _PART) and token in self._said):
            return True
        parts = (token[start:end] for start in range(len(token)) for end in range(start + _WHOLE, len(token) + 1))
        return any(part in self._words for part in parts)

    @cached_property
    def _said(self) -> str:
        forms: dict[str, None] = {}
        for text in dict.fromkeys(self._texts):
            plain = _plain(text)
            forms |= dict.fromkeys((text, plain))
            if not plain.isascii():
                # As services quote it that know ASCII alone: without accents, or without the letters that have one.
                for bare in (unicodedata.normalize("NFKD", plain), plain):
                    forms[bare.encode("ascii", "ignore").decode()] = None
        return "\n".join(form.casefold() for form in forms)

    @cached_property
    def _sequence(self) -> list[str]:
        return _PIECES.findall(self._said)

    @cached_property
    def _words(self) -> set[str]:
        return set(self._sequence)

    def _grams(self) -> Iterator[tuple[str, ...]]:
        return zip(*(self._sequence[offset:] for offset in range(_RUN)), strict=False)


def _units(words: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and kind of all that the words are made of: "arn", "key", or "" for an ordinary token."""
    for unit in _UNITS.finditer(words):
        if unit["arn"]:
            yield *unit.span("arn"), "arn"
            yield from ((*token.span(), "") for token in _PIECES.finditer(words, *unit.span("resource")))
        else:
            yield *unit.span(), "key" if unit["key"] else ""


def _plain(text: str) -> str:
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
