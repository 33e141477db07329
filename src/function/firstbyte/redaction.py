"""Cleans Bedrock's words for the log: masks what also stands in the request or the answer, and what looks like a key.

Bedrock quotes a request in many ways: cut short, in another case, with the escapes of JSON, HTML or a URL. So single
words are compared. A common word or a single letter stays, unless it is part of a longer quotation.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property

from firstbyte.escapes import normalized, plain
from firstbyte.vocabulary import COMMON_WORDS

MASK = "[...]"
# The longest text in the log, in characters; and how much of a longer one is looked at.
_LONGEST, _MOST_READ = 400, 3000
_RUN = 4  # so many words in a row are a quotation, even if all of them are common
_WHOLE = 6  # Parts of a request's word are masked from this many characters on. So is a longer word that contains one.
_LONGEST_WORD = 64  # the longest name of a role; what is longer is no word
_PART = 3  # Where a quotation may be cut, parts are masked from this many characters on.

# A run of letters or of digits; other characters than ASCII's one by one.
_WORDS = re.compile(r"[^\W\d_]+|\d+|[^\x00-\x7f]")
# A key's id may follow other letters at once, where a blank or an escape was lost.
_KEYS_AND_WORDS = re.compile(
    r"(?P<key>[A-Za-z0-9+/=_-]{40,}|(?<![A-Za-z0-9])[A-Za-z0-9]*?A(?:BI|CC|KI|SI)A[A-Z0-9]{12,})|" + _WORDS.pattern
)
# It matches what comes before the resource.
_ARN = re.compile(
    r"\barn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(?P<account>[0-9]{12})?:(?=(?P<resource>[A-Za-z0-9/._:*+=,@-]*))"
)
# Where a quotation may be cut: at dots, quotation marks, a colon and the end. An apostrophe is no quotation mark.
_CUT_BEFORE = re.compile(r"""(?:\.\.|:|(?<!\w)["'`])\s?$""")
_CUT_AFTER = re.compile(r"""\s?(?:\.\.|["'`](?!\w)|$)""")
_NOT_IN_A_LINE = re.compile(r"[\x00-\x20\x7f]+")
_TYPOGRAPHY = str.maketrans("‘’“”‐‑–—", "''\"\"----")  # noqa: RUF001


class Redaction:
    """Masks what stands in some texts. It reads them on its first use, in a time in proportion to their length.

    Args:
        texts: what must not come through: the parts of the request, and of the answer so far.
        known: names whose words stay all the same, such as the model's id, because the log has them anyway.
    """

    def __init__(self, texts: Collection[str], known: Iterable[str] = ()) -> None:
        self._texts = texts
        self._names = known

    def clean(self, words: str) -> str:
        """Return the words for the log, one line of at most 400 characters: escapes resolved, secrets masked."""
        if len(words) > _MOST_READ:
            words = re.sub(r"\S*$", "", words[:_MOST_READ])  # half of a key is no longer known as one
        words = plain(words).translate(_TYPOGRAPHY)
        units = list(self._units(words))
        cleaned, at, masking = [], 0, False
        for unit, secret in zip(units, self._are_secret(words, units), strict=True):
            if not (secret and masking):
                cleaned.append(words[at : unit.start()])
                cleaned.append(MASK if secret else unit[0])
            at, masking = unit.end(), secret
        return _NOT_IN_A_LINE.sub(" ", "".join([*cleaned, words[at:]]))[:_LONGEST]

    def _units(self, words: str) -> Iterator[re.Match[str]]:
        """Yield what is kept or masked as a whole: keys, words, and the beginnings of ARNs that are Bedrock's own.

        An ARN begins with service, region and account. If the request has that beginning, or the account, it is quoted.
        The role or the model in the rest are words, and no keys, however long they are.
        """
        at = 0
        for arn in _ARN.finditer(words):
            if arn[0].casefold() in self._said or (arn["account"] and arn["account"] in self._said):
                continue
            yield from _KEYS_AND_WORDS.finditer(words, at, arn.start())
            yield arn
            at = arn.end("resource")
            yield from _WORDS.finditer(words, arn.end(), at)
        yield from _KEYS_AND_WORDS.finditer(words, at)

    def _are_secret(self, words: str, units: list[re.Match[str]]) -> list[bool]:
        tokens = [unit[0].casefold() for unit in units]
        in_runs = self._in_runs(tokens)
        secret = [
            unit.re is not _ARN
            and ((unit.re is _KEYS_AND_WORDS and bool(unit["key"])) or number in in_runs or self._is_quoted(token))
            for number, (unit, token) in enumerate(zip(units, tokens, strict=True))
        ]
        # What is left of a word where a quotation is cut, and pieces of any length on both sides of a mask.
        for direction in (1, -1):
            beside_a_mask = False
            for number in range(len(units))[::direction]:
                start, end = units[number].span()
                cut = _CUT_BEFORE.search(words[max(start - 3, 0) : start]) or _CUT_AFTER.match(words, end)
                if beside_a_mask or end - start >= (_PART if cut else _WHOLE):
                    secret[number] = secret[number] or self._is_part(tokens[number])
                beside_a_mask = secret[number]
        return secret

    def _in_runs(self, tokens: list[str]) -> set[int]:
        """Return the numbers of the tokens that follow each other in the texts, too."""
        runs = list(_runs(tokens))
        quoted = set(runs).intersection(_runs(self._sequence))
        firsts = (number for number, run in enumerate(runs) if run in quoted)
        numbers = {number for first in firsts for number in range(first, first + _RUN)}
        return {number for number in numbers if tokens[number] not in self._known}

    def _is_quoted(self, token: str) -> bool:
        if not token.isascii() or len(token) > _LONGEST_WORD:
            return True  # Bedrock writes English: other letters are quoted, and there are many ways to write them
        if len(token) == 1 or token in self._plain_words:
            return False
        parts = (token[start:end] for start in range(len(token)) for end in range(start + _WHOLE, len(token) + 1))
        return token in self._telling or any(part in self._telling for part in parts)

    def _is_part(self, token: str) -> bool:
        return token not in self._plain_words and token in self._said

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(_WORDS.findall(" ".join(self._names).casefold()))

    @cached_property
    def _plain_words(self) -> frozenset[str]:
        return self._known | COMMON_WORDS

    @cached_property
    def _said(self) -> str:
        forms: dict[str, None] = {}
        for text in dict.fromkeys(self._texts):
            resolved = plain(text)
            forms |= dict.fromkeys((text, resolved))
            if not resolved.isascii():
                # As services quote it that know ASCII alone: without accents, or without the letters that have one.
                for bare in (normalized("NFKD", resolved), resolved):
                    forms[bare.encode("ascii", "ignore").decode()] = None
        return "\n".join(form.casefold() for form in forms)

    @cached_property
    def _sequence(self) -> list[str]:
        return _WORDS.findall(self._said)

    @cached_property
    def _telling(self) -> frozenset[str]:
        return frozenset(self._sequence) - self._plain_words


def _runs(tokens: list[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(tokens[offset:] for offset in range(_RUN)), strict=False)
