"""What a scripted model says: pieces, blocks, limits and counts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.bedrock.answer import Answer, Kind, Prompt, compose
from sandbox.bedrock.script import Script

PROMPT = Prompt("tell me", ("be kind", "tell me"))


def text(answer: Answer) -> str:
    return "".join(delta.text for delta in answer.deltas if delta.kind is Kind.TEXT)


def test_the_default_is_prose_of_sixty_pieces() -> None:
    answer = compose(Script(), PROMPT)
    assert len(answer.deltas) == 60
    assert text(answer).startswith("A river begins as almost nothing: a seam of damp moss,")
    assert answer.stop_reason == "end_turn"
    assert answer.usage
    assert (answer.usage.input, answer.usage.output, answer.usage.own_output) == (4, 60, 60)


def test_long_answers_go_on_with_a_new_paragraph() -> None:
    pieces = [delta.text for delta in compose(Script(chunks=400), PROMPT).deltas]
    assert len(pieces) == 400
    assert pieces.count("\n\nA") == 3
    assert all(piece.strip() for piece in pieces)


def test_a_guardrail_answers_with_its_message_alone() -> None:
    answer = compose(Script(guardrail=True, echo=True, reasoning=2, tool=True), PROMPT)
    assert [(delta.kind, delta.text) for delta in answer.deltas] == [
        (Kind.TEXT, "Sorry, the model cannot answer this question.")
    ]
    assert answer.intervened


@given(st.text())
def test_echo_gives_back_the_prompt_outside_the_directives(said: str) -> None:
    said = said.replace("[", "").replace("]", "")
    answer = compose(Script(echo=True), Prompt(f"[[sandbox: echo]]{said}[[sandbox: gap=0]]", ()))
    assert text(answer) == said
    assert all(len(delta.text.split()) <= 1 for delta in answer.deltas)


def test_blocks_follow_the_kinds() -> None:
    answer = compose(Script(reasoning=2, chunks=3, tool=True), PROMPT)
    assert [(d.kind.value, d.position, d.block, d.opens, d.closes) for d in answer.deltas] == [
        ("reasoning", 0, 0, True, False),
        ("reasoning", 1, 0, False, True),
        ("text", 2, 1, True, False),
        ("text", 3, 1, False, False),
        ("text", 4, 1, False, True),
        ("tool", 5, 2, True, False),
        ("tool", 6, 2, False, True),
    ]
    assert answer.stop_reason == "tool_use"
    assert answer.usage
    assert answer.usage.output == 7


@pytest.mark.parametrize(
    ("script", "max_tokens", "deltas", "output", "reason"),
    [
        (Script(chunks=5), 5, 5, 5, "end_turn"),
        (Script(chunks=5), 4, 4, 4, "max_tokens"),
        (Script(chunks=5, output=50), 20, 5, 20, "max_tokens"),
        (Script(chunks=5, output=50), 3, 3, 3, "max_tokens"),
        (Script(chunks=5, output=2), 3, 5, 2, "end_turn"),
        (Script(chunks=5, stop="content_filtered"), 10, 5, 5, "content_filtered"),
        (Script(chunks=5, stop="content_filtered"), 1, 1, 1, "max_tokens"),
        (Script(chunks=0), None, 0, 0, "end_turn"),
    ],
)
def test_max_tokens_ends_an_answer(
    script: Script, max_tokens: int | None, deltas: int, output: int, reason: str
) -> None:
    answer = compose(script, replace(PROMPT, max_tokens=max_tokens))
    assert answer.usage
    assert (len(answer.deltas), answer.usage.output, answer.stop_reason) == (deltas, output, reason)
    assert not answer.deltas or answer.deltas[-1].closes


def test_input_tokens_are_the_words_outside_directives_and_at_least_one() -> None:
    assert Prompt("", ("one two", "[[sandbox: chunks=3 gap=1]] three\nfour")).input_tokens == 4
    assert Prompt("", ("[[sandbox: chunks=3]]",)).input_tokens == 1


def test_usage_none_reports_nothing() -> None:
    assert compose(Script(usage=False, input=3), PROMPT).usage is None
