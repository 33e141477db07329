"""What each request of the soak does, chosen at random from a seed."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# The models of the stack: the second is the fallback.
_MODELS = ("amazon.nova-lite-v1:0", "anthropic.claude-3-haiku-20240307-v1:0")
FALLBACK_MODEL = _MODELS[1]
_IN_PLACE = (
    *("throttling", "validation", "access_denied", "not_found", "quota"),
    *("model_not_ready", "model_timeout", "model_error", "internal", "unavailable"),
)
_IN_THE_ANSWER = (
    *("throttling", "validation", "internal", "unavailable"),
    *("model_stream_error", "model_timeout", "error_chunk", "drop"),
)
_ACCEPTS = ("text/event-stream", "application/x-ndjson", "application/json", "text/plain")

# What is wrong with a request. The first word of the label says where.
NOTHING = "nothing is wrong"
MODEL_IN_PLACE = "model: an error in place of an answer"
MODEL_IN_ANSWER = "model: an error in the answer"
MODEL_SILENT = "model: silent"
REFUSED = "request: refused by the function"
UNSIGNED = "request: signature missing or wrong"
HALF_HEAD = "client: leaves in the request's head"
HALF_BODY = "client: leaves in the request's body"
LEAVES_AT_ONCE = "client: leaves before the answer"
LEAVES = "client: leaves in the answer"
SLOW = "client: reads slowly"
DEAD = "client: reads nothing"
DROPPED = "runtime: its connections are dropped"
NO_XRAY = "runtime: no X-Ray intake"
CLOCK = "runtime: its clock jumps"

_WEIGHTS = {
    NOTHING: 400,
    MODEL_IN_PLACE: 120,
    MODEL_IN_ANSWER: 120,
    MODEL_SILENT: 3,
    REFUSED: 50,
    UNSIGNED: 30,
    HALF_HEAD: 20,
    HALF_BODY: 20,
    LEAVES_AT_ONCE: 30,
    LEAVES: 60,
    SLOW: 20,
    DEAD: 1,
    DROPPED: 40,
    NO_XRAY: 40,
    CLOCK: 40,
}
# An answer that no buffer between function and client holds: a line end of two bytes takes six in the function's JSON.
_DEAD_WORDS, _DEAD_WORD = 250, "\x85" * 5000 + "x"
_REFUSED_BODIES = (
    b"{",
    b'{"prompt": ""}',
    b'{"prompt": "Hi", "max_tokens": 0}',
    b'{"prompt": "Hi", "unknown": 1}',
    b'{"prompt": "Hi", "model": "nobody.knows-it"}',
)


@dataclass(frozen=True)
class Plan:
    """One request.

    Attributes:
        fault: what is wrong with it, one of the labels above.
        body: what is sent.
        accept: the format that is asked for.
        soak: the value of the header `x-soak`, for `faulty.py`.
        share: how far a client gets that leaves: from 0 to 1.
    """

    fault: str
    body: bytes
    accept: str = "text/event-stream"
    soak: str = ""
    share: float = 0.5


def plans(count: int, seed: int) -> list[Plan]:
    """Return the plans of so many requests; each fault is among them as soon as there are as many requests."""
    dice = random.Random(seed)  # noqa: S311 - it has to repeat itself
    faults = [*_WEIGHTS][:count]
    faults += dice.choices([*_WEIGHTS], [*_WEIGHTS.values()], k=count - len(faults))
    dice.shuffle(faults)
    return [_plan(fault, dice) for fault in faults]


def _plan(fault: str, dice: random.Random) -> Plan:
    accept, share = dice.choice(_ACCEPTS), dice.random()
    if fault == REFUSED:
        if dice.random() < 0.2:
            return Plan(fault, _body(dice, "chunks=3"), accept="image/png")
        return Plan(fault, dice.choice(_REFUSED_BODIES), accept)
    if fault == MODEL_IN_PLACE:
        return Plan(fault, _body(dice, f"ttft=2 fault={dice.choice(_IN_PLACE)}{_for(dice)}"), accept)
    if fault == MODEL_IN_ANSWER:
        return Plan(fault, _body(dice, _answer(dice, f"fault={dice.choice(_IN_THE_ANSWER)}:{_after(dice)}")), accept)
    if fault == MODEL_SILENT:
        return Plan(fault, _body(dice, _answer(dice, dice.choice(("fault=silent", "fault=silent:3")))), accept)
    if fault == SLOW:
        return Plan(fault, _body(dice, "ttft=5 gap=1 chunks=150"), accept)
    if fault == LEAVES:
        return Plan(fault, _body(dice, "ttft=5 gap=10 chunks=30"), accept, share=share)
    if fault == DEAD:
        prompt = " ".join(["[[sandbox: echo ttft=0 gap=0]]", *[_DEAD_WORD] * _DEAD_WORDS])
        return Plan(fault, json.dumps({"prompt": prompt}, ensure_ascii=False).encode())
    soak = {DROPPED: "drop", NO_XRAY: "no-xray", CLOCK: f"clock={dice.choice((-600, -5, 5, 600))}"}.get(fault, "")
    script = "ttft=5 gap=5 chunks=30" if fault in (DROPPED, CLOCK) else _answer(dice)
    return Plan(fault, _body(dice, script), accept, soak, share)


def _answer(dice: random.Random, *words: str) -> str:
    return " ".join((f"ttft={dice.randrange(1, 20)}", "gap=1", f"chunks={dice.randrange(1, 40)}", *words))


def _after(dice: random.Random) -> int:
    return dice.randrange(0, 10)


def _for(dice: random.Random) -> str:
    # Half of them fail on the first model alone, and the fallback answers.
    return f" for={_MODELS[0]} chunks=10" if dice.random() < 0.5 else ""


def _body(dice: random.Random, script: str) -> bytes:
    fields: dict[str, Any] = {"prompt": f"[[sandbox: {script}]] Hello", "model": dice.choice(_MODELS)}
    if dice.random() < 0.3:
        fields["api"] = "converse"
    return json.dumps(fields).encode()


def faults_of(plans: Sequence[Plan]) -> list[str]:
    """Return the faults of these plans in the order of the labels above."""
    present = {plan.fault for plan in plans}
    return [fault for fault in _WEIGHTS if fault in present]
