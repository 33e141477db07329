"""Composes what a scripted model answers to a prompt: deltas, blocks, stop reason, usage; no format. It is pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import chain, cycle, groupby, islice, repeat
from operator import itemgetter

from sandbox.bedrock.script import Script, without_directives

TOOL_NAME = "get_current_weather"

_TOOL_INPUT = ('{"location": ', '"Seattle"}')
_PROSE = (
    "A river begins as almost nothing: a seam of damp moss, a bead of water that hesitates before it falls. Gravity "
    "does the rest. The bead joins another, the thread finds a groove in the stone, and before long there is a voice "
    "in the valley that was not there yesterday. It goes where it can, easing its own way."
    "\n\n"
    "Downstream the same water carries barges and the lights of towns. It has forgotten nothing; every bend records an "
    "argument with the land, patiently made and slowly won. Stand on a bridge and look down. The river is always "
    "there, and the water never is. What stays is only the shape of its passing."
)
# A guardrail has a message of its own, `blockedOutputsMessaging`, in the answer's place. This one is usual.
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrail.html
_BLOCKED = "Sorry, the model cannot answer this question."
_THOUGHT = "The user wants an answer that reads well. I will think about a river first and then describe it plainly."


class Kind(Enum):
    """What a delta is a piece of."""

    REASONING = "reasoning"
    TEXT = "text"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Delta:
    """One piece of the answer.

    Attributes:
        kind: what it is a piece of.
        text: the piece; for a tool use, a part of the JSON text of its input.
        position: its number in the answer, from 0.
        block: the number of its content block, from 0.
        offset: its number in its block, from 0.
        closes: whether it is the last of its block.
    """

    kind: Kind
    text: str
    position: int
    block: int
    offset: int
    closes: bool

    @property
    def opens(self) -> bool:
        """Whether it is the first of its block."""
        return self.offset == 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as reported. `own_output` is the model's own count of output tokens, beside Bedrock's `output`."""

    input: int
    output: int
    own_output: int
    cache_read: int | None
    cache_write: int | None


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a request said.

    Attributes:
        user_text: the text of the last user message. The directives are in it.
        texts: every text of the request, `user_text` included.
        max_tokens: the limit on the answer, from the request or the model's default. None is no limit.
    """

    user_text: str
    texts: tuple[str, ...]
    max_tokens: int | None = None

    @property
    def input_tokens(self) -> int:
        """The number of words outside the directives, at least 1. Anybody can count that again."""
        return max(1, sum(len(without_directives(text).split()) for text in self.texts))


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer.

    Attributes:
        deltas: its pieces.
        stop_reason: the Converse API's word.
        usage: None if none is reported.
        intervened: whether a guardrail has put it in the place of the model's.
    """

    deltas: tuple[Delta, ...]
    stop_reason: str
    usage: Usage | None
    intervened: bool = False


def compose(script: Script, prompt: Prompt) -> Answer:
    """Return the answer of a model with this script to this prompt."""
    pieces = list(_pieces(script, prompt))
    output = len(pieces) if script.output is None else script.output
    stop_reason = script.stop or ("tool_use" if script.tool else "end_turn")
    if prompt.max_tokens is not None and output > prompt.max_tokens:
        output, stop_reason = prompt.max_tokens, "max_tokens"
        del pieces[output:]
    usage = Usage(
        input=prompt.input_tokens if script.input is None else script.input,
        output=output,
        own_output=output if script.own_output is None else script.own_output,
        cache_read=script.cache_read,
        cache_write=script.cache_write,
    )
    return Answer(
        deltas=tuple(_in_blocks(pieces)),
        stop_reason=stop_reason,
        usage=usage if script.usage else None,
        intervened=script.guardrail,
    )


def _pieces(script: Script, prompt: Prompt) -> Iterator[tuple[Kind, str]]:
    if script.guardrail:
        return iter([(Kind.TEXT, _BLOCKED)])
    text = _words(without_directives(prompt.user_text)) if script.echo else islice(_endless(_PROSE), script.chunks)
    return chain(
        zip(repeat(Kind.REASONING), islice(_endless(_THOUGHT), script.reasoning), strict=False),
        zip(repeat(Kind.TEXT), text, strict=False),
        zip(repeat(Kind.TOOL), _TOOL_INPUT if script.tool else (), strict=False),
    )


def _words(text: str) -> list[str]:
    """Return the text in pieces, one for each word and the white space before it. Joined, they are the text."""
    return re.findall(r"\s*\S+|\s+\Z", text)


def _endless(text: str) -> Iterator[str]:
    first, again = _begun_and_repeated(text)
    return chain(first, cycle(again))


@cache
def _begun_and_repeated(text: str) -> tuple[list[str], list[str]]:
    return _words(text), _words("\n\n" + text)


def _in_blocks(pieces: list[tuple[Kind, str]]) -> Iterator[Delta]:
    position = 0
    for block, (kind, group) in enumerate(groupby(pieces, key=itemgetter(0))):
        texts = [text for _, text in group]
        for offset, text in enumerate(texts):
            yield Delta(kind, text, position, block, offset, closes=offset == len(texts) - 1)
            position += 1
