"""The escapes in which one text quotes another, resolved: whatever stands there, and however long it is."""

import sys
import unicodedata
from typing import Literal

import pytest

from firstbyte.escapes import normalized, plain


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("&#65;&#0065;&#x41;", "AAA"),
        ("&#" + "0" * 5000 + "65;", "A"),
        ("&#" + "1" * 5000 + ";", "\ufffd"),
        ("&#1114112;&#11111111", "\ufffd\ufffd"),
        ("&#x" + "f" * 5000 + ";", "\ufffd"),
        ("&amp;#" + "9" * 5000 + ";.", "\ufffd."),
    ],
)
def test_a_numeric_character_reference_may_have_any_length(text: str, resolved: str) -> None:
    assert plain(text) == resolved


@pytest.mark.parametrize("form", ["NFKC", "NFKD"])
def test_texts_with_as_many_marks_as_people_write_are_normalized_as_they_are(
    form: Literal["NFKC", "NFKD"],
) -> None:
    for text in ("Mari\u0301a", "n\u0303" * 100, "\uff76\uff9e\uff8a\uff9f", "x" + "\u0300\u0316" * 14, "\u2014" * 29):
        assert normalized(form, text) == unicodedata.normalize(form, text)


def test_no_more_than_some_thirty_marks_follow_each_other() -> None:
    """However a mark is written: alone, as a mark that stands for two, or as a letter that is one in this form."""
    for number in range(sys.maxunicode + 1):
        mark = chr(number)
        decomposed = unicodedata.normalize("NFKD", mark)
        if unicodedata.combining(decomposed[0]):
            found = normalized("NFKD", mark * 100)
            longest = max(map(len, "".join("x" if unicodedata.combining(c) else " " for c in found).split()))
            assert longest <= 30 * len(decomposed), hex(number)
