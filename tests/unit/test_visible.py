"""What a terminal gets of a log event."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.visible import visible_lines


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        ("plain\ttext", ["plain\ttext"]),
        ("", [""]),
        ("\x1b]0;title\x07 \x1b[2J \x9b1m \x7f\x00", ["\\x1b]0;title\\x07 \\x1b[2J \\x9b1m \\x7f\\x00"]),
        ("one\ntwo\r\nthree\rfour\r", ["one", "two", "three", "four"]),
        ("[ERROR] x\r\u00a0\u00a0File", ["[ERROR] x", "  File"]),
        ("Grüße 😀 \ud83d", ["Grüße 😀 \\ud83d"]),
    ],
)
def test_lines_of_an_event(event: str, lines: list[str]) -> None:
    assert visible_lines(event) == lines


@given(st.text())
def test_no_control_character_but_the_tab_comes_through(event: str) -> None:
    assert not [
        char for line in visible_lines(event) for char in line if char != "\t" and (char < " " or "~" < char < "\xa0")
    ]
