"""Bars and marks on one axis, in block characters or, where those cannot be shown, in ASCII."""

import math
from collections.abc import Sequence

import numpy as np
from rich.bar import Bar
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment

_BLOCKS, _ASCII_MARKS = "▁▂▃▄▅▆▇█", ".:|#"


class Span:
    """A bar from `begin` to `end` of an axis from 0 to `size`, as wide as there is room."""

    def __init__(self, begin: float, end: float, size: float) -> None:
        self._begin = begin
        self._end = end
        self._size = size

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not options.ascii_only:
            yield Bar(self._size, self._begin, self._end, color="cyan")
            return
        begin, end = (round(options.max_width * at / self._size) for at in (self._begin, self._end))
        yield Segment(" " * begin + "#" * (end - begin) + " " * (options.max_width - end))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(8, options.max_width)


class Marks:
    """Moments on an axis from 0 to `size`, as wide as there is room; a higher mark stands for more of them."""

    def __init__(self, moments: Sequence[float], size: float) -> None:
        self._moments = moments
        self._size = size

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        levels = _ASCII_MARKS if options.ascii_only else _BLOCKS
        # What the reader's clock sees a hair after curl's end belongs to the end.
        within = np.minimum(self._moments, self._size)
        counts, _ = np.histogram(within, bins=options.max_width, range=(0.0, self._size))
        most = counts.max()
        yield Segment("".join(levels[math.ceil(count / most * len(levels)) - 1] if count else " " for count in counts))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(8, options.max_width)
