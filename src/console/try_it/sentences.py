"""What the page says of responses in words: how each is going, and what the difference between two is."""

from collections.abc import Sequence

from console.try_it.figures import seconds
from console.try_it.reading import MOST_CHARACTERS, Ending, Reading

COLD = "an environment had to start first"


def state(reading: Reading) -> tuple[str, str]:
    """Return how a response is going, and the class of its colour; its first character says the same."""
    after = "" if reading.ended_ms is None else f" after {seconds(reading.ended_ms)}"
    chunks = f"{len(reading.ticks):,} {'chunk' if len(reading.ticks) == 1 else 'chunks'}"
    problem = reading.problem or ""
    match reading.ending:
        case None if reading.in_one_piece and not reading.ticks:
            return "… Sent. The function holds the answer back until it is whole.", "look-note"
        case None if reading.status is None:
            return "… Sent. Nothing has come back yet.", "look-note"
        case None if not reading.ticks:
            return f"… Status {reading.status} after {seconds(reading.accepted_ms or 0)}. No text yet.", "look-note"
        case None:
            return "… Streaming.", "look-note"
        case Ending.WHOLE:
            why = f" ({reading.stop_reason})" if reading.stop_reason else ""
            much = f" Only the first {MOST_CHARACTERS:,} characters are shown." if reading.left_out else ""
            if reading.limited:
                return f"! {reading.limited.capitalize()}{after}{why}.{much}", "look-warn"
            return f"✓ Whole{after}{why}.{much}", "look-good"
        case Ending.REFUSED:
            return f"✕ Status {reading.status}{after}. {problem}", "look-bad"
        case Ending.FAILED:
            return f"✕ Broke off{after}, after {chunks}. {problem}", "look-bad"
        case Ending.CUT if reading.status is None:
            return f"✕ {problem}", "look-bad"
        case Ending.CUT:
            return f"✕ Cut{after}, after {chunks}. {problem}", "look-bad"
        case Ending.STOPPED:
            return f"◼ Stopped{after}, after {chunks}. {problem}", "look-warn"


def verdict(readings: Sequence[Reading]) -> str:
    """Return the sentence that matters, about one response or about two."""
    streamed, *others = readings
    first = streamed.first_text_ms
    if first is None and streamed.ending is Ending.STOPPED:
        return "No text had come when you stopped."
    if first is None:
        return "No text came." if streamed.ending else "No text yet."
    alone = f"First text after {seconds(first)}"
    if not others:
        return (
            f"{alone}, {streamed.limited or 'whole'} after {seconds(streamed.ended_ms or 0)}."
            if streamed.ending is Ending.WHOLE
            else f"{alone}."
        )
    (piece,) = others
    if piece.ending is None:
        return f"{alone}. In one piece there is no text yet."
    if piece.first_text_ms is None and piece.ending is Ending.STOPPED:
        return f"{alone}. In one piece no text had come when you stopped."
    if piece.first_text_ms is None or piece.ending is not Ending.WHOLE:
        return f"{alone}. In one piece no text came."
    saved = piece.first_text_ms - first
    told = f"First text {seconds(abs(saved))} {'earlier' if saved >= 0 else 'later'} than in one piece."
    if streamed.cold_start != piece.cold_start:
        cold = "streamed answer" if streamed.cold_start else "answer in one piece"
        told += f" For the {cold}, {COLD}: send again to compare."
    return told
