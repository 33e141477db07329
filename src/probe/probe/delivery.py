"""Whether the text was streamed to the client, or came in one burst.

What tells is the time from the client's first text to the end of the response, `arrival` below. It is a burst

- if the text was held back. The function's own account (`timing` in its end event) says how long it wrote, from the
  model's first text to its last byte. The client sees the same two moments: a stream that is passed on arrives as long
  as it was written. Here it arrives within a quarter of that, and at least 250 ms sooner, which no jitter explains.
  Whoever held it back is behind the model: the handler, an invoke mode that buffers, a gateway, a proxy, compression.
- if it was whole before it was sent. Five deltas or more come at a mean distance below 1 ms, faster than models write,
  and within a quarter of the time that was waited for the model, which is 250 ms or more. The model was not asked to
  stream, or a guardrail kept the text. Without the function's account TTFT stands for the wait.

Text that comes at once without a wait, or in too few deltas for a judgement, is neither a burst nor streamed; of fewer
than three nothing can be told without the function's account. What is not recognised is text that is held back in
part: a proxy that passes on blocks of 4 KiB makes a burst of an answer shorter than that, and lumps of a longer one,
which the gaps show. Nor is a burst of plain text or bytes that comes in a few reads: nobody can tell how many pieces a
read holds.

The limits are this project's own choice.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .reported import milliseconds

STREAMED, BURST = "streamed", "burst"

_LEAST_DELTAS = 3
_SHARE = 0.25
_HELD_BACK_MS = 250.0
_AT_ONCE_DELTAS, _AT_ONCE_GAP_MS, _AT_ONCE_WAIT_MS = 5, 1.0, 250.0


def judge(
    first_ms: float | None, gaps_ms: Sequence[float], total_ms: float | None, timing: Mapping[str, Any] | None
) -> str | None:
    """`STREAMED`, `BURST`, or None when it cannot be told; of a completed run with these figures.

    `first_ms` is when the first chunk came: the first text or, where none can be told, the first event, line or read.
    """
    deltas = len(gaps_ms) + 1
    if first_ms is None or total_ms is None:
        return None
    arrival = total_ms - first_ms
    wait, writing = account(timing)
    if is_held_back(arrival, writing):
        return BURST
    if deltas < _LEAST_DELTAS:
        return None
    is_at_once = sum(gaps_ms) < _AT_ONCE_GAP_MS * len(gaps_ms)
    was_waited_for = (first_ms if wait is None else wait) >= max(_AT_ONCE_WAIT_MS, arrival / _SHARE)
    if is_at_once and was_waited_for and deltas >= _AT_ONCE_DELTAS:
        return BURST
    return None if is_at_once or arrival < _SHARE * writing else STREAMED


def account(timing: Mapping[str, Any] | None) -> tuple[float | None, float]:
    """How long the function waited for the model's first text, and from there wrote (0 if it does not say), in ms."""
    wait, duration = milliseconds(timing, "ttft_ms"), milliseconds(timing, "duration_ms")
    return wait, 0.0 if wait is None or duration is None else duration - wait


def is_held_back(arrival: float, writing: float) -> bool:
    """Whether text that was written for so long, and arrived within such a time (ms), was held back on its way."""
    return arrival < _SHARE * writing and writing - arrival >= _HELD_BACK_MS
