"""What a scripted model does: the directives of a prompt, parsed; when each piece is due; no sockets, no clock.

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
    fault=NAME:AFTER         an exception event after so many deltas; also drop:AFTER and silent:AFTER
    for=TEXT                 the directive counts only for model ids that contain TEXT

Deltas are counted over the whole answer: reasoning, text and tool input.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.bedrock.errors import HTTP_FAULTS, STREAM_FAULTS

_DIRECTIVE = re.compile(r"\[\[sandbox:(.*?)\]\]", re.DOTALL)
_MAX_MS = 900_000.0
_MAX_COUNT = 1_000_000
# A directive may hold a part of the prompt by accident: an error shows no more of it than this.
_SHOWN_CHARS = 40

_ENDLESS = "silent"
_CUT = "drop"


class ScriptError(ValueError):
    """A directive that is not understood; the message names the key."""


@dataclass(frozen=True, slots=True)
class Stall:
    """An extra pause of `ms` milliseconds after `after` deltas."""

    after: int
    ms: float


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong: `name`, and after how many deltas; None is instead of a response."""

    name: str
    after: int | None = None

    @property
    def is_silence(self) -> bool:
        """The connection stays open and nothing more comes."""
        return self.name == _ENDLESS

    @property
    def is_drop(self) -> bool:
        """The connection is closed without an end."""
        return self.name == _CUT


@dataclass(frozen=True, slots=True)
class Script:
    """What a scripted model does for one request. Times are milliseconds; token counts that are None are counted."""

    ttft: float = 300.0
    gap: float = 20.0
    chunks: int = 60
    stalls: tuple[Stall, ...] = ()
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
    fault: Fault | None = None

    def due_ms(self, delta: int) -> float:
        """When delta number `delta` (from 0) is due, in milliseconds since the request was complete."""
        return self.ttft + delta * self.gap + self._stalled_ms(delta)

    def end_ms(self, deltas: int) -> float:
        """When an answer of so many deltas ends: with its last delta, or after the stall that follows it."""
        return self.ttft + max(deltas - 1, 0) * self.gap + self._stalled_ms(deltas)

    def _stalled_ms(self, delta: int) -> float:
        return sum(stall.ms for stall in self.stalls if stall.after <= delta)


@dataclass(frozen=True, slots=True)
class Directive:
    """The fields of a script that one directive sets, for model ids that contain `model`."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""


def parse_directive(text: str) -> Directive:
    """Parse the inside of one directive.

    Raises:
        ScriptError: an unknown key, a value that is not what the key takes, or a key given twice.
    """
    changes: dict[str, Any] = {}
    model = ""
    for word in text.split():
        key, equals, value = word.partition("=")
        if key not in KEYS:
            raise ScriptError(f"model script: unknown key {_shown(key)}; the keys are {', '.join(sorted(KEYS))}")
        if key in changes or (key == "for" and model):
            raise ScriptError(f"model script: the key {key} is given twice")
        if key == "stall":
            changes["stalls"] = (*changes.get("stalls", ()), _stall(key, value))
        elif key == "for":
            model = _text(key, value)
        elif key in _FLAGS:
            if equals:
                raise ScriptError(f"model script: the key {key} takes no value")
            changes[key] = True
        else:
            changes[key] = _VALUES[key](key, value)
    return Directive(changes, model)


def script_for(model_id: str, default: Directive, prompt: str) -> Script:
    """The script for one request: the default directive, then those in the prompt, each over what came before.

    Raises:
        ScriptError: a directive in the prompt is not understood, also one that is for another model.
    """
    script = Script()
    for directive in (default, *map(parse_directive, _DIRECTIVE.findall(prompt))):
        if directive.model in model_id:
            script = replace(script, **directive.changes)
    return script


def without_directives(text: str) -> str:
    """The text outside the directives, otherwise unchanged."""
    return _DIRECTIVE.sub("", text)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "...")


def _ms(key: str, value: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value) or float(value) > _MAX_MS:
        raise ScriptError(f"model script: {key} takes milliseconds from 0 to {_MAX_MS:.0f}, not {_shown(value)}")
    return float(value)


def _count(key: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value) or int(value) > _MAX_COUNT:
        raise ScriptError(f"model script: {key} takes a whole number from 0 to {_MAX_COUNT}, not {_shown(value)}")
    return int(value)


def _text(key: str, value: str) -> str:
    if not value:
        raise ScriptError(f"model script: {key} takes a value")
    return value


def _stop(key: str, value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]{1,64}", value):
        raise ScriptError(f"model script: {key} takes a stop reason such as end_turn, not {_shown(value)}")
    return value


def _usage(key: str, value: str) -> bool:
    if value != "none":
        raise ScriptError(f"model script: {key} takes the value none, not {_shown(value)}")
    return False


def _stall(key: str, value: str) -> Stall:
    after, colon, ms = value.partition(":")
    if not colon:
        raise ScriptError(f"model script: {key} takes AFTER:MS, not {_shown(value)}")
    return Stall(_count(key, after), _ms(key, ms))


def _fault(key: str, value: str) -> Fault:
    name, colon, after = value.partition(":")
    known = {*STREAM_FAULTS, _CUT, _ENDLESS} if colon else {*HTTP_FAULTS, _ENDLESS}
    if name not in known:
        form = "NAME:AFTER" if colon else "NAME"
        raise ScriptError(
            f"model script: unknown {key} {_shown(name)} in the form {form}; such faults are {', '.join(sorted(known))}"
        )
    return Fault(name, _count(key, after) if colon else None)


_FLAGS = frozenset({"tool", "echo"})
_VALUES: Mapping[str, Callable[[str, str], object]] = {
    "ttft": _ms,
    "gap": _ms,
    "chunks": _count,
    "reasoning": _count,
    "input": _count,
    "output": _count,
    "cache_read": _count,
    "cache_write": _count,
    "own_output": _count,
    "usage": _usage,
    "stop": _stop,
    "fault": _fault,
}
KEYS = frozenset({*_VALUES, *_FLAGS, "stall", "for"})
