"""Turns of the event loop: one stream takes a few steps in a turn, and then the others go on."""

import asyncio

# What is written in one turn shares a system call (corked.py), which takes longer than the rest of a small step.
_STEPS = 16


class Turns:
    """Counts the steps of one stream, of which thousands may need no wait."""

    def __init__(self) -> None:
        self._steps = 0

    async def step(self) -> None:
        """Return at once, or after every sixteenth step when the others have had a turn."""
        self._steps += 1
        if self._steps % _STEPS == 0:
            await asyncio.sleep(0)
