"""Parses directives into what a scripted model does, and says when each piece is due. No sockets, no clock.

A directive is `[[sandbox: key=value key ...]]` in the last user message. Numbers are milliseconds or counts:

    ttft=MS gap=MS           the first content delta, and the time between two of them
    chunks=N                 text deltas
    stall=AFTER:MS           an extra pause after so many deltas
    reasoning=N              reasoning deltas before the text
    tool                     a tool use after the text
    echo                     the answer is the prompt outside the directives, a word a delta
    input=N output=N cache_read=N cache_write=N   the usage that is reported
    own_output=N             the model's own count of output tokens, where it has one beside Bedrock's
    usage=none               no usage anywhere
    stop=REASON              the stop reason
    fault=NAME               an error over HTTP, or `silent`: no response
    fault=NAME:AFTER         an exception event after so many deltas; also drop:AFTER, silent:AFTER, error_chunk:AFTER
    guardrail                the answer is the message of a guardrail that blocked the model's, and says so
    for=TEXT                 the directive counts only for model ids that contain TEXT

Deltas are counted over the whole answer: reasoning, text and tool input.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sandbox.bedrock.errors import HTTP_FAULTS, STREAM_FAULTS

SILENT = "silent"
"""The fault after which the connection stays open and nothing more comes."""
DROP = "drop"
"""The fault that closes the connection without an end."""
ERROR_CHUNK = "error_chunk"
"""The fault that ends an InvokeModel stream with an error in the model's own format: no exception event."""

_OPENING, _CLOSING = "[[sandbox:", "]]"
_MAX_MS = 900_000.0
_MAX_COUNT = 1_000_000
# Each is looked at for every delta.
_MOST_STALLS = 100
# A directive may hold a part of the prompt by accident. So an error shows no more of it than this.
_SHOWN_CHARS = 40


class ScriptError(ValueError):
    """A directive that is not understood; the message names the key."""


@dataclass(frozen=True, slots=True)
class Stall:
    """An extra pause of `ms` milliseconds after `after` deltas."""

    after: int
    ms: float


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and after how many deltas. None means: in place of a response."""

    name: str
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """What a scripted model does for one request. Times are milliseconds. A token count of None means: count."""

    ttft: float = 300.0
    gap: float = 20.0
    chunks: int = 60
    stall: tuple[Stall, ...] = ()
    reasoning: int = 0
    tool: bool = False
    echo: bool = False
    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    own_output: int | None = None
    usage: bool = True
    stop: str | None = None
    guardrail: bool = False
    fault: Fault | None = None

    def due_ms(self, delta: int) -> float:
        """Return when delta number `delta` (from 0) is due, in milliseconds since the request was complete."""
        return self.ttft + delta * self.gap + self._stalled_ms(delta)

    def end_ms(self, deltas: int) -> float:
        """Return when an answer of so many deltas ends: with its last delta, or after the stall that follows it."""
        return self.ttft + max(deltas - 1, 0) * self.gap + self._stalled_ms(deltas)

    def _stalled_ms(self, delta: int) -> float:
        return sum(stall.ms for stall in self.stall if stall.after <= delta)


@dataclass(frozen=True, slots=True)
class Directive:
    """The fields of `Script` that one directive changes, for model ids that contain `model`."""

    model: str
    changes: Mapping[str, Any]


def parse_directive(text: str) -> Directive:
    """Parse the inside of one directive.

    Raises:
        ScriptError: an unknown key, a value that is not what the key takes, or a key given too often: `stall` more than
            100 times, any other twice.
    """
    changes: dict[str, Any] = {}
    for word in text.split():
        key, _, value = word.partition("=")
        if key not in KEYS:
            raise ScriptError(f"model script: unknown key {_shown(key)}; the keys are {', '.join(sorted(KEYS))}")
        if key in changes and key != "stall":
            raise ScriptError(f"model script: the key {key} is given twice")
        try:
            read = _READERS[key](value)
        except ValueError as takes:
            raise ScriptError(f"model script: {key} takes {takes}, not {_shown(value)}") from None
        changes[key] = (*changes.get(key, ()), read) if key == "stall" else read
        if key == "stall" and len(changes[key]) > _MOST_STALLS:
            raise ScriptError(f"model script: stall is given more than {_MOST_STALLS} times")
    return Directive(model=changes.pop("for", ""), changes=changes)


def script_for(model_id: str, default: Directive, prompt: str) -> Script:
    """Return the script for one request: the default directive, then each in the prompt, which overrides the former.

    Raises:
        ScriptError: a directive in the prompt is not understood, also one that is for another model.
    """
    script = Script()
    directives, _ = split_directives(prompt)
    for directive in (default, *map(parse_directive, directives)):
        if directive.model in model_id:
            script = replace(script, **directive.changes)
    return script


def without_directives(text: str) -> str:
    """Return the text outside the directives, otherwise unchanged."""
    _, outside = split_directives(text)
    return outside


def split_directives(text: str) -> tuple[list[str], str]:
    """Return the insides of the directives, and the text outside.

    Each step goes on where the last one ended, so the work grows with the length of the text alone.
    """
    directives, outside, end = [], [], 0
    while (start := text.find(_OPENING, end)) >= 0 and (close := text.find(_CLOSING, start + len(_OPENING))) >= 0:
        directives.append(text[start + len(_OPENING) : close])
        outside.append(text[end:start])
        end = close + len(_CLOSING)
    return directives, "".join((*outside, text[end:]))


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "...")


# Each reads the value of a key. Its ValueError says what the key takes.


def _ms(value: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value) or float(value) > _MAX_MS:
        raise ValueError(f"milliseconds from 0 to {_MAX_MS:.0f}")
    return float(value)


def _count(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value) or int(value) > _MAX_COUNT:
        raise ValueError(f"a whole number from 0 to {_MAX_COUNT}")
    return int(value)


def _text(value: str) -> str:
    if not value:
        raise ValueError("a value")
    return value


def _flag(value: str) -> bool:
    if value:
        raise ValueError("no value")
    return True


def _none(value: str) -> bool:
    if value != "none":
        raise ValueError("the value none")
    return False


def _reason(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]{1,64}", value):
        raise ValueError("a stop reason such as end_turn")
    return value


def _stall(value: str) -> Stall:
    after, colon, ms = value.partition(":")
    if not colon:
        raise ValueError("AFTER:MS")
    return Stall(_count(after), _ms(ms))


def _fault(value: str) -> Fault:
    name, colon, after = value.partition(":")
    known = {*STREAM_FAULTS, DROP, SILENT, ERROR_CHUNK} if colon else {*HTTP_FAULTS, SILENT}
    if name not in known:
        form = "NAME:AFTER" if colon else "NAME"
        raise ValueError(f"{form} with one of the names {', '.join(sorted(known))}")
    return Fault(name, _count(after) if colon else None)


_READERS: Mapping[str, Callable[[str], object]] = {
    "ttft": _ms,
    "gap": _ms,
    "chunks": _count,
    "stall": _stall,
    "reasoning": _count,
    "tool": _flag,
    "echo": _flag,
    "input": _count,
    "output": _count,
    "cache_read": _count,
    "cache_write": _count,
    "own_output": _count,
    "usage": _none,
    "stop": _reason,
    "guardrail": _flag,
    "fault": _fault,
    "for": _text,
}
KEYS = frozenset(_READERS)
